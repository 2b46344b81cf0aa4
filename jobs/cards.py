"""Cards without anybody at the keyboard: what the gateway told is carried out, what is unknown is looked up, and
removed cards are forgotten there too.

Nothing is open in the database while the gateway is asked. Everything may be done twice, and by two processes at once:
what is done with an answer happens once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

from billing import card_payments, card_refunds
from billing import cards as saved_cards
from integrations.gateways import Standing
from messaging import card_events, cards
from models import Card, CardRefund, HookEvent, PaymentAttempt, db
from models.faults import faultpoint

from . import clock, stopping
from .daily import only_reading

AFTER_FAILURE = timedelta(minutes=10)

log = logging.getLogger(__name__)


def run(on: date | None = None) -> dict[str, int]:
    """Do what waits (by the moment: `on` is not asked). Returns how many events, attempts and refunds were settled.

    Commits. Without anything that waits it only reads.
    """
    if cards.missing():
        return {}
    counts: Counter[str] = Counter()
    with only_reading():
        now = clock.now()
        events = card_events.waiting(now)
        attempts, refunds = card_payments.due_for_a_look(now), card_refunds.due_for_a_look(now)
        forget = [card.id for card in saved_cards.to_forget()]
    work: list[tuple[str, Callable[[int], bool], list[int]]] = [
        ("told", handle, events), ("looked_up", look_up, attempts), ("refunds", look_up_refund, refunds),
        ("forgotten", _forget, forget),
    ]  # fmt: skip
    for name, do, ids in work:
        for number in ids:
            if stopping.asked():
                break
            counts[name] += _safely(do, number)
    return dict(counts)


def handle(event_id: int) -> bool:
    """Carry out one stored event: ask the gateway how what it is about stands now, and do what follows."""
    with only_reading():
        event = db.session.get_one(HookEvent, event_id)
        found = card_events.about(event, cards.gateway().name)
        attempt, card = (found.attempt.id if found.attempt else None), (found.card.id if found.card else None)
    answered = look_up(attempt) if attempt else look_at_card(card) if card else False
    if answered:
        if attempt and event.kind in (card_events.DISPUTED, card_events.DECIDED):
            decided = str(event.payload.get("state", "")) if event.kind == card_events.DECIDED else ""
            card_payments.disputed(db.session.get_one(PaymentAttempt, attempt), decided, by=clock.actor())
        card_events.done(event_id, by=clock.actor(), note="The gateway was asked how it stands.")
    else:
        card_events.not_yet(event_id, known=bool(attempt or card), by=clock.actor())
    db.session.commit()
    return answered


def look_up(attempt_id: int) -> bool:
    """Ask how an attempt stands, and settle it; whether the gateway answered."""
    with only_reading():
        asked = cards.ask(db.session.get_one(PaymentAttempt, attempt_id))
    answer = cards.gateway().look_up(asked)
    if answer.state == Standing.OPEN and answer.page_until and answer.page_until <= clock.now():
        answer = cards.gateway().close_page(asked)  # what nobody came back to would hold its invoices for ever
    faultpoint("cards.asked")
    attempt = card_payments.settle(db.session.get_one(PaymentAttempt, attempt_id), answer, by=clock.actor())
    card_refunds.take_over(attempt, answer.refunds, by=clock.actor())
    db.session.commit()
    faultpoint("cards.settled")
    return answer.state != Standing.UNKNOWN


def look_up_refund(refund_id: int) -> bool:
    with only_reading():
        asked = cards.ask_refund(db.session.get_one(CardRefund, refund_id))
    seen = cards.gateway().look_up_refund(asked)
    card_refunds.settle(db.session.get_one(CardRefund, refund_id), seen, by=clock.actor())
    db.session.commit()
    return seen.state != Standing.UNKNOWN


def look_at_card(card_id: int) -> bool:
    """The gateway renewed the card or lost it."""
    with only_reading():
        name = db.session.get_one(Card, card_id).gateway_card
    seen = cards.gateway().card(name)
    if isinstance(seen, Standing):
        return False
    saved_cards.seen_again(db.session.get_one(Card, card_id), seen, by=clock.actor())
    db.session.commit()
    return True


def _forget(card_id: int) -> bool:
    with only_reading():
        name = db.session.get_one(Card, card_id).gateway_card
    if not cards.gateway().forget(name):
        return False
    db.session.get_one(Card, card_id).to_forget = False
    db.session.commit()
    return True


def _safely(do: Callable[[int], bool], number: int) -> bool:
    """One failure keeps nothing else from being done, and is not repeated at once."""
    try:
        return do(number)
    except Exception:
        db.session.rollback()
        log.exception("%s of %s failed", do.__name__, number)
    later = clock.now() + AFTER_FAILURE
    if do is handle:
        card_events.not_yet(number, known=True, by=clock.actor())
    elif do in (look_up, look_up_refund):
        row = db.session.get(PaymentAttempt if do is look_up else CardRefund, number)
        if row is not None and row.next_look_at is not None:
            row.next_look_at = later
    db.session.commit()
    return False
