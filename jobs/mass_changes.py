"""The same change of package for many services, asked for in the panel: looked at, then done, one service at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from billing import bulk, mass_changes, mass_undo
from billing.actor import Actor
from models import BillingError, MassChange, MassState, db
from models.faults import faultpoint

from . import clock, stopping
from .lease import Held
from .waiting import alone, patiently

TRIES = 3
"""One that takes the whole process down with it, again and again, is left to a person."""
AT_ONCE = 50
"""So many services are looked at in one transaction."""
BREATH = 0.1
"""Of the time a transaction takes, how long we then leave the database to others: SQLite has one writer at a time."""


def run(on: date | None = None) -> Mapping[str, Any]:
    """Go on with what waits, and with what a process left behind that is gone; nobody else does so meanwhile.

    They keep their own results, so that there is nothing to report.
    """
    alone(mass_changes.LEASE, mass_changes.next_to_do, _all)
    return {}


def _all(_waits: MassChange, lease: Held) -> None:
    while _next(lease):
        pass


def _next(lease: Held) -> bool:
    """The oldest one to its end, or as far as it comes; False if there is none."""
    lease.hold()
    mass = mass_changes.next_to_do()
    if mass is None:
        db.session.rollback()
        return False
    mass_id, tries = mass.id, mass.tries
    mass.tries += 1
    db.session.commit()
    error = "It ended the process three times. Look at what it has done, then run the rest again."
    if tries < TRIES:
        error = _to_its_end(mass_id, lease)
    if error:
        lease.hold()
        mass = db.session.get_one(MassChange, mass_id)
        mass_changes.finish(mass, error=error, by=_actor(mass))
        db.session.commit()
    return True


def _to_its_end(mass_id: int, lease: Held) -> str:
    """One transaction after the other; what ended it early, if something did. Raises Stopping, LeaseLost."""
    try:
        while patiently(lambda: _step(mass_id, lease)):
            stopping.check()
    except mass_changes.Stopped:
        db.session.rollback()
    except BillingError as refusal:
        db.session.rollback()
        return str(refusal)
    return ""


def _step(mass_id: int, lease: Held) -> bool:
    """Look at some services, change one, or take the change of one back. False once there is nothing left to do."""
    began = time.perf_counter()
    lease.hold()
    mass = db.session.get_one(MassChange, mass_id)
    by = _actor(mass)
    if mass.state is MassState.LOOKING:
        more = mass_changes.look(mass_id, AT_ONCE, by=by) == AT_ONCE
    elif mass.state is MassState.UNDOING:
        more = mass_undo.undo_next(mass_id, by=by)
    else:
        more = mass_changes.do_next(mass_id, by=by)
    db.session.commit()
    db.session.expunge_all()  # long work must not gather what it has read
    faultpoint("mass_change.committed")
    if db.engine.dialect.name == "sqlite":
        time.sleep((time.perf_counter() - began) * BREATH)
    return more


def _actor(mass: MassChange) -> Actor:
    """Whoever has asked for what is done now."""
    who = (mass.undo_by, mass.undo_staff_id) if mass.state is MassState.UNDOING else (mass.asked_by, mass.staff_id)
    return bulk.acting(*who, clock.now(), clock.today(), mass.address)
