"""Asking for a run from the panel, accounts a run has set aside, and whether there is somebody to carry runs out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from models import BillingError, BillingGroup, Company, JobDay, Lease, Run, RunState, db

from . import audit
from .actor import Actor

SCHEDULER, BILLING = "scheduler", "renewals"
"""The leases of the process that does the unattended work, and of whoever makes bills just now."""
KINDS = ("renewals", "preview")
FURTHEST = timedelta(days=3 * 365 + 1)
"""A day further away than this is a slip of the finger."""
ONE_DAY = timedelta(days=1)


class AlreadyWaiting(BillingError):
    """A run was asked for a moment ago, or is going on."""


class WrongDay(BillingError):
    """Nobody bills for that day."""

    field = "on"


def check_day(on: date, today: date) -> None:
    """Raise WrongDay unless `on` lies within three years of `today`, before or after."""
    if abs(on - today) > FURTHEST:
        raise WrongDay(f"Choose a day within three years of today ({today.isoformat()}).")


def ask_for(kind: str, on: date, by: Actor) -> Run:
    """Queue a run of `kind` ("renewals", or "preview" which keeps nothing) for everything due up to the day `on`.

    The scheduler begins it within a second or two. Raises NotAllowed, WrongDay, and AlreadyWaiting while a run waits
    or goes on.
    """
    by.require("runs.start")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a run one can ask for")
    check_day(on, by.today)
    busy = current()
    if busy and busy.state is RunState.QUEUED:
        raise AlreadyWaiting("A run is waiting to begin already. Watch it here.")
    if busy:
        raise AlreadyWaiting("A run is going on. Watch it here, and start the next one when it is done.")
    run = Run(kind=kind, on=on, state=RunState.QUEUED, started_by=by.name, started_at=by.at)
    db.session.add(run)
    db.session.flush()
    audit.record(by, f"run.{kind}_asked_for", run, after={"on": on.isoformat()})
    return run


def current() -> Run | None:
    """The bill run or preview that is under way, else the one that waits to begin."""
    mine = select(Run).where(Run.kind.in_(KINDS), Run.state.in_((RunState.RUNNING, RunState.QUEUED)))
    return db.session.scalars(mine.order_by(Run.state.desc(), Run.id).limit(1)).first()


def scheduler_alive(at: datetime) -> bool:
    """Whether some process has said within its last minute, at `at` (aware UTC), that it does the unattended work."""
    return is_held(SCHEDULER, at)


def billing_alive(at: datetime) -> bool:
    """Whether, at `at` (aware UTC), the process behind the run that says it is under way may well be alive."""
    return is_held(BILLING, at)


def is_held(name: str, at: datetime) -> bool:
    """Whether, at `at` (aware UTC), somebody who may well be alive holds the lease of this name."""
    lease = db.session.scalar(select(Lease).where(Lease.name == name).execution_options(populate_existing=True))
    return lease is not None and bool(lease.owner) and lease.expires_at > at


def next_automatic(at: datetime, company: Company) -> datetime | None:
    """When the daily run comes next, seen from `at` (aware UTC), in the company's zone; None if it is switched off.

    `at` itself if the run of this day is late: it begins as soon as there is a scheduler.
    """
    if not company.renewals_on:
        return None
    return next_daily(company.renewals_hour, db.session.get(JobDay, BILLING), at, company.timezone)


def next_daily(hour: int, done: JobDay | None, at: datetime, zone: str) -> datetime:
    """When what is done once a day, from `hour` on, comes next, seen from `at` (aware UTC), in this time zone.

    `done` is how far it has come. `at` itself if this day is late, or the next try if it went wrong.
    """
    here = at.astimezone(ZoneInfo(zone))
    done_on = done.done_on if done is not None else None
    done_today = done_on is not None and done_on >= here.date()
    if here.hour < hour and not done_today:
        return datetime.combine(here.date(), time(hour, tzinfo=here.tzinfo))
    if done is not None and done_on is not None and not done_today:
        waits = done.next_try_at is not None and done.tries > 0 and done.next_try_at > at
        return done.next_try_at.astimezone(here.tzinfo) if waits and done.next_try_at else here
    return datetime.combine(here.date() + ONE_DAY, time(hour, tzinfo=here.tzinfo))


def release(groups: Sequence[BillingGroup], by: Actor) -> int:
    """Let the next run bill accounts again that were set aside; the number of those that were.

    A person has looked: their next bill is accepted whatever it comes to, and is the usual one from then on.
    Raises NotAllowed.
    """
    by.require("runs.start")
    ids = [group.id for group in groups]
    wanted = select(BillingGroup).where(BillingGroup.id.in_(ids), BillingGroup.parked_at.is_not(None))
    parked = db.session.scalars(wanted.order_by(BillingGroup.id).with_for_update()).all()
    for group in parked:
        audit.record(by, "billing_group.released", group, before={"reason": group.parked_reason})
        group.parked_at, group.parked_reason, group.parked_minor, group.usual_minor = None, "", None, None
    db.session.flush()
    return len(parked)
