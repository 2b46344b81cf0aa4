"""Actions on many customers: a part, its results and the progress are one transaction, so that they always agree."""

from __future__ import annotations

from sqlalchemy import String, func, literal, select

from models import BulkAction, BulkPart, BulkRow, RunState

from .checks import Check, Query, Scope
from .sql import as_text

ACTIONS = "action on many", "actions on many"
NAME = BulkAction.kind + literal(" No. ", String) + as_text(BulkAction.id)


def miscounted(scope: Scope) -> Query:
    """I54: as many results as rows done."""
    rows = select(BulkRow.action_id, func.count().label("count")).group_by(BulkRow.action_id).subquery()
    joined = select(BulkAction.id, NAME).outerjoin(rows, rows.c.action_id == BulkAction.id)
    return joined.where(BulkAction.done != func.coalesce(rows.c.count, 0))


def unfinished(scope: Scope) -> Query:
    """I54: what says it is finished has done every part."""
    left = select(BulkPart.id).where(BulkPart.action_id == BulkAction.id, BulkPart.done.is_(False))
    finished = BulkAction.state == RunState.FINISHED
    return select(BulkAction.id, NAME).where(finished, left.exists() | (BulkAction.done != BulkAction.total))


CHECKS = (
    Check("I54", ACTIONS, "with another number of results than counted", miscounted),
    Check("I54", ACTIONS, "finished without being done", unfinished),
)
