"""What a customer has: services start at an agreed price, pause with their customer, and end on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import or_, select

from models import (
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    CustomerStatus,
    Money,
    OptionKind,
    Package,
    PackageOption,
    PackagePrice,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)

from . import fx_prices, groups, service_changes, service_rows
from .actor import Actor
from .charges import add_charge
from .ending import OVER, end_due
from .fx import NoExchangeRate
from .package_prices import check_bounds
from .packages import LONGEST_TRIAL, price_of
from .prices import (
    InvalidPrice,
    check_anchor,
    check_day,
    check_period,
    check_price,
    check_quantity,
    in_account,
    period_words,
)
from .service_life import suspend, unsuspend, why_not_suspend
from .texts import one_line

__all__ = [
    "Chosen",
    "InvalidService",
    "NoPrice",
    "add_charge",
    "cancel",
    "end_due",
    "main_group",
    "start",
    "suspend",
    "unsuspend",
    "why_not_suspend",
]

MAIN = "Main"


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


def start(
    customer: Customer,
    package: Package,
    *,
    start: date,
    price: Money | None = None,
    months: int | None = None,
    days: int = 0,
    anchor_day: int | None = None,
    billed_from: date | None = None,
    billing_group: BillingGroup | None = None,
    options: Sequence[Chosen] = (),
    description: str = "",
    setup_fee: Money | None = None,
    free: bool = False,
    trial_days: int | None = None,
    by: Actor,
) -> Service:
    """Start a service for every `months` (1 unless told) or `days`; nothing is billed yet, the first renewal on or
    after `start` bills the first, possibly short, period.

    Price and set-up fee default to the package's for that period in the customer's currency. Where it has none, those
    in another currency count, and each invoice converts them on its day (fx_prices). `anchor_day` (1–31)
    defaults to the day it is billed from. `billed_from` is later than `start` for a service that was billed
    elsewhere before; otherwise the first `trial_days` (the package's unless told) are free to try, and the first
    period begins after them. Without a billing group it goes into the customer's first one. Raises InvalidService,
    NoPrice, InvalidPrice, InvalidTerms, NotForGroup, NotAllowed.
    """
    by.require("services.edit")
    months = (0 if days else 1) if months is None else months
    trial = _trial(package, trial_days, billed_from)
    first = start + timedelta(days=trial) if billed_from is None else billed_from
    _check(customer, package, start, first, months, days, anchor_day, by)
    groups.check_package(customer, package)
    listed = price_of(package, customer.currency, months, days)
    if listed is None and price is None:
        listed = _elsewhere(customer, package, months, days, by)
    currency = listed.currency if listed and price is None else customer.currency
    service = Service(
        customer_id=customer.id,
        billing_group_id=_group(customer, billing_group).id,
        package_id=package.id,
        description=one_line(description or package.name, 200, "The description"),
        free=free,
        currency=currency,
        price_minor=_price(customer, package, price, listed, months, days).minor,
        setup_fee_minor=_setup_fee(setup_fee, listed, currency).minor,
        months=months,
        days=days,
        anchor_day=anchor_day or first.day,
        anchor_month=first.month if months >= 12 else None,
        started_on=start,
        billed_from=first,
        next_renewal_on=first,
        trial_days=trial,
    )
    db.session.add(service)
    db.session.flush()
    _check_options(package, options)
    service.options = [_option(service, package, chosen) for chosen in options]
    service_rows.count({customer.id: 1})
    after = {"package": package.name, "price_minor": service.price_minor, "currency": service.currency}
    after |= {"period": period_words(months, days), "billed_from": first.isoformat()}
    after |= {"trial_days": trial} if trial else {}
    service_changes.record(service, start, "start", "service.started", None, after, by)
    return service


def cancel(service: Service, on: date, reason: str, *, by: Actor) -> Service:
    """End a service: `on` is the first day it is not billed any more. Today or before, it is cancelled at once;
    later, it runs on until that day (see end_due). Its recurring charges end with it. A later call moves the day.
    Raises InvalidService, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    service = service_rows.lock(service)
    if service.status == ServiceStatus.CANCELLED:
        raise InvalidService(f"{service} was cancelled on {service.cancelled_on} already.")
    if check_day(on, by.today, "The end") < service.started_on:
        raise InvalidService(f"{service} started on {service.started_on}; it cannot end before that day.")
    before = {"ends_on": service.ends_on.isoformat() if service.ends_on else None, "status": str(service.status)}
    counted = service.status == ServiceStatus.ACTIVE
    service.ends_on, service.cancel_reason = on, one_line(reason, 200, "The reason", empty=True)
    if on <= by.today:
        service_rows.write({**OVER, "cancelled_on": on}, [service])
        service_rows.count({service.customer_id: -1 if counted else 0})
    _end_charges(service, on)
    after = {"ends_on": on.isoformat(), "status": str(service.status), "reason": service.cancel_reason}
    service_changes.record(service, on, "cancel", "service.cancelled", before, after, by)
    return service


def main_group(customer: Customer) -> BillingGroup:
    """The customer's first open billing group; made if there is none."""
    open_ = BillingGroup.customer_id == customer.id, BillingGroup.closed_on.is_(None)
    mine = select(BillingGroup).where(*open_).order_by(BillingGroup.id)
    group = db.session.scalars(mine.limit(1)).first()
    if group is None:
        group = BillingGroup(customer_id=customer.id, name=MAIN)
        db.session.add(group)
        db.session.flush()
    return group


def _check(
    customer: Customer,
    package: Package,
    start: date,
    first: date,
    months: int,
    days: int,
    anchor: int | None,
    by: Actor,
) -> None:
    if customer.status == CustomerStatus.ARCHIVED:
        raise InvalidService(f"{customer.name} is archived. Enable the customer first.")
    if package.archived:
        raise InvalidService(f"{package.name} is not sold any more. Choose another package, or restore this one.")
    check_period(months, days)
    check_day(start, by.today, "The start")
    if check_day(first, by.today, "The first day billed") < start:
        raise InvalidService("A service cannot be billed from a day before it starts.")
    check_anchor(anchor)


def _trial(package: Package, days: int | None, billed_from: date | None) -> int:
    """What was billed elsewhere before is not tried any more."""
    if billed_from is not None:
        if days:
            raise InvalidService("Either the first days are free to try, or the first day billed is set. Not both.")
        return 0
    days = package.trial_days if days is None else days
    if not 0 <= days <= LONGEST_TRIAL:
        raise InvalidService(f"A trial has from 0 to {LONGEST_TRIAL} days.")
    return days


def _check_options(package: Package, chosen: Sequence[Chosen]) -> None:
    """What must be chosen is, and not too much or too little of anything."""
    there = {one.option.id for one in chosen if one.option is not None}
    for option in package.options:
        if option.required and option.id not in there:
            raise MissingOption(f"{option.name} belongs to {package.name}. Choose it.", option)
    for one in chosen:
        if one.option is not None and one.option.kind == OptionKind.QUANTITY:
            option = one.option
            check_bounds(option.name, one.quantity, option.min_quantity, option.max_quantity, InvalidService)


def _group(customer: Customer, group: BillingGroup | None) -> BillingGroup:
    if group is not None and group.customer_id != customer.id:
        raise InvalidService(f"The billing group {group.name} belongs to another customer.")
    if group is not None and group.closed_on:
        raise InvalidService(f"The billing group {group.name} is closed. Choose another one.")
    return group or main_group(customer)


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


def _option(service: Service, package: Package, chosen: Chosen) -> ServiceOption:
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


def _end_charges(service: Service, on: date) -> None:
    """Recurring charges of the service end with it; what is owed once stays owed."""
    later = or_(Charge.ends_on.is_(None), Charge.ends_on > on)
    recurring = or_(Charge.months > 0, Charge.days > 0)
    for charge in db.session.scalars(select(Charge).where(Charge.service_id == service.id, recurring, later)):
        charge.ends_on = max(on, charge.starts_on)
