"""What will not be paid any more: taken off an invoice as a loss, and brought back when the money comes after all.

A write-off is not a void: the invoice stays in force with its revenue and tax, only nothing is expected of it any
more. Whether tax may be claimed back for a bad debt is the tax office's business; the whole of it is a loss here.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import func, select, update

from models import Account, BillingError, Invoice, Money, Payment, WriteOff, db

from . import audit, ledger
from .actor import Actor
from .balances import lock_invoice, lower_open, raise_open
from .texts import one_line


class CannotWriteOff(BillingError):
    """This cannot be written off like that, or the write-off cannot be taken back."""


def write_off(invoice: Invoice, amount: Money | None = None, *, reason: str, on: date, by: Actor) -> WriteOff:
    """Expect (part of) an open invoice no more; without an amount all that is open.

    `on` is the day of the books, in the business's time zone, today or before and not before the invoice. Raises
    CannotWriteOff, NotPayable, ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.refund")
    reason = one_line(reason, 200, "The reason")
    invoice = lock_invoice(invoice)
    amount = _writable(invoice, amount, on, by)
    lower_open(invoice, amount)
    row = _kept(invoice, amount, reason, on, by)
    ledger.post_all([_posting(row, invoice)])
    after = {"amount_minor": amount.minor, "currency": amount.currency, "reason": reason, "on": on.isoformat()}
    audit.record(by, "invoice.written_off", invoice, after=after)
    db.session.flush()
    return row


def take_back(invoice: Invoice, amount: Money | None = None, *, reason: str, by: Actor) -> list[WriteOff]:
    """Expect again what was written off of an invoice, all of it or `amount`, from today on.

    Raises CannotWriteOff, NotPayable, ChangedMeanwhile, NotAllowed. Flushes.
    """
    by.require("payments.refund")
    reason = one_line(reason, 200, "The reason")
    invoice = lock_invoice(invoice)
    amount = invoice.written_off if amount is None else amount
    rows, posting = bring_back(invoice, amount, reason=reason, on=by.today, by=by)
    ledger.post_all([posting])
    after = {"amount_minor": amount.minor, "currency": amount.currency, "reason": reason}
    audit.record(by, "invoice.write_off_taken_back", invoice, after=after)
    db.session.flush()
    return rows


def bring_back(
    invoice: Invoice, amount: Money, *, reason: str, on: date, by: Actor, payment: Payment | None = None
) -> tuple[list[WriteOff], ledger.Posting]:
    """The same for an invoice that is locked already, its posting still to be written; the newest write-off first.

    `payment` is the money that came in for it after all.
    """
    if amount.minor <= 0 or amount > invoice.written_off:
        raise CannotWriteOff(
            f"{invoice.written_off} of {invoice} is written off. Take back at most that much."
            if invoice.written_off
            else f"Nothing of {invoice} is written off."
        )
    raise_open(invoice, amount)
    rows: list[WriteOff] = []
    for one, left in _in_force(invoice):
        part = min(left, amount - sum((-row.amount for row in rows), Money.zero(amount.currency)))
        if part:
            rows.append(_kept(invoice, -part, reason, on, by, undoes=one, payment=payment))
    payment_id = payment.id if payment else None
    entries = {Account.WRITE_OFF: -amount, Account.RECEIVABLE: amount}
    posting = ledger.Posting("write_off", invoice.customer, on, entries, invoice_id=invoice.id, payment_id=payment_id)
    return rows, posting


def of_invoice(invoice: Invoice) -> list[WriteOff]:
    """Every write-off of an invoice and what took it back, in the order they were written."""
    return list(db.session.scalars(select(WriteOff).where(WriteOff.invoice_id == invoice.id).order_by(WriteOff.id)))


def _writable(invoice: Invoice, amount: Money | None, on: date, by: Actor) -> Money:
    amount = invoice.open if amount is None else amount
    if not invoice.open:
        raise CannotWriteOff(f"Nothing of {invoice} is open, so there is nothing to write off.")
    if amount.currency != invoice.currency:
        raise CannotWriteOff(f"{invoice} is in {invoice.currency}. Write off an amount in {invoice.currency}.")
    if amount.minor <= 0:
        raise CannotWriteOff("What is written off is more than zero.")
    if amount > invoice.open:
        raise CannotWriteOff(f"Only {invoice.open} of {invoice} is open. Write off at most that much.")
    first = invoice.issued_on or on
    if isinstance(on, datetime) or not first <= on <= by.today:
        raise CannotWriteOff(f"The day lies between the invoice's ({first}) and today ({by.today}).")
    return amount


def _in_force(invoice: Invoice) -> list[tuple[WriteOff, Money]]:
    """Write-offs with what was not taken back of each, the newest first."""
    undone = dict(
        db.session.execute(
            select(WriteOff.undoes_id, func.sum(WriteOff.amount_minor))
            .where(WriteOff.invoice_id == invoice.id, WriteOff.undoes_id.is_not(None))
            .group_by(WriteOff.undoes_id)
        ).all()
    )
    rows = [row for row in of_invoice(invoice) if row.undoes_id is None]
    return [(row, Money(row.amount_minor + int(undone.get(row.id, 0)), row.currency)) for row in reversed(rows)]


def _kept(
    invoice: Invoice, amount: Money, reason: str, on: date, by: Actor,
    undoes: WriteOff | None = None, payment: Payment | None = None,
) -> WriteOff:  # fmt: skip
    row = WriteOff(
        customer_id=invoice.customer_id, invoice_id=invoice.id, undoes_id=undoes.id if undoes else None,
        payment_id=payment.id if payment else None, currency=amount.currency, amount_minor=amount.minor, on=on,
        reason=reason, recorded_at=by.at, recorded_by=by.name,
    )  # fmt: skip
    db.session.add(row)
    moved = update(Invoice).where(Invoice.id == invoice.id)
    moved = moved.values(written_off_minor=Invoice.written_off_minor + amount.minor)
    db.session.execute(moved.execution_options(synchronize_session=False))
    db.session.expire(invoice, ["written_off_minor"])
    return row


def _posting(row: WriteOff, invoice: Invoice) -> ledger.Posting:
    entries = {Account.WRITE_OFF: row.amount, Account.RECEIVABLE: -row.amount}
    return ledger.Posting("write_off", invoice.customer, row.on, entries, invoice_id=invoice.id)
