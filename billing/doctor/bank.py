"""Bank statements: a line that was booked and its payment say the same."""

from __future__ import annotations

from sqlalchemy import select

from models import BankLine, Payment

from .checks import Check, Query, Scope


def other_than_paid(scope: Scope) -> Query:
    """I92: a booked line has the amount, currency and day of its payment, which was not reversed."""
    same = (Payment.amount_minor == BankLine.amount_minor) & (Payment.currency == BankLine.currency)
    right = same & (Payment.received_on == BankLine.on) & Payment.reversed_on.is_(None)
    return select(BankLine.id, BankLine.payer_name).join(Payment, Payment.id == BankLine.payment_id).where(~right)


CHECKS = (
    Check("I92", ("line of a bank statement", "lines of bank statements"), "unlike its payment", other_than_paid),
)
