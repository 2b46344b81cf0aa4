"""Customers that leave: when their services end, what is given back, and what becomes of them afterwards."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .company import EndReason
from .customer import Customer
from .types import Moment, choice


class TerminationState(enum.StrEnum):
    """A DRAFT is being entered. SCHEDULED is billed and sent, and its day or what comes after is still ahead; DONE;
    WITHDRAWN before its day."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class AfterEnd(enum.StrEnum):
    """What becomes of the customer on the day."""

    DISABLE = "disable"
    ARCHIVE = "archive"
    NOTHING = "nothing"


class RestOfCredit(enum.StrEnum):
    """What becomes of credit that the last bill leaves."""

    KEEP = "keep"
    PAY_OUT = "pay_out"


class Termination(Model):
    """One customer's leaving, with all services or some. `done` says in plain values what was made of it: documents,
    services that were given an end, sums. One customer has at most one that is open."""

    __table_args__ = (
        Index(
            "uq_termination_open",
            "customer_id",
            unique=True,
            sqlite_where=text("state IN ('draft', 'scheduled')"),
            postgresql_where=text("state IN ('draft', 'scheduled')"),
        ),
        Index("ix_termination_customer_id", "customer_id", "id"),
        Index("ix_termination_state", "state", "on", "id"),
        CheckConstraint("state = 'draft' OR state = 'withdrawn' OR \"on\" IS NOT NULL", name="has_a_day"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    state: Mapped[TerminationState] = mapped_column(choice(TerminationState, "state"), default=TerminationState.DRAFT)
    on: Mapped[date | None]
    # Empty: all that run.
    service_ids: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    credit: Mapped[bool] = mapped_column(default=False)
    reason_id: Mapped[int | None] = ref("end_reason.id", nullable=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    send: Mapped[bool] = mapped_column(default=True)
    after: Mapped[AfterEnd] = mapped_column(choice(AfterEnd, "after"), default=AfterEnd.DISABLE)
    rest: Mapped[RestOfCredit] = mapped_column(choice(RestOfCredit, "rest"), default=RestOfCredit.KEEP)
    method: Mapped[str] = mapped_column(String(60), default="")
    reference: Mapped[str] = mapped_column(String(120), default="")
    done: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int] = mapped_column(default=1)

    customer: Mapped[Customer] = relationship()
    end_reason: Mapped[EndReason | None] = relationship()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return f"Termination of {self.customer.name}"
