"""Once a day, however the clock moves: a job's day is done when its row says so, not when a timer rang.

A scheduler that was off at the hour catches up when it is back; a clock put back an hour or a day repeats nothing;
on the nights when the hour is missing or comes twice it runs once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from billing import company
from models import Company, JobDay, db
from models.engine import reading

from . import clock

ONE_DAY = timedelta(days=1)
"""A day done "tomorrow" means that the clock was put back. Further ahead, it was wrong when that was written."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Daily:
    """From `hour` on, in the business's time zone, unless it is switched off.

    `hour_setting` and `switch` are the settings these are chosen by, where they are.
    """

    name: str
    hour: Callable[[Company], int]
    on: Callable[[Company], bool] = lambda company: True
    hour_setting: str = ""
    switch: str = ""

    def due(self) -> date | None:
        """The day to do now, if any. Without a company there is nothing to do.

        A new installation, and one where the job was off, begins at the next hour that comes: what is switched
        on at three in the afternoon does not start to bill that minute.
        """
        with only_reading():
            ours, row = company.get(), db.session.get(JobDay, self.name)
            if ours is None:
                return None
            today, passed = self._days(ours)
            done_on = row.done_on if row else None
            active, waits = self.on(ours), row is not None and _waits(row.next_try_at)
        if active and done_on is not None:
            ready = passed == today and not waits and not today <= done_on <= today + ONE_DAY
            return today if ready else None
        if done_on is None or done_on < passed:
            self.done(passed)
        return None

    def _days(self, ours: Company) -> tuple[date, date]:
        """Today, and the last day whose hour has come."""
        local = clock.now().astimezone(ZoneInfo(ours.timezone))
        today = local.date()
        return today, today if local.hour >= self.hour(ours) else today - ONE_DAY

    def begin(self) -> None:
        """A try begins; if it brings the process down, the next one waits. Commits."""
        row = db.session.get(JobDay, self.name) or JobDay(name=self.name, tries=0)
        db.session.add(row)
        row.tries += 1
        row.next_try_at = clock.now() + min(FIRST_WAIT * 2 ** min(row.tries - 1, 10), LONGEST_WAIT)
        db.session.commit()

    def done(self, day: date) -> None:
        """Nothing more to do up to `day`. Commits."""
        row = db.session.get(JobDay, self.name) or JobDay(name=self.name)
        db.session.add(row)
        row.done_on, row.tries, row.next_try_at = day, 0, None
        db.session.commit()

    def recovered(self, day: date) -> None:
        """Somebody had it done by hand, with success: a try of this day that failed is not repeated. Commits."""
        row = db.session.get(JobDay, self.name)
        if row is not None and row.tries:
            self.done(day)

    def put_off(self) -> None:
        """It could not begin because somebody else was at it; look again soon. Commits."""
        row = db.session.get_one(JobDay, self.name)
        row.tries, row.next_try_at = max(row.tries - 1, 0), None
        db.session.commit()


def _waits(until: datetime | None) -> bool:
    """Whether a failed try keeps the next one waiting; a moment too far ahead comes from another clock."""
    return until is not None and clock.now() < until <= clock.now() + LONGEST_WAIT


@contextmanager
def only_reading() -> Iterator[None]:
    """A transaction that takes no write lock and is over at the end of the block."""
    with reading():
        try:
            yield
        finally:
            db.session.rollback()
