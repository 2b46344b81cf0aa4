"""Customers of the demo company that leave: one was put away with the last bill sent, one will at the end of the month,
and with one nobody has gone on."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from billing import terminations
from billing.terminations import Plan
from models import AfterEnd, Customer, CustomerStatus, PackageChange, Service, ServiceStatus, Termination, db

from .diary import Deed, Diary, Moment


def plan(diary: Diary, last: date) -> None:
    """Write it down for the weeks up to `last`, the day the story ends on."""
    diary.plan(last - timedelta(days=20), _leave(0, "Moved abroad"))
    diary.plan(last - timedelta(days=9), _leave(30, "Goes to another provider"))
    diary.plan(last - timedelta(days=3), _leave(30, "Closes the shop", decided=False))


def _leave(days: int, reason: str, *, decided: bool = True) -> Deed:
    def deed(moment: Moment) -> None:
        customer, by = _somebody(), moment.by("owner")
        if customer is None:
            return
        found = terminations.begin(customer, by=by)
        on = moment.today + timedelta(days=days)
        terminations.write(found, Plan(on, credit=not days, reason=reason, after=AfterEnd.DISABLE), by=by)
        shown = terminations.review(found, by=by)
        if decided and not shown.refusals:
            terminations.carry_out(found, seen=shown.fingerprint, by=by)

    return deed


def _somebody() -> Customer | None:
    """The customer that came last of those with a single service, on which nothing else hangs."""
    one = func.count().filter(Service.status != ServiceStatus.CANCELLED) == 1
    active = func.count().filter(Service.status == ServiceStatus.ACTIVE, Service.next_renewal_on > Service.billed_from)
    plain = select(Service.customer_id).group_by(Service.customer_id).having(one, active == 1)
    busy = (select(table.id).where(table.customer_id == Customer.id).exists() for table in (Termination, PackageChange))
    found = select(Customer).where(
        Customer.status == CustomerStatus.ACTIVE, Customer.balance_minor == 0, Customer.id.in_(plain),
        *(~one for one in busy),
    )  # fmt: skip
    return db.session.scalars(found.order_by(Customer.id.desc()).limit(1)).first()
