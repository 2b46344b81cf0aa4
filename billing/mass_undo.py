"""Taking back a change of package of many services: each by its own undoing, one transaction for each.

One that cannot be undone any more (it was paid, renewed or edited since) is kept, and told; the others are as before.
"""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from models import (
    BillingError,
    ChangeState,
    Invoice,
    InvoiceState,
    MassChange,
    MassChangeRow,
    MassRowState,
    MassState,
    PackageChange,
    db,
)
from models.faults import faultpoint

from . import audit, change_undo, invoices
from .actor import Actor
from .mass_changes import MOST_REASON, PERMISSION, InvalidMassChange, NotAsShown, broken, count, finish, fresh, locked

OVER = (MassState.FINISHED, MassState.STOPPED, MassState.FAILED)
"""Carried out, whole or in part."""

log = logging.getLogger(__name__)


def possible(mass: MassChange) -> int:
    """How many services it has changed, and could be asked to change back; nothing while it goes on."""
    return count(mass.id, MassRowState.DONE) if mass.state in OVER and mass.started_at else 0


def why_not(mass: MassChange, *, by: Actor) -> str:
    """Why this person may not take it back, in a sentence; empty where they may. Whoever starts it answers for the
    documents it takes back, all of which need one right."""
    if by.may(invoices.PERMISSION):
        return ""
    mine = MassChangeRow.mass_change_id == mass.id, MassChangeRow.state == MassRowState.DONE
    documents = select(MassChangeRow.id).join(PackageChange, PackageChange.id == MassChangeRow.package_change_id)
    documents = documents.join(Invoice, Invoice.id == PackageChange.invoice_id)
    if db.session.scalar(documents.where(*mine, Invoice.state != InvoiceState.VOID).limit(1)) is None:
        return ""
    return (
        "Your role does not allow voiding invoices or credit notes, and these changes made some. Ask somebody who may."
    )


def progress(mass: MassChange) -> tuple[int, int]:
    """How many of how many it has come to while it is taken back."""
    came_to = count(mass.id, MassRowState.UNDONE) + count(mass.id, MassRowState.KEPT)
    return came_to, came_to + count(mass.id, MassRowState.DONE)


def start(mass: MassChange, *, seen: int, by: Actor) -> MassChange:
    """Let the `seen` changes that were carried out be taken back. Raises NotAsShown, InvalidMassChange, NotAllowed.
    Flushes."""
    by.require(PERMISSION)
    mass = fresh(mass.id)
    if mass.state not in OVER or not mass.started_at:
        raise InvalidMassChange("There is nothing to take back, or somebody is at it already.")
    changed = possible(mass)
    if seen != changed:
        raise NotAsShown("The number of services is not what you saw. Nothing was taken back; look again.")
    if not changed:
        raise InvalidMassChange("None of these services was changed, or each was changed back already.")
    if why := why_not(mass, by=by):
        raise InvalidMassChange(why)
    mass.state, mass.tries, mass.error, mass.finished_at = MassState.UNDOING, 0, "", None
    mass.undo_by, mass.undo_staff_id, mass.undo_at, mass.address = by.name, by.staff_id, by.at, by.address
    audit.record(by, "mass_change.undo_started", mass, after={"package": mass.package.name, "services": changed})
    db.session.flush()
    return mass


def undo_next(mass_id: int, *, by: Actor) -> bool:
    """Take back the change of the next service; False once none is left, and the whole is UNDONE. The caller commits:
    one transaction for each service and its result. Raises NotAllowed, Stopped."""
    by.require(PERMISSION)
    mass = locked(mass_id, MassState.UNDOING)
    changed = MassChangeRow.mass_change_id == mass_id, MassChangeRow.state == MassRowState.DONE
    row = db.session.scalars(select(MassChangeRow).where(*changed).order_by(MassChangeRow.id.desc()).limit(1)).first()
    if row is None:
        finish(mass, by=by)
        return False
    why = _taken_back(row, by)
    faultpoint("mass_change.undone")
    row.state, row.reason = (MassRowState.KEPT if why else MassRowState.UNDONE), why[:MOST_REASON]
    mass.tries = 0
    db.session.flush()
    return True


def _taken_back(row: MassChangeRow, by: Actor) -> str:
    """Why it was not; empty if it was."""
    change = row.package_change
    if change is None:
        return "Its change is not there any more."
    try:
        with db.session.begin_nested():
            _take_back(change, by)
            return ""
    except OperationalError:
        raise
    except BillingError as refusal:
        return str(refusal)
    except Exception as error:
        log.exception("taking back change %s broke off", row.package_change_id)
        return broken(error)


def _take_back(change: PackageChange, by: Actor) -> None:
    if change.state in (ChangeState.SCHEDULED, ChangeState.WAITING):
        change_undo.withdraw(change, by=by)
    elif change.state not in (ChangeState.UNDONE, ChangeState.WITHDRAWN):
        change_undo.undo(change, by=by)
