"""One text, step by step, as deliver does for mails. What differs: Twilio can be asked what became of it.

`begun_at` is set from before the call until an answer says that it was not taken. A text that is queued with it
may have left already: it is looked up by its number, time and words, and sent again only if Twilio has none (F20).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select, update

from billing import audit, message_settings, opt_outs, phone_verification
from billing.actor import Actor
from billing.outbox import dedupe_key
from integrations.texts import Answer, Ending, Found, Text
from models import Channel, Customer, Delivery, DeliveryState, db
from models.bulk import rows_changed

from . import texts
from .deliver import TALKING, end, give_up, let_go, mine, try_later
from .refusals import NotWanted, NotWritten

LOOKED_UP_AFTER = timedelta(minutes=10)
"""How long an unknown text is left alone before it is looked up: a signed callback may come meanwhile."""
LOOKED_UP_FOR = timedelta(hours=24)
"""After that it is left to a person."""
SLACK = timedelta(minutes=2)
"""How far Twilio's clock and ours may be apart."""
PAUSE = timedelta(minutes=1)
"""How long all texts wait when Twilio asks for less without saying how long."""
_HIDDEN = "••••••"


def revive_unknown(by: Actor) -> int:
    """Texts that may have left are queued to be looked up; returns how many."""
    lost = (
        update(Delivery)
        .where(Delivery.channel == Channel.SMS, Delivery.state == DeliveryState.UNKNOWN)
        .where(Delivery.begun_at < by.at - LOOKED_UP_AFTER, Delivery.begun_at > by.at - LOOKED_UP_FOR)
        .values(state=DeliveryState.QUEUED, next_try_at=by.at, claimed_by="", claimed_until=None)
    )
    result = db.session.execute(lost, execution_options={"synchronize_session": False})
    return rows_changed(result)


def begin(delivery_id: int, text: Text, *, worker: str, by: Actor) -> bool:
    """Mark a reserved text as leaving, within the limits of the day; False if it is no longer this worker's.

    Raises NotBefore when a limit is reached.
    """
    limits = message_settings.get(locked=True)
    delivery = mine(delivery_id, worker, DeliveryState.QUEUED)
    if delivery is None:
        return False
    texts.mind_the_limits(delivery, text, at=by.at, limits=limits)
    delivery.state, delivery.attempts = DeliveryState.SENDING, delivery.attempts + 1
    delivery.claimed_until, delivery.begun_at = by.at + TALKING, by.at
    delivery.segments, delivery.cost_micro = texts.cost_of(text)
    delivery.cost_currency = message_settings.currency()
    delivery.sent_digest = texts.digest_of(text.body)
    words = text.body
    if secret := texts.secret_in(delivery):
        words = words.replace(secret, _HIDDEN)
    delivery.sent_subject, delivery.sent_text = " ".join(words.split())[:80], words
    db.session.flush()
    return True


def finish(delivery_id: int, answer: Answer, *, worker: str, by: Actor) -> DeliveryState | None:
    """Record how handing it over ended; returns the new state, None if the text is no longer this worker's."""
    delivery = mine(delivery_id, worker, DeliveryState.SENDING, DeliveryState.UNKNOWN)
    if delivery is None:
        return None
    let_go(delivery, answer.reason)
    if answer.ending == Ending.TAKEN:
        taken(delivery, answer.sid, answer.state, by)
    elif answer.ending == Ending.UNKNOWN:
        end(delivery, DeliveryState.UNKNOWN, by)
    else:
        _not_taken(delivery, answer, by)
    db.session.flush()
    return delivery.state


def taken(delivery: Delivery, sid: str, state: str, by: Actor) -> None:
    """Twilio has it, under this sid."""
    delivery.state, delivery.sent_at = DeliveryState.SENT, by.at
    delivery.vendor_id, delivery.vendor_state, delivery.error = sid, state, ""
    delivery.claimed_by, delivery.claimed_until = "", None


