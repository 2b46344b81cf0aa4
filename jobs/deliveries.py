"""Sending the mails that are due: reserved in batches, one connection a batch, one commit before and after each."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing.actor import Actor
from integrations import smtp
from integrations.letters import Letter
from integrations.smtp import Answer, Ending
from messaging import compose, deliver
from messaging.compose import NotNeeded, NotWritten, NotYet
from models import Delivery, db

from . import clock, stopping
from .daily import only_reading

BATCH = 50
AHEAD = 10
"""Mails written at once before they are sent."""
FRESH = timedelta(seconds=20)
"""A mail that waited longer for the server is written again: what it is about may have changed."""
GONE = NotNeeded("This delivery is not there any more.")
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
    with only_reading():
        waiting = deliver.mail_state().waiting
    names = ("sent", "queued", "bounced", "failed", "cancelled", "unknown")
    return {**{name: counts[name] for name in names}, "waiting": waiting, "error": error}


def deliver_due(limit: int) -> Counter[str]:
    """One batch of at most `limit` over one connection; the states they ended in. Raises NoServer."""
    worker = deliver.new_worker()
    ids = deliver.claim(limit, worker=worker, by=clock.actor())
    db.session.commit()
    with smtp.mail.connect() as connection:
        turn = _Turn(worker, connection)
        for start in range(0, len(ids), AHEAD):
            turn.deliver(ids[start : start + AHEAD], ids[start:])
    if turn.counts["sent"]:
        deliver.unflag_emails(ids)
        db.session.commit()
    return turn.counts


class _Turn:
    """One worker's turn at the connection.

    How a mail ended and that the next one begins is one transaction, so that each costs one wait for the disk. A
    crash leaves one mail unknown at most: the one that was being talked about.
    """

    def __init__(self, worker: str, connection: smtp.Connection) -> None:
        self.worker, self.connection = worker, connection
        self.actor = clock.actor()
        self.counts: Counter[str] = Counter()
        self.ended: tuple[int, Answer] | None = None  # sent, and not written down yet

    def by(self) -> Actor:
        """The system, now; the company's time zone is asked once a turn."""
        return replace(self.actor, at=clock.now())

    def deliver(self, ids: list[int], left: list[int]) -> None:
        """Write these mails, then send them one by one; `left` are all that wait if the server stops taking mail."""
        letters = _written(ids)
        for delivery_id in ids:
            try:
                self._one(delivery_id, letters.get(delivery_id, GONE))
            except NoServer as stopped:
                self._settle()
                waiting = left[left.index(delivery_id) :]
                deliver.postpone(waiting, str(stopped), worker=self.worker, by=self.by())
                db.session.commit()
                raise
        self._settle()

    def _one(self, delivery_id: int, letter: Letter | NotWritten) -> None:
        """Begin, send. Nothing is open in the database while the server talks."""
        try:
            begun = self._begun(delivery_id, letter)
        except NotWritten as why:
            db.session.rollback()
            self._settle()
            state = deliver.give_up(delivery_id, why, worker=self.worker, by=self.by())
            db.session.commit()
            self.counts[state or "taken"] += 1
            return
        except BaseException:
            db.session.rollback()
            raise
        if begun is None:
            self.counts["taken"] += 1
            return
        self.ended = (delivery_id, _sent(begun, self.connection))
        if self.ended[1].ending == Ending.NO_SERVER:
            raise NoServer(self.ended[1].reason)

    def _begun(self, delivery_id: int, letter: Letter | NotWritten) -> Letter | None:
        if isinstance(letter, Letter) and clock.now() - letter.written_at > FRESH:
            self._settle()
            letter = _written([delivery_id])[delivery_id]
        if isinstance(letter, NotWritten):
            raise letter
        if (trouble := self.connection.ready()) is not None:
            raise NoServer(trouble.reason)
        state = self._finish()
        begun = deliver.begin(delivery_id, letter, worker=self.worker, by=self.by())
        self._commit(state)
        return begun

    def _settle(self) -> None:
        """Write down how the last mail ended, if that is still to be done."""
        if self.ended is not None:
            self._commit(self._finish())

    def _finish(self) -> str:
        if self.ended is None:
            return ""
        delivery_id, answer = self.ended
        return deliver.finish(delivery_id, answer, worker=self.worker, by=self.by()) or "taken"

    def _commit(self, state: str) -> None:
        db.session.commit()
        self.ended = None
        if state:
            self.counts[state] += 1


def _written(ids: list[int]) -> dict[int, Letter | NotWritten]:
    """The mails of these deliveries, or why there is none."""
    with only_reading():
        known = select(Delivery).where(Delivery.id.in_(ids))
        loaded = known.options(joinedload(Delivery.message, innerjoin=True), joinedload(Delivery.customer))
        return {each.id: _letter(each) for each in db.session.scalars(loaded)}


def _letter(delivery: Delivery) -> Letter | NotWritten:
    delivery_id = delivery.id
    try:
        return compose.letter_for(delivery, at=clock.now())
    except NotWritten as why:
        return why
    except Exception as error:
        log.exception("delivery %s could not be written", delivery_id)
        return NotYet(f"This mail could not be written ({type(error).__name__}); the log has the details.")


def _sent(letter: Letter, connection: smtp.Connection) -> Answer:
    try:
        return connection.deliver(letter)
    except Exception:
        log.exception("sending %s broke off", letter.message_id)
        return Answer(Ending.UNKNOWN, "Sending broke off; the log has the details. It may have arrived.")
