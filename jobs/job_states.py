"""Whether a job is paused or asked for, and how it went: what the scheduler reads and writes for the panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Row, select, update

from billing import unattended
from models import JobOutcome, JobState, db

from . import clock, results
from .daily import only_reading

READ = (
    JobState.asked_at, JobState.asked_by, JobState.asked_on, JobState.paused_at, JobState.paused_until,
)  # fmt: skip


def read(name: str) -> Row[Any] | None:
    """What people want of a job; None if nobody ever wanted anything."""
    with only_reading():
        return db.session.execute(select(*READ).where(JobState.name == name)).first()


def asked() -> list[str]:
    """The jobs that somebody has asked for."""
    with only_reading():
        return list(db.session.scalars(select(JobState.name).where(JobState.asked_at.is_not(None))))


def is_paused(name: str, known: Row[Any] | None) -> bool:
    """Whether a job is not to be done by itself; one whose pause has ended is resumed, which leaves its trace."""
    if known is None or known.paused_at is None:
        return False
    if not unattended.is_over(known.paused_until, clock.today()):
        return True
    unattended.resume(name, by=clock.actor(results.AUTHOR))
    db.session.commit()
    return False


def take(name: str, known: Row[Any]) -> bool:
    """Begin what was asked for; False if somebody else has. Commits: if it ends the process, it is not repeated."""
    mine = update(JobState).where(JobState.name == name, JobState.asked_at == known.asked_at)
    done = db.session.execute(
        mine.values(asked_at=None, asked_by="", asked_on=None).execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(done.rowcount)  # type: ignore[attr-defined]


def give_back(name: str, known: Row[Any]) -> None:
    """It could not begin, or not end: it still waits, unless somebody has asked anew. Commits."""
    db.session.rollback()
    free = update(JobState).where(JobState.name == name, JobState.asked_at.is_(None))
    values = {"asked_at": known.asked_at, "asked_by": known.asked_by, "asked_on": known.asked_on}
    db.session.execute(free.values(values).execution_options(synchronize_session=False))
    db.session.commit()


def noted(name: str, work: Callable[[], Mapping[str, Any]], describe: Callable[[Exception], str]) -> Mapping[str, Any]:
    """Do it, and leave for the panel that it is at work, and how it ended. Raises what it raises."""
    began = clock.now()
    _write(name, began=began)
    try:
        counts = work()
    except Exception as error:
        db.session.rollback()
        why = describe(error)
        _write(name, outcome=JobOutcome.FAILED if why else None, remark=why, took=results.spent(began))
        raise
    found = results.done_of(counts) or counts.get("run")
    _write(name, outcome=JobOutcome.DONE if found else JobOutcome.NOTHING, took=results.spent(began))
    return counts


def _write(
    name: str, *, began: Any = None, outcome: JobOutcome | None = None, remark: str = "", took: int = 0
) -> None:  # fmt: skip
    """Without an outcome it could not begin: what is known of the time before stays."""
    state = unattended.locked(name)
    state.begun_at = began
    if outcome is not None:
        state.ended_at, state.took_ms, state.outcome = clock.now(), took, outcome
        state.remark = remark[: results.MOST_TEXT]
    db.session.commit()
