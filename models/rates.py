"""Rates that change with time: tax by country and category, exchange rates by day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .company import CustomerGroup
from .customer import Customer
from .types import Percent, Rate


class TaxRate(Model):
    """The tax on a category of goods in a country, from a day on."""

    __table_args__ = (
        UniqueConstraint("country", "category", "valid_from"),
        CheckConstraint("rate BETWEEN 0 AND 1000000", name="percent"),
    )

    id: Mapped[int] = key()
    country: Mapped[str] = mapped_column(String(2))
    category: Mapped[str] = mapped_column(String(12), default="S")
    name: Mapped[str] = mapped_column(String(40), default="VAT")
    rate: Mapped[Decimal] = mapped_column(Percent)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    def __str__(self) -> str:
        return f"{self.country} {self.name} {self.rate:f}%"


class FxRate(Model):
    """1 `base` = `rate` `quote`, from a day on; for everybody, for a group, or for one customer."""

    __table_args__ = (
        Index("ix_fx_rate_pair", "base", "quote", "on"),
        CheckConstraint("rate > 0", name="positive"),
        CheckConstraint("customer_id IS NULL OR group_id IS NULL", name="one_audience"),
    )

    id: Mapped[int] = key()
    base: Mapped[str] = mapped_column(String(3))
    quote: Mapped[str] = mapped_column(String(3))
    rate: Mapped[Decimal] = mapped_column(Rate)
    on: Mapped[date]
    source: Mapped[str] = mapped_column(String(60))
    # The first day without it; empty while it holds until a newer one.
    ends_on: Mapped[date | None]
    customer_id: Mapped[int | None] = ref("customer.id", nullable=True, ondelete="CASCADE")
    group_id: Mapped[int | None] = ref("customer_group.id", nullable=True, ondelete="CASCADE")

    customer: Mapped[Customer | None] = relationship()
    group: Mapped[CustomerGroup | None] = relationship()

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.on.isoformat()}"
