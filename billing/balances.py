"""What invoices leave open and what credits still hold: read, locked, and lowered so that nothing goes twice.

Locks are taken in one order everywhere (a payment that is there already, invoices by id, then credits oldest first,
then the customer by its ledger posting), so that two transactions wait for each other and never both. SQLite's write
lock makes them wait anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import selectinload

from models import (
    Allocation,
    BillingError,
    Credit,
    Customer,
    Invoice,
    InvoiceState,
    LedgerPosting,
    Money,
    Payment,
    db,
)
from models.bulk import rows_changed


class NotPayable(BillingError):
    """The document is no invoice of this customer that money can be put on."""


class ChangedMeanwhile(BillingError):
    """Somebody else was faster: the invoice was paid, or the credit was used."""


def open_invoices(customer: Customer) -> list[Invoice]:
    """The customer's issued invoices that still want money, those due first in front."""
    return list(db.session.scalars(select(Invoice).where(*_open([customer.id])).order_by(Invoice.due_on, Invoice.id)))


def open_ids(customers: Sequence[Customer]) -> dict[int, list[int]]:
    """Customer's id -> ids of the open invoices, those due first in front."""
    found: dict[int, list[int]] = {}
    if not customers:
        return found
    wanted = select(Invoice.customer_id, Invoice.id).where(*_open([customer.id for customer in customers]))
    for customer_id, invoice_id in db.session.execute(wanted.order_by(Invoice.due_on, Invoice.id)):
        found.setdefault(customer_id, []).append(invoice_id)
    return found


def lock_invoice(invoice: Invoice) -> Invoice:
    """The invoice as it is now, locked until the transaction ends; raises NotPayable."""
    locked = lock_invoices([invoice.id])
    check_payable(invoice.customer, locked.get(invoice.id))
    return invoice


def lock_invoices(ids: Iterable[int]) -> dict[int, Invoice]:
    """Invoices by id as they are now, locked until the transaction ends."""
    rows = db.session.scalars(
        select(Invoice)
        .where(Invoice.id.in_(set(ids)))
        .order_by(Invoice.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {invoice.id: invoice for invoice in rows}


def check_payable(customer: Customer, invoice: Invoice | None) -> None:
    """Raises NotPayable for a draft, a void invoice, a credit note or somebody else's."""
    if invoice is None or invoice.customer_id != customer.id:
        raise NotPayable(f"This is not an invoice of {customer.name}. Choose one of the customer's own invoices.")
    if invoice.kind != "invoice":
        raise NotPayable(f"{invoice} is a credit note: nothing is paid on it. Choose an invoice.")
    if invoice.state == InvoiceState.DRAFT:
        raise NotPayable("This invoice is still a draft. Issue it first, then enter the payment.")
    if invoice.state == InvoiceState.VOID:
        raise NotPayable(f"{invoice} is void: nothing is owed on it. Choose another invoice.")
    if invoice.currency != customer.currency:
        raise NotPayable(f"{invoice} is in {invoice.currency}, but the account is kept in {customer.currency}.")


def usable_on(on: date) -> tuple[ColumnElement[bool], ...]:
    """Which credits can be used on a day: given by then, something left, and not past their last day."""
    in_time = or_(Credit.expires_on.is_(None), Credit.expires_on >= on)
    return Credit.remaining_minor > 0, Credit.granted_on <= on, in_time


def usable_credits(customer: Customer, on: date) -> list[Credit]:
    """The credits the customer can use on that day, the oldest first."""
    return list(db.session.scalars(_usable(customer, on)))


def lock_credits(customer: Customer, on: date) -> list[Credit]:
    """The same, locked until the transaction ends."""
    locked = _usable(customer, on).with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(db.session.scalars(locked))


def lower_open(invoice: Invoice, part: Money) -> None:
    """Take `part` off what the invoice leaves open; raises ChangedMeanwhile if it is not that much any more."""
    left = (Invoice.state == InvoiceState.ISSUED, Invoice.currency == part.currency, Invoice.open_minor >= part.minor)
    _lower(
        invoice,
        update(Invoice).where(Invoice.id == invoice.id, *left).values(open_minor=Invoice.open_minor - part.minor),
        f"{invoice} was paid or changed by somebody else just now. Nothing was booked; look at it again.",
    )
    db.session.expire(invoice, ["open_minor"])


def raise_open(invoice: Invoice, part: Money) -> None:
    """The invoice, locked by the caller, wants `part` again; raises ChangedMeanwhile if it is not in force any more."""
    known = (Invoice.id == invoice.id, Invoice.state == InvoiceState.ISSUED, Invoice.kind == "invoice")
    higher = Invoice.open_minor + part.minor
    # The next dunning run looks at it again.
    _lower(
        invoice,
        update(Invoice).where(*known, higher <= Invoice.total_minor).values(open_minor=higher, dunning_on=None),
        f"{invoice} was voided or changed by somebody else just now. Nothing was booked; look at it again.",
    )
    db.session.expire(invoice, ["open_minor", "dunning_on"])


def lock_payment(payment: Payment) -> Payment:
    """The payment as it is now, locked until the transaction ends: before its invoices are."""
    mine = select(Payment).where(Payment.id == payment.id).with_for_update(key_share=True)
    return db.session.scalars(mine.execution_options(populate_existing=True)).one()


def lock_credit(credit_id: int) -> Credit:
    """A credit as it is now, locked until the transaction ends."""
    mine = select(Credit).where(Credit.id == credit_id).with_for_update(key_share=True)
    return db.session.scalars(mine.execution_options(populate_existing=True)).one()


def lower_remaining(credit: Credit, part: Money) -> None:
    """Take `part` off what the credit still holds; raises ChangedMeanwhile if it is not that much any more."""
    left = (Credit.currency == part.currency, Credit.remaining_minor >= part.minor)
    _lower(
        credit,
        update(Credit).where(Credit.id == credit.id, *left).values(remaining_minor=Credit.remaining_minor - part.minor),
        "This credit was used by somebody else just now. Nothing was booked; look at the customer's credit again.",
    )
    db.session.expire(credit, ["remaining_minor"])


def postings_of(invoice: Invoice) -> list[LedgerPosting]:
    """Everything in the books about an invoice: its own postings and those of the payments put on it."""
    payments = select(Allocation.payment_id).where(
        Allocation.invoice_id == invoice.id, Allocation.payment_id.is_not(None)
    )
    whole = and_(LedgerPosting.payment_id.in_(payments), LedgerPosting.invoice_id.is_(None))
    about = or_(LedgerPosting.invoice_id == invoice.id, whole)
    entries = selectinload(LedgerPosting.entries)
    return list(db.session.scalars(select(LedgerPosting).where(about).options(entries).order_by(LedgerPosting.id)))


def _open(customer_ids: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return (
        Invoice.customer_id.in_(customer_ids),
        Invoice.kind == "invoice",
        Invoice.state == InvoiceState.ISSUED,
        Invoice.open_minor > 0,
    )


def _usable(customer: Customer, on: date) -> Any:
    mine = (Credit.customer_id == customer.id, Credit.currency == customer.currency)
    return select(Credit).where(*mine, *usable_on(on)).order_by(Credit.granted_on, Credit.id)


def _lower(row: Invoice | Credit, change: Any, otherwise: str) -> None:
    done = db.session.execute(change.execution_options(synchronize_session=False))
    if rows_changed(done) != 1:
        db.session.expire(row)
        raise ChangedMeanwhile(otherwise)
