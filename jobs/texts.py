"""Sending the texts that are due, looking up those that may have left, and what Twilio told us meanwhile."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, timedelta

from integrations import texts as twilio
from integrations.texts import Answer, Ending, NotReached, Text
from messaging import abandoned, deliver, hooks, text_delivery, texts
from messaging.compose import NotWritten, NotYet
from models import Channel, Delivery, DeliveryState, db

from . import clock, stopping
from .daily import only_reading

BATCH = 20
MOST = 2000
"""Texts of one run; the next one goes on."""

log = logging.getLogger(__name__)


class NoService(Exception):
    """No text can leave now; str(error) is the reason. `wait` is set if Twilio only asked for less."""

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def run(on: date | None = None) -> dict[str, int | str]:
    """Send what is due (by the moment: `on` is not asked). Returns how many ended how, and what stopped it.

    Keys: sent, found (looked up at Twilio), queued (tried, waits), bounced, failed, cancelled, unknown, told (events
    carried out), waiting; `error` is empty unless no text can leave. Commits; may run in several processes at once.
    """
    counts: Counter[str] = Counter(told=process_events())
    counts["unknown"] += abandoned.lose(clock.actor(), channel=Channel.SMS)
    text_delivery.revive_unknown(clock.actor())
    db.session.commit()
    error = texts.why_not_set_up()
    try:
        while not (error or stopping.asked()) and sum(counts.values()) < MOST and (batch := deliver_due(BATCH)):
            counts.update(batch)
    except NoService as stopped:
        error = str(stopped)
    with only_reading():
        waiting = texts.waiting()
    names = ("sent", "found", "queued", "bounced", "failed", "cancelled", "unknown", "told")
    return {**{name: counts[name] for name in names}, "waiting": waiting, "error": error}


def process_events() -> int:
    """Carry out what was stored and not done yet, one commit each; returns how many are done now."""
    with only_reading():
        ids = hooks.waiting()
    done = 0
    for event_id in ids:
        try:
            state = hooks.process(event_id, by=clock.actor())
            db.session.commit()
            done += state in ("processed", "ignored")
        except Exception:
            db.session.rollback()
            log.exception("the event %s could not be carried out", event_id)
    return done


def deliver_due(limit: int) -> Counter[str]:
    """One batch of at most `limit`; the states they ended in. Raises NoService."""
    counts: Counter[str] = Counter()
    worker = deliver.new_worker()
    left = deliver.claim(limit, worker=worker, by=clock.actor(), channel=Channel.SMS)
    db.session.commit()
    while left:
        try:
            counts[_deliver_one(left[0], worker)] += 1
        except NoService as stopped:
            if stopped.wait is None:
                deliver.postpone(left, str(stopped), worker=worker, by=clock.actor())
            else:
                text_delivery.hold_back(left, str(stopped), stopped.wait, worker=worker, by=clock.actor())
            db.session.commit()
            raise
        left.pop(0)
    return counts


def _deliver_one(delivery_id: int, worker: str) -> str:
    """Look up, write, begin, send, record. Nothing is open in the database while Twilio talks."""
    if (found := _looked_up(delivery_id, worker)) is not None:
        return found
    try:
        text = _written(delivery_id)
        begun = text_delivery.begin(delivery_id, text, worker=worker, by=clock.actor())
        db.session.commit()
    except NotWritten as why:
        db.session.rollback()
        state = text_delivery.not_written(delivery_id, why, worker=worker, by=clock.actor())
        db.session.commit()
        return state or "taken"
    if not begun:
        return "taken"
    answer = _sent(text)
    state = text_delivery.finish(delivery_id, answer, worker=worker, by=clock.actor())
    db.session.commit()
    if answer.ending == Ending.NO_SERVICE:
        raise NoService(answer.reason)
    if answer.ending == Ending.SLOW_DOWN:
        raise NoService(answer.reason, timedelta(seconds=answer.wait))
    return state or "taken"


def _looked_up(delivery_id: int, worker: str) -> str | None:
    """``found`` if Twilio has a text that may have left; None if it has none, or it never left."""
    with only_reading():
        delivery = db.session.get_one(Delivery, delivery_id)
        address, since = delivery.address, delivery.begun_at
    if since is None:
        return None
    try:
        known = twilio.find(texts.account(), address, since - text_delivery.SLACK)
    except NotReached as error:
        raise NoService(str(error)) from error
    state = text_delivery.settle(delivery_id, known, worker=worker, by=clock.actor())
    db.session.commit()
    if state == DeliveryState.SENT:
        return "found"
    return None if state == DeliveryState.QUEUED else "taken"


def _written(delivery_id: int) -> Text:
    with only_reading():
        try:
            return texts.text_for(db.session.get_one(Delivery, delivery_id), at=clock.now())
        except NotWritten:
            raise
        except Exception as error:
            log.exception("text %s could not be written", delivery_id)
            raise NotYet(
                f"This text could not be written ({type(error).__name__}); the log has the details."
            ) from error


def _sent(text: Text) -> Answer:
    try:
        return twilio.send(texts.account(), text)
    except Exception:
        log.exception("sending a text broke off")
        return Answer(Ending.UNKNOWN, "Sending broke off; the log has the details. It may have arrived.")
