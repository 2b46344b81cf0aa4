"""Changes of package whose day has come, whose invoice was paid, or who waited too long: done by jobs and payments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from sqlalchemy import ColumnElement, delete, literal_column, select
from sqlalchemy.orm import selectinload

from models import (
    BillingError,
    ChangeState,
    ChangeWhen,
    Invoice,
    LineKind,
    Money,
    PackageChange,
    Renewal,
    Service,
    ServiceStatus,
    db,
)
from models.bulk import among, rows_changed

from . import audit, change_days, change_reviewing, change_service, change_terms, change_undo, package_changes
from .actor import Actor
from .change_prices import terms_of
from .change_subject import Known
from .renewals import Tables
from .when_paid import Paid

# Spelt out: SQLite looks into the index only when the words stand in the statement.
_SCHEDULED: ColumnElement[bool] = literal_column("package_change.state = 'scheduled'")
_WAITING: ColumnElement[bool] = literal_column("package_change.state = 'waiting'")


def due(until: date, *, ahead: int = 0, but: Collection[int] = (), customers: Sequence[int] | None = None) -> list[int]:
    """The changes to see to next, all of one day, in the order they were made: those put down for a day up to `until`,
    and those that wait to be paid though their service renews by then, or `ahead` days later. `but` are left out;
    `customers` only, if given."""
    scheduled = select(PackageChange.id, PackageChange.on.label("day")).where(_SCHEDULED, PackageChange.on <= until)
    last = until + timedelta(days=ahead)
    waiting = select(PackageChange.id, Service.next_renewal_on.label("day")).join(PackageChange.service)
    waiting = waiting.where(_WAITING, Service.next_renewal_on <= last)
    found: list[tuple[date, int]] = []
    for half in (scheduled, waiting):
        if but:
            half = half.where(PackageChange.id.not_in(but))
        if customers is not None:
            half = half.where(among(db.session, PackageChange.customer_id, customers))
        found += [(min(day or until, until), number) for number, day in db.session.execute(half)]
    first = min((day for day, _number in found), default=None)
    return sorted(number for day, number in found if day == first)


def see_to(
    change_id: int, until: date, *, ahead: int = 0, by: Actor, tables: Tables | None = None, send: bool = True
) -> ChangeState:
    """Carry out a change whose day has come, or withdraw one that was not paid in time; what it is then.

    One that cannot be done is FAILED, with the reason written on it. It stays SCHEDULED while an earlier bill of the
    service is still to come, or where its renewal was put off. Flushes.
    """
    change = db.session.get_one(PackageChange, change_id, populate_existing=True)
    if change.state is ChangeState.WAITING:
        renews = change.service.next_renewal_on <= until + timedelta(days=ahead)
        return _lapse(change, by) if renews else change.state
    if change.state is not ChangeState.SCHEDULED or change.on is None or change.on > until:
        return change.state
    return _begin(change, by, tables, send)


def _begin(change: PackageChange, by: Actor, tables: Tables | None, send: bool) -> ChangeState:
    assert change.on is not None
    try:
        with db.session.begin_nested():
            known = Known(tables) if tables else None
            found = change_reviewing.work_out(change, by=by, known=known, lock=True, on=change.on)
            change, service = found.subject.change, found.subject.service
            if change.state is not ChangeState.SCHEDULED or _not_yet(change, service):
                return change.state
            if found.review.refusals:
                raise package_changes.ChangeRefused(*found.review.refusals)
            package_changes.do(found, by=by, by_run=True, send=send)
    except BillingError as error:
        return fail(change, str(error), by)
    return change.state


def _not_yet(change: PackageChange, service: Service) -> bool:
    """Whether it has to wait on: a bill of before is to come, or the renewal it goes with comes once the service is
    back, or was put off (told on it)."""
    assert change.on is not None
    never, gone = service.next_renewal_on == service.billed_from, change_days.away(service)
    kept = gone is not None and gone.holds(change.on)
    if kept and service.status == ServiceStatus.SUSPENDED and change.asked_for is ChangeWhen.RENEWAL:
        return True
    first = gone.since if kept and gone is not None else change.on
    if service.next_renewal_on < first and not never:
        return True
    if change.asked_for is ChangeWhen.RENEWAL and service.next_renewal_on > change.on:
        billed = select(Renewal.id).where(
            Renewal.service_id == service.id, Renewal.period_start == change.on, ~Renewal.void
        )  # fmt: skip
        if not db.session.scalar(billed.limit(1)):
            change.on = service.next_renewal_on
            db.session.flush()
            return True
    return False


def fail(change: PackageChange, why: str, by: Actor) -> ChangeState:
    """Write down that a change could not be done, and why. Flushes."""
    change = db.session.get_one(PackageChange, change.id, populate_existing=True)
    change.state, change.error, change.decided_at = ChangeState.FAILED, why[:400], by.at
    audit.record(by, "package_change.failed", change, after={"reason": why[:400]})
    db.session.flush()
    return change.state


# Waiting to be paid


def awaited() -> ColumnElement[bool]:
    """Whether a change waits for the invoice of the statement around it."""
    return select(PackageChange.id).where(_WAITING, PackageChange.invoice_id == Invoice.id).exists()


def paid(invoices: Sequence[Paid], by: Actor) -> None:
    """These invoices are paid: changes that waited for one take effect, with the figures that stand on it. One
    statement where none waits. Flushes."""
    ids = [one.invoice_id for one in invoices]
    waiting = select(PackageChange).where(_WAITING, among(db.session, PackageChange.invoice_id, ids))
    for change in db.session.scalars(waiting.order_by(PackageChange.id)).all():
        _take_effect(change, by)


def _take_effect(change: PackageChange, by: Actor) -> None:
    mine = select(Service).where(Service.id == change.service_id).options(selectinload(Service.options))
    locked = mine.with_for_update(key_share=True).execution_options(populate_existing=True)
    service = db.session.scalars(locked).one()
    assert change.before is not None and change.after is not None and change.on is not None
    before, after = change_terms.read(change.before), change_terms.read(change.after)
    if service.status == ServiceStatus.CANCELLED or not change_undo.same(terms_of(service), before):
        fail(
            change,
            f"{service} was changed, renewed or ended before {change.invoice} was paid, and is as it was. Write a "
            "credit note for that invoice, and change the service again.",
            by,
        )
        return
    first = date.fromisoformat(change.before.get("begins") or change.on.isoformat())
    if change.before["new_period"]:
        periods = change_service.begin_period(service, after, first, change.invoice, _billed(change, first))
        change.before = {**change.before, "renewals": periods}
    elif stopped := change_service.stop_at_end(service, after, first):
        change.before = {**change.before, "renewals": stopped}
    change_service.stop_new_price(change.before["new_price_id"])
    change_service.give(service, after)
    change.state, change.expires_on = ChangeState.DONE, None
    change_service.record(service, before, after, by.today, by, document=str(change.invoice))
    db.session.flush()


def _billed(change: PackageChange, first: date) -> Money:
    """What its document charges for the service from its first new day on."""
    document = change.invoice
    assert document is not None
    mine = (line for line in document.lines if line.service_id == change.service_id and line.period_start == first)
    amounts = (line.amount for line in mine if line.kind is LineKind.SERVICE)
    return sum(amounts, Money.zero(document.currency))


def _lapse(change: PackageChange, by: Actor) -> ChangeState:
    """Its invoice is void, if nobody has paid it since it was looked up."""
    try:
        with db.session.begin_nested():
            change_undo.let_go(change, reason="Not paid in time", by=by)
    except BillingError as error:
        return fail(change, str(error), by)
    return ChangeState.WITHDRAWN


def late(on: date) -> list[int]:
    """Changes that wait to be paid and whose last day is over."""
    wanted = select(PackageChange.id).where(_WAITING, PackageChange.expires_on < on)
    return list(db.session.scalars(wanted.order_by(PackageChange.id)))


def lapse(change_id: int, on: date, *, by: Actor) -> ChangeState:
    """Withdraw one of `late`. Flushes."""
    change = db.session.get_one(PackageChange, change_id, populate_existing=True)
    if change.state is not ChangeState.WAITING or change.expires_on is None or change.expires_on >= on:
        return change.state
    return _lapse(change, by)


def forget_drafts(on: date) -> int:
    """Drafts that nobody went on with are gone; how many."""
    old = PackageChange.state == ChangeState.DRAFT, PackageChange.expires_on < on
    return rows_changed(db.session.execute(delete(PackageChange).where(*old)))
