"""Money for the rules: the value types of models, and the change from one currency into another."""

from decimal import Decimal

from models.errors import BillingError
from models.money import (
    AmountTooLarge,
    CurrencyMismatch,
    InvalidAmount,
    Money,
    UnitPrice,
    UnknownCurrency,
    decimals_of,
    divide_half_away,
    exact_ratio,
    round_half_away,
)

__all__ = [
    "AmountTooLarge",
    "CurrencyMismatch",
    "InvalidAmount",
    "InvalidExchangeRate",
    "Money",
    "UnitPrice",
    "UnknownCurrency",
    "convert",
    "decimals_of",
    "divide_half_away",
    "exact_ratio",
    "round_half_away",
]


class InvalidExchangeRate(BillingError, ValueError):
    """An exchange rate is a number above zero."""


def convert(money: Money, rate: Decimal, currency: str) -> Money:
    """The same value in `currency`, rounded once, half away from zero.

    `rate` is how many units of `currency` one unit of the money's own currency buys (1 EUR = 1.08 USD: 1.08).
    Raises InvalidExchangeRate and UnknownCurrency.
    """
    if not isinstance(rate, Decimal) or not rate.is_finite() or rate <= 0:
        raise InvalidExchangeRate("An exchange rate has to be a number above zero.")
    bought, per = exact_ratio(rate)
    numerator = money.minor * bought * 10 ** decimals_of(currency)
    return Money(divide_half_away(numerator, per * 10 ** decimals_of(money.currency)), currency)
