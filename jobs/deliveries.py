"""Sending the mails that are due: reserved in batches, one connection a batch, one commit before and after each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from integrations import smtp
from integrations.letters import Letter
from integrations.smtp import Answer, Ending
from messaging import compose, deliver
from messaging.compose import NotWritten, NotYet
from models import Delivery, db
from models.engine import reading

from . import clock, stopping

BATCH = 50
MOST = 10_000
"""Mails of one run; the next one goes on."""

log = logging.getLogger(__name__)


class NoServer(Exception):
    """No mail can leave now; str(error) is the reason."""


def run(on: date | None = None) -> dict[str, int | str]:
    """Send what is due (mail goes by the moment: `on` is not asked). Returns how many ended how, and what stopped it.

    Keys: sent, queued (tried, waits for another try), bounced, failed, cancelled, unknown, waiting; `error` is
    empty unless no mail can leave. Commits; may run in several processes at once.
    """
    counts: Counter[str] = Counter()
    counts["unknown"] += deliver.lose_abandoned(clock.actor())
    db.session.commit()
    error = deliver.why_not_set_up()
    try:
        while not (error or stopping.asked()) and sum(counts.values()) < MOST and (batch := deliver_due(BATCH)):
            counts.update(batch)
    except NoServer as stopped:
        error = str(stopped)
    with _only_reading():
        waiting = deliver.mail_state().waiting
    names = ("sent", "queued", "bounced", "failed", "cancelled", "unknown")
    return {**{name: counts[name] for name in names}, "waiting": waiting, "error": error}


def deliver_due(limit: int) -> Counter[str]:
    """One batch of at most `limit` over one connection; the states they ended in. Raises NoServer."""
    counts: Counter[str] = Counter()
    worker = deliver.new_worker()
    ids = deliver.claim(limit, worker=worker, by=clock.actor())
    db.session.commit()
    left = list(ids)
    with smtp.mail.connect() as connection:
        while left:
            try:
                counts[_deliver_one(left[0], worker, connection)] += 1
            except NoServer as stopped:
                deliver.postpone(left, str(stopped), worker=worker, by=clock.actor())
                db.session.commit()
                raise
            left.pop(0)
    if counts["sent"]:
        deliver.unflag_emails(ids)
        db.session.commit()
    return counts


def _deliver_one(delivery_id: int, worker: str, connection: smtp.Connection) -> str:
    """Write, begin, send, record. Nothing is open in the database while the server talks."""
    try:
        letter = _written(delivery_id)
        if (trouble := connection.ready()) is not None:
            raise NoServer(trouble.reason)
        begun = deliver.begin(delivery_id, letter, worker=worker, by=clock.actor())
        db.session.commit()
    except NotWritten as why:
        db.session.rollback()
        state = deliver.give_up(delivery_id, why, worker=worker, by=clock.actor())
        db.session.commit()
        return state or "taken"
    if begun is None:
        return "taken"
    answer = _sent(begun, connection)
    state = deliver.finish(delivery_id, answer, worker=worker, by=clock.actor())
    db.session.commit()
    if answer.ending == Ending.NO_SERVER:
        raise NoServer(answer.reason)
    return state or "taken"


def _written(delivery_id: int) -> Letter:
    with _only_reading():
        try:
            return compose.letter_for(db.session.get_one(Delivery, delivery_id), at=clock.now())
        except NotWritten:
            raise
        except Exception as error:
            log.exception("delivery %s could not be written", delivery_id)
            raise NotYet(
                f"This mail could not be written ({type(error).__name__}); the log has the details."
            ) from error


def _sent(letter: Letter, connection: smtp.Connection) -> Answer:
    try:
        return connection.deliver(letter)
    except Exception:
        log.exception("sending %s broke off", letter.message_id)
        return Answer(Ending.UNKNOWN, "Sending broke off; the log has the details. It may have arrived.")


@contextmanager
def _only_reading() -> Iterator[None]:
    """A transaction that takes no write lock and is over at the end of the block."""
    with reading():
        try:
            yield
        finally:
            db.session.rollback()
