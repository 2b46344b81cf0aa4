"""What a service costs and how often, in plain values: as it is, and as it will be after a change. Pure.

These values are also what a change keeps of before and after (`plain`, `read`), so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from models import Money

from .periods import BillingPeriod, next_renewal, previous_anchor

DAYS_A_MONTH = Fraction(36525, 1200)


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """An option at its price for one period; a price of zero is in the agreed price."""

    option_id: int | None
    name: str
    value: str
    quantity: Decimal
    price: Money

    @property
    def words(self) -> str:
        return f"{self.name}: {self.value}" if self.value else self.name


@dataclass(frozen=True, slots=True)
class Terms:
    """A package for a billing period (months or days) at a price, and when it renews.

    `next_on` is the first day not billed yet; `ends_on` the first day it is not wanted any more.
    """

    package_id: int
    package: str
    description: str
    price: Money
    setup_fee: Money
    months: int
    days: int
    anchor_day: int
    anchor_month: int | None
    anchored_on: date | None
    next_on: date
    ends_on: date | None
    taxed_as: str = "S"
    options: tuple[OptionTerms, ...] = ()

    @property
    def period(self) -> tuple[int, int]:
        return self.months, self.days

    @property
    def length(self) -> Fraction:
        """About how many days a period has, to compare two."""
        return self.months * DAYS_A_MONTH if self.months else Fraction(self.days)

    @property
    def full_price(self) -> Fraction:
        """Price and options for one full period, in minor units."""
        return self.price.minor + sum((Fraction(o.quantity) * o.price.minor for o in self.options), Fraction(0))

    @property
    def words(self) -> str:
        """What stands on its line."""
        return self.description or self.package


def but(terms: Terms, **values: Any) -> Terms:
    """The same with these values; itself where it has them already."""
    return terms if all(getattr(terms, name) == value for name, value in values.items()) else replace(terms, **values)


def priced(terms: Terms, change: Callable[[Money], Money]) -> Terms:
    """The same with every amount changed."""
    options = tuple(replace(option, price=change(option.price)) for option in terms.options)
    return replace(terms, price=change(terms.price), setup_fee=change(terms.setup_fee), options=options)


def new_period(terms: Terms, day: date) -> Terms:
    """The same with periods that begin on `day`, which is their anchor (SPEC 3.4): billed up to that day."""
    return replace(
        terms,
        anchor_day=day.day,
        anchor_month=day.month if terms.months >= 12 else None,
        anchored_on=day,
        next_on=day,
    )


def after_one(terms: Terms) -> Terms:
    """The same once the period that begins on `next_on` is billed."""
    return replace(terms, next_on=_end_of(terms, terms.next_on))


def pieces(terms: Terms, day: date) -> list[tuple[BillingPeriod, BillingPeriod]]:
    """The days from `day` up to the next renewal, cut at the renewal dates in between: (those days, the full period
    they are part of), the earlier first.

    They are counted back from the renewal date, so that a short first period is a part of the full one between anchors
    (SPEC 3.4). What the service is not wanted for any more is left out.
    """
    found, end = [], terms.next_on
    while end > day:
        start = _start_of(terms, end)
        last = min(end, terms.ends_on) if terms.ends_on else end
        first = max(start, day)
        if first < last:
            found.append((BillingPeriod(first, last), BillingPeriod(start, end)))
        end = start
    return found[::-1]


def _start_of(terms: Terms, end: date) -> date:
    """The start of the full period that a renewal date ends."""
    if terms.days:
        return end - timedelta(days=terms.days)
    return previous_anchor(end, terms.months, terms.anchor_day, terms.anchor_month)


def _end_of(terms: Terms, start: date) -> date:
    if terms.days:
        return start + timedelta(days=terms.days)
    return next_renewal(start, terms.months, terms.anchor_day, terms.anchor_month)


_DAYS = "anchored_on", "next_on", "ends_on"


def plain(terms: Terms) -> dict[str, Any]:
    """As JSON can hold it."""
    return {
        "package_id": terms.package_id,
        "package": terms.package,
        "description": terms.description,
        "currency": terms.price.currency,
        "price_minor": terms.price.minor,
        "setup_fee_minor": terms.setup_fee.minor,
        "months": terms.months,
        "days": terms.days,
        "anchor_day": terms.anchor_day,
        "anchor_month": terms.anchor_month,
        **{name: value.isoformat() if (value := getattr(terms, name)) else None for name in _DAYS},
        "taxed_as": terms.taxed_as,
        "options": [
            {
                "option_id": option.option_id,
                "name": option.name,
                "value": option.value,
                "quantity": f"{option.quantity.normalize():f}",
                "price_minor": option.price.minor,
            }
            for option in terms.options
        ],
    }


def read(values: Mapping[str, Any]) -> Terms:
    """What `plain` wrote."""
    currency = values["currency"]
    known = ("package_id", "package", "description", "months", "days", "anchor_day", "anchor_month", "taxed_as")
    days = {name: date.fromisoformat(values[name]) if values[name] else None for name in _DAYS}
    options = tuple(
        OptionTerms(o["option_id"], o["name"], o["value"], Decimal(o["quantity"]), Money(o["price_minor"], currency))
        for o in values["options"]
    )
    return Terms(
        **{name: values[name] for name in known},
        **days,  # type: ignore[arg-type]  # the next renewal is always there
        price=Money(values["price_minor"], currency),
        setup_fee=Money(values["setup_fee_minor"], currency),
        options=options,
    )
