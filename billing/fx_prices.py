"""Packages without a price in the customer's currency: priced in another, converted on each issue day (SPEC 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from models import Customer, Money, Package, PackagePrice

from . import company
from .fx import Exchange, FxTable
from .money import convert


def elsewhere(package: Package, currency: str) -> list[PackagePrice]:
    """The package's prices in the one other currency that counts where it has none in `currency`: the company's, else
    the first of the alphabet."""
    others = sorted({price.currency for price in package.prices} - {currency})
    home = company.settings().currency
    chosen = home if home in others else (others[0] if others else "")
    return [price for price in package.prices if price.currency == chosen]


def listed_elsewhere(package: Package, currency: str, months: int, days: int) -> PackagePrice | None:
    """The same, for one period."""
    found = (price for price in elsewhere(package, currency) if (price.months, price.days) == (months, days))
    return next(found, None)


def rate_for(customer: Customer, base: str, on: date) -> Exchange:
    """What one unit of `base` is worth in the customer's currency on the day: theirs, the group's or the table's rate.
    Raises NoExchangeRate."""
    who = {"customer_id": customer.id, "group_id": customer.group_id}
    return FxTable().exchange(base, customer.currency, on, **who)


def converted(service: Any, exchange: Exchange, currency: str) -> Any:
    """The row of a service that is due, with its amounts in the account's currency; each rounded once."""
    values = service._asdict()
    for name in ("price_minor", "setup_fee_minor"):
        values[name] = convert(Money(values[name], service.currency), exchange.rate, currency).minor
    return SimpleNamespace(**{**values, "currency": currency})


def converted_options(options: Sequence[Any], exchange: Exchange, currency: str) -> list[Any]:
    """The same for the options of a service."""
    return [
        SimpleNamespace(
            id=option.id, name=option.name, value=option.value, quantity=option.quantity,
            price=convert(option.price, exchange.rate, currency),
        )
        for option in options
    ]  # fmt: skip


def note(base: str, exchange: Exchange, currency: str) -> str:
    """What stands below a converted line."""
    return f"1 {base} = {exchange.rate:f} {currency} ({exchange.source})"
