"""What a customer has: services start at an agreed price, pause with their customer, and end on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from models import (
    BillingGroup,
    Customer,
    CustomerStatus,
    EndReason,
    Money,
    Package,
    Service,
    ServiceStatus,
    WaitsFor,
    db,
)

from . import charge_ends, groups, paid_days, pending, service_changes, service_pauses, service_rows
from .actor import Actor
from .charges import add_charge
from .ending import OVER, end_due
from .packages import LONGEST_TRIAL
from .prices import InvalidPrice, check_anchor, check_day, check_period, period_words
from .service_life import suspend, unsuspend, why_not_suspend
from .service_terms import Chosen, InvalidService, MissingOption, NoPrice, agree, check_options, option_row
from .texts import one_line

__all__ = [
    "Chosen",
    "InvalidPrice",
    "InvalidService",
    "MissingOption",
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
    waits_for: WaitsFor | None = None,
    bill: bool = True,
    converted: bool = False,
    by: Actor,
) -> Service:
    """Start a service for every `months` (1 unless told) or `days`; nothing is billed yet, the first renewal on or
    after `start` bills the first, possibly short, period. With `waits_for` it is pending until it is activated, or
    until its first bill, which is made at once, is paid (see pending); `bill` False leaves making it to the caller.

    Price and set-up fee default to the package's for that period in the customer's currency. Where it has none, those
    in another currency count, and each invoice converts them on its day (fx_prices); an agreed `price` in another
    currency is refused unless `converted` says the same of it. `anchor_day` (1–31)
    defaults to the day it is billed from. `billed_from` is later than `start` for a service that was billed
    elsewhere before; otherwise the first `trial_days` (the package's unless told) are free to try, and the first
    period begins after them. Without a billing group it goes into the customer's first one. Raises InvalidService,
    NoPrice, InvalidPrice, InvalidTerms, NotForGroup, NotAllowed.
    """
    by.require("services.edit")
    months = (0 if days else 1) if months is None else months
    trial = _trial(package, trial_days, billed_from, waits_for)
    first = start + timedelta(days=trial) if billed_from is None else billed_from
    _check(customer, package, start, first, months, days, anchor_day, by)
    groups.check_package(customer, package)
    agreed = agree(customer, package, months, days, price, setup_fee, by, converted=converted)
    service = Service(
        customer_id=customer.id, billing_group_id=_group(customer, billing_group).id, package_id=package.id,
        description=one_line(description or package.name, 200, "The description"), free=free,
        status=ServiceStatus.PENDING if waits_for else ServiceStatus.ACTIVE, waits_for=waits_for,
        currency=agreed.price.currency, price_minor=agreed.price.minor, setup_fee_minor=agreed.setup_fee.minor,
        months=months, days=days, anchor_day=anchor_day or first.day,
        anchor_month=first.month if months >= 12 else None, started_on=start, billed_from=first,
        next_renewal_on=first, trial_days=trial,
    )  # fmt: skip
    check_options(package, options)
    service.options = [option_row(service, package, chosen) for chosen in options]
    db.session.add(service)
    db.session.flush()
    service_rows.count({customer.id: 0 if waits_for else 1})
    service_changes.record(service, start, "start", "service.started", None, _told(service, package), by)
    if waits_for == WaitsFor.PAYMENT and bill:
        pending.bill_first(service, by=by)
    return service


def _told(service: Service, package: Package) -> dict[str, Any]:
    """What the history says of a new service."""
    told = {"package": package.name, "price_minor": service.price_minor, "currency": service.currency}
    told |= {"period": period_words(service.months, service.days), "billed_from": service.billed_from.isoformat()}
    told |= {"trial_days": service.trial_days} if service.trial_days else {}
    return told | ({"waits_for": str(service.waits_for)} if service.waits_for else {})


def cancel(service: Service, on: date, reason: str, *, reason_id: int | None = None, by: Actor) -> Service:
    """End a service: `on` is the first day it is not billed any more. Today or before, it is cancelled at once;
    later, it runs on until that day (see end_due). Its recurring charges end with it. A later call moves the day. Money
    is left alone: see endings. Days paid for that were not used up while it was away follow its end. `reason_id` names
    one of the shop's own reasons. Raises InvalidService, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    service = service_rows.lock(service)
    if service.status == ServiceStatus.CANCELLED:
        raise InvalidService(f"{service} was cancelled on {service.cancelled_on} already.")
    if check_day(on, by.today, "The end") < service.started_on:
        raise InvalidService(f"{service} started on {service.started_on}; it cannot end before that day.")
    before = {"ends_on": service.ends_on.isoformat() if service.ends_on else None, "status": str(service.status)}
    counted = service.status == ServiceStatus.ACTIVE
    if service.ends_on and on > service.ends_on:
        paid_days.go_past(service, service.ends_on)
    service.ends_on, service.cancel_reason = on, one_line(reason, 200, "The reason", empty=True)
    service.end_reason_id = _reason(reason_id)
    gap = {}
    if on <= by.today:
        kept = service_pauses.kept_since(service)
        service_rows.write({**OVER, "cancelled_on": on}, [service])
        gap = paid_days.go_on(service, kept, on) if kept else {}
        service_rows.count({service.customer_id: -1 if counted else 0})
    charge_ends.end_with(service, on)
    told = service.why_it_ends
    after = {"ends_on": on.isoformat(), "status": str(service.status), "reason": told, **gap}
    service_changes.record(service, on, "cancel", "service.cancelled", before, after, by)
    return service


def _reason(reason_id: int | None) -> int | None:
    if reason_id is not None and db.session.get(EndReason, reason_id) is None:
        raise InvalidService("This reason is not in the list any more. Choose another one.")
    return reason_id


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


def _trial(package: Package, days: int | None, billed_from: date | None, waits_for: WaitsFor | None) -> int:
    """What was billed elsewhere before is not tried any more; nor is what is paid first."""
    if waits_for == WaitsFor.PAYMENT:
        if days or billed_from is not None:
            raise InvalidService("What is paid first has no free days to try, and was not billed before.")
        return 0
    if billed_from is not None:
        if days:
            raise InvalidService("Either the first days are free to try, or the first day billed is set. Not both.")
        return 0
    days = package.trial_days if days is None else days
    if not 0 <= days <= LONGEST_TRIAL:
        raise InvalidService(f"A trial has from 0 to {LONGEST_TRIAL} days.")
    return days


def _group(customer: Customer, group: BillingGroup | None) -> BillingGroup:
    if group is not None and group.customer_id != customer.id:
        raise InvalidService(f"The billing group {group.name} belongs to another customer.")
    if group is not None and group.closed_on:
        raise InvalidService(f"The billing group {group.name} is closed. Choose another one.")
    return group or main_group(customer)
