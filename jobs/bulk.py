"""Actions on many customers that were asked for in the panel: one part after the other, each kept by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from billing import bulk
from billing.actor import Actor
from models import BillingError, BulkAction, db
from models.faults import faultpoint

from . import clock, stopping
from .lease import Held
from .renewals import rare_collections
from .waiting import alone, patiently

TRIES = 3
"""An action that takes the whole process down with it, again and again, is left to a person."""
BREATH = 0.1
"""Of the time a part takes, how long we then leave the database to others: SQLite has one writer at a time."""


def run(on: date | None = None) -> Mapping[str, Any]:
    """Carry out what waits, and what a process left behind that is gone; nobody else does so meanwhile.

    Actions keep their own results, so that there is nothing to report.
    """
    alone(bulk.LEASE, bulk.next_to_do, _all)
    return {}


def _all(_waits: BulkAction, lease: Held) -> None:
    with rare_collections():
        while True:
            lease.hold()
            action = bulk.next_to_do()
            if action is None:
                db.session.rollback()
                return
            _carry_out(action, lease)


def _carry_out(action: BulkAction, lease: Held) -> None:
    action_id, tries = action.id, action.tries
    try:
        bulk.begin(action, at=clock.now())
    except bulk.Stopped:
        db.session.rollback()
        return
    db.session.commit()
    error = "It ended the process three times. Look at what it has done, then run the rest again."
    if tries < TRIES:
        error = _parts(action_id, lease)
    lease.hold()
    bulk.finish(action_id, at=clock.now(), error=error)
    db.session.commit()


def _parts(action_id: int, lease: Held) -> str:
    """Do part after part; what ended it early, if something did. Raises Stopping, LeaseLost."""
    try:
        past: int | None = -1
        while (past := patiently(partial(_transaction, action_id, past, lease))) is not None:
            stopping.check()
    except bulk.Stopped:
        db.session.rollback()
    except BillingError as refusal:
        db.session.rollback()
        return str(refusal)
    return ""


def _transaction(action_id: int, past: int, lease: Held) -> int | None:
    began = time.perf_counter()
    lease.hold()
    number = bulk.do_part(action_id, past=past, by=_actor(action_id))
    db.session.commit()
    db.session.expunge_all()  # a long action must not gather what it has read
    faultpoint("bulk.committed")
    if number is not None and db.engine.dialect.name == "sqlite":
        time.sleep((time.perf_counter() - began) * BREATH)
    return number


def _actor(action_id: int) -> Actor:
    return bulk.actor_of(db.session.get_one(BulkAction, action_id), clock.now(), clock.today())
