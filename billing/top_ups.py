"""Money that customers pay onto their account before anything is billed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from models import Credit, Customer, Money, Payment, db

from . import audit, payments
from .actor import Actor

TOP_UP = "Top-up"
"""What the credit of one is for."""


def top_up(
    customer: Customer,
    amount: Money,
    *,
    method: str,
    received_on: date,
    reference: str = "",
    gateway: str = "",
    gateway_id: str | None = None,
    by: Actor,
) -> Payment:
    """Money a customer paid onto the account, for no invoice: a payment, all of which is kept as credit. It pays the
    invoices of renewals by itself. Raises InvalidPayment, NotAllowed."""
    payment = payments.record(
        customer, amount, method=method, received_on=received_on, reference=reference, gateway=gateway,
        gateway_id=gateway_id, by=by,
    )  # fmt: skip
    credit = db.session.scalars(select(Credit).where(Credit.payment_id == payment.id)).one()
    credit.reason = TOP_UP
    after = {"amount_minor": amount.minor, "currency": amount.currency, "method": payment.method}
    audit.record(by, "credit.topped_up", credit, after=after)
    db.session.flush()
    return payment
