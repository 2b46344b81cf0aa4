"""What is agreed for a service: its price, its set-up fee and its options, from the package or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from models import (
    BillingError,
    Customer,
    Money,
    OptionKind,
    Package,
    PackageOption,
    PackagePrice,
    Service,
    ServiceOption,
)

from . import fx_prices
from .actor import Actor
from .fx import NoExchangeRate
from .package_prices import check_bounds
from .packages import price_of
from .prices import InvalidPrice, check_price, check_quantity, in_account, period_words
from .texts import one_line


class InvalidService(BillingError):
    """This service cannot be started, or not be ended, like that."""


class NoPrice(InvalidService):
    """The package has no price for that period in the customer's currency."""


class MissingOption(InvalidService):
    """An option that must be chosen was not."""

    def __init__(self, words: str, option: PackageOption) -> None:
        super().__init__(words)
        self.option = option


@dataclass(frozen=True, slots=True)
class Chosen:
    """An option of a service: one of the package's, or a free `name`. Without `price` the package's price holds;
    a price of zero means it is in the agreed price."""

    option: PackageOption | None = None
    name: str = ""
    value: str = ""
    quantity: Decimal = Decimal(1)
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a service costs in its own currency."""

    price: Money
    setup_fee: Money


def agree(
    customer: Customer,
    package: Package,
    months: int,
    days: int,
    price: Money | None,
    setup_fee: Money | None,
    by: Actor,
    *,
    converted: bool = False,
) -> Agreed:
    """The price and the set-up fee for that period: the agreed ones, else the package's in the customer's currency,
    else its in another one that each invoice converts; so is an agreed one that is `converted`. Raises NoPrice,
    InvalidPrice."""
    if converted and price is not None and setup_fee is not None:
        return Agreed(check_price(price), _in(price.currency, check_price(setup_fee, "The set-up fee")))
    listed = price_of(package, customer.currency, months, days)
    if listed is None and price is None:
        listed = _elsewhere(customer, package, months, days, by)
    currency = listed.currency if listed and price is None else customer.currency
    return Agreed(_price(customer, package, price, listed, months, days), _setup_fee(setup_fee, listed, currency))


def check_options(package: Package, chosen: Sequence[Chosen]) -> None:
    """What must be chosen is, and not too much or too little of anything. Raises InvalidService, MissingOption."""
    there = {one.option.id for one in chosen if one.option is not None}
    for option in package.options:
        if option.required and option.id not in there:
            raise MissingOption(f"{option.name} belongs to {package.name}. Choose it.", option)
    for one in chosen:
        if one.option is not None and one.option.kind == OptionKind.QUANTITY:
            option = one.option
            check_bounds(option.name, one.quantity, option.min_quantity, option.max_quantity, InvalidService)


def _price(
    customer: Customer, package: Package, price: Money | None, listed: PackagePrice | None, months: int, days: int
) -> Money:
    if price is not None:
        return in_account(customer, check_price(price))
    if listed is None:
        raise NoPrice(
            f"{package.name} has no price in {customer.currency} for {period_words(months, days)}. "
            "Add one to the package, or enter the agreed price here."
        )
    return listed.price


def _elsewhere(customer: Customer, package: Package, months: int, days: int, by: Actor) -> PackagePrice | None:
    """Its price in another currency, if there is a rate to convert it by."""
    listed = fx_prices.listed_elsewhere(package, customer.currency, months, days)
    if listed is not None:
        try:
            fx_prices.rate_for(customer, listed.currency, by.today)
        except NoExchangeRate as missing:
            raise NoPrice(f"{package.name} is priced in {listed.currency} for that period. {missing}") from None
    return listed


def _setup_fee(fee: Money | None, listed: PackagePrice | None, currency: str) -> Money:
    if fee is not None:
        return _in(currency, check_price(fee, "The set-up fee"))
    return listed.setup_fee if listed and listed.currency == currency else Money.zero(currency)


def _in(currency: str, price: Money) -> Money:
    if price.currency != currency:
        raise InvalidPrice(f"This service is priced in {currency}. Enter the amount in {currency}.")
    return price


def option_row(service: Service, package: Package, chosen: Chosen) -> ServiceOption:
    """The option as the service will have it. Raises InvalidService, NoPrice, InvalidPrice, InvalidText."""
    option, value = chosen.option, one_line(chosen.value, 120, "The choice", empty=True)
    if option is not None and option.package_id != package.id:
        raise InvalidService(f"{option.name} is not an option of {package.name}.")
    price = chosen.price if chosen.price is not None else _option_price(service, option, value)
    return ServiceOption(
        option_id=option.id if option else None,
        name=one_line(chosen.name or (option.name if option else ""), 120, "The option's name"),
        value=value,
        quantity=check_quantity(chosen.quantity),
        currency=_in(service.currency, check_price(price)).currency,
        price_minor=price.minor,
    )


def _option_price(service: Service, option: PackageOption | None, value: str) -> Money:
    """The package's price of the option for the service's period; nothing for a free name."""
    if option is None:
        return Money.zero(service.currency)
    wanted = (value if option.kind == OptionKind.CHOICE else "", service.currency, service.months, service.days)
    for row in option.prices:
        if (row.value, row.currency, row.months, row.days) == wanted:
            return row.price
    period = period_words(service.months, service.days)
    what = f"{option.name} ({value})" if value else option.name
    raise NoPrice(f"{what} has no price in {service.currency} for {period}. Add one, or enter the agreed price here.")
