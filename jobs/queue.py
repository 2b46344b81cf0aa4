"""Runs that somebody asked for in the panel, and runs that were cut off: both are carried out by the scheduler."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select, update

from billing.runs import KINDS
from models import Run, RunState, db

from . import clock, lease, renewals, results
from .daily import only_reading
from .lease import LeaseLost, LeaseTaken
from .stopping import Stopping

TRIES = 3
"""A run that takes the whole process down with it, again and again, is left to a person."""


def run(on: date | None = None) -> dict[str, Any]:
    """Carry out one run: the oldest that waits, else one that was cut off by a crash. `on` is in the row.

    Runs write their own results, so that there is nothing to report.
    """
    waiting = _waiting()
    if waiting:
        carry_out(*waiting)
    elif _cut_off() and not _at_work():
        _go_on()
    return {}


def _waiting() -> tuple[int, str, date | None, str] | None:
    columns = (Run.id, Run.kind, Run.on, Run.started_by)
    asked = select(*columns).where(Run.kind.in_(KINDS), Run.state == RunState.QUEUED).order_by(Run.id).limit(1)
    with only_reading():
        found = db.session.execute(asked).first()
    return found and tuple(found)  # type: ignore[return-value]


def carry_out(run_id: int, kind: str, on: date | None, asked_by: str) -> None:
    """Begin the queued run unless another one is under way (it waits then) or somebody else has begun it."""
    try:
        renewals.run(on, dry_run=kind == "preview", by=clock.actor(asked_by), run_id=run_id, wait=False)
    except (LeaseTaken, LeaseLost, renewals.NotQueued):
        db.session.rollback()
    except Stopping:
        db.session.rollback()
        # The rest waits for the next process.
        db.session.add(_rest_of(db.session.get_one(Run, run_id)))
        db.session.commit()
        raise
    except Exception as error:
        db.session.rollback()
        _give_up(run_id, error)
        raise


def _rest_of(old: Run) -> Run:
    return Run(
        kind=old.kind, on=old.on, state=RunState.QUEUED, resumes_id=old.id,
        started_by=old.started_by, started_at=clock.now(),
    )  # fmt: skip


def _give_up(run_id: int, error: Exception) -> None:
    """A run that could not even begin does not wait for ever."""
    failed = {"state": RunState.FAILED, "error": f"{type(error).__name__}: {error}"[: results.MOST_TEXT]}
    still = update(Run).where(Run.id == run_id, Run.state == RunState.QUEUED)
    db.session.execute(still.values(**failed, finished_at=clock.now()).execution_options(synchronize_session=False))
    db.session.commit()


def _cut_off() -> bool:
    """Whether a run says it is under way."""
    with only_reading():
        found = db.session.scalar(select(Run.id).where(Run.kind.in_(KINDS), Run.state == RunState.RUNNING).limit(1))
    return found is not None


def _at_work() -> bool:
    """Whether a living process bills just now."""
    with only_reading():
        return lease.is_taken(renewals.LEASE)


def _go_on() -> None:
    """Queue the rest of runs whose process died; only while we hold the lease is one that says RUNNING surely dead.

    A preview is only marked: somebody has to look at it anyway.
    """
    try:
        with lease.held(renewals.LEASE) as mine:
            mine.hold()
            for row in db.session.scalars(select(Run).where(Run.kind.in_(KINDS), Run.state == RunState.RUNNING)):
                row.state, row.finished_at = RunState.STOPPED, clock.now()
                row.error = "It was interrupted. What it had done is kept."
                if row.kind == "renewals" and _attempts(row) < TRIES:
                    db.session.add(_rest_of(row))
            db.session.commit()
    except (LeaseTaken, LeaseLost):
        db.session.rollback()


def _attempts(row: Run) -> int:
    """The how manyeth try at the same work this run is."""
    count = 1
    while row.resumes_id and count < TRIES:
        row = db.session.get_one(Run, row.resumes_id)
        count += 1
    return count