def _not_taken(delivery: Delivery, answer: Answer, by: Actor) -> None:
    delivery.begun_at, delivery.cost_micro = None, 0
    if answer.ending == Ending.STOPPED:
        opt_outs.add(Channel.SMS, address=delivery.address, source=opt_outs.CARRIER, by=by, about=delivery.customer)
        end(delivery, DeliveryState.CANCELLED, by)
        fall_back(delivery, by)
    elif answer.ending == Ending.BAD_NUMBER:
        end(delivery, DeliveryState.BOUNCED, by)
        flag_phone(delivery)
        fall_back(delivery, by)
    elif answer.ending == Ending.REFUSED:
        end(delivery, DeliveryState.FAILED, by)
    else:
        for_ever = answer.ending in (Ending.NO_SERVICE, Ending.SLOW_DOWN)
        try_later(delivery, by, for_ever=for_ever, wait=timedelta(seconds=answer.wait))


def not_written(delivery_id: int, why: NotWritten, *, worker: str, by: Actor) -> DeliveryState | None:
    """Record why there was no text to send; who cannot be texted gets important words by mail."""
    state = give_up(delivery_id, why, worker=worker, by=by)
    if state == DeliveryState.CANCELLED and isinstance(why, NotWanted):
        fall_back(db.session.get_one(Delivery, delivery_id), by)
    return state


def hold_back(delivery_ids: Sequence[int], reason: str, wait: timedelta, *, worker: str, by: Actor) -> int:
    """Twilio wants less: these wait too, which is no attempt of theirs; returns how many."""
    waiting = (Delivery.id.in_(delivery_ids), Delivery.claimed_by == worker, Delivery.state == DeliveryState.QUEUED)
    values = {"next_try_at": by.at + max(wait, PAUSE), "claimed_by": "", "claimed_until": None, "error": reason[:500]}
    held = update(Delivery).where(*waiting).values(**values)
    result = db.session.execute(held, execution_options={"synchronize_session": False})
    return rows_changed(result)


def settle(delivery_id: int, found: Sequence[Found], *, worker: str, by: Actor) -> DeliveryState | None:
    """What was found at Twilio for a text that may have left: SENT if it is there; else QUEUED, and free to leave."""
    delivery = mine(delivery_id, worker, DeliveryState.QUEUED)
    if delivery is None:
        return None
    sids = [each.sid for each in found if texts.digest_of(each.body) == delivery.sent_digest]
    others = set(db.session.scalars(select(Delivery.vendor_id).where(Delivery.vendor_id.in_(sids))))
    own = next((each for each in found[::-1] if each.sid in sids and each.sid not in others), None)
    if own is not None:
        taken(delivery, own.sid, own.state, by)
        audit.record(by, "delivery.found", delivery, after={"sid": own.sid, "state": own.state})
    else:
        delivery.begun_at = None
    db.session.flush()
    return delivery.state


def flag_phone(delivery: Delivery) -> None:
    """The customer's page says that their number takes no texts, until they get another one."""
    if delivery.customer is None:
        return
    digits = delivery.address.lstrip("+")
    typed = delivery.customer.phone_digits.lstrip("0")
    if typed and digits.endswith(typed):  # the number may be written without its country
        same = update(Customer).where(Customer.id == delivery.customer_id)
        db.session.execute(same.values(phone_state=texts.INVALID))


def fall_back(delivery: Delivery, by: Actor) -> Delivery | None:
    """Essential words and legal notices that cannot come by text go by mail, if the message is not mailed anyway."""
    message, customer = delivery.message, delivery.customer
    important = message.essential or message.legal_notice
    if not important or customer is None or not customer.email or message.kind == phone_verification.KIND:
        return None
    mailed = select(Delivery.id).where(
        Delivery.message_id == message.id,
        Delivery.channel == Channel.EMAIL,
        func.lower(Delivery.address) == customer.email.lower(),
    )
    if db.session.scalar(mailed.limit(1)):
        return None
    if not message.subject:
        message.subject = _("A message for you")
    mail = Delivery(
        message_id=message.id, customer_id=customer.id, channel=Channel.EMAIL, address=customer.email,
        dedupe_key=dedupe_key(message.kind, f"{message.id}:instead", customer.email.lower()), next_try_at=by.at,
    )  # fmt: skip
    db.session.add(mail)
    db.session.flush()
    audit.record(by, "delivery.mailed_instead", mail, after={"number": delivery.address})
    return mail
