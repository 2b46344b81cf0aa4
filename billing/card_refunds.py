"""Money that goes back to the card it came from, in the same three steps as a payment: written down, asked for under
one key, booked when the gateway has done it.

The books know of it by `refunds.refund`, as of any other refund. One that was made at the gateway itself is booked
likewise when it is seen. What cannot be booked (the credit was used meanwhile) waits with its reason, is tried again,
and the doctor tells of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sqlalchemy import select

from models import BillingError, CardRefund, CardRefundState, Credit, Money, Payment, PaymentAttempt, db

from . import audit, refunds
from .actor import Actor
from .balances import lock_payment
from .card_payments import LOOKS, METHOD, SETTLES_IN, SOON
from .refunds import CannotRefund
from .texts import one_line

AT_GATEWAY = "Refunded at the card gateway"
OPEN = (CardRefundState.BEGUN, CardRefundState.UNKNOWN, CardRefundState.PROCESSING)


class Seen(Protocol):
    """A refund as the gateway has it (integrations.gateways.RefundSeen). `state` is succeeded, processing, declined,
    closed, missing or unknown."""

    @property
    def gateway_id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def reason(self) -> str: ...


def begin(payment: Payment, amount: Money, *, reason: str, credit: Credit | None = None, by: Actor) -> CardRefund:
    """Write down that `amount` is to go back to the card. Looks at what `refunds.plan` says, so that it can be booked
    afterwards. Raises CannotRefund, NotAllowed, InvalidText. Flushes; commit before asking the gateway."""
    by.require("payments.refund")
    reason = one_line(reason, 200, "The reason")
    payment = lock_payment(payment)
    if not payment.gateway_id:
        raise CannotRefund("This payment did not come by card, so it cannot go back to one.")
    if under_way(payment):
        raise CannotRefund("A refund of this payment is under way. Wait until it is decided.")
    refunds.plan(payment, amount, credit)
    row = CardRefund(
        key=f"back-{secrets.token_hex(16)}", customer_id=payment.customer_id, payment_id=payment.id,
        credit_id=credit.id if credit else None, amount_minor=amount.minor, currency=amount.currency, reason=reason,
        gateway=payment.gateway, begun_at=by.at, begun_by=by.name, next_look_at=by.at + SOON, looks=0,
        gateway_id="", error="", state=CardRefundState.BEGUN,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    audit.record(by, "card_refund.begun", row, after={"amount_minor": amount.minor, "currency": amount.currency})
    return row


def settle(row: CardRefund, seen: Seen, *, by: Actor) -> CardRefund:
    """Do what follows from what the gateway tells of it: book it, or wait and look again. Flushes."""
    by = replace(by, permissions=None)
    row = _locked(row)
    if row.refund_id is not None or row.state == CardRefundState.DECLINED:
        return row
    row.gateway_id = row.gateway_id or seen.gateway_id
    if seen.state == "succeeded":
        _book(row, by)
    elif seen.state in ("declined", "closed") or (
        seen.state == "missing" and by.at - row.begun_at >= SETTLES_IN and row.state != CardRefundState.SUCCEEDED
    ):
        row.state, row.ended_at, row.next_look_at = CardRefundState.DECLINED, by.at, None
        row.error = (seen.reason or "The gateway did not give it back.")[:300]
        audit.record(by, "card_refund.declined", row, after={"error": row.error})
    elif row.state != CardRefundState.SUCCEEDED:
        known = {"processing": CardRefundState.PROCESSING, "missing": row.state}
        row.state, row.error = known.get(seen.state, CardRefundState.UNKNOWN), seen.reason[:300]
        _look_later(row, by)
    db.session.flush()
    return row


def take_over(attempt: PaymentAttempt, seen: Iterable[Seen], *, by: Actor) -> None:
    """Book what went back of the payment of an attempt: what we asked for, and what was given back at the gateway
    itself. Flushes."""
    if attempt.payment_id is None:
        return
    for one in seen:
        row = _known(attempt, one)
        if row is None and one.state == "succeeded":
            row = _of_gateway(attempt, one, by)
        if row is not None:
            settle(row, one, by=by)


def under_way(payment: Payment) -> CardRefund | None:
    """The refund of this payment that is not decided yet."""
    mine = select(CardRefund).where(CardRefund.payment_id == payment.id, CardRefund.state.in_(OPEN))
    return db.session.scalar(mine)


def of_payment(payment: Payment) -> list[CardRefund]:
    """What was to go back of it, the newest first."""
    mine = select(CardRefund).where(CardRefund.payment_id == payment.id)
    return list(db.session.scalars(mine.order_by(CardRefund.id.desc())))


def due_for_a_look(at: datetime, limit: int = 50) -> list[int]:
    """Refunds whose outcome is to be looked up at the gateway, or booked, now."""
    due = select(CardRefund.id).where(CardRefund.next_look_at <= at)
    return list(db.session.scalars(due.order_by(CardRefund.next_look_at, CardRefund.id).limit(limit)))


def _known(attempt: PaymentAttempt, seen: Seen) -> CardRefund | None:
    mine = select(CardRefund).where(CardRefund.payment_id == attempt.payment_id)
    found = db.session.scalar(mine.where(CardRefund.gateway_id == seen.gateway_id))
    return found or (db.session.scalar(mine.where(CardRefund.key == seen.key)) if seen.key else None)


def _of_gateway(attempt: PaymentAttempt, seen: Seen, by: Actor) -> CardRefund:
    row = CardRefund(
        key=f"seen-{secrets.token_hex(16)}", customer_id=attempt.customer_id, payment_id=attempt.payment_id,
        amount_minor=seen.amount_minor, currency=seen.currency, reason=AT_GATEWAY, gateway=attempt.gateway,
        begun_at=by.at, begun_by=by.name, looks=0, gateway_id=seen.gateway_id, error="",
        state=CardRefundState.PROCESSING,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


def _locked(row: CardRefund) -> CardRefund:
    lock_payment(row.payment)
    mine = select(CardRefund).where(CardRefund.id == row.id).with_for_update(key_share=True)
    return db.session.scalars(mine.execution_options(populate_existing=True)).one()


def _book(row: CardRefund, by: Actor) -> None:
    try:
        with db.session.begin_nested():
            booked = refunds.refund(
                row.payment, row.amount, method=METHOD, refunded_on=by.today, reason=row.reason or AT_GATEWAY,
                reference=row.gateway_id, credit=row.credit, by=by,
            )  # fmt: skip
        row.refund_id, row.next_look_at, row.error = booked.id, None, ""
    except BillingError as refusal:
        row.error = f"The money went back, and is not in the books: {refusal}"[:300]
        _look_later(row, by)
    row.state, row.ended_at = CardRefundState.SUCCEEDED, by.at


def _look_later(row: CardRefund, by: Actor) -> None:
    row.next_look_at = by.at + LOOKS[min(row.looks, len(LOOKS) - 1)]
    row.looks += 1
