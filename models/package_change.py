"""Changes of a service to another package, period, price or options: what was asked for, and what became of it."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import Money, MoneyOf
from .package import Package
from .service import Service
from .types import MinorUnits, Moment, choice


class ChangeState(enum.StrEnum):
    """A DRAFT is being entered. SCHEDULED for a day, WAITING to be paid, or DONE; UNDONE by documents of its own,
    WITHDRAWN before it took effect, FAILED where its day came and it could not be done."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    WAITING = "waiting"
    DONE = "done"
    UNDONE = "undone"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class ChangeWhen(enum.StrEnum):
    """When a change was asked for: today, on a day, or with the next renewal."""

    NOW = "now"
    ON = "on"
    RENEWAL = "renewal"


class PackageChange(Model):
    """One change of one service. `on` is the first day of the new package; `before` and `after` are what the service
    was and became, in plain values, so that it can be undone; `sums` what the review said."""

    __table_args__ = (
        Index(
            "uq_package_change_open",
            "service_id",
            unique=True,
            sqlite_where=text("state IN ('scheduled', 'waiting')"),
            postgresql_where=text("state IN ('scheduled', 'waiting')"),
        ),
        Index("ix_package_change_service", "service_id", "id"),
        Index("ix_package_change_state", "state", "on", "id"),
        CheckConstraint("agreed_minor >= 0", name="agreed_not_negative"),
        CheckConstraint("state = 'draft' OR to_package_id IS NOT NULL", name="to_a_package"),
        CheckConstraint("state <> 'scheduled' OR \"on\" IS NOT NULL", name="scheduled_on_a_day"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    service_id: Mapped[int] = ref("service.id", index=False)
    from_package_id: Mapped[int] = ref("package.id")
    to_package_id: Mapped[int | None] = ref("package.id", nullable=True)
    state: Mapped[ChangeState] = mapped_column(choice(ChangeState, "state"), default=ChangeState.DRAFT)
    asked_for: Mapped[ChangeWhen] = mapped_column(choice(ChangeWhen, "asked_for"), default=ChangeWhen.NOW)
    # Period and options as they were wanted.
    terms: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    on: Mapped[date | None]
    currency: Mapped[str] = mapped_column(String(3))
    agreed_minor: Mapped[int | None] = mapped_column(MinorUnits)
    price_reason: Mapped[str] = mapped_column(String(200), default="")
    # The service as it was seen, and the review that was carried out.
    service_version: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    sums: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    # The document that took the first one back.
    undo_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    error: Mapped[str] = mapped_column(String(400), default="")
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    # The last day of a draft, and of a change that waits to be paid.
    expires_on: Mapped[date | None]

    customer: Mapped[Customer] = relationship()
    service: Mapped[Service] = relationship()
    from_package: Mapped[Package] = relationship(foreign_keys=[from_package_id])
    to_package: Mapped[Package | None] = relationship(foreign_keys=[to_package_id])
    invoice: Mapped[Invoice | None] = relationship(foreign_keys=[invoice_id])
    undo: Mapped[Invoice | None] = relationship(foreign_keys=[undo_id])

    @property
    def agreed(self) -> Money | None:
        """The price that was agreed on in place of the list's."""
        return None if self.agreed_minor is None else Money(self.agreed_minor, self.currency)

    def __str__(self) -> str:
        return f"{self.from_package} → {self.to_package}" if self.to_package_id else f"Change of {self.service}"


class CreditNotePart(Model):
    """How much of a credit note that takes back lines of several documents counts for one of the invoices. Notes that
    name their one original have none."""

    __table_args__ = (
        UniqueConstraint("credit_note_id", "invoice_id"),
        CheckConstraint("amount_minor > 0", name="amount"),
    )

    id: Mapped[int] = key()
    credit_note_id: Mapped[int] = ref("invoice.id", index=False)
    invoice_id: Mapped[int] = ref("invoice.id")
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)

    amount = MoneyOf("amount_minor")
    credit_note: Mapped[Invoice] = relationship(foreign_keys=[credit_note_id])
    invoice: Mapped[Invoice] = relationship(foreign_keys=[invoice_id])
