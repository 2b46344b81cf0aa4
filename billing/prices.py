"""What a price and a billing period may be, wherever people enter one: catalogue, service, charge."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from models import BillingError, Customer, Money

LARGEST_MINOR = 10**12
"""Ten thousand million euros: a price above it is a slip of the keyboard, not a price."""
LONGEST_MONTHS, LONGEST_DAYS, LARGEST_QUANTITY = 120, 3660, 1_000_000
FURTHEST_MONTHS = 36


class InvalidPrice(BillingError):
    """This is not a price somebody can be billed."""


class InvalidTerms(BillingError):
    """A period, quantity, day or tax category that cannot be billed by."""


def check_price(price: Money, what: str = "The price") -> Money:
    """The price itself; raises InvalidPrice when it is below zero or absurdly large."""
    if price.minor < 0:
        raise InvalidPrice(f"{what} cannot be below zero ({price}).")
    if price.minor > LARGEST_MINOR:
        raise InvalidPrice(f"{what} is too large ({price}). Check the number of digits.")
    return price


def check_period(months: int, days: int, *, once: bool = False) -> None:
    """A period is some months or some days, never both; neither means once, where that is allowed."""
    if type(months) is not int or type(days) is not int or months < 0 or days < 0:
        raise InvalidTerms("A billing period is a whole number of months or of days.")
    if months and days:
        raise InvalidTerms("A billing period is counted in months or in days, not in both.")
    if not (months or days or once):
        raise InvalidTerms("A billing period has at least one month or one day.")
    if months > LONGEST_MONTHS or days > LONGEST_DAYS:
        raise InvalidTerms(f"A billing period has at most {LONGEST_MONTHS} months or {LONGEST_DAYS} days.")


def check_quantity(quantity: Decimal) -> Decimal:
    """More than zero, at most a million, no finer than six decimals; raises InvalidTerms."""
    if not isinstance(quantity, Decimal) or not quantity.is_finite() or not 0 < quantity <= LARGEST_QUANTITY:
        raise InvalidTerms(f"A quantity is more than zero and at most {LARGEST_QUANTITY:,}.")
    if quantity != quantity.quantize(Decimal("0.000001")):
        raise InvalidTerms("A quantity has at most six decimals.")
    return quantity


def check_day(day: date, today: date, what: str) -> date:
    """A calendar day from 1970 up to three years from `today`; raises InvalidTerms."""
    if isinstance(day, datetime) or not isinstance(day, date):
        raise InvalidTerms(f"{what} is a day, such as 2026-12-01.")
    if day.year < 1970 or (day.year - today.year) * 12 + day.month - today.month > FURTHEST_MONTHS:
        raise InvalidTerms(f"{what} ({day}) is too far away. Check the year.")
    return day


def check_category(category: str) -> str:
    """A tax category as the tax rates know it: S, Z, E, AE … (UNCL 5305); raises InvalidTerms."""
    if not re.fullmatch(r"[A-Z][A-Z0-9]{0,11}", category):
        raise InvalidTerms("A tax category is one to twelve capital letters, such as S for the standard rate.")
    return category


def period_words(months: int, days: int) -> str:
    """The period as people say it: a month, 3 months, 30 days, once."""
    if not (months or days):
        return "once"
    count, word = (months, "month") if months else (days, "day")
    return f"a {word}" if count == 1 else f"{count} {word}s"


def check_anchor(day: int | None) -> int | None:
    """A day of the month, or None where there is no wish; raises InvalidTerms."""
    if day is not None and not (type(day) is int and 1 <= day <= 31):
        raise InvalidTerms("The renewal day is a day of the month, 1 to 31.")
    return day


def in_account(customer: Customer, price: Money) -> Money:
    """The price itself, if it is in the currency the customer's account is kept in; raises InvalidPrice."""
    if price.currency != customer.currency:
        own = customer.currency
        raise InvalidPrice(f"{customer.name}'s account is kept in {own}. Enter the price in {own}.")
    return price
