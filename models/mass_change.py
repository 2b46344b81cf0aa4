"""The same change of package for many services: what was asked, and what it does, or did, to each of them."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .money import Money
from .package import Package
from .package_change import PackageChange
from .service import Service
from .types import MinorUnits, Moment, choice


class MassState(enum.StrEnum):
    """LOOKING at each service, READY to be decided, RUNNING until every one has its result; or STOPPED, DISCARDED. Of
    one that was carried out the changes may be taken back: UNDOING them, one by one, until it is UNDONE."""

    LOOKING = "looking"
    READY = "ready"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    DISCARDED = "discarded"
    UNDOING = "undoing"
    UNDONE = "undone"


GOING = (MassState.LOOKING, MassState.RUNNING, MassState.UNDOING)
"""Somebody is at it, or will be."""


class MassRowState(enum.StrEnum):
    """WAITING to be looked at; it CAN be changed or CANNOT; then DONE, REFUSED by a rule, or FAILED. Of the done ones
    the change is UNDONE, or KEPT where that cannot be."""

    WAITING = "waiting"
    CAN = "can"
    CANNOT = "cannot"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNDONE = "undone"
    KEPT = "kept"


class MassChange(Model):
    """`wanted` is the change, in plain values; `tries` counts the starts since a service was done."""

    __table_args__ = (Index("ix_mass_change_state", "state", "id"), UniqueConstraint("rest_of_id"))

    id: Mapped[int] = key()
    package_id: Mapped[int] = ref("package.id")
    wanted: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    narrowed: Mapped[str] = mapped_column(String(1000), default="")
    state: Mapped[MassState] = mapped_column(choice(MassState, "state"), default=MassState.LOOKING)
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    to_do: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")
    rest_of_id: Mapped[int | None] = ref("mass_change.id", index=False, nullable=True)
    asked_by: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True)
    address: Mapped[str] = mapped_column(String(45), default="")
    asked_at: Mapped[datetime] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    undo_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    undo_staff_id: Mapped[int | None] = ref("staff.id", index=False, nullable=True)
    undo_at: Mapped[datetime | None] = mapped_column(Moment)

    package: Mapped[Package] = relationship()

    def __str__(self) -> str:
        return f"Mass change {self.id}"

    @property
    def going(self) -> bool:
        return self.state in GOING


class MassChangeRow(Model):
    """One service of it. `due` is what would be, or was, invoiced; below zero it is credited, tax and all; of one that
    is scheduled, what is foreseen. The prices are those of whole periods with their options."""

    __table_args__ = (
        UniqueConstraint("mass_change_id", "service_id"),
        Index("ix_mass_change_row_state", "mass_change_id", "state", "id"),
    )

    id: Mapped[int] = key()
    mass_change_id: Mapped[int] = ref("mass_change.id", index=False, ondelete="CASCADE")
    service_id: Mapped[int] = ref("service.id", ondelete="CASCADE")
    state: Mapped[MassRowState] = mapped_column(choice(MassRowState, "state"), default=MassRowState.WAITING)
    reason: Mapped[str] = mapped_column(String(400), default="")
    outcome: Mapped[str] = mapped_column(String(20), default="")
    currency: Mapped[str] = mapped_column(String(3), default="")
    due_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    old_currency: Mapped[str] = mapped_column(String(3), default="")
    new_currency: Mapped[str] = mapped_column(String(3), default="")
    old_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    old_months: Mapped[int] = mapped_column(default=0)
    old_days: Mapped[int] = mapped_column(default=0)
    new_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    new_months: Mapped[int] = mapped_column(default=0)
    new_days: Mapped[int] = mapped_column(default=0)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    package_change_id: Mapped[int | None] = ref("package_change.id", nullable=True)

    service: Mapped[Service] = relationship()
    package_change: Mapped[PackageChange | None] = relationship()

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.currency)

    @property
    def old(self) -> Money:
        return Money(self.old_minor, self.old_currency)

    @property
    def new(self) -> Money:
        return Money(self.new_minor, self.new_currency)
