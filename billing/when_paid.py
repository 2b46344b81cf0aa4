"""What waits for an invoice to be paid, and happens as soon as it is: the one place that is told.

Every rule by which an open sum can come to zero tells, once for all the invoices of what it does: payments (by hand,
from a bank statement, by card), credit used by hand or by a bill run, credit notes, and invoices over nothing. Money
written off is not paid. What waited is done in the same transaction, right after the money is booked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, or_, select

from models import Invoice, InvoiceState, PromiseState, Service, ServiceStatus, SuspendedFor, db
from models.bulk import among

from . import promises, webhook_events
from .actor import Actor


@dataclass(frozen=True, slots=True)
class Paid:
    """An invoice in force on which nothing is open any more. `suspended`: something of its customer may be switched
    off for non-payment. `awaited`: something may wait for it."""

    invoice_id: int
    customer_id: int
    suspended: bool = True
    awaited: bool = True


def tell(invoices: Iterable[Invoice], *, by: Actor) -> None:
    """Money, credit or a credit note was put on `invoices`: for those that leave nothing open now, do what waited.

    One statement to look, and none where there is nothing to look at. What it does is done by right of the payment,
    whatever `by` may do otherwise. Flushes.
    """
    ids = {invoice.id for invoice in invoices}
    if not ids:
        return
    db.session.flush()
    settled = Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED, Invoice.open_minor == 0
    off = Service.status == ServiceStatus.SUSPENDED, Service.suspended_for == SuspendedFor.UNPAID
    suspended = select(Service.id).where(Service.customer_id == Invoice.customer_id, *off).exists()
    awaited = or_(*(waits() for waits, _do in _waiting()))
    wanted = select(Invoice.id, Invoice.customer_id, Invoice.promised_on)
    wanted = wanted.add_columns(suspended.label("suspended"), awaited.label("awaited"))
    wanted = wanted.where(among(db.session, Invoice.id, ids), *settled)
    rows = db.session.execute(wanted.order_by(Invoice.id)).all()
    if promised := [row.id for row in rows if row.promised_on]:
        promises.settled(promised, by=by)
    tell_all([Paid(row.id, row.customer_id, bool(row.suspended), bool(row.awaited)) for row in rows], by=by)


def tell_all(paid: Sequence[Paid], *, by: Actor) -> None:
    """The same for invoices that are known to leave nothing open. Flushes."""
    if not paid:
        return
    webhook_events.invoices([one.invoice_id for one in paid], "invoice.paid", by)
    unbound = replace(by, permissions=None)
    if awaited := [one for one in paid if one.awaited]:
        for _waits, do in _waiting():
            do(awaited, unbound)
    if suspended := {one.customer_id for one in paid if one.suspended}:
        owes_less(suspended, {one.invoice_id for one in paid}, by=by)


def voided(invoice: Invoice, *, by: Actor) -> None:
    """The invoice is void: it was not paid, and nothing is owed on it any more. Flushes."""
    if invoice.promised_on:
        promises.settled([invoice.id], by=by, state=PromiseState.WITHDRAWN)
    owes_less([invoice.customer_id], by=by)


def nothing_asked(proformas: Sequence[Invoice], *, by: Actor) -> None:
    """These proformas were withdrawn because nothing is to pay for what they had billed: services that waited for the
    payment begin, and those that were switched off for want of it come back. Flushes."""
    from . import pending  # it writes documents, and so comes to this file again

    ids = {one.id: one.customer_id for one in proformas}
    pending.paid([Paid(number, customer_id) for number, customer_id in ids.items()], replace(by, permissions=None))
    owes_less(set(ids.values()), by=by)


def owes_less(customer_ids: Collection[int], paid: Collection[int] = (), *, by: Actor) -> None:
    """These customers owe less than before, be it paid, taken back or voided: services that were switched off for it
    come back, where nothing else holds them back. `paid` are the invoices just paid. Flushes."""
    from .dunning import suspending  # it cancels services, which may write a credit note

    suspending.bring_back(customer_ids, paid, by=replace(by, permissions=None))


def _waiting() -> tuple[tuple[Callable[[], ColumnElement[bool]], Callable[[Sequence[Paid], Actor], None]], ...]:
    """(Whether something waits for an invoice that is looked at, what is done), in this order.

    Import them here: they write documents themselves, and so come to this file again.
    """
    from . import change_due, pending

    return (change_due.awaited, change_due.paid), (pending.awaited, pending.paid)
