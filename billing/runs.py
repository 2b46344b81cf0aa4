"""Asking for a run from the panel, and whether there is somebody to carry it out."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select

from models import BillingError, Lease, Run, RunState, db

from . import audit
from .actor import Actor

SCHEDULER = "scheduler"
"""The lease of the process that does the unattended work."""
KINDS = ("renewals", "preview")


class AlreadyWaiting(BillingError):
    """The same run was asked for a moment ago."""


def ask_for(kind: str, on: date, by: Actor) -> Run:
    """Queue a run of `kind` ("renewals", or "preview" which keeps nothing) for everything due up to the day `on`.

    The scheduler begins it within a second or two. Raises NotAllowed, AlreadyWaiting.
    """
    by.require("runs.start")
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a run one can ask for")
    waiting = select(Run.id).where(Run.kind == kind, Run.on == on, Run.state == RunState.QUEUED)
    if db.session.scalar(waiting.limit(1)):
        raise AlreadyWaiting("This run is waiting to begin already. Watch it on the list of runs.")
    run = Run(kind=kind, on=on, state=RunState.QUEUED, started_by=by.name, started_at=by.at)
    db.session.add(run)
    db.session.flush()
    audit.record(by, f"run.{kind}_asked_for", run, after={"on": on.isoformat()})
    return run


def scheduler_alive(at: datetime) -> bool:
    """Whether some process has said within its last minute, at `at` (aware UTC), that it does the unattended work."""
    lease = db.session.scalar(select(Lease).where(Lease.name == SCHEDULER).execution_options(populate_existing=True))
    return lease is not None and bool(lease.owner) and lease.expires_at > at
