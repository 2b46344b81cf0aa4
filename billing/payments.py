"""Money that comes in: put on invoices, and what is over becomes the customer's credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from models import Account, Allocation, BillingError, Credit, Customer, Invoice, Money, Payment, db

from . import audit, ledger
from .actor import Actor
from .balances import check_payable, lock_invoices, lower_open, open_ids

OVERPAYMENT = "Overpayment"


class InvalidPayment(BillingError):
    """This payment cannot have happened like that."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money received, for those who record much of it at once; the fields are those of `record`."""

    customer: Customer
    amount: Money
    method: str
    received_on: date
    invoices: Sequence[Invoice] = ()
    oldest_first: bool = False
    reference: str = ""


@dataclass(slots=True)
class _Booking:
    """A receipt on its way into the books: which invoice gets how much, and what is left of it."""

    receipt: Receipt
    payment: Payment
    left: Money
    parts: dict[Invoice, Money] = field(default_factory=dict)
    credit: Credit | None = None


def record(
    customer: Customer,
    amount: Money,
    *,
    method: str,
    received_on: date,
    invoices: Sequence[Invoice] = (),
    oldest_first: bool = False,
    reference: str = "",
    by: Actor,
) -> Payment:
    """Record money received and put it on `invoices`, in their order; a part of one is fine.

    Without invoices, `oldest_first` puts it on the open ones, those due first in front. What is over becomes a
    credit. `received_on` is a day in the business's time zone, today or before. Raises InvalidPayment, NotPayable,
    ChangedMeanwhile, NotAllowed.
    """
    receipt = Receipt(customer, amount, method, received_on, invoices, oldest_first, reference)
    return record_all([receipt], by=by)[0]


def record_all(receipts: Sequence[Receipt], *, by: Actor) -> list[Payment]:
    """The same for many receipts, one after the other, in few statements. One refusal refuses all of them."""
    by.require("payments.edit")
    for receipt in receipts:
        _check(receipt, by)
    bookings = [_booking(receipt, by) for receipt in receipts]
    db.session.add_all([booking.payment for booking in bookings])
    db.session.flush()
    _put_on_invoices(bookings)
    db.session.add_all([credit for booking in bookings if (credit := _rest(booking))])
    db.session.flush()
    ledger.post_all([_posting(booking) for booking in bookings])
    for booking in bookings:
        audit.record(by, "payment.recorded", booking.payment, after=_trace(booking))
    db.session.flush()
    return [booking.payment for booking in bookings]


def _check(receipt: Receipt, by: Actor) -> None:
    customer, on = receipt.customer, receipt.received_on
    if receipt.amount.minor <= 0:
        raise InvalidPayment("A payment is more than zero. To give money back, use a refund.")
    if receipt.amount.currency != customer.currency:
        own = customer.currency
        raise InvalidPayment(f"{customer.name}'s account is kept in {own}. Enter the amount received in {own}.")
    if not 0 < len(receipt.method.strip()) <= 60:
        raise InvalidPayment("Say how the money came, such as bank transfer or cash, in at most 60 letters.")
    if len(receipt.reference) > 120:
        raise InvalidPayment("The reference is too long: 120 letters are enough.")
    if isinstance(on, datetime) or on.year < 1990:
        raise InvalidPayment("Enter the day the money came in, such as 2026-11-22.")
    if on > by.today:
        raise InvalidPayment(f"The day the money came in lies in the future ({on}). Today is {by.today}.")


def _booking(receipt: Receipt, by: Actor) -> _Booking:
    payment = Payment(
        customer_id=receipt.customer.id,
        method=receipt.method.strip(),
        reference=receipt.reference.strip(),
        currency=receipt.amount.currency,
        amount_minor=receipt.amount.minor,
        received_on=receipt.received_on,
        recorded_at=by.at,
        recorded_by=by.name,
    )
    return _Booking(receipt, payment, receipt.amount)


def _put_on_invoices(bookings: Sequence[_Booking]) -> None:
    """Fill one invoice after the other; those already paid get nothing."""
    given = {invoice.id for booking in bookings for invoice in booking.receipt.invoices}
    oldest = open_ids([b.receipt.customer for b in bookings if b.receipt.oldest_first and not b.receipt.invoices])
    locked = lock_invoices(given.union(*oldest.values()))
    still_open = {invoice.id: invoice.open for invoice in locked.values()}
    for booking in bookings:
        customer = booking.receipt.customer
        ids = [i.id for i in booking.receipt.invoices]
        if booking.receipt.oldest_first and not ids:
            ids = oldest.get(customer.id, [])
        for invoice_id in ids:
            check_payable(customer, locked.get(invoice_id))
            _put_on(booking, locked[invoice_id], still_open)


def _put_on(booking: _Booking, invoice: Invoice, still_open: dict[int, Money]) -> None:
    part = min(booking.left, still_open[invoice.id])
    if not part:
        return
    lower_open(invoice, part)
    still_open[invoice.id] -= part
    booking.left -= part
    booking.parts[invoice] = part
    allocation = Allocation(invoice_id=invoice.id, payment_id=booking.payment.id, on=booking.payment.received_on)
    allocation.customer_id, allocation.amount = booking.payment.customer_id, part
    db.session.add(allocation)


def _rest(booking: _Booking) -> Credit | None:
    payment, rest = booking.payment, booking.left
    if rest:
        booking.credit = Credit(
            customer_id=payment.customer_id,
            payment_id=payment.id,
            reason=OVERPAYMENT,
            currency=rest.currency,
            amount_minor=rest.minor,
            remaining_minor=rest.minor,
            granted_on=payment.received_on,
        )
    return booking.credit


def _posting(booking: _Booking) -> ledger.Posting:
    receipt, rest = booking.receipt, booking.left
    return ledger.Posting(
        "payment",
        receipt.customer,
        receipt.received_on,
        {Account.CASH: receipt.amount, Account.RECEIVABLE: rest - receipt.amount, Account.CREDIT: -rest},
        payment_id=booking.payment.id,
        credit_id=booking.credit.id if booking.credit else None,
    )


def _trace(booking: _Booking) -> dict[str, Any]:
    payment = booking.payment
    return {
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "method": payment.method,
        "reference": payment.reference,
        "received_on": payment.received_on.isoformat(),
        "invoices": {str(invoice): part.minor for invoice, part in booking.parts.items()},
        "credit_minor": booking.left.minor,
    }
