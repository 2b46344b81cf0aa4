"""Cards: one payment for each attempt that succeeded and the other way round, nothing paid twice, nothing left open."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, case, func, or_, select

from models import (
    AttemptKind,
    AttemptPart,
    AttemptState,
    Card,
    CardRefund,
    CardRefundState,
    Payment,
    PaymentAttempt,
    Refund,
)

from ..card_payments import OPEN
from .checks import Check, Query, Scope

ATTEMPTS = "card payment", "card payments"
CARDS = "card", "cards"
REFUNDS = "refund to a card", "refunds to cards"
LATE = timedelta(hours=24)


def booked_otherwise(scope: Scope) -> Query:
    """I10: an attempt that succeeded is one payment: of its customer, amount, currency and name at the gateway."""
    same = and_(
        Payment.customer_id == PaymentAttempt.customer_id, Payment.currency == PaymentAttempt.currency,
        Payment.amount_minor == PaymentAttempt.amount_minor, Payment.gateway == PaymentAttempt.gateway,
        or_(Payment.gateway_id == PaymentAttempt.gateway_id, Payment.gateway_id == PaymentAttempt.key),
    )  # fmt: skip
    paid = PaymentAttempt.state == AttemptState.SUCCEEDED, PaymentAttempt.kind != AttemptKind.SAVE
    shown = select(PaymentAttempt.id, PaymentAttempt.key).outerjoin(Payment, Payment.id == PaymentAttempt.payment_id)
    return shown.where(*paid, or_(Payment.id.is_(None), ~same))


def without_attempt(scope: Scope) -> Query:
    """I10: a payment that a gateway reported has its attempt."""
    shown = select(Payment.id, Payment.method + " " + func.coalesce(Payment.gateway_id, ""))
    shown = shown.outerjoin(PaymentAttempt, PaymentAttempt.payment_id == Payment.id)
    return shown.where(Payment.gateway_id.is_not(None), PaymentAttempt.id.is_(None))


def held_otherwise(scope: Scope) -> Query:
    """I11: an attempt holds its invoices as long as it is open, and not longer; together they are what it asks for."""
    open_ = PaymentAttempt.state.in_(OPEN)
    holds = func.coalesce(func.sum(case((AttemptPart.holds, 1), else_=0)), 0)
    whole = func.coalesce(func.sum(AttemptPart.amount_minor), 0)
    parts = func.count(AttemptPart.id)
    grouped = select(PaymentAttempt.id, PaymentAttempt.key).outerjoin(PaymentAttempt.parts)
    grouped = grouped.group_by(PaymentAttempt.id, PaymentAttempt.key, PaymentAttempt.state, PaymentAttempt.amount_minor)
    wrong = case((open_, holds != parts), else_=holds != 0)
    return grouped.having(or_(wrong, and_(parts > 0, whole != PaymentAttempt.amount_minor)))


def not_looked_at(scope: Scope) -> Query:
    """I11: nothing is unknown for longer than a day, and whatever is open is looked at again."""
    open_ = PaymentAttempt.state.in_(OPEN)
    unknown = and_(PaymentAttempt.state == AttemptState.UNKNOWN, PaymentAttempt.begun_at < scope.at - LATE)
    forgotten = and_(open_, or_(PaymentAttempt.next_look_at.is_(None), PaymentAttempt.next_look_at < scope.at - LATE))
    return select(PaymentAttempt.id, PaymentAttempt.key).where(or_(unknown, forgotten))


def given_back_otherwise(scope: Scope) -> Query:
    """I10: what went back to a card is in the books, once, with that amount; what came back from there, too."""
    same = and_(
        Refund.payment_id == CardRefund.payment_id, Refund.amount_minor == CardRefund.amount_minor,
        Refund.currency == CardRefund.currency,
    )  # fmt: skip
    done = CardRefund.state == CardRefundState.SUCCEEDED
    stands = case((done, Refund.came_back_on.is_(None)), else_=Refund.came_back_on.is_not(None))
    shown = select(CardRefund.id, CardRefund.key).outerjoin(Refund, Refund.id == CardRefund.refund_id)
    return shown.where(or_(and_(done, Refund.id.is_(None)), and_(Refund.id.is_not(None), or_(~stands, ~same))))


def strangers_cards(scope: Scope) -> Query:
    """I103: a customer is charged on a card of their own."""
    used = select(Card.id, Card.brand + " " + Card.last_four).join(PaymentAttempt, PaymentAttempt.card_id == Card.id)
    return used.where(PaymentAttempt.customer_id != Card.customer_id)


CHECKS = (
    Check("I10", ATTEMPTS, "succeeded without being one payment of the same sum", booked_otherwise),
    Check("I10", ("payment", "payments"), "came by a gateway that nobody asked for it", without_attempt),
    Check("I11", ATTEMPTS, "hold invoices otherwise than they are open", held_otherwise),
    Check("I11", ATTEMPTS, "were not decided within a day", not_looked_at),
    Check("I10", REFUNDS, "are not in the books as they were made", given_back_otherwise),
    Check("I103", CARDS, "were charged for another customer", strangers_cards),
)
