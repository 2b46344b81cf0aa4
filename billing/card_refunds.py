"""Money that goes back to the card it came from, in the same three steps as a payment: written down, asked for under
one key, booked when the gateway has done it.

The books know of it by `refunds.refund`, as of any other refund. One that was made at the gateway itself is booked
likewise when it is seen. What cannot be booked (the credit was used meanwhile) waits with its reason, is tried again,
and the doctor tells of it. A bank may refuse for weeks what the gateway called done: so what was booked is looked at
again, and booked back if it failed after all.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select

from models import BillingError, CardRefund, CardRefundState, Credit, Money, Payment, PaymentAttempt, Refund, db

from . import audit, notes, refunds
from .actor import Actor
from .balances import lock_payment
from .card_payments import LOOKS, METHOD, SETTLES_IN, SOON
from .refunds import CannotRefund
from .texts import one_line

AT_GATEWAY = "Refunded at the card gateway"
MAY_FAIL = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 31))
"""After so many days what was booked is looked at again. https://docs.stripe.com/refunds#failed-refunds"""
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
    """Do what follows from what the gateway tells of it: book it, book it back, or wait and look again. What failed
    stays so. Flushes."""
    by = replace(by, permissions=None)
    row = _locked(row)
    # What was never found there may turn up after all; what was found there and failed does not.
    if row.state == CardRefundState.DECLINED and (row.gateway_id or seen.state != "succeeded"):
        return row
    row.gateway_id = row.gateway_id or seen.gateway_id
    refused = seen.state in ("declined", "closed")
    if row.state == CardRefundState.SUCCEEDED and row.refund_id is not None:
        _stand(row, seen, by)
    elif seen.state == "succeeded":
        _book(row, seen, by)
    elif refused or (
        seen.state == "missing" and by.at - row.begun_at >= SETTLES_IN and row.state != CardRefundState.SUCCEEDED
    ):
        _end(row, seen.reason or "The gateway did not give it back.", by)
    elif row.state == CardRefundState.SUCCEEDED:
        _look_later(row, by)
    else:
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


def _book(row: CardRefund, seen: Seen, by: Actor) -> None:
    row.state, row.ended_at = CardRefundState.SUCCEEDED, by.at
    if (seen.amount_minor, seen.currency) != (row.amount_minor, row.currency):
        back = Money(seen.amount_minor, seen.currency) if seen.currency else seen.amount_minor
        row.error = f"The gateway gave back {back} instead of {row.amount}. Look at it there; nothing was booked."
        _look_later(row, by)
        return
    try:
        with db.session.begin_nested():
            booked = refunds.refund(
                row.payment, row.amount, method=METHOD, refunded_on=by.today, reason=row.reason or AT_GATEWAY,
                reference=row.gateway_id, credit=row.credit, by=by,
            )  # fmt: skip
        row.refund_id, row.error, row.looks = booked.id, "", 0
        _look_again(row, by)
    except BillingError as refusal:
        row.error = f"The money went back, and is not in the books: {refusal}"[:300]
        _look_later(row, by)


def _stand(row: CardRefund, seen: Seen, by: Actor) -> None:
    """It is booked, and looked at again."""
    if seen.state in ("declined", "closed") and seen.gateway_id:
        _come_back(row, seen.reason, by)
    elif seen.state == "unknown":
        _look_later(row, by)
    else:
        _look_again(row, by)


def _come_back(row: CardRefund, why: str, by: Actor) -> None:
    """The gateway had given it back, and the bank did not take it. Staff are told: the customer still waits for it."""
    booked = db.session.get_one(Refund, row.refund_id)
    why = why or "the bank did not take it"
    try:
        with db.session.begin_nested():
            refunds.come_back(booked, why=why, by=by)
    except BillingError as refusal:
        row.error = f"The refund failed, and could not be booked back: {refusal}"[:300]
        _look_later(row, by)
        return
    _end(row, why, by)
    notes.add_note(
        row.payment.customer,
        f"The refund of {row.amount} to the card, of {booked.refunded_on}, failed at "
        f"{row.gateway.capitalize()}: {why}. The money is with you again and is the customer's credit. Give it back "
        f"in another way on the page of payment {row.payment_id}, or leave it as credit.",
        pinned=True,
        by=by,
    )


def _end(row: CardRefund, error: str, by: Actor) -> None:
    row.state, row.ended_at, row.next_look_at, row.error = CardRefundState.DECLINED, by.at, None, error[:300]
    audit.record(by, "card_refund.declined", row, after={"error": row.error})


def _look_again(row: CardRefund, by: Actor) -> None:
    """It is booked: whether it stays so is seen in the days after it."""
    following = [row.ended_at + days for days in MAY_FAIL if row.ended_at and row.ended_at + days > by.at]
    row.next_look_at = following[0] if following else None


def _look_later(row: CardRefund, by: Actor) -> None:
    row.next_look_at = by.at + LOOKS[min(row.looks, len(LOOKS) - 1)]
    row.looks += 1
