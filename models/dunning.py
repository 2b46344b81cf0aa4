"""What is done about invoices that are not paid: plans, the steps that were taken, and promises to pay."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .types import MinorUnits, Moment, Percent, choice


class StepKind(enum.StrEnum):
    """In the order in which steps of one day are taken."""

    BEFORE = "before"
    AFTER = "after"
    FEE = "fee"
    WARNING = "warning"
    SUSPEND = "suspend"
    CANCEL = "cancel"


class StepState(enum.StrEnum):
    """`undone`: services came back when the invoice was paid, so that the step can be taken again."""

    DONE = "done"
    SKIPPED = "skipped"
    UNDONE = "undone"


class FeeKind(enum.StrEnum):
    NONE = "none"
    FIXED = "fixed"
    PERCENT = "percent"


class Suspends(enum.StrEnum):
    """Which services an unpaid invoice suspends: those on its lines, or all that the customer has."""

    BILLED = "billed"
    ALL = "all"


class PromiseState(enum.StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


class DunningPlan(Model):
    """When a customer is reminded of an invoice and what follows; days are counted from the day it is due.

    `before`, `after` and `warn_before` are lists of days ("3, 7, 14"). `channels` says for each kind of message how it
    is said: {"after": ["mail", "text"]}. What is None is not done.
    """

    __table_args__ = (
        CheckConstraint("fee_after IS NULL OR fee_after BETWEEN 0 AND 730", name="fee_after"),
        CheckConstraint("suspend_after IS NULL OR suspend_after BETWEEN 0 AND 730", name="suspend_after"),
        CheckConstraint("cancel_after IS NULL OR cancel_after > suspend_after", name="cancel_after"),
    )

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    before: Mapped[str] = mapped_column(String(80), default="")
    after: Mapped[str] = mapped_column(String(80), default="")
    channels: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # One message tells of all the customer's invoices that are late, rather than one of each.
    together: Mapped[bool] = mapped_column(default=True)
    attach: Mapped[bool] = mapped_column(default=True)
    skip_weekends: Mapped[bool] = mapped_column(default=False)

    fee_after: Mapped[int | None]
    fee_kind: Mapped[FeeKind] = mapped_column(choice(FeeKind, "fee_kind"), default=FeeKind.NONE)
    fee_percent: Mapped[Decimal | None] = mapped_column(Percent)
    fee_tax: Mapped[str] = mapped_column(String(12), default="S")
    # True: an invoice of its own at once; False: on the next bill of the billing group.
    fee_invoice: Mapped[bool] = mapped_column(default=False)

    warn_before: Mapped[str] = mapped_column(String(80), default="")
    suspend_after: Mapped[int | None]
    suspends: Mapped[Suspends] = mapped_column(choice(Suspends, "suspends"), default=Suspends.BILLED)
    # Who of the staff is told of suspensions and cancellations; empty: nobody.
    copy_to: Mapped[str] = mapped_column(String(254), default="")
    cancel_after: Mapped[int | None]
    archived_on: Mapped[date | None]

    amounts: Mapped[list[DunningAmount]] = relationship(
        order_by="DunningAmount.currency", cascade="all, delete-orphan", lazy="selectin"
    )

    def __str__(self) -> str:
        return self.name


class DunningAmount(Model):
    """The figures of a plan in one currency; what is 0 is none. `least_open`: less than that is not asked for."""

    __table_args__ = (
        UniqueConstraint("plan_id", "currency"),
        CheckConstraint("fee_minor >= 0 AND fee_least_minor >= 0 AND fee_most_minor >= 0", name="not_negative"),
        CheckConstraint("least_open_minor >= 0", name="least_open_not_negative"),
    )

    id: Mapped[int] = key()
    plan_id: Mapped[int] = ref("dunning_plan.id", index=False, ondelete="CASCADE")
    currency: Mapped[str] = mapped_column(String(3))
    fee_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    fee_least_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    fee_most_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    least_open_minor: Mapped[int] = mapped_column(MinorUnits, default=0)

    fee = MoneyOf("fee_minor")
    fee_least = MoneyOf("fee_least_minor")
    fee_most = MoneyOf("fee_most_minor")
    least_open = MoneyOf("least_open_minor")


class DunningStep(Model):
    """One step that was taken, or left out, for an invoice; `number` counts them without a gap.

    `on` is the day it belongs to, also where a run caught up with it later. `days` are those of the plan: below zero
    before the invoice is due. `open` is what was to be paid then.
    """

    __table_args__ = (
        UniqueConstraint("invoice_id", "number"),
        Index(
            "uq_dunning_step_once",
            "invoice_id",
            "kind",
            "days",
            unique=True,
            sqlite_where=text("state <> 'undone'"),
            postgresql_where=text("state <> 'undone'"),
        ),
        Index(
            "uq_dunning_step_fee",
            "invoice_id",
            unique=True,
            sqlite_where=text("kind = 'fee' AND state = 'done'"),
            postgresql_where=text("kind = 'fee' AND state = 'done'"),
        ),
        Index(
            "ix_dunning_step_suspended",
            "customer_id",
            sqlite_where=text("kind = 'suspend' AND state = 'done'"),
            postgresql_where=text("kind = 'suspend' AND state = 'done'"),
        ),
        Index(
            "ix_dunning_step_to_print",
            "id",
            sqlite_where=text("to_print AND printed_at IS NULL"),
            postgresql_where=text("to_print AND printed_at IS NULL"),
        ),
        *(
            Index(
                f"ix_dunning_step_{name}",
                name,
                sqlite_where=text(f"{name} IS NOT NULL"),
                postgresql_where=text(f"{name} IS NOT NULL"),
            )
            for name in ("fee_invoice_id", "fee_charge_id")
        ),
        Index("ix_dunning_step_customer_id", "customer_id", "id"),
        CheckConstraint("open_minor > 0", name="was_open"),
        CheckConstraint("number > 0", name="number"),
    )

    id: Mapped[int] = key()
    invoice_id: Mapped[int] = ref("invoice.id", index=False)
    customer_id: Mapped[int] = ref("customer.id", index=False)
    plan_id: Mapped[int] = ref("dunning_plan.id")
    run_id: Mapped[int | None] = ref("run.id", nullable=True)
    number: Mapped[int]
    kind: Mapped[StepKind] = mapped_column(choice(StepKind, "kind"))
    days: Mapped[int]
    on: Mapped[date]
    state: Mapped[StepState] = mapped_column(choice(StepState, "state"), default=StepState.DONE)
    reason: Mapped[str] = mapped_column(String(200), default="")
    currency: Mapped[str] = mapped_column(String(3))
    open_minor: Mapped[int] = mapped_column(MinorUnits)
    taken_at: Mapped[datetime] = mapped_column(Moment)
    # The message that told of it; no foreign key, so that messages can be looked through without this table.
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    to_print: Mapped[bool] = mapped_column(default=False)
    printed_at: Mapped[datetime | None] = mapped_column(Moment)
    # Of a late fee: what it was billed by.
    fee_invoice_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True)
    fee_charge_id: Mapped[int | None] = ref("charge.id", index=False, nullable=True)
    # Of a suspension or cancellation: the ids of the services.
    services: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))

    open = MoneyOf("open_minor")
    invoice: Mapped[Invoice] = relationship(foreign_keys=[invoice_id])
    fee_invoice: Mapped[Invoice | None] = relationship(foreign_keys=[fee_invoice_id])
    plan: Mapped[DunningPlan] = relationship()
    customer: Mapped[Customer] = relationship()


class PaymentPromise(Model):
    """That a customer said it would pay an invoice by the end of a day. Until then nothing is done about it.

    `amount` is what was open when it was made; `held_from` the day on which the next step would have been looked at.
    """

    __table_args__ = (
        Index("ix_payment_promise_customer_id", "customer_id", "id"),
        Index(
            "uq_payment_promise_open",
            "invoice_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_payment_promise_invoice_id", "invoice_id", "id"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    invoice_id: Mapped[int] = ref("invoice.id", index=False)
    on: Mapped[date]
    note: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[PromiseState] = mapped_column(choice(PromiseState, "state"), default=PromiseState.OPEN)
    held_from: Mapped[date | None]
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    made_on: Mapped[date]
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200))
    # When it was kept, broken, withdrawn or replaced by another.
    ended_on: Mapped[date | None]

    amount = MoneyOf("amount_minor")
    invoice: Mapped[Invoice] = relationship()
    customer: Mapped[Customer] = relationship()

    def __str__(self) -> str:
        return f"{self.amount} by {self.on}"
