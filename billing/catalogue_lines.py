"""Lines of a document from the catalogue: a package for a period, its options, its set-up fee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.document_lines import Amount, InvalidLine, LineInput, unit_price
from billing.fx import FxTable
from billing.money import Money, convert
from billing.periods import BillingPeriod, next_renewal
from billing.prices import period_words
from models import Customer, LineKind, OptionKind, OptionPrice, Package, PackageOption, PackagePrice

_ONE = Amount(Decimal(1))


@dataclass(frozen=True, slots=True)
class Picked:
    """An option of the package: which of its choices, or how many of it."""

    option: PackageOption
    value: str = ""
    quantity: Amount = _ONE


@dataclass(frozen=True, slots=True)
class FromCatalogue:
    """A line and where it comes from: the billing period it is for, and the option with its choice."""

    line: LineInput
    months: int = 0
    days: int = 0
    option_id: int | None = None
    choice: str = ""
    always: bool = False
    """Whether the discount of a quote's line is off every bill of the service."""


@dataclass(slots=True)
class Currency:
    """Prices in a customer's currency: its own price if there is one, else the first of the others at the rate of
    the day (SPEC 3.1: customer's, else group's, else table's). Rates are read when one is needed."""

    customer: Customer
    on: date
    _rates: FxTable | None = None

    def of(
        self, prices: Sequence[tuple[Money, PackagePrice | OptionPrice]]
    ) -> tuple[Money, PackagePrice | OptionPrice]:
        """The one to use of prices for the same thing and period; raises NoExchangeRate."""
        own = [pair for pair in prices if pair[0].currency == self.customer.currency]
        money, row = (own or prices)[0]
        return self.converted(money), row

    def converted(self, money: Money) -> Money:
        """The amount in the customer's currency; raises NoExchangeRate."""
        customer = self.customer
        if money.currency == customer.currency:
            return money
        self._rates = self._rates or FxTable()
        who = {"customer_id": customer.id, "group_id": customer.group_id}
        exchange = self._rates.exchange(money.currency, customer.currency, self.on, **who)
        return convert(money, exchange.rate, customer.currency)


def periods_of(package: Package) -> list[tuple[int, int]]:
    """The (months, days) the package is sold for, shortest first; (0, 0) is once."""
    return sorted({(price.months, price.days) for price in package.prices}, key=lambda p: (p[0] * 31 + p[1], p))


def lines_of(
    package: Package,
    months: int,
    days: int,
    *,
    into: Currency,
    start: date | None = None,
    quantity: Amount = _ONE,
    options: Sequence[Picked] = (),
    with_setup: bool = True,
) -> list[FromCatalogue]:
    """The lines for one period of a package from `start` (the day of `into` unless given), in the customer's currency.

    One for the package, one for each option, one for the set-up fee if there is one and it is wanted. Once (no months,
    no days) has no period. Raises InvalidLine where there is no price, NoExchangeRate.
    """
    priced = [(price.price, price) for price in package.prices if (price.months, price.days) == (months, days)]
    if not priced:
        raise InvalidLine(f"{package.name} has no price for {period_words(months, days)}. Choose another period.")
    price, row = into.of(priced)
    assert isinstance(row, PackagePrice)
    period = _period(start or into.on, months, days)

    def line(name: str, cost: Money, kind: LineKind, many: Amount = _ONE) -> LineInput:
        span = None if kind == LineKind.SETUP else period
        return LineInput(
            name, unit_price(cost), many, kind, period=span, taxed_as=package.tax_category, package_id=package.id
        )

    found = [FromCatalogue(line(package.name, price, LineKind.SERVICE, quantity), months, days)]
    for picked in options:
        name = f"{picked.option.name}: {picked.value}" if picked.value else picked.option.name
        cost = _option_price(package, picked, months, days, into)
        option = line(name, cost, LineKind.OPTION, picked.quantity)
        found.append(FromCatalogue(option, months, days, picked.option.id, picked.value))
    if with_setup and row.setup_fee_minor:
        fee = into.converted(row.setup_fee)
        found.append(FromCatalogue(line(f"Set-up: {package.name}", fee, LineKind.SETUP)))
    return found


def _period(start: date, months: int, days: int) -> BillingPeriod | None:
    if months:
        return BillingPeriod(start, next_renewal(start, months, start.day))
    return BillingPeriod(start, start + timedelta(days=days)) if days else None


def _option_price(package: Package, picked: Picked, months: int, days: int, into: Currency) -> Money:
    option = picked.option
    if option.package_id != package.id:
        raise InvalidLine(f"{option.name} is not an option of {package.name}.")
    value = picked.value if option.kind == OptionKind.CHOICE else ""
    wanted = (value, months, days)
    priced = [(one.price, one) for one in option.prices if (one.value, one.months, one.days) == wanted]
    if not priced:
        what = f"{option.name} ({value})" if value else option.name
        raise InvalidLine(f"{what} has no price for {period_words(months, days)}.")
    return into.of(priced)[0]
