"""Long work: one row per run with its progress, one row per unit with its result, and who may run."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .service import BillingGroup
from .types import MinorUnits, Moment, choice


class RunState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class UnitState(enum.StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    PARKED = "parked"


class Run(Model):
    """One go at a piece of long work. `counts` and `totals` are what it has done so far."""

    __table_args__ = (Index("ix_run_kind", "kind", "id"),)

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(40))
    on: Mapped[date | None]
    state: Mapped[RunState] = mapped_column(choice(RunState, "state"), default=RunState.RUNNING)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    totals: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(String(500), default="")
    resumes_id: Mapped[int | None] = ref("run.id", nullable=True)
    started_by: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    # Where a row gathers what a job did on a day: how long it was at work in all.
    busy_ms: Mapped[int | None] = mapped_column(BigInteger)

    def __str__(self) -> str:
        return f"{self.kind} {self.on or ''}".strip()


class RunUnit(Model):
    """What a run did for one billing group and day."""

    __table_args__ = (
        UniqueConstraint("run_id", "billing_group_id", "on"),
        Index("ix_run_unit_state", "run_id", "state", "id"),
        Index("ix_run_unit_customer_id", "customer_id", "id"),
    )

    id: Mapped[int] = key()
    run_id: Mapped[int] = ref("run.id", index=False, ondelete="CASCADE")
    customer_id: Mapped[int] = ref("customer.id", index=False)
    billing_group_id: Mapped[int] = ref("billing_group.id", index=False)
    on: Mapped[date]
    state: Mapped[UnitState] = mapped_column(choice(UnitState, "state"))
    invoice_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True)
    reason: Mapped[str] = mapped_column(String(400), default="")
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits, default=0)

    amount = MoneyOf("amount_minor")
    customer: Mapped[Customer] = relationship()
    billing_group: Mapped[BillingGroup] = relationship()
    invoice: Mapped[Invoice | None] = relationship()


class Lease(Model):
    """The right to do a kind of work. The fence rises with each owner, so that one who slept cannot go on."""

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120), default="")
    fence: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    taken_at: Mapped[datetime | None] = mapped_column(Moment)


class JobDay(Model):
    """How far a daily job has come: the last day it is done for, and when a failed one is tried again."""

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    done_on: Mapped[date | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)


class JobOutcome(enum.StrEnum):
    DONE = "done"
    NOTHING = "nothing"
    FAILED = "failed"


class JobState(Model):
    """What people want of a job, and how it went the last time it was done for a day or because somebody asked.

    Paused, it is not done by itself until the day `paused_until`, or until somebody resumes it. `asked_at` is set
    until the scheduler has begun what was asked for; `begun_at` while it is at work.
    """

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    paused_by: Mapped[str] = mapped_column(String(200), default="")
    paused_why: Mapped[str] = mapped_column(String(300), default="")
    paused_until: Mapped[date | None]
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    asked_by: Mapped[str] = mapped_column(String(200), default="")
    asked_on: Mapped[date | None]
    begun_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    took_ms: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[JobOutcome | None] = mapped_column(choice(JobOutcome, "outcome"))
    remark: Mapped[str] = mapped_column(String(500), default="")

    def __str__(self) -> str:
        return self.name.replace("_", " ").capitalize()
