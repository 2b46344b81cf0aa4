"""Messages: nobody gets what they did not want, nothing that came in is left lying, and no code is readable."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, func, literal, or_, select

from billing import phone_verification
from models import (
    Channel,
    Delivery,
    DeliveryState,
    HookEvent,
    HookState,
    Message,
    MessageCategory,
    OptOut,
    PhoneCode,
)

from .checks import Check, Query, Scope
from .sql import is_sha256

LATE = timedelta(hours=1)
LOOKED_BACK = timedelta(days=90)
"""What was sent longer ago was examined before."""


def sent_though_unwanted(scope: Scope) -> Query:
    """I26: a text after STOP; news after an opt-out. Essential mail and legal notices pass, but no STOP."""
    whole = OptOut.category == ""
    asked_for = or_(whole, OptOut.category == Message.category)
    by_mail = and_(Delivery.channel == Channel.EMAIL, ~Message.essential, ~Message.legal_notice, asked_for)
    by_text = and_(
        Delivery.channel == Channel.SMS,
        or_(OptOut.by_carrier, and_(~Message.legal_notice, or_(whole, and_(~Message.essential, asked_for)))),
    )
    mine = or_(
        OptOut.who == literal("address:") + func.lower(Delivery.address),
        and_(OptOut.customer_id == Delivery.customer_id, OptOut.contact_id.is_(None)),
    )
    wrong = select(OptOut.id).where(
        OptOut.channel == Delivery.channel, mine, OptOut.since < Delivery.sent_at, or_(by_mail, by_text)
    )
    sent = select(Delivery.id, Delivery.address).join(Message, Message.id == Delivery.message_id)
    return sent.where(
        Delivery.state == DeliveryState.SENT,
        Delivery.sent_at > scope.at - LOOKED_BACK,
        wrong.correlate(Delivery, Message).exists(),
    )


def left_lying(scope: Scope) -> Query:
    """I27: what outside services told us is carried out, or put aside, within an hour or two."""
    old = and_(HookEvent.state == HookState.WAITING, HookEvent.received_at < scope.at - 2 * LATE)
    return select(HookEvent.id, HookEvent.key).where(old)


def plain_codes(scope: Scope) -> Query:
    """I37: a code sent to a phone is kept as a keyed hash, and hidden in what was sent."""
    return select(PhoneCode.id, PhoneCode.phone).where(~is_sha256(PhoneCode.code_hash))


def readable_codes(scope: Scope) -> Query:
    """I37."""
    texts = select(Delivery.id, Delivery.address).join(Message, Message.id == Delivery.message_id)
    shown = and_(
        Message.kind == phone_verification.KIND, Delivery.sent_text != "", ~Delivery.sent_text.contains("••••")
    )
    return texts.where(shown)


def of_no_category(scope: Scope) -> Query:
    """I34: categories are named, not numbered; a name that leads nowhere would let opt-outs slip."""
    from billing.message_categories import BUILTIN

    known = select(MessageCategory.id).where(MessageCategory.key == Message.category).exists()
    lost = and_(Message.category != "", Message.category.not_in(list(BUILTIN)), ~known)
    return select(Message.id, Message.subject).where(lost)


CHECKS = (
    Check("I26", ("delivery", "deliveries"), "sent to somebody who wanted none", sent_though_unwanted),
    Check("I27", ("event", "events"), "from outside that nobody carried out", left_lying),
    Check("I34", ("message", "messages"), "of a category that is not there", of_no_category),
    Check("I37", ("code", "codes"), "sent to a phone and kept in plain text", plain_codes),
    Check("I37", ("text", "texts"), "in which a code can still be read", readable_codes),
)
