"""The unattended jobs as people see them: what each is, when it comes next, pausing it and asking for it now.

What a job does is in the room of jobs, which nobody but the app calls; it tells what it does by `Work`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from models import BillingError, Company, JobDay, JobState, Lease, db

from . import audit, runs
from .actor import Actor
from .texts import one_line

MANAGE = "jobs.manage"
LONGEST_WHY = 300


class NoReason(BillingError):
    """Whoever finds a job paused wants to know why."""

    field = "why"


class WrongUntil(BillingError):
    """A pause cannot end on that day."""

    field = "until"


class NotPaused(BillingError):
    """The job is not paused."""


class AlreadyAsked(BillingError):
    """Somebody has asked for it already."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job. `every` is how often the scheduler looks; `hour` makes it once a day from that hour on.

    `kinds` are those of the runs it leaves behind. `hour_setting` and `switch` name the settings its hour and its
    being on are chosen by, where there are such.
    """

    name: str
    does: str
    every: timedelta
    kinds: tuple[str, ...]
    takes_day: bool = False
    hour: Callable[[Company], int] | None = None
    on: Callable[[Company], bool] = lambda company: True
    hour_setting: str = ""
    switch: str = ""

    @property
    def always(self) -> bool:
        """Whether it looks so often that nobody needs to ask for it."""
        return self.hour is None and self.every <= timedelta(seconds=1)


def next_at(work: Work, done: JobDay | None, at: datetime, seller: Company) -> datetime | None:
    """When the job comes next, seen from `at` (aware UTC); None where it is always at work, or switched off.

    `done` is how far a daily one has come. It does not look at pauses.
    """
    if work.hour is None or not work.on(seller):
        return None
    return runs.next_daily(work.hour(seller), done, at, seller.timezone)


def is_paused(state: JobState | None, today: date) -> bool:
    """Whether the job is not done by itself on this day."""
    return state is not None and state.paused_at is not None and not is_over(state.paused_until, today)


def is_over(until: date | None, today: date) -> bool:
    """Whether a pause that ends on the day `until` has ended."""
    return until is not None and until <= today


def pause(name: str, why: str, until: date | None, *, by: Actor) -> JobState:
    """Keep a job from being done by itself, until the day `until` (on which it works again) or until it is resumed.

    What is at work ends the step it is at. Somebody may still ask for it by hand. A pause that is paused again is
    changed. Raises NotAllowed without ``jobs.manage``, NoReason, WrongUntil. Flushes.
    """
    by.require(MANAGE)
    why = one_line(why, LONGEST_WHY, "The reason", empty=True)
    if not why:
        raise NoReason("Say why: others see it on the dashboard and wonder.")
    if until is not None and not by.today < until <= by.today + runs.FURTHEST:
        raise WrongUntil("Choose a day after today and within three years, or leave it empty.")
    state = locked(name)
    before = _pause_of(state)
    if state.paused_at is None:
        state.paused_at = by.at
    state.paused_by, state.paused_why, state.paused_until = by.name, why, until
    db.session.flush()
    audit.record(by, "job.paused", state, before=before, after=_pause_of(state))
    return state


def resume(name: str, *, by: Actor) -> None:
    """Let a job be done by itself again; a daily one whose hour has passed begins at once.

    Raises NotAllowed without ``jobs.manage``, NotPaused. Flushes.
    """
    by.require(MANAGE)
    state = locked(name)
    if state.paused_at is None:
        raise NotPaused("It is not paused: somebody else has resumed it already.")
    before = _pause_of(state)
    state.paused_at, state.paused_by, state.paused_why, state.paused_until = None, "", "", None
    db.session.flush()
    audit.record(by, "job.resumed", state, before=before)


def ask_for(work: Work, on: date | None, *, by: Actor) -> None:
    """Have the scheduler do a job now, for the day `on` where it takes one; it begins within a second or two.

    Raises NotAllowed without ``jobs.manage``, AlreadyAsked while that waits to begin, runs.WrongDay. Flushes.
    """
    by.require(MANAGE)
    if on is not None:
        runs.check_day(on, by.today)
    state = locked(work.name)
    if state.asked_at is not None:
        raise AlreadyAsked(f"{state.asked_by} has asked for it already, and it has not begun yet.")
    state.asked_at, state.asked_by, state.asked_on = by.at, by.name, on if work.takes_day else None
    db.session.flush()
    audit.record(by, "job.asked_for", state, after={"on": on.isoformat()} if on and work.takes_day else None)


def states() -> dict[str, JobState]:
    """What is known of each job."""
    return {state.name: state for state in db.session.scalars(select(JobState))}


def days() -> dict[str, JobDay]:
    """How far each daily job has come."""
    return {day.name: day for day in db.session.scalars(select(JobDay))}


def paused(works: Iterable[Work], found: Mapping[str, JobState], today: date) -> list[JobState]:
    """The states of the jobs that are paused on this day."""
    return [found[work.name] for work in works if is_paused(found.get(work.name), today)]


def leader() -> Lease | None:
    """Who does the unattended work, or did last: see runs.is_held."""
    found = db.session.scalar(select(Lease).where(Lease.name == runs.SCHEDULER))
    return found if found is not None and found.owner else None


def locked(name: str) -> JobState:
    """The state of a job, for whoever changes it."""
    state = db.session.get(JobState, name, with_for_update=True, populate_existing=True)
    if state is None:
        # Two who are the first to touch it at the same moment: the second one finds the first one's row.
        dialect = postgresql if db.session.get_bind().dialect.name == "postgresql" else sqlite
        new = {"name": name, "paused_by": "", "paused_why": "", "asked_by": "", "remark": ""}
        db.session.execute(dialect.insert(JobState).values(new).on_conflict_do_nothing())
        state = db.session.get_one(JobState, name, with_for_update=True, populate_existing=True)
    return state


def _pause_of(state: JobState) -> dict[str, str] | None:
    if state.paused_at is None:
        return None
    until = {"until": state.paused_until.isoformat()} if state.paused_until else {}
    return {"reason": state.paused_why, "by": state.paused_by, **until}
