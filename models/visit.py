"""That somebody of the staff was in a customer's view of the portal: who, in whose place, from when until when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .staff import PortalAccess, Staff
from .types import Moment


class Visit(Model):
    """A visit ends at `ends_at` by itself; leaving earlier brings that forward. Without an access it was in nobody's
    place in particular, because nobody signs in for the customer yet."""

    __table_args__ = (
        Index("ix_visit_customer_id", "customer_id", "id"),
        CheckConstraint("ends_at >= began_at", name="forward"),
    )

    id: Mapped[int] = key()
    staff_id: Mapped[int] = ref("staff.id", ondelete="CASCADE")
    customer_id: Mapped[int] = ref("customer.id", index=False, ondelete="CASCADE")
    access_id: Mapped[int | None] = ref("portal_access.id", nullable=True, ondelete="SET NULL")
    began_at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)

    staff: Mapped[Staff] = relationship()
    customer: Mapped[Customer] = relationship(lazy="joined")
    access: Mapped[PortalAccess | None] = relationship(lazy="joined")

    def is_open(self, at: datetime) -> bool:
        return at < self.ends_at
