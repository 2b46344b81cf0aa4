"""One verb on many customers: what was asked, for whom, how far it has come, and what became of each."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, key, ref
from .run import RunState
from .types import Moment, choice


class RowResult(enum.StrEnum):
    """What became of one row. Refused: a rule said no. Failed: something broke; both can be tried again."""

    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAILED = "failed"


class BulkAction(Model):
    """`params` are the rule's; `counts` how many rows had which result. `narrowed` is the list's address then."""

    __table_args__ = (
        Index("ix_bulk_action_state", "state", "id"),
        UniqueConstraint("undoes_id"),
        UniqueConstraint("rest_of_id"),
    )

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    narrowed: Mapped[str] = mapped_column(String(1000), default="")
    state: Mapped[RunState] = mapped_column(choice(RunState, "state"), default=RunState.QUEUED)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(String(500), default="")
    tries: Mapped[int] = mapped_column(default=0)
    # Each can be taken back once, and its rest be done once.
    undoes_id: Mapped[int | None] = ref("bulk_action.id", index=False, nullable=True)
    rest_of_id: Mapped[int | None] = ref("bulk_action.id", index=False, nullable=True)
    asked_by: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True)
    address: Mapped[str] = mapped_column(String(45), default="")
    asked_at: Mapped[datetime] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)

    undoes: Mapped[BulkAction | None] = relationship(foreign_keys=[undoes_id], remote_side=[id])

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def going(self) -> bool:
        return self.state in (RunState.QUEUED, RunState.RUNNING)


class BulkPart(Model):
    """Some of the ids, as they were when it was asked; done in one transaction with their results."""

    __table_args__ = (UniqueConstraint("action_id", "number"),)

    id: Mapped[int] = key()
    action_id: Mapped[int] = ref("bulk_action.id", index=False, ondelete="CASCADE")
    number: Mapped[int]
    ids: Mapped[str] = mapped_column(Text)
    done: Mapped[bool] = mapped_column(default=False)


class BulkRow(Model):
    """What became of one customer, or of one service where the kind is about services (`customer_id` then holds its
    id); `before` and `after` hold what the action changed, for undo.

    No foreign key: the result of a deletion outlives what it is about.
    """

    __table_args__ = (
        UniqueConstraint("action_id", "customer_id"),
        Index("ix_bulk_row_state", "action_id", "state", "id"),
    )

    id: Mapped[int] = key()
    action_id: Mapped[int] = ref("bulk_action.id", index=False, ondelete="CASCADE")
    customer_id: Mapped[int] = mapped_column(BigId)
    label: Mapped[str] = mapped_column(String(200))
    state: Mapped[RowResult] = mapped_column(choice(RowResult, "state"))
    reason: Mapped[str] = mapped_column(String(400), default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    action: Mapped[BulkAction] = relationship()

    def __str__(self) -> str:
        return self.label
