"""How prices change: by percent, by an amount, or to a new price, and to which ending they are rounded."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

from models import BillingError, Money
from models.money import decimals_of

from .money import round_half_away
from .prices import InvalidPrice, check_price

LARGEST_PERCENT = Decimal(1000)


class InvalidRule(BillingError):
    """Prices cannot change like that; `field` says what is wrong."""

    def __init__(self, words: str, field: str) -> None:
        super().__init__(words)
        self.field = field


class How(enum.StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"
    PRICE = "price"


class Rounding(enum.StrEnum):
    NEAREST = "nearest"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class PriceRule:
    """`ending` is what follows the whole units: ``00``, ``90`` or ``99``; empty leaves the smallest unit.

    `currency` and `period` (months, days) narrow the prices it is about; amounts need the one, a new price both.
    Currencies without decimals are rounded to whole units whatever the ending.
    """

    how: How
    percent: Decimal | None = None
    amount: Money | None = None
    currency: str = ""
    period: tuple[int, int] | None = None
    ending: str = ""
    rounding: Rounding = Rounding.NEAREST

    def check(self) -> Self:
        """The rule itself; raises InvalidRule, InvalidPrice."""
        if self.how == How.PERCENT:
            if self.percent is None or not -100 <= self.percent <= LARGEST_PERCENT or not self.percent:
                raise InvalidRule("Write by how many percent, from -100 to 1000 and not zero.", "percent")
        elif self.amount is None:
            raise InvalidRule("Write the amount, such as 2.50.", "amount")
        elif self.amount.currency != self.currency:
            raise InvalidRule("Choose the currency of the amount.", "currency")
        if self.how == How.AMOUNT and self.amount is not None and not self.amount:
            raise InvalidRule("Write an amount above or below zero.", "amount")
        if self.how == How.PRICE:
            assert self.amount is not None
            if self.period is None:
                raise InvalidRule("Choose the period of the new price.", "period")
            check_price(self.amount)
        if self.ending not in ENDINGS:
            raise InvalidRule("Choose how to round.", "ending")
        return self

    def covers(self, currency: str, months: int, days: int) -> bool:
        """Whether prices in this currency for this period change."""
        return self.currency in ("", currency) and self.period in (None, (months, days))

    def new(self, old: Money) -> Money:
        """The price after it, rounded once; never below zero. Raises InvalidPrice."""
        if self.how == How.PRICE:
            assert self.amount is not None
            return self.amount
        exact = Fraction(old.minor)
        if self.how == How.PERCENT:
            assert self.percent is not None
            exact += exact * Fraction(self.percent) / 100
        else:
            assert self.amount is not None
            exact += self.amount.minor
        if exact < 0:
            raise InvalidPrice(f"{old} would fall below zero. Take off less, or leave such prices out.")
        return check_price(Money(self._rounded(exact, old.currency), old.currency), "The new price")

    def _rounded(self, exact: Fraction, currency: str) -> int:
        if not self.ending or not exact:
            return _to(exact, 1, 0, self.rounding)
        unit = 10 ** decimals_of(currency)
        return max(_to(exact, unit, Fraction(int(self.ending), 100) * unit if unit > 1 else 0, self.rounding), 0)

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "how": str(self.how),
            "percent": str(self.percent) if self.percent is not None else None,
            "amount_minor": self.amount.minor if self.amount else None,
            "currency": self.currency,
            "period": list(self.period) if self.period else None,
            "ending": self.ending,
            "rounding": str(self.rounding),
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """What `plain` wrote."""
        minor, percent, period = values["amount_minor"], values["percent"], values["period"]
        return cls(
            How(values["how"]),
            Decimal(percent) if percent is not None else None,
            Money(minor, values["currency"]) if minor is not None else None,
            values["currency"],
            (period[0], period[1]) if period else None,
            values["ending"],
            Rounding(values["rounding"]),
        )


ENDINGS = ("", "00", "50", "90", "95", "99")


def _to(exact: Fraction, step: int, ending: int | Fraction, rounding: Rounding) -> int:
    """The multiple of `step` plus `ending` that lies nearest (halves up), next above or next below; not below zero."""
    steps = (exact - ending) / step
    below = steps.numerator // steps.denominator
    whole = {
        Rounding.DOWN: below,
        Rounding.UP: below if steps == below else below + 1,
        Rounding.NEAREST: (2 * steps + 1).numerator // (2 * steps + 1).denominator // 2,
    }[rounding]
    return round_half_away(max(whole, 0) * step + Fraction(ending))
