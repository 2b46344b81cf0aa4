"""Days on which no job ran: what would have been switched off meanwhile is, before the bills of later days are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.exc import OperationalError

from billing import company
from billing.actor import Actor
from billing.dunning import due
from billing.dunning.take import take
from models import db

from . import clock, job_states, stopping
from .daily import only_reading
from .lease import LeaseLost
from .waiting import patiently

CHUNK = 200
ONE_DAY = timedelta(days=1)


def _nothing() -> None: ...


@dataclass
class MissedDays:
    """The suspensions and cancellations that a catch-up of bills comes upon, as dunning of each day had taken them.

    `ahead` are the days that bills are made before theirs; `done` is the last day of a dunning run, None where dunning
    does not go by itself: then nothing is caught up with here.
    """

    by: Actor
    ahead: int
    hold: Callable[[], Any] = _nothing
    done: date | None = None

    @classmethod
    def begin(cls, by: Actor, ahead: int, hold: Callable[[], Any] = _nothing) -> MissedDays:
        paused = job_states.is_paused("dunning", job_states.read("dunning"))
        with only_reading():
            active = not paused and bool(company.value("dunning_on"))
            return cls(by, ahead, hold, due.newest_run() if active else None)

    def before(self, day: date, customers: Sequence[int] | None = None) -> bool:
        """Take what lies before the bills of `day`, whether anything lay there: on a usual day nothing, and nothing is
        asked. With `customers` theirs only, in the transaction there is."""
        until = min(day - timedelta(days=self.ahead), clock.today()) - ONE_DAY
        if self.done is None or until <= self.done:
            return False
        tables = due.Tables.load(company.settings(), until)
        for first in due.places():
            place: due.Place | None = first
            while place is not None:
                place = self._chunk(place, until, tables, customers)
        self.done = until
        return True

    def _chunk(
        self, place: due.Place, until: date, tables: due.Tables, customers: Sequence[int] | None
    ) -> due.Place | None:
        found, after = due.next_customers(place, until, CHUNK)
        if customers is not None:
            self._take(sorted({*found} & {*customers}), place.asked, until, tables)
            return after
        try:
            patiently(lambda: self._transaction(found, place.asked, until, tables))
        except (LeaseLost, OperationalError):
            raise
        except Exception:
            db.session.rollback()
            self._one_by_one(found, place.asked, until, tables)
        stopping.check()
        return after

    def _transaction(self, customers: Sequence[int], asked: str, until: date, tables: due.Tables) -> None:
        self.hold()
        self._take(customers, asked, until, tables)
        db.session.commit()

    def _one_by_one(self, customers: Sequence[int], asked: str, until: date, tables: due.Tables) -> None:
        """Whoever fails is left for the run of dunning, which comes after the bills and writes down why."""
        for customer_id in customers:
            try:
                self._transaction([customer_id], asked, until, tables)
            except (LeaseLost, OperationalError):
                raise
            except Exception:
                db.session.rollback()

    def _take(self, customers: Sequence[int], asked: str, until: date, tables: due.Tables) -> None:
        if customers:
            owing = due.read(customers, asked, until, tables, self.by)
            take(owing, until, tables, run_id=None, by=self.by, only_hard=True)
