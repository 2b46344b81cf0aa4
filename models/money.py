"""Amounts and unit prices: exact, in one currency, never a float."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Self, overload

from models.currencies import DECIMALS
from models.errors import BillingError
from models.exact import (
    AmountTooLarge,
    InvalidAmount,
    Quantity,
    divide_half_away,
    exact_ratio,
    refuse_size,
    round_half_away,
    scaled,
    shown,
    whole_weights,
)

__all__ = [
    "AmountTooLarge",
    "CurrencyMismatch",
    "InvalidAmount",
    "Money",
    "MoneyOf",
    "Quantity",
    "UnitPrice",
    "UnknownCurrency",
    "decimals_of",
    "divide_half_away",
    "exact_ratio",
    "round_half_away",
]

LARGEST_MINOR = 10**15
"""No amount is above this many minor units: a slip of the keyboard is refused, sums still fit 64 bits."""
LARGEST_MICRO = 10**18
PRICE_DECIMALS = 6


class UnknownCurrency(InvalidAmount):
    """Not a currency code of ISO 4217."""


class CurrencyMismatch(BillingError):
    """Two currencies met in one sum or comparison."""


def decimals_of(currency: str) -> int:
    """Decimals of the currency's minor unit (JPY 0, EUR 2, KWD 3); raises UnknownCurrency."""
    try:
        return DECIMALS[currency]
    except (KeyError, TypeError):
        raise UnknownCurrency(
            f"{shown(currency)} is not a currency. Use its three capital letters, such as EUR or USD."
        ) from None


@dataclass(frozen=True, slots=True)
class Money:
    """A whole number of minor units (cents, fils, yen) of one ISO 4217 currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise InvalidAmount(f"{shown(self.minor)} is not a whole number of minor units.")
        if self.currency not in DECIMALS:
            decimals_of(self.currency)
        if not -LARGEST_MINOR <= self.minor <= LARGEST_MINOR:
            refuse_size()

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """An amount in major units: `Money.of("12.30", "EUR")`; raises InvalidAmount, UnknownCurrency."""
        return cls(scaled(amount, decimals_of(currency), f"an amount in {currency}"), currency)

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in this currency."""
        return _zero(currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._minor_of(other)

    def __str__(self) -> str:
        return f"{self.decimal():f} {self.currency}"

    def decimal(self) -> Decimal:
        """The amount in major units, with all decimals of the currency: 12.30."""
        return Decimal(self.minor).scaleb(-DECIMALS[self.currency])

    def times(self, quantity: Quantity) -> "Money":
        """Price × quantity (or × share), rounded once, half away from zero; raises InvalidAmount."""
        numerator, denominator = exact_ratio(quantity)
        return Money(divide_half_away(self.minor * numerator, denominator), self.currency)

    def allocate(self, ratios: Sequence[Quantity]) -> list["Money"]:
        """One part for each ratio; the parts always sum to the whole (SPEC 3.9).

        Floor, then the left-over units to the largest remainders, ties to the earlier part. A negative amount
        is split like its positive twin, so that a credit takes back exactly what the charge had given to each
        part. Raises InvalidAmount for a negative ratio, or when there is no ratio above zero to share by.
        """
        weights = whole_weights(ratios)
        total = sum(weights)
        if not total:
            return self._parts_of_nothing(len(weights))
        products = [abs(self.minor) * weight for weight in weights]
        parts = [product // total for product in products]
        largest_first = sorted(range(len(parts)), key=lambda i: -(products[i] % total))
        for i in largest_first[: abs(self.minor) - sum(parts)]:
            parts[i] += 1
        sign = -1 if self.minor < 0 else 1
        return [Money(sign * part, self.currency) for part in parts]

    def _parts_of_nothing(self, count: int) -> list["Money"]:
        if self.minor:
            raise InvalidAmount(f"{self} cannot be shared out: there is no share above zero.")
        return [self] * count

    def _minor_of(self, other: "Money") -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money goes with Money only, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be put together.")
        return other.minor


@lru_cache(maxsize=256)
def _zero(currency: str) -> Money:
    """Sums begin with it all the time."""
    return Money(0, currency)


class MoneyOf:
    """An amount of an object that has its minor units in one attribute and its currency in another; set, it sets both.
    None while there are no minor units yet."""

    def __init__(self, minor: str, currency: str = "currency") -> None:
        self.minor, self.currency = minor, currency

    @overload
    def __get__(self, thing: None, kind: type) -> Self: ...

    @overload
    def __get__(self, thing: object, kind: type) -> Money: ...

    def __get__(self, thing: object | None, kind: type) -> Self | Money:
        if thing is None:
            return self
        minor = getattr(thing, self.minor)
        if minor is None:
            return None  # type: ignore[return-value]  # so is every column of a new object
        return Money(minor, getattr(thing, self.currency))

    def __set__(self, thing: object, money: Money) -> None:
        setattr(thing, self.minor, money.minor)
        setattr(thing, self.currency, money.currency)


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """A price finer than the minor unit: whole millionths of the major unit, for metered goods."""

    micro: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.micro) is not int:
            raise InvalidAmount(f"{shown(self.micro)} is not a whole number of millionths.")
        decimals_of(self.currency)
        if not -LARGEST_MICRO <= self.micro <= LARGEST_MICRO:
            refuse_size()

    @classmethod
    def of(cls, price: str | int | Decimal, currency: str) -> Self:
        """A price in major units: `UnitPrice.of("0.000125", "EUR")`; raises InvalidAmount,
        UnknownCurrency."""
        decimals_of(currency)
        return cls(scaled(price, PRICE_DECIMALS, "a unit price"), currency)

    def __str__(self) -> str:
        return f"{self.decimal():f} {self.currency}"

    def decimal(self) -> Decimal:
        """The price in major units, with six decimals."""
        return Decimal(self.micro).scaleb(-PRICE_DECIMALS)

    def times(self, quantity: Quantity) -> Money:
        """The line's amount: price × quantity, rounded once to minor units, half away from zero."""
        numerator, denominator = exact_ratio(quantity)
        minor_in_micro = 10 ** (PRICE_DECIMALS - DECIMALS[self.currency])
        return Money(divide_half_away(self.micro * numerator, denominator * minor_in_micro), self.currency)
