"""Changes of prices in words: the rule, its rounding, its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing.price_rule import How, PriceRule, Rounding
from models import Money, NewPriceState, PriceChange, PriceChangeState, PricePart
from web.formatters import money, number
from web.price_words import period_words

STATES = {
    PriceChangeState.PLANNED: ("info", _l("Planned")),
    PriceChangeState.IN_EFFECT: ("ok", _l("In effect")),
    PriceChangeState.UNDONE: ("", _l("Undone")),
}
PARTS = [
    (PricePart.PACKAGE.value, _l("Prices of packages")),
    (PricePart.OPTION.value, _l("Prices of options")),
    (PricePart.SETUP.value, _l("Set-up fees")),
]
SERVICES = {
    NewPriceState.WAITING: _l("Wait for their next renewal"),
    NewPriceState.BILLED: _l("Billed at the new price"),
    NewPriceState.UNDONE: _l("Taken back"),
}
ENDINGS = [
    ("", _l("As it comes out")),
    ("00", _l("Whole amounts, such as 12.00")),
    ("50", _l("Ending in .50")),
    ("90", _l("Ending in .90")),
    ("95", _l("Ending in .95")),
    ("99", _l("Ending in .99")),
]
ROUNDINGS = [
    (Rounding.NEAREST, _l("to the nearest")),
    (Rounding.UP, _l("always up")),
    (Rounding.DOWN, _l("always down")),
]


def signed(amount: Money) -> str:
    return f"+{money(amount)}" if amount.minor > 0 else money(amount)


def rule_words(rule: PriceRule) -> str:
    """``+10 %, ending in .90, EUR, Monthly``."""
    words = [_first(rule), *([str(dict(ENDINGS)[rule.ending]).lower()] if rule.ending else [])]
    if rule.how != How.PRICE and rule.rounding != Rounding.NEAREST:
        words.append(str(dict(ROUNDINGS)[rule.rounding]))
    words += [rule.currency] if rule.currency and rule.how == How.PERCENT else []
    words += [period_words(*rule.period)] if rule.period else []
    return ", ".join(words)


def _first(rule: PriceRule) -> str:
    if rule.how == How.PERCENT:
        assert rule.percent is not None
        return f"{'+' if rule.percent > 0 else ''}{number(rule.percent)} %"
    assert rule.amount is not None
    return signed(rule.amount) if rule.how == How.AMOUNT else _("New price %(amount)s", amount=money(rule.amount))


def part_words(parts: Sequence[str]) -> str:
    """``Prices of options, set-up fees``; nothing where it is about the packages alone."""
    if list(parts) == [PricePart.PACKAGE]:
        return ""
    words = [str(word) for part, word in PARTS if part in parts]
    return ", ".join([*words[:1], *(word[:1].lower() + word[1:] for word in words[1:])])


def listed_words(one: Any) -> str:
    """What a list price is of, beside its package: ``Address: Fixed``, ``Set-up fee``; nothing for its own.

    `one` is a Listed or a ListedPriceChange."""
    if one.part == PricePart.PACKAGE:
        return ""
    if one.part == PricePart.SETUP:
        return _("Set-up fee")
    option = getattr(one, "option_name", "") or getattr(one, "option", "")
    return f"{option}: {one.value}" if one.value else str(option)


def whom(change: PriceChange) -> str:
    if not change.running:
        return _("New sales only")
    return _("New sales and all running services") if change.agreed else _("New sales and services at the list price")


def state(change: PriceChange) -> tuple[str, Any]:
    return STATES[change.state]


def sums(change: PriceChange) -> list[tuple[Money, Money, Money]]:
    """What was foreseen a month: before, after and the difference, per currency."""
    before, after = change.sums.get("before", {}), change.sums.get("after", {})
    pairs = [(Money(before[code], code), Money(after[code], code)) for code in before]
    return [(old, new, new - old) for old, new in pairs]
