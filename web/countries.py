"""The countries by name, in the reader's language."""

from __future__ import annotations

from babel import Locale

from billing.countries import COUNTRIES


def country_names(reader: Locale) -> list[tuple[str, str]]:
    """(two letters, name), by name."""
    return sorted(((code, reader.territories.get(code, code)) for code in COUNTRIES), key=lambda pair: pair[1])
