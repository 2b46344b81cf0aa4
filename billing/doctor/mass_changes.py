"""Changes of many packages: a service, its result and the progress are one transaction, so that they always agree."""

from __future__ import annotations

from sqlalchemy import String, func, literal, or_, select

from models import MassChange, MassChangeRow, MassRowState, MassState, PackageChange

from .checks import Check, Query, Scope
from .sql import as_text

MANY = "change of many packages", "changes of many packages"
NAME = literal("No. ", String) + as_text(MassChange.id)
CHANGED = (MassRowState.DONE, MassRowState.UNDONE, MassRowState.KEPT)
RESULTS = (*CHANGED, MassRowState.REFUSED, MassRowState.FAILED)
LEFT = (MassRowState.CAN, MassRowState.WAITING)


def miscounted(scope: Scope) -> Query:
    """I101: once it is carried out, as many results as are counted."""
    rows = select(MassChangeRow.mass_change_id, func.count().label("count")).where(MassChangeRow.state.in_(RESULTS))
    counted = rows.group_by(MassChangeRow.mass_change_id).subquery()
    joined = select(MassChange.id, NAME).outerjoin(counted, counted.c.mass_change_id == MassChange.id)
    return joined.where(MassChange.started_at.is_not(None), MassChange.done != func.coalesce(counted.c.count, 0))


def unfinished(scope: Scope) -> Query:
    """I101: what says it is finished has a result for every service."""
    left = select(MassChangeRow.id).where(MassChangeRow.mass_change_id == MassChange.id, MassChangeRow.state.in_(LEFT))
    back = select(MassChangeRow.id).where(
        MassChangeRow.mass_change_id == MassChange.id, MassChangeRow.state == MassRowState.DONE
    )
    finished, undone = MassChange.state == MassState.FINISHED, MassChange.state == MassState.UNDONE
    return select(MassChange.id, NAME).where(or_(finished & left.exists(), undone & back.exists()))


def strange_changes(scope: Scope) -> Query:
    """I101: a service that was changed has its own change, and no other has one."""
    joined = select(MassChangeRow.id, NAME).join(MassChange, MassChange.id == MassChangeRow.mass_change_id)
    joined = joined.outerjoin(PackageChange, PackageChange.id == MassChangeRow.package_change_id)
    done = MassChangeRow.state.in_(CHANGED)
    own = PackageChange.service_id == MassChangeRow.service_id
    wrong = done & or_(PackageChange.id.is_(None), ~own)
    return joined.where(or_(wrong, ~done & MassChangeRow.package_change_id.is_not(None)))


CHECKS = (
    Check("I101", MANY, "with another number of results than counted", miscounted),
    Check("I101", MANY, "finished without a result for each service", unfinished),
    Check("I101", MANY, "with a service whose change is not its own", strange_changes),
)
