"""Money that comes in: put on invoices, and what is over becomes the customer's credit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from models import Account, Allocation, BillingError, Credit, Customer, Invoice, Money, Payment, db

from . import audit, ledger
from .actor import Actor
from .balances import lock_invoices, lock_open_invoices, lower_open

OVERPAYMENT = "Overpayment"


class InvalidPayment(BillingError):
    """This payment cannot have happened like that."""


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
    by.require("payments.edit")
    _check(customer, amount, method, reference, received_on, by)
    if invoices or not oldest_first:
        targets = lock_invoices(customer, [invoice.id for invoice in invoices])
    else:
        targets = lock_open_invoices(customer)
    payment = Payment(
        customer_id=customer.id,
        method=method.strip(),
        reference=reference.strip(),
        currency=amount.currency,
        amount_minor=amount.minor,
        received_on=received_on,
        recorded_at=by.at,
        recorded_by=by.name,
    )
    db.session.add(payment)
    db.session.flush()
    parts = _put_on(payment, targets)
    rest = _keep_rest(payment, amount - sum(parts.values(), Money.zero(amount.currency)))
    _book(payment, customer, amount, rest)
    _trace(payment, parts, rest, by)
    return payment


def _check(customer: Customer, amount: Money, method: str, reference: str, received_on: date, by: Actor) -> None:
    if amount.minor <= 0:
        raise InvalidPayment("A payment is more than zero. To give money back, use a refund.")
    if amount.currency != customer.currency:
        own = customer.currency
        raise InvalidPayment(f"{customer.name}'s account is kept in {own}. Enter the amount received in {own}.")
    if not 0 < len(method.strip()) <= 60:
        raise InvalidPayment("Say how the money came, such as bank transfer or cash, in at most 60 letters.")
    if len(reference) > 120:
        raise InvalidPayment("The reference is too long: 120 letters are enough.")
    if isinstance(received_on, datetime) or received_on.year < 1990:
        raise InvalidPayment("Enter the day the money came in, such as 2026-11-22.")
    if received_on > by.today:
        raise InvalidPayment(f"The day the money came in lies in the future ({received_on}). Today is {by.today}.")


def _put_on(payment: Payment, invoices: Sequence[Invoice]) -> dict[Invoice, Money]:
    """Fill one invoice after the other; those already paid get nothing."""
    parts: dict[Invoice, Money] = {}
    left = payment.amount
    for invoice in invoices:
        part = min(left, invoice.open)
        if part:
            lower_open(invoice, part)
            db.session.add(_allocation(payment, invoice, part))
            parts[invoice] = part
            left -= part
    return parts


def _allocation(payment: Payment, invoice: Invoice, part: Money) -> Allocation:
    return Allocation(
        customer_id=payment.customer_id,
        invoice_id=invoice.id,
        payment_id=payment.id,
        currency=part.currency,
        amount_minor=part.minor,
        on=payment.received_on,
    )


def _keep_rest(payment: Payment, rest: Money) -> Credit | None:
    if not rest:
        return None
    credit = Credit(
        customer_id=payment.customer_id,
        payment_id=payment.id,
        reason=OVERPAYMENT,
        currency=rest.currency,
        amount_minor=rest.minor,
        remaining_minor=rest.minor,
        granted_on=payment.received_on,
    )
    db.session.add(credit)
    db.session.flush()
    return credit


def _book(payment: Payment, customer: Customer, amount: Money, rest: Credit | None) -> None:
    kept = rest.amount if rest else Money.zero(amount.currency)
    ledger.post(
        "payment",
        customer,
        payment.received_on,
        {Account.CASH: amount, Account.RECEIVABLE: kept - amount, Account.CREDIT: -kept},
        payment_id=payment.id,
        credit_id=rest.id if rest else None,
    )


def _trace(payment: Payment, parts: dict[Invoice, Money], rest: Credit | None, by: Actor) -> None:
    after = {
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "method": payment.method,
        "reference": payment.reference,
        "received_on": payment.received_on.isoformat(),
        "invoices": {str(invoice): part.minor for invoice, part in parts.items()},
        "credit_minor": rest.amount_minor if rest else 0,
    }
    audit.record(by, "payment.recorded", payment, after=after)
    db.session.flush()
