"""Services that wait: until somebody activates them, or until their first bill, which is made at once, is paid.

Bills begin on the day of activation. Where the first bill is paid first, its period is moved to that day: who pays for
a month gets a month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select

from models import Invoice, Renewal, Service, ServiceStatus, UnitState, WaitsFor, db
from models.bulk import among

from . import company, paid_days, renewals, service_changes, service_rows, when_paid
from .actor import Actor
from .periods import next_renewal
from .prices import check_day
from .renewals.bill import Bill
from .service_changes import Happened
from .service_terms import InvalidService

PENDING, ACTIVE = ServiceStatus.PENDING, ServiceStatus.ACTIVE


def bill_first(service: Service, *, tables: renewals.Tables | None = None, by: Actor) -> Bill:
    """Issue the bill for the first period of a service that was started just now, as a renewal would, dated today; its
    `invoice_id` is None where nothing is to pay.

    One that waits for it to be paid is active at once where nothing is to pay, or credit in hand has paid it. `tables`
    may be some that were loaded in this transaction. Raises InvalidService."""
    tables = tables or renewals.Tables.load(company.settings())
    tables.company.issue_days_ahead = (service.next_renewal_on - by.today).days
    db.session.flush()
    bill = renewals.build_first(service, by.today, tables)
    if bill.state is UnitState.PARKED:
        raise InvalidService(bill.reason)
    waits = service.waits_for == WaitsFor.PAYMENT
    renewals.keep([bill], run_id=None, on=by.today, tables=tables, new_prices_wait=False, by=by)
    db.session.expire(service)
    if waits and not (bill.invoice_id and bill.still_due):
        activate([service], by=by)
    return bill


def activate(services: Iterable[Service], *, on: date | None = None, by: Actor) -> list[Service]:
    """Let pending services run, and bill them, from `on` (today) on; others are left. Which were activated.
    Raises InvalidTerms, NotAllowed."""
    by.require("services.edit")
    day = by.today if on is None else check_day(on, by.today, "The first day")
    chosen = [row for row in service_rows.lock_all(services) if row.status == PENDING]
    happened = []
    for row in chosen:
        before = {"status": str(PENDING), **_dates(row)}
        begin(row, day)
        row.status, row.waits_for = ACTIVE, None
        after = {"status": str(ACTIVE), **_dates(row)}
        happened.append(Happened(row.id, row.customer_id, str(row), day, before, after))
    db.session.flush()
    service_changes.record_many(happened, "activate", "service.activated", by)
    service_rows.count(Counter(row.customer_id for row in chosen))
    return chosen


def begin(service: Service, day: date) -> None:
    """Set the dates of a pending service that begins on `day`: its bills begin then, and what is paid moves there."""
    old, trial = service.billed_from, timedelta(days=service.trial_days)
    elsewhere = old > service.started_on + trial
    is_billed = service.next_renewal_on != old
    whole = service.anchor_day == old.day and bool(service.months)
    service.started_on, first = day, day + trial
    if first == old or (elsewhere and old > day):
        return
    if not is_billed:
        paid_days.begin_on(service, first)
        return
    service.billed_from = first
    if whole:
        service.anchor_day, service.anchor_month = first.day, first.month if service.anchor_month else None
    end = next_renewal(first, service.months, service.anchor_day, service.anchor_month) if whole else None
    service.next_renewal_on = paid_days.move_to(service, old, first, until=end)
    service.rhythm_from = None if whole else service.next_renewal_on


def _dates(service: Service) -> dict[str, Any]:
    return {
        "started_on": service.started_on.isoformat(),
        "next_renewal_on": service.next_renewal_on.isoformat(),
    }


def awaited() -> ColumnElement[bool]:
    """Whether a service waits for the invoice of the statement around it."""
    mine = select(Service.id).join(Renewal, Renewal.service_id == Service.id)
    return mine.where(Renewal.invoice_id == Invoice.id, Service.waits_for == WaitsFor.PAYMENT).exists()


def paid(invoices: Sequence[when_paid.Paid], by: Actor) -> None:
    """These invoices were paid: activate the services whose first bill they are, from today, or from the day they are
    to start on if that is still to come."""
    waiting = (
        select(Service)
        .join(Renewal, Renewal.service_id == Service.id)
        .where(
            among(db.session, Renewal.invoice_id, [one.invoice_id for one in invoices]),
            Service.waits_for == WaitsFor.PAYMENT,
        )
        .order_by(Service.id)
    )
    for service in db.session.scalars(waiting).all():
        activate([service], on=max(by.today, service.started_on), by=by)
