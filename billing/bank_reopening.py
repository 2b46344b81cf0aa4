"""Lines of a bank statement whose payment is taken back: they wait to be booked again, whoever took it back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from models import BankLine, BankLineState, BankPayer, Payment, db

from . import audit
from .actor import Actor


def lock_lines(payment: Payment) -> Sequence[BankLine]:
    """The lines that were booked as this payment, locked: before the payment is, as whoever books a line does."""
    mine = select(BankLine).where(BankLine.payment_id == payment.id).order_by(BankLine.id).with_for_update()
    return db.session.scalars(mine.execution_options(populate_existing=True)).all()


def reopen(lines: Sequence[BankLine], payment: Payment, reason: str, *, by: Actor) -> None:
    """Locked lines of a payment that was reversed are open again, and that they were for its customer is forgotten."""
    for line in lines:
        line.state, line.payment_id, line.decided_by, line.decided_at = BankLineState.OPEN, None, by.name, by.at
        _forget(line, payment.customer_id)
        audit.record(by, "bank_line.taken_back", line, before={"payment": payment.id}, after={"reason": reason})


def _forget(line: BankLine, customer_id: int) -> None:
    same = BankPayer.iban == line.iban, BankPayer.payer_key == line.payer_key
    known = db.session.scalars(select(BankPayer).where(*same, BankPayer.customer_id == customer_id)).one_or_none()
    if known is not None and known.times > 1:
        known.times -= 1
    elif known is not None:
        db.session.delete(known)
