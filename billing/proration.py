"""The share of a price for a part of its period, by actual days (SPEC 3.4, 3.5)."""

from datetime import date
from fractions import Fraction

from billing.money import Money, divide_half_away
from billing.periods import BillingPeriod
from models.errors import BillingError


class OutsidePeriod(BillingError, ValueError):
    """The days asked for are not all in the period."""


def prorate(price: Money, period: BillingPeriod, start: date, end: date) -> Money:
    """Price × days from `start` up to, not including, `end` ÷ days in the period.

    Actual days, an exact fraction, rounded once, half away from zero. No day at all costs nothing.
    Raises OutsidePeriod when the days are not within the period, or run backwards.
    """
    return Money(divide_half_away(price.minor * _days(period, start, end), period.days), price.currency)


def share(period: BillingPeriod, start: date, end: date) -> Fraction:
    """The same share as an exact fraction, for a line with a quantity that must be rounded only once:
    `price.times(quantity * share(...))`. Raises OutsidePeriod."""
    return Fraction(_days(period, start, end), period.days)


def _days(period: BillingPeriod, start: date, end: date) -> int:
    if not period.start <= start <= end <= period.end:
        raise OutsidePeriod(f"{start} to {end} is not within the billing period {period}.")
    return (end - start).days
