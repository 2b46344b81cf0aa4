"""Promises to pay: by the end of a day, for one invoice each. Until that day nothing is done about the invoice.

A promise is kept when the invoice is paid; it is broken when a dunning run comes after its day and something is still
open. Then the steps go on. `Invoice.promised_on` holds the day for as long as the invoice is open, broken or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from models import FieldError, Invoice, InvoiceState, Money, PaymentPromise, PromiseState, db
from models.bulk import among

from . import audit
from .actor import Actor
from .balances import lock_invoices
from .texts import one_line

PERMISSION = "payments.edit"
LONGEST = timedelta(days=366)
ONE_DAY = timedelta(days=1)


class InvalidPromise(FieldError):
    """Nobody can promise that; `field` names what is wrong, if it is one thing."""


def promise(invoices: Sequence[Invoice], on: date, note: str = "", *, by: Actor) -> list[PaymentPromise]:
    """Write down that the customer will have paid these invoices by the end of `on`, today or later.

    A promise that was there before is replaced by it. `on` is a day in the business's time zone. Raises
    InvalidPromise, InvalidText, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    note = one_line(note, 300, "The note", empty=True)
    _check_day(on, by.today)
    locked = lock_invoices(invoice.id for invoice in invoices)
    if not locked:
        raise InvalidPromise("Choose at least one open invoice.", field="invoices")
    for invoice in locked.values():
        if not can_promise(invoice):
            raise InvalidPromise(f"{invoice} is not open, so there is nothing to promise.", field="invoices")
    before = {row.invoice_id: row for row in _open(locked)}
    found = [_promise(invoice, before.get(invoice.id), on, note, by) for invoice in locked.values()]
    db.session.add_all(found)
    db.session.flush()
    return found


def can_promise(invoice: Invoice) -> bool:
    """Whether money is expected of it: an open invoice, or a proforma that nobody has paid."""
    if invoice.kind == "proforma":
        return invoice.state == InvoiceState.ISSUED and invoice.became_id is None
    return invoice.kind == "invoice" and invoice.open_minor > 0


def withdraw(invoices: Iterable[Invoice], *, by: Actor) -> int:
    """Forget the promises for these invoices, as if there had been none; the steps go on. How many there were.

    Raises NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    locked = lock_invoices(invoice.id for invoice in invoices)
    rows = _open(locked)
    for row in rows:
        invoice = locked[row.invoice_id]
        _end(row, PromiseState.WITHDRAWN, by.today)
        invoice.promised_on, invoice.dunning_on = None, row.held_from
        audit.record(by, "invoice.promise_withdrawn", invoice, before={"promised_on": row.on.isoformat()})
    db.session.flush()
    return len(rows)


def of_invoice(invoice: Invoice) -> list[PaymentPromise]:
    """All promises for an invoice, the newest first."""
    mine = select(PaymentPromise).where(PaymentPromise.invoice_id == invoice.id)
    return list(db.session.scalars(mine.order_by(PaymentPromise.id.desc())))


def of_customer(customer_id: int, limit: int = 20) -> list[PaymentPromise]:
    """The newest promises of a customer."""
    mine = select(PaymentPromise).where(PaymentPromise.customer_id == customer_id)
    return list(db.session.scalars(mine.order_by(PaymentPromise.id.desc()).limit(limit)))


def is_broken(invoice: Invoice, today: date) -> bool:
    """Whether the day is over by which it should have been paid, and something is still open."""
    return invoice.promised_on is not None and invoice.promised_on < today and can_promise(invoice)


# Told by other rules


def settled(invoice_ids: Collection[int], *, by: Actor, state: PromiseState = PromiseState.KEPT) -> None:
    """Nothing is open on these invoices any more: their promises are kept, or withdrawn where they are void."""
    for row in _open(invoice_ids):
        _end(row, state, by.today)
    gone = among(db.session, Invoice.id, invoice_ids), Invoice.promised_on.is_not(None)
    db.session.flush()
    forget = update(Invoice).where(*gone).values(promised_on=None)
    db.session.execute(forget.execution_options(synchronize_session="fetch"))


def break_due(invoices: Sequence[Any], on: date, *, by: Actor) -> dict[int, PaymentPromise]:
    """By invoice: the last promises of these (locked) invoices, or rows of them, whose days are over on the day `on`.
    Those still open are broken from now on; each leaves its trace. Does not flush."""
    late = {invoice.id: invoice for invoice in invoices if invoice.promised_on and invoice.promised_on < on}
    if not late:
        return {}
    rows = select(PaymentPromise).where(among(db.session, PaymentPromise.invoice_id, late.keys()))
    kept = rows.where(PaymentPromise.state.in_((PromiseState.OPEN, PromiseState.BROKEN)))
    last = {row.invoice_id: row for row in db.session.scalars(kept.order_by(PaymentPromise.id))}
    for row in last.values():
        if row.state == PromiseState.OPEN:
            _end(row, PromiseState.BROKEN, row.on + ONE_DAY)
            audit.record(by, "invoice.promise_broken", row.invoice, before={"promised_on": str(row.on)})
    return last


def _promise(invoice: Invoice, old: PaymentPromise | None, on: date, note: str, by: Actor) -> PaymentPromise:
    asked = invoice.total if invoice.kind == "proforma" else invoice.open
    held_from = old.held_from if old else invoice.dunning_on
    if old:
        _end(old, PromiseState.WITHDRAWN, by.today)
        db.session.flush()
    before: dict[str, Any] = {"promised_on": invoice.promised_on and invoice.promised_on.isoformat()}
    invoice.promised_on, invoice.dunning_on = on, on + ONE_DAY
    after = {"promised_on": on.isoformat(), "amount_minor": asked.minor, "currency": asked.currency, "note": note}
    audit.record(by, "invoice.promised", invoice, before=before, after=after)
    return _row(invoice, asked, on, note, held_from, by)


def _row(
    invoice: Invoice, asked: Money, on: date, note: str, held_from: date | None, by: Actor
) -> PaymentPromise:  # fmt: skip
    return PaymentPromise(
        customer_id=invoice.customer_id, invoice_id=invoice.id, on=on, note=note, held_from=held_from,
        currency=asked.currency, amount_minor=asked.minor, made_on=by.today, made_at=by.at, made_by=by.name,
    )  # fmt: skip


def _check_day(on: date, today: date) -> None:
    if isinstance(on, datetime) or not today <= on <= today + LONGEST:
        last = today + LONGEST
        raise InvalidPromise(f"The day by which it is paid lies between today ({today}) and {last}.", field="on")


def _open(invoice_ids: Collection[int]) -> list[PaymentPromise]:
    mine = among(db.session, PaymentPromise.invoice_id, invoice_ids), PaymentPromise.state == PromiseState.OPEN
    return list(db.session.scalars(select(PaymentPromise).where(*mine).order_by(PaymentPromise.id)))


def _end(row: PaymentPromise, state: PromiseState, on: date) -> None:
    row.state, row.ended_on = state, on
