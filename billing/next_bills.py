"""What the next bill of a billing group will be, before there is one: built as a run would, and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import func, select

from models import BillingGroup, ChangeState, Charge, PackageChange, Service, db

from . import change_reviewing, company
from .actor import Actor
from .change_review import Review
from .renewals import Tables, build
from .renewals.bill import Bill
from .renewals.due import CHARGE_DUE, SERVICE_DUE

T = TypeVar("T")


def next_day(group: BillingGroup) -> date | None:
    """The first day on which something of the group is due, which may be past; None if nothing ever is."""
    services = select(func.min(Service.next_renewal_on)).where(Service.billing_group_id == group.id, SERVICE_DUE)
    charges = select(func.min(Charge.next_on)).where(Charge.billing_group_id == group.id, CHARGE_DUE)
    days = db.session.execute(select(services.scalar_subquery(), charges.scalar_subquery())).one()
    return min((day for day in days if day is not None), default=None)


def next_bill(group: BillingGroup, today: date) -> Bill | None:
    """The group's next bill with the prices, discounts, taxes, prepayments and credit there are now; None where
    nothing is due any more. Writes and locks nothing. A bill that could not be made is told by state and reason."""
    day = next_day(group)
    if day is None:
        return None
    bills = build([group.id], day, max(day, today), Tables.load(company.settings()), lock=False)
    return bills[0] if bills else None


def of_service(service: Service, today: date) -> Bill | None:
    """The next bill as it would be for this service alone, as `next_bill`; None where none is to come."""
    if not _is_due(service):
        return None
    day, tables = service.next_renewal_on, Tables.load(company.settings())
    bills = build([service.billing_group_id], day, max(day, today), tables, lock=False, only_service=service.id)
    return bills[0] if bills else None


def as_changed(service: Service, change: PackageChange, *, by: Actor) -> Review | None:
    """The review, as it is now, of a change that is put down and done before the service is billed next, or with that
    bill: it tells the next bill. None where the bill comes first, where none is to come, or where something stands
    against the change."""
    if change.state is not ChangeState.SCHEDULED or change.on is None or change.on > service.next_renewal_on:
        return None
    if not _is_due(service):
        return None
    found = change_reviewing.work_out(change, by=by).review
    return None if found.refusals else found


def _is_due(service: Service) -> bool:
    return db.session.scalar(select(Service.id).where(Service.id == service.id, SERVICE_DUE)) is not None


def tried(do: Callable[[], Any], then: Callable[[], T]) -> T:
    """What `then` finds after `do` was done; all of that is taken back. Raises what they raise."""
    nested = db.session.begin_nested()
    try:
        do()
        db.session.flush()
        return then()
    finally:
        nested.rollback()
        db.session.expire_all()
