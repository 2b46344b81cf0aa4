"""Rates that change with time: tax by country and category, exchange rates by day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .company import CustomerGroup
from .customer import Customer
from .types import Percent, Rate


class TaxCategory(Model):
    """A kind of goods with a name of the shop's own; see billing.tax_categories for those that need no row."""

    __table_args__ = (UniqueConstraint("code"),)

    id: Mapped[int] = key()
    # What packages, charges and rates name it by.
    code: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(60))
    # How documents tell it to machines (UNCL 5305): S taxed, Z zero rated, E exempt, O outside the scope of tax.
    letter: Mapped[str] = mapped_column(String(2), default="S")

    def __str__(self) -> str:
        return self.name


class TaxText(Model):
    """A sentence the law asks for on documents, in one language, where the shop words it itself."""

    __table_args__ = (UniqueConstraint("kind", "language"),)

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(24))
    language: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(String(400))

    def __str__(self) -> str:
        return f"{self.kind}, {self.language}"


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
    # Who says so; empty for a rate that somebody typed.
    source: Mapped[str] = mapped_column(String(120), default="", server_default="")

    def __str__(self) -> str:
        return f"{self.country} {self.name} {self.rate:f}%"


class FxRate(Model):
    """1 `base` = `rate` `quote`, from a day on; for everybody, for a group, or for one customer."""

    __table_args__ = (
        Index("ix_fx_rate_pair", "base", "quote", "on"),
        # Rates agreed with somebody are few among the daily ones, and looked up by themselves.
        Index(
            "ix_fx_rate_agreed",
            "base",
            "quote",
            "on",
            sqlite_where=text("customer_id IS NOT NULL OR group_id IS NOT NULL"),
            postgresql_where=text("customer_id IS NOT NULL OR group_id IS NOT NULL"),
        ),
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
