"""What a gateway tells by itself: stored first, then carried out once, in whatever order it comes.

An event is only a hint: it names an attempt, a payment or a card, and the gateway is asked how that stands now. So
neither their order nor how often they come matters. One about nothing of ours waits an hour (our own commit may be
still under way), and is ignored then. One of the other environment, live or test, is ignored at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from billing import card_payments
from billing.actor import Actor
from integrations.gateways import Event
from models import Card, HookEvent, HookState, PaymentAttempt, db

SOURCE = "stripe"
WAITS, WAITS_FOR_ANSWER = timedelta(hours=1), timedelta(days=3)
DISPUTED, DECIDED = "charge.dispute.created", "charge.dispute.closed"
PAYMENT, CARD = "payment", "card"
KINDS = {
    "checkout.session.": PAYMENT, "payment_intent.": PAYMENT, "charge.": PAYMENT, "refund.": PAYMENT,
    "payment_method.": CARD,
}  # fmt: skip
"""Which events are about what; the others are nothing to us."""


@dataclass(frozen=True, slots=True)
class About:
    """What an event that waits is about: one of both."""

    attempt: PaymentAttempt | None = None
    card: Card | None = None


def store(event: Event, *, by: Actor) -> int | None:
    """Keep what came, once; its id, or None if it was kept before. Flushes."""
    dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
    known = {"key": event.key, "payment": event.payment, "page": event.page, "card": event.card, "state": event.state}
    note = ""
    if not event.ours:
        note = "It comes from Stripe's other environment (test or live); check which address is registered there."
    elif kind_of(event.kind) is None:
        note = "Nothing is done about such events."
    values = {
        "source": SOURCE, "kind": event.kind, "key": f"{SOURCE}:{event.id}"[:200], "received_at": by.at, "tries": 0,
        "payload": {name: value for name, value in known.items() if value}, "note": note,
        "state": HookState.IGNORED if note else HookState.WAITING, "ended_at": by.at if note else None,
    }  # fmt: skip
    insert = dialect.insert(HookEvent).values(values).on_conflict_do_nothing().returning(HookEvent.id)
    return db.session.scalar(insert)


def waiting(at: datetime, limit: int = 100) -> list[int]:
    """Events that were stored and not carried out yet, oldest first; those tried in vain less and less often, and
    behind the new ones: many about nothing of ours, as of a shop that shares the account, keep none of ours waiting."""
    query = select(HookEvent).where(HookEvent.state == HookState.WAITING, HookEvent.source == SOURCE)
    found = db.session.scalars(query.order_by(HookEvent.tries, HookEvent.received_at, HookEvent.id).limit(limit))
    return [event.id for event in found if not event.tries or at >= event.received_at + _pause(event.tries)]


def about(event: HookEvent, gateway: str) -> About:
    """What of ours the event is about; nothing while it is not known (yet)."""
    told = event.payload
    if kind_of(event.kind) == CARD:
        mine = (Card.gateway == gateway, Card.gateway_card == told.get("card", ""))
        return About(card=db.session.scalar(select(Card).where(*mine)))
    names = {"key": told.get("key", ""), "gateway_id": told.get("payment", ""), "page_id": told.get("page", "")}
    return About(attempt=card_payments.find(gateway, **names))


def done(event_id: int, *, by: Actor, note: str) -> None:
    """It was carried out. Flushes."""
    event = _locked(event_id)
    if event is not None:
        event.tries += 1
        event.state, event.ended_at, event.note = HookState.PROCESSED, by.at, note[:300]
        db.session.flush()


def not_yet(event_id: int, *, known: bool, by: Actor) -> None:
    """Nothing of ours was found, or (`known`) the gateway did not answer: it waits. Flushes."""
    event = _locked(event_id)
    if event is None:
        return
    event.tries += 1
    if by.at - event.received_at >= (WAITS_FOR_ANSWER if known else WAITS):
        why = "The gateway did not answer." if known else "Nothing of ours was found for it."
        event.state, event.ended_at, event.note = HookState.IGNORED, by.at, why
    db.session.flush()


def kind_of(kind: str) -> str | None:
    return next((what for start, what in KINDS.items() if kind.startswith(start)), None)


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=2 ** min(tries, 20))


def _locked(event_id: int) -> HookEvent | None:
    event = db.session.get(HookEvent, event_id, with_for_update=True, populate_existing=True)
    return event if event is not None and event.state == HookState.WAITING else None
