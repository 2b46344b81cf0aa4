"""The countries of the Union, and those where the company is registered for tax."""

from __future__ import annotations

from collections.abc import Mapping

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_EU.split(" "))


def registered(text: str) -> Mapping[str, str]:
    """country -> tax number there, of the setting `registrations`: lines such as ``DE DE136695976``."""
    pairs = (line.partition(" ") for line in text.splitlines() if line.strip())
    return {country: number.strip() for country, _space, number in pairs}
