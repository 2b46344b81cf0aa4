"""Who did what to what. Rows are only ever added; a job seals them in order with a hash chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from .base import BigId, Model, key, ref
from .customer import Customer
from .staff import Staff
from .types import Moment


class AuditEvent(Model):
    __table_args__ = (
        Index("ix_audit_event_at", "at", "id"),
        Index("ix_audit_event_customer_id", "customer_id", "id"),
        Index("ix_audit_event_customer_kind", "customer_id", "object_type", "id"),
        Index("ix_audit_event_object", "object_type", "object_id", "id"),
        Index("ix_audit_event_verb", "verb", "id"),
        Index(
            "ix_audit_event_redacted_by_id",
            "redacted_by_id",
            "id",
            sqlite_where=text("redacted_by_id IS NOT NULL"),
            postgresql_where=text("redacted_by_id IS NOT NULL"),
        ),
        Index(
            "ix_audit_event_real_staff_id",
            "real_staff_id",
            "id",
            sqlite_where=text("real_staff_id IS NOT NULL"),
            postgresql_where=text("real_staff_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = key()
    at: Mapped[datetime] = mapped_column(Moment)
    verb: Mapped[str] = mapped_column(String(60))
    actor: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True)
    portal_user_id: Mapped[int | None] = ref("portal_user.id", index=False, nullable=True)
    # The staff member behind it, when somebody acted in a customer's place.
    real_staff_id: Mapped[int | None] = ref("staff.id", index=False, nullable=True)
    address: Mapped[str] = mapped_column(String(45), default="")
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None]
    object_label: Mapped[str] = mapped_column(String(200), default="")
    # No foreign key: the trace of a customer outlives the customer.
    customer_id: Mapped[int | None] = mapped_column(BigId)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The event that took personal data out of this one; see billing.audit_redaction.
    redacted_by_id: Mapped[int | None] = mapped_column(BigId)
    seal: Mapped[str | None] = mapped_column(String(64))

    customer: Mapped[Customer | None] = relationship(
        primaryjoin=lambda: foreign(AuditEvent.customer_id) == Customer.id, viewonly=True
    )
    real_staff: Mapped[Staff | None] = relationship(foreign_keys=[real_staff_id], viewonly=True)

    def __str__(self) -> str:
        return f"{self.verb} {self.object_label}".strip()
