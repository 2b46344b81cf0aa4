"""Discounts that apply by themselves, the codes that open some of them, and what each of them took off."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, String, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, db, key, ref
from .company import CustomerGroup, Project
from .customer import Customer
from .money import MoneyOf
from .package import Package
from .service import Service
from .types import MinorUnits, Moment, Percent, choice


class DiscountAudience(enum.StrEnum):
    EVERYONE = "everyone"
    GROUP = "group"
    CUSTOMER = "customer"


class DiscountTarget(enum.StrEnum):
    ALL = "all"
    PROJECT = "project"
    PACKAGES = "packages"


class DiscountKind(enum.StrEnum):
    """SPECIAL is a price instead of the agreed one."""

    PERCENT = "percent"
    AMOUNT = "amount"
    SPECIAL = "special"


class DiscountCovers(enum.StrEnum):
    """PRICE is the price of the billing period; a percentage takes the price of the options down too."""

    PRICE = "price"
    SETUP = "setup"
    BOTH = "both"


class DiscountLasts(enum.StrEnum):
    """Whose first use begins the time that a discount lasts."""

    SERVICE = "service"
    CUSTOMER = "customer"


def _given(column: str, when: str) -> str:
    """Filled in for this word, and only then."""
    return f"({when}) = ({column} IS NOT NULL)"


discount_package = Table(
    "discount_package",
    db.metadata,
    Column("discount_id", BigId, ForeignKey("discount.id", ondelete="CASCADE"), primary_key=True),
    Column("package_id", BigId, ForeignKey("package.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Discount(Model):
    """Who gets what off which services, and when. The rules are in billing.discount_rules."""

    __table_args__ = (
        Index("ix_discount_audience", "audience", "id"),
        CheckConstraint(_given("group_id", "audience = 'group'"), name="group"),
        CheckConstraint(_given("customer_id", "audience = 'customer'"), name="customer"),
        CheckConstraint(_given("project_id", "target = 'project'"), name="project"),
        CheckConstraint(_given("percent", "kind = 'percent'"), name="percent_given"),
        # 100.0000 % as it is stored.
        CheckConstraint("percent IS NULL OR (percent > 0 AND percent <= 1000000)", name="percent"),
        CheckConstraint("kind = 'percent' OR covers <> 'both'", name="covers_one"),
        CheckConstraint("months >= 0 AND days >= 0 AND (months = 0 OR days = 0)", name="one_period"),
        CheckConstraint("lasts_months >= 0 AND lasts_days >= 0 AND (lasts_months = 0 OR lasts_days = 0)", name="lasts"),
        CheckConstraint("bills IS NULL OR bills > 0", name="bills"),
        CheckConstraint("last_on IS NULL OR starts_on IS NULL OR last_on >= starts_on", name="window"),
    )

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120))
    # What the customer reads on the line.
    reason: Mapped[str] = mapped_column(String(200))

    audience: Mapped[DiscountAudience] = mapped_column(
        choice(DiscountAudience, "audience"), default=DiscountAudience.EVERYONE
    )
    group_id: Mapped[int | None] = ref("customer_group.id", nullable=True)
    customer_id: Mapped[int | None] = ref("customer.id", nullable=True, ondelete="CASCADE")

    target: Mapped[DiscountTarget] = mapped_column(choice(DiscountTarget, "target"), default=DiscountTarget.ALL)
    project_id: Mapped[int | None] = ref("project.id", nullable=True)
    # Only this service, and its own price or its set-up fee, whatever its options cost.
    service_id: Mapped[int | None] = ref("service.id", index=False, nullable=True)
    # Only services billed every so many months or days; neither: every period.
    months: Mapped[int] = mapped_column(default=0)
    days: Mapped[int] = mapped_column(default=0)

    kind: Mapped[DiscountKind] = mapped_column(choice(DiscountKind, "kind"), default=DiscountKind.PERCENT)
    percent: Mapped[Decimal | None] = mapped_column(Percent)
    covers: Mapped[DiscountCovers] = mapped_column(choice(DiscountCovers, "covers"), default=DiscountCovers.PRICE)

    # The days that are discounted, both of these included; empty: no such bound.
    starts_on: Mapped[date | None]
    last_on: Mapped[date | None]
    # How long it lasts from the first day it was used; 0 and 0: as long as its window.
    lasts_months: Mapped[int] = mapped_column(default=0)
    lasts_days: Mapped[int] = mapped_column(default=0)
    lasts_for: Mapped[DiscountLasts] = mapped_column(choice(DiscountLasts, "lasts_for"), default=DiscountLasts.SERVICE)
    # The first so many bills of each service.
    bills: Mapped[int | None]
    # Only services that started on these days, both included.
    service_from: Mapped[date | None]
    service_until: Mapped[date | None]

    # The higher number wins.
    priority: Mapped[int] = mapped_column(default=100)
    needs_code: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    archived_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)

    group: Mapped[CustomerGroup | None] = relationship()
    customer: Mapped[Customer | None] = relationship()
    project: Mapped[Project | None] = relationship()
    service: Mapped[Service | None] = relationship()
    packages: Mapped[list[Package]] = relationship(secondary=discount_package, order_by=Package.name)
    amounts: Mapped[list[DiscountAmount]] = relationship(
        cascade="all, delete-orphan", order_by="DiscountAmount.currency", passive_deletes=True
    )

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class DiscountAmount(Model):
    """The amount off, or the special price, in one currency; in others the discount does not apply."""

    __table_args__ = (
        UniqueConstraint("discount_id", "currency"),
        CheckConstraint("amount_minor >= 0", name="not_negative"),
    )

    id: Mapped[int] = key()
    discount_id: Mapped[int] = ref("discount.id", index=False, ondelete="CASCADE")
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)

    amount = MoneyOf("amount_minor")


class Coupon(Model):
    """A code that opens a discount for whoever has it. `uses` counts the rows of CouponUse."""

    __table_args__ = (
        CheckConstraint("most_uses IS NULL OR most_uses > 0", name="most_uses"),
        CheckConstraint("most_per_customer IS NULL OR most_per_customer > 0", name="most_per_customer"),
        CheckConstraint("uses >= 0 AND (most_uses IS NULL OR uses <= most_uses)", name="uses"),
    )

    id: Mapped[int] = key()
    discount_id: Mapped[int] = ref("discount.id", ondelete="CASCADE")
    # In capital letters and digits, as billing.coupons.normalised makes it.
    code: Mapped[str] = mapped_column(String(40), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="")
    most_uses: Mapped[int | None]
    most_per_customer: Mapped[int | None]
    # The last day it can be given in.
    last_on: Mapped[date | None]
    new_services_only: Mapped[bool] = mapped_column(default=False)
    uses: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200))

    discount: Mapped[Discount] = relationship()

    def __str__(self) -> str:
        return self.code


class CouponUse(Model):
    """That a customer gave in a code: for one service, for all of its services, or for what was bought `once`."""

    __table_args__ = (Index("ix_coupon_use_customer_id", "customer_id", "coupon_id"),)

    id: Mapped[int] = key()
    coupon_id: Mapped[int] = ref("coupon.id", ondelete="CASCADE")
    # Empty once the customer was deleted: the code stays used.
    customer_id: Mapped[int | None] = ref("customer.id", index=False, nullable=True, ondelete="SET NULL")
    service_id: Mapped[int | None] = ref("service.id", nullable=True, ondelete="SET NULL")
    once: Mapped[bool] = mapped_column(default=False)
    given_on: Mapped[date]
    given_at: Mapped[datetime] = mapped_column(Moment)
    given_by: Mapped[str] = mapped_column(String(200))

    coupon: Mapped[Coupon] = relationship()
    customer: Mapped[Customer | None] = relationship()
    service: Mapped[Service | None] = relationship()


class DiscountUse(Model):
    """What one discount took off the lines of one service on one bill. Without an invoice: nothing was left to pay."""

    __table_args__ = (
        Index("ix_discount_use_discount_id", "discount_id", "id"),
        Index("ix_discount_use_customer_id", "customer_id", "discount_id"),
        Index(
            "ix_discount_use_invoice_id",
            "invoice_id",
            sqlite_where=text("invoice_id IS NOT NULL"),
            postgresql_where=text("invoice_id IS NOT NULL"),
        ),
        CheckConstraint("amount_minor >= 0", name="not_negative"),
    )

    id: Mapped[int] = key()
    discount_id: Mapped[int] = ref("discount.id", index=False, ondelete="CASCADE")
    customer_id: Mapped[int] = ref("customer.id", index=False, ondelete="CASCADE")
    service_id: Mapped[int | None] = ref("service.id", nullable=True, ondelete="CASCADE")
    invoice_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True, ondelete="CASCADE")
    on: Mapped[date]
    first_on: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)

    amount = MoneyOf("amount_minor")
