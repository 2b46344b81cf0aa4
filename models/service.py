"""What a customer has: services with their agreed price, further charges, and the groups they are billed in."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from .base import BigId, Model, key, ref
from .company import EndReason
from .customer import Customer, Payer
from .money import MoneyOf
from .package import Package
from .types import MinorUnits, Moment, Quantity, choice


class ServiceStatus(enum.StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class SuspendedFor(enum.StrEnum):
    """Why a suspended service is: decided by a person, not paid for, or in a pause that its customer wished."""

    STAFF = "staff"
    UNPAID = "unpaid"
    PAUSE = "pause"


class WaitsFor(enum.StrEnum):
    """What a pending service becomes active by."""

    ACTIVATION = "activation"
    PAYMENT = "payment"


class BillingGroup(Model):
    """The services and charges that make one invoice; a customer has at least one."""

    __table_args__ = (UniqueConstraint("customer_id", "name"),)

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False, ondelete="CASCADE")
    payer_id: Mapped[int | None] = ref("payer.id", nullable=True)
    name: Mapped[str] = mapped_column(String(120))
    po_number: Mapped[str] = mapped_column(String(60), default="")
    # Set aside by a run: no bill is made until a person has looked.
    parked_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    parked_reason: Mapped[str] = mapped_column(String(400), default="")
    # What that bill would have come to, in the customer's currency; empty when it could not be reckoned.
    parked_minor: Mapped[int | None] = mapped_column(MinorUnits)
    # The most its renewals have come to, parts of a period as whole ones; a bill many times as large is set aside.
    usual_minor: Mapped[int | None] = mapped_column(MinorUnits)
    # Closed groups keep their invoices and take nothing new.
    closed_on: Mapped[date | None]

    customer: Mapped[Customer] = relationship()
    payer: Mapped[Payer | None] = relationship()

    def __str__(self) -> str:
        return self.name


def _index_of_the_few(column: str) -> Index:
    """Of the rows where this day is set at all."""
    few = text(f"{column} IS NOT NULL")
    return Index(f"ix_service_{column}", column, sqlite_where=few, postgresql_where=few)


class Service(Model):
    """A package a customer runs, at the price agreed with this customer."""

    __table_args__ = (
        Index("ix_service_due", "status", "next_renewal_on", "billing_group_id"),
        Index(
            "ix_service_ends_on",
            "ends_on",
            sqlite_where=text("ends_on IS NOT NULL"),
            postgresql_where=text("ends_on IS NOT NULL"),
        ),
        Index("ix_service_next_renewal_on", "next_renewal_on", "id"),
        *(_index_of_the_few(column) for column in ("paused_from", "transfer_on")),
        Index(
            "ix_service_trial",
            "billed_from",
            "id",
            sqlite_where=text("trial_days > 0"),
            postgresql_where=text("trial_days > 0"),
        ),
        Index("ix_service_customer_status", "customer_id", "status", "id"),
        Index("ix_service_package_status", "package_id", "status", "customer_id"),
        Index(
            "ix_service_end_reason_id",
            "end_reason_id",
            sqlite_where=text("end_reason_id IS NOT NULL"),
            postgresql_where=text("end_reason_id IS NOT NULL"),
        ),
        UniqueConstraint("external_source", "external_id"),
        CheckConstraint("price_minor >= 0 AND setup_fee_minor >= 0", name="not_negative"),
        CheckConstraint("months >= 0 AND days >= 0 AND (months > 0) <> (days > 0)", name="one_period"),
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    billing_group_id: Mapped[int] = ref("billing_group.id")
    package_id: Mapped[int] = ref("package.id")
    description: Mapped[str] = mapped_column(String(200), default="")
    status: Mapped[ServiceStatus] = mapped_column(choice(ServiceStatus, "status"), default=ServiceStatus.ACTIVE)
    free: Mapped[bool] = mapped_column(default=False)

    currency: Mapped[str] = mapped_column(String(3))
    price_minor: Mapped[int] = mapped_column(MinorUnits)
    setup_fee_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    months: Mapped[int] = mapped_column(default=1)
    days: Mapped[int] = mapped_column(default=0)
    anchor_day: Mapped[int]
    anchor_month: Mapped[int | None]

    started_on: Mapped[date]
    billed_from: Mapped[date]
    next_renewal_on: Mapped[date]
    # The day a change of the billing length began periods of a new kind; empty: they run from `billed_from`.
    anchored_on: Mapped[date | None]
    # Of the days between the start and the first day billed, those that were free to try.
    trial_days: Mapped[int] = mapped_column(default=0)
    ends_on: Mapped[date | None]
    cancelled_on: Mapped[date | None]
    cancel_reason: Mapped[str] = mapped_column(String(200), default="")
    end_reason_id: Mapped[int | None] = mapped_column(BigId)

    # Of a pending service, what it waits for; of a suspended one, why and since when.
    waits_for: Mapped[WaitsFor | None] = mapped_column(choice(WaitsFor, "waits_for"))
    suspended_on: Mapped[date | None]
    suspended_for: Mapped[SuspendedFor | None] = mapped_column(choice(SuspendedFor, "suspended_for"))
    suspend_reason: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Days that are not billed: of a pause to come or under way (without an end until somebody resumes it), or behind
    # us while bills have not come so far yet.
    paused_from: Mapped[date | None]
    paused_until: Mapped[date | None]
    # The day its bills began anew off the renewal day: after days without bills, or with another renewal day.
    rhythm_from: Mapped[date | None]
    # The billing group of another customer that it goes to on a day to come, and its price there if another.
    transfer_on: Mapped[date | None]
    transfer_group_id: Mapped[int | None] = ref("billing_group.id", index=False, nullable=True)
    transfer_price_minor: Mapped[int | None] = mapped_column(MinorUnits)

    external_source: Mapped[str | None] = mapped_column(String(60))
    external_id: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)

    price = MoneyOf("price_minor")
    setup_fee = MoneyOf("setup_fee_minor")
    customer: Mapped[Customer] = relationship()
    billing_group: Mapped[BillingGroup] = relationship(foreign_keys=[billing_group_id])
    transfer_group: Mapped[BillingGroup | None] = relationship(foreign_keys=[transfer_group_id])
    package: Mapped[Package] = relationship()
    end_reason: Mapped[EndReason | None] = relationship(
        primaryjoin=lambda: foreign(Service.end_reason_id) == EndReason.id
    )
    options: Mapped[list[ServiceOption]] = relationship(order_by="ServiceOption.id")
    changes: Mapped[list[ServiceChange]] = relationship(order_by="ServiceChange.id")

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.description or str(self.package)

    @property
    def why_it_ends(self) -> str:
        """One of the shop's own reasons, and words; either may be empty."""
        return ", ".join(filter(None, (str(self.end_reason or ""), self.cancel_reason)))


