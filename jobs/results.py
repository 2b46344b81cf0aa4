"""What the jobs did, as rows for the panel: one a day for each job that did something, one for what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from models import Run, RunState, db

from . import clock

AUTHOR = "Scheduler"
MOST_TEXT = 500


def add(
    kind: str, counts: Mapping[str, Any], *, began: datetime | None = None, by: str = AUTHOR, alone: bool = False
) -> None:
    """Add what a job did, from `began` on, to its row of this day. Nothing done, no row. Commits.

    `alone`: it has a row of its own, even if there was nothing to do.
    """
    done = done_of(counts)
    if not done and not alone:
        db.session.rollback()
        return
    row = _new(kind, RunState.FINISHED, "", by, began) if alone else _today(kind, RunState.FINISHED)
    row.busy_ms = (row.busy_ms or 0) + spent(began)
    row.counts = {**row.counts, **{name: row.counts.get(name, 0) + number for name, number in done.items()}}
    row.done = row.total = row.done + sum(done.values())
    row.finished_at = clock.now()
    db.session.commit()


def done_of(counts: Mapping[str, Any]) -> dict[str, int]:
    """Of what a job tells, the figures that are not zero."""
    return {name: number for name, number in counts.items() if isinstance(number, int) and number}


def spent(began: datetime | None) -> int:
    """The milliseconds since then; none if the clock was put back."""
    return max(int((clock.now() - began).total_seconds() * 1000), 0) if began else 0


def fail(kind: str, reason: str, *, began: datetime | None = None, by: str = AUTHOR) -> None:
    """Note that a job failed; the same failure again is counted in its row of this day. Commits."""
    row = _today(kind, RunState.FAILED, reason[:MOST_TEXT], by)
    row.busy_ms = (row.busy_ms or 0) + spent(began)
    row.counts = {**row.counts, "times": row.counts.get("times", 0) + 1}
    row.finished_at = clock.now()
    db.session.commit()


def found(kind: str, findings: list[str]) -> None:
    """Note what a check found, when it is not what it found the last time. Commits."""
    last = db.session.scalar(select(Run).where(Run.kind == kind).order_by(Run.id.desc()).limit(1))
    text = "; ".join(findings)[:MOST_TEXT]
    if text == (last.error if last else ""):
        db.session.rollback()
        return
    state = RunState.FAILED if findings else RunState.FINISHED
    row = _new(kind, state, text)
    row.counts = {"findings": len(findings)}
    row.finished_at = clock.now()
    db.session.commit()


def last_id(kind: str) -> int:
    """The newest row of a job, 0 if there is none."""
    return db.session.scalar(select(func.max(Run.id)).where(Run.kind == kind)) or 0


def asked_by(kind: str, after: int, by: str) -> None:
    """The rows that a job wrote itself past the id `after` are in the name of who asked for it. Commits."""
    mine = update(Run).where(Run.kind == kind, Run.id > after, Run.started_by == AUTHOR).values(started_by=by)
    db.session.execute(mine.execution_options(synchronize_session=False))
    db.session.commit()


def _today(kind: str, state: RunState, error: str = "", by: str = AUTHOR) -> Run:
    """The row of this day for the same outcome, the job's newest such; a new one if there is none."""
    same = (Run.kind == kind, Run.state == state, Run.on == clock.today(), Run.error == error, Run.started_by == by)
    row = db.session.scalar(select(Run).where(*same).order_by(Run.id.desc()).limit(1).with_for_update())
    return row or _new(kind, state, error, by)


def _new(kind: str, state: RunState, error: str, by: str = AUTHOR, began: datetime | None = None) -> Run:
    row = Run(
        kind=kind, on=clock.today(), state=state, error=error, counts={}, totals={}, done=0, total=0,
        started_by=by, started_at=began or clock.now(),
    )  # fmt: skip
    db.session.add(row)
    return row
