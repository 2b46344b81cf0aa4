"""Sending the mails that are due: reserved in batches, one connection a batch, begun and recorded in small groups.

What a group costs is one commit: how the last one ended, and that this one begins. Between the two only the
journal is written (messaging.journal), so that a killed process leaves one mail unknown and not the group.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing.actor import Actor
from integrations import smtp
from integrations.letters import Letter
from integrations.smtp import Answer, Ending
from messaging import abandoned, bounces, compose, deliver, journal
from messaging.compose import NotNeeded, NotWritten, NotYet
from messaging.journal import Journal
from models import Customer, Delivery, db

from . import clock, stopping
from .daily import only_reading

BATCH = 50
GROUP = 25
"""At most so many mails begin with one commit."""
LINGER = 1.0
"""Seconds a group may take before what is left of it waits again: whatever was begun cannot be stopped any more,
and what a mail is about may change after it was written."""
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
    dead = journal.left_behind()
    counts["unknown"] += abandoned.lose(clock.actor(), dead)
    db.session.commit()
    journal.forget(dead)
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
    with smtp.mail.connect() as connection, journal.opened(worker) as book:
        turn = _Turn(worker, connection, book)
        turn.deliver(ids)
    if turn.counts["sent"]:
        bounces.unflag_emails(ids)
        db.session.commit()
    return turn.counts


class _Turn:
    """One worker's turn at the connection. Without a journal each mail is a group of its own."""

    def __init__(self, worker: str, connection: smtp.Connection, book: Journal | None) -> None:
        self.worker, self.connection, self.book = worker, connection, book
        self.actor = clock.actor()
        self.counts: Counter[str] = Counter()
        self.ended: dict[int, tuple[Answer, datetime]] = {}  # answered, and not in the database yet
        self.size = 1

    def by(self) -> Actor:
        """The system, now; the company's time zone is asked once a turn."""
        return replace(self.actor, at=clock.now())

    def deliver(self, ids: list[int]) -> None:
        """Write, begin and send these, group by group. Raises NoServer; the rest then waits."""
        left = list(ids)
        while left and not stopping.asked():
            began = time.monotonic()
            group, left = left[: self.size], left[self.size :]
            waiting, trouble = self._send(self._begun(group))
            if trouble:
                self._postpone(waiting, left, trouble)
                raise NoServer(trouble)
            self._take_back(waiting)
            self.size = self._next_size((time.monotonic() - began) / max(len(group) - len(waiting), 1))
        self._take_back(left)
        self._settle()
        self._forget()

    def _next_size(self, seconds: float) -> int:
        return max(1, min(GROUP, int(LINGER / max(seconds, 0.001)))) if self.book is not None else 1

    def _begun(self, ids: list[int]) -> dict[int, Letter]:
        """The mails of this group that may leave; the last one's answers are in the database then too."""
        letters = _written(ids)
        ready = {number: letter for number, letter in letters.items() if isinstance(letter, Letter)}
        states = self._finished()
        begun = deliver.begin_all(ready, worker=self.worker, by=self.by())
        for number in ids:
            found = begun.get(number) if number in ready else letters.get(number, GONE)
            if not isinstance(found, Letter):
                states.append(self._not_begun(number, found))
        self._commit(states)
        return {number: letter for number, letter in begun.items() if isinstance(letter, Letter)}

    def _not_begun(self, delivery_id: int, why: NotWritten | None) -> str:
        if why is None:
            return "taken"
        return deliver.give_up(delivery_id, why, worker=self.worker, by=self.by()) or "taken"

    def _send(self, letters: dict[int, Letter]) -> tuple[list[int], str]:
        """Talk to the server, with nothing open in the database. Those that did not leave; why no more can."""
        over = time.monotonic() + LINGER
        waiting = list(letters)
        while waiting and not (self.ended and time.monotonic() > over):
            if (trouble := self.connection.ready()) is not None:
                return waiting, trouble.reason
            delivery_id = waiting.pop(0)
            try:
                answer = self._one(delivery_id, letters[delivery_id])
            except OSError as error:
                return [delivery_id, *waiting], f"Nothing can be written to the disk: {error.strerror or error}"
            if answer.ending == Ending.NO_SERVER:
                return waiting, answer.reason
        return waiting, ""

    def _one(self, delivery_id: int, letter: Letter) -> Answer:
        """Raises OSError if it cannot be written down that this mail leaves; it has not left then."""
        if self.book is not None:
            self.book.begins(delivery_id)
        answer = _sent(letter, self.connection)
        at = clock.now()
        self.ended[delivery_id] = answer, at
        if self.book is not None:
            with suppress(OSError):  # it is in memory still; the next one is not begun
                self.book.ended(delivery_id, answer, at)
        return answer

    def _take_back(self, waiting: list[int]) -> None:
        """What was not handed over waits again, for whoever comes next."""
        if waiting:
            states = self._finished()
            deliver.take_back(waiting, worker=self.worker)
            self._commit(states)
        elif self.book is None:
            self._settle()

    def _postpone(self, waiting: list[int], left: list[int], trouble: str) -> None:
        """No mail can leave now: all that is left waits, the longer the more often it was tried."""
        states = self._finished()
        deliver.take_back(waiting, worker=self.worker, release=False)
        deliver.postpone([*waiting, *left], trouble, worker=self.worker, by=self.by())
        self._commit(states)
        self._forget()

    def _forget(self) -> None:
        """All is in the database. Where a turn breaks off before, the journal stays."""
        if self.book is not None:
            self.book.forget()

    def _settle(self) -> None:
        """Write down how the last mails ended, if that is still to be done."""
        if self.ended:
            self._commit(self._finished())

    def _finished(self) -> list[str]:
        """How the mails that were answered ended, written but not committed."""
        if not self.ended:
            return []
        states = deliver.finish_all(self.ended, worker=self.worker, by=self.by())
        return [states.get(number) or "taken" for number in self.ended]

    def _commit(self, states: list[str]) -> None:
        db.session.commit()
        self.ended = {}
        self.counts.update(states)


def _written(ids: list[int]) -> dict[int, Letter | NotWritten]:
    """The mails of these deliveries, or why there is none."""
    with only_reading():
        known = select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.id)
        people = joinedload(Delivery.customer)
        loaded = known.options(joinedload(Delivery.message, innerjoin=True), people.joinedload(Customer.group))
        found = db.session.scalars(loaded).all()
        return {number: _letter(number, write) for number, write in compose.letters_for(found, at=clock.now())}


def _letter(delivery_id: int, write: Callable[[], Letter]) -> Letter | NotWritten:
    try:
        return write()
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