class ServiceOption(Model):
    """An option of a service; a price of zero means it is in the agreed price."""

    id: Mapped[int] = key()
    service_id: Mapped[int] = ref("service.id", ondelete="CASCADE")
    option_id: Mapped[int | None] = ref("package_option.id", nullable=True)
    name: Mapped[str] = mapped_column(String(120))
    value: Mapped[str] = mapped_column(String(120), default="")
    quantity: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(1))
    currency: Mapped[str] = mapped_column(String(3))
    price_minor: Mapped[int] = mapped_column(MinorUnits, default=0)

    price = MoneyOf("price_minor")


class ServiceChange(Model):
    """One thing that happened to a service, and what it was before and after."""

    id: Mapped[int] = key()
    service_id: Mapped[int] = ref("service.id", ondelete="CASCADE")
    on: Mapped[date]
    kind: Mapped[str] = mapped_column(String(40))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200))


class Charge(Model):
    """Something billed beside the packages: once, or every so many months or days.

    One below zero is a prepayment: every bill of its group from `next_on` on takes off what it can, until nothing of
    it is left.
    """

    __table_args__ = (
        Index("ix_charge_next_on", "next_on", "billing_group_id"),
        Index(
            "ix_charge_prepaid",
            "billing_group_id",
            sqlite_where=text("left_minor > 0"),
            postgresql_where=text("left_minor > 0"),
        ),
        CheckConstraint("left_minor >= 0", name="left_not_negative"),
        CheckConstraint("price_minor >= 0 OR (months = 0 AND days = 0)", name="prepaid_once"),
        CheckConstraint("months >= 0 AND days >= 0 AND (months = 0 OR days = 0)", name="one_period"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    billing_group_id: Mapped[int] = ref("billing_group.id")
    service_id: Mapped[int | None] = ref("service.id", nullable=True)
    description: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(1))
    currency: Mapped[str] = mapped_column(String(3))
    price_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_category: Mapped[str] = mapped_column(String(12), default="S")
    months: Mapped[int] = mapped_column(default=0)
    days: Mapped[int] = mapped_column(default=0)
    anchor_day: Mapped[int] = mapped_column(default=1)
    proratable: Mapped[bool] = mapped_column(default=False)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    # Whether it ends then because its service does, and the later end it has by itself.
    ends_with_service: Mapped[bool] = mapped_column(default=False, server_default=false())
    own_end_on: Mapped[date | None]
    # The day it is billed next; empty once nothing more will come.
    next_on: Mapped[date | None]
    # Of a prepayment: how much no bill has taken off yet.
    left_minor: Mapped[int] = mapped_column(MinorUnits, default=0, server_default="0")

    left = MoneyOf("left_minor")
    price = MoneyOf("price_minor")
    customer: Mapped[Customer] = relationship()
    billing_group: Mapped[BillingGroup] = relationship()

    def __str__(self) -> str:
        return self.description

    @property
    def is_prepayment(self) -> bool:
        return self.price_minor < 0


_MOVED = text("carries_id IS NOT NULL")


class Renewal(Model):
    """That a service, or a charge, has been billed for a period. The index is what makes billing twice impossible."""

    __table_args__ = (
        Index(
            "uq_renewal_service_period",
            "service_id",
            "period_start",
            unique=True,
            sqlite_where=text("void = 0"),  # as SQLite is asked: it compares the words
            postgresql_where=text("NOT void"),
        ),
        Index(
            "uq_renewal_charge_period",
            "charge_id",
            "period_start",
            unique=True,
            sqlite_where=text("void = 0 AND charge_id IS NOT NULL"),
            postgresql_where=text("NOT void AND charge_id IS NOT NULL"),
        ),
        Index("ix_renewal_carries_id", "carries_id", sqlite_where=_MOVED, postgresql_where=_MOVED),
        CheckConstraint("(service_id IS NULL) <> (charge_id IS NULL)", name="of_one_thing"),
        CheckConstraint("period_end > period_start", name="period"),
    )

    id: Mapped[int] = key()
    service_id: Mapped[int | None] = ref("service.id", index=False, nullable=True)
    charge_id: Mapped[int | None] = ref("charge.id", index=False, nullable=True)
    billing_group_id: Mapped[int] = ref("billing_group.id", index=False)
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    period_start: Mapped[date]
    period_end: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    void: Mapped[bool] = mapped_column(default=False)
    # The day from which its days were given back or moved, where another period began or the service ended within it;
    # of a void one its first day, where all of them were moved.
    cut_on: Mapped[date | None]
    # Its days were paid with that one's, and lie here because a pause moved them, or since a change to another billing
    # length that came to nothing; it adds nothing to bill.
    carries_id: Mapped[int | None] = ref("renewal.id", index=False, nullable=True)
    # How many days of that one (days / per) these are, where they are not as many.
    carries_days: Mapped[int | None] = mapped_column(BigInteger)
    carries_per: Mapped[int] = mapped_column(BigInteger, default=1, server_default="1")

    amount = MoneyOf("amount_minor")
