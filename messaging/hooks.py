"""What Twilio tells us: stored first, then carried out once, in whatever order it comes.

A status only moves a text forward. One that comes before our own commit finds the text by the number in its
callback address; one that finds nothing waits, and is ignored after an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from billing import audit, opt_outs
from billing.actor import Actor
from models import Channel, Customer, Delivery, DeliveryState, HookEvent, HookState, db

from . import text_delivery
from .deliver import end

TWILIO = "twilio"
STATUS, INBOUND = "status", "inbound"
STOP_WORDS = frozenset(
    (
        "STOP", "STOPALL", "STOP-ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "OPT-OUT", "REVOKE",
        "ARRET", "ARRETE", "ARRETT", "ARRÊT", "ARRÊTE", "STOPP",
    )
)  # fmt: skip
"""Twilio's own, English and French. What a messaging service was taught beside them comes as OptOutType."""
START_WORDS = frozenset(("START", "YES", "UNSTOP"))
HELP_WORDS = frozenset(("HELP", "INFO"))
RANK = {"accepted": 1, "scheduled": 1, "queued": 1, "sending": 2, "sent": 3, "delivered": 4, "read": 5}
LOST = {"undelivered", "failed", "canceled"}
NEVER_ARRIVES = {30005, 30006, 30011, 21211, 21614}
"""Unknown number, landline, no texts in this network."""
WAITS = timedelta(hours=1)
KEPT = ("MessageSid", "SmsSid", "MessageStatus", "SmsStatus", "ErrorCode", "From", "To", "Body", "OptOutType", "d")
LONGEST_VALUE = 1600


def store(kind: str, fields: Mapping[str, str], *, by: Actor) -> int | None:
    """Keep what came, once; its id, or None if it was kept before or is nothing we know. Flushes."""
    payload = {name: fields[name][:LONGEST_VALUE] for name in KEPT if fields.get(name)}
    sid = payload.get("MessageSid") or payload.get("SmsSid") or ""
    status = payload.get("MessageStatus") or payload.get("SmsStatus") or ""
    if not sid or (kind == STATUS and not status):
        return None
    key = f"{TWILIO}:{kind}:{sid}:{status if kind == STATUS else ''}"[:200]
    dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
    values = {
        "source": TWILIO, "kind": kind, "key": key, "payload": payload, "received_at": by.at,
        "state": HookState.WAITING, "tries": 0, "note": "",
    }  # fmt: skip
    insert = dialect.insert(HookEvent).values(values).on_conflict_do_nothing().returning(HookEvent.id)
    return db.session.scalar(insert)


def waiting(limit: int = 100) -> list[int]:
    """Events that were stored and not carried out yet, oldest first."""
    query = select(HookEvent.id).where(HookEvent.state == HookState.WAITING, HookEvent.source == TWILIO)
    return list(db.session.scalars(query.order_by(HookEvent.received_at, HookEvent.id).limit(limit)))


def process(event_id: int, *, by: Actor) -> HookState | None:
    """Carry one event out, unless that was done; its state now. Flushes."""
    event = db.session.get(HookEvent, event_id, with_for_update=True, populate_existing=True)
    if event is None or event.state != HookState.WAITING:
        return event.state if event else None
    event.tries += 1
    note = _status(event, by) if event.kind == STATUS else _inbound(event, by)
    if note is None and by.at - event.received_at < WAITS:
        db.session.flush()
        return event.state
    event.state = HookState.IGNORED if note is None else HookState.PROCESSED
    event.ended_at, event.note = by.at, note or "No text of ours was found for it."
    db.session.flush()
    return event.state


def _status(event: HookEvent, by: Actor) -> str | None:
    """What was done; None if the text is not known (yet)."""
    told = event.payload
    sid = told.get("MessageSid") or told["SmsSid"]
    state = (told.get("MessageStatus") or told["SmsStatus"]).lower()
    delivery = _delivery(sid, told)
    if delivery is None:
        return None
    if delivery.state in (DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.QUEUED):
        text_delivery.taken(delivery, sid, "", by)  # Twilio speaks of it, so it took it
    if delivery.vendor_id != sid or delivery.vendor_state in LOST:
        return "It was settled before."
    if state in LOST:
        _lost(delivery, state, int(told.get("ErrorCode") or 0) if told.get("ErrorCode", "0").isdigit() else 0, by)
    elif RANK.get(state, 0) > RANK.get(delivery.vendor_state, 0):
        delivery.vendor_state = state
        if state in ("delivered", "read"):
            delivery.arrived_at = delivery.arrived_at or by.at
    return f"The text is {state}."


def _delivery(sid: str, told: Mapping[str, str]) -> Delivery | None:
    known = select(Delivery).where(Delivery.vendor_id == sid, Delivery.vendor_id != "").with_for_update()
    found = db.session.scalars(known.execution_options(populate_existing=True)).first()
    if found is not None:
        return found
    number = told.get("d", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    found = db.session.get(Delivery, int(number), with_for_update=True, populate_existing=True)
    if found is None or found.channel != Channel.SMS or found.address != told.get("To", found.address):
        return None
    return found if not found.vendor_id and found.begun_at is not None else None


def _lost(delivery: Delivery, state: str, code: int, by: Actor) -> None:
    delivery.vendor_state, delivery.arrived_at = state, None
    delivery.error = f"The network could not deliver it ({code or state})."
    if code == 21610:
        opt_outs.add(Channel.SMS, address=delivery.address, source=opt_outs.CARRIER, by=by, about=delivery.customer)
        delivery.error = "Whoever has this number replied STOP."
    if code in NEVER_ARRIVES:
        text_delivery.flag_phone(delivery)
    end(delivery, DeliveryState.BOUNCED if code in NEVER_ARRIVES else DeliveryState.FAILED, by)
    text_delivery.fall_back(delivery, by)


def word_of(body: str, told: str = "") -> str:
    """STOP, START or HELP if a text says that and nothing else; `told` is what Twilio itself made of it."""
    if told.upper() in ("STOP", "START", "HELP"):
        return told.upper()
    word = body.strip().strip(".!?\"'").strip().upper()
    for name, words in (("STOP", STOP_WORDS), ("START", START_WORDS), ("HELP", HELP_WORDS)):
        if word in words:
            return name
    return ""


def _inbound(event: HookEvent, by: Actor) -> str | None:
    told = event.payload
    number = told.get("From", "")
    customer = _whose(number)
    word = word_of(told.get("Body", ""), told.get("OptOutType", ""))
    if word == "STOP":
        opt_outs.add(Channel.SMS, address=number, source=opt_outs.STOP, by=by, about=customer)
        return "No more texts to this number."
    if word == "START":
        opt_outs.heard_start(number, by=by, about=customer)
        return "Texts to this number may go again."
    if customer is not None:
        event_ = audit.record(by, "text.received", customer, after={"from": number, "text": told.get("Body", "")})
        event_.customer_id = customer.id
    return "Help was asked for; Twilio answers that." if word == "HELP" else "A text came in."


def _whose(number: str) -> Customer | None:
    """The customer this number was last texted for."""
    last = select(Delivery).where(Delivery.channel == Channel.SMS, Delivery.begun_at.is_not(None))
    mine = last.where(Delivery.address == number, Delivery.customer_id.is_not(None))
    delivery = db.session.scalars(mine.order_by(Delivery.begun_at.desc()).limit(1)).first()
    return delivery.customer if delivery else None
