"""Money that came in: payments, credit in hand, and which invoices each of them settled."""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .types import MinorUnits, Moment, choice


class Payment(Model):
    """One receipt of money. `method` is the shop's own word for how it came, kept as it was then."""

    __table_args__ = (
        Index("ix_payment_received_on", "received_on", "id"),
        Index("ix_payment_amount_minor", "amount_minor", "id"),
        Index("ix_payment_currency", "currency", "amount_minor", "id"),
        Index("ix_payment_method", "method", "id"),
        Index(
            "uq_payment_gateway",
            "gateway",
            "gateway_id",
            unique=True,
            sqlite_where=text("gateway_id IS NOT NULL"),
            postgresql_where=text("gateway_id IS NOT NULL"),
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("refunded_minor BETWEEN 0 AND amount_minor", name="refunded_within"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    way_id: Mapped[int | None] = ref("payment_way.id", nullable=True)
    method: Mapped[str] = mapped_column(String(60))
    reference: Mapped[str] = mapped_column(String(120), default="")
    gateway: Mapped[str] = mapped_column(String(24), default="")
    gateway_id: Mapped[str | None] = mapped_column(String(120))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    refunded_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    received_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by: Mapped[str] = mapped_column(String(200))
    # Entered by mistake, and taken back on that day; what it was put on is open again.
    reversed_on: Mapped[date | None]

    amount = MoneyOf("amount_minor")
    customer: Mapped[Customer] = relationship()
    allocations: Mapped[list[Allocation]] = relationship(viewonly=True, order_by="Allocation.id")
    credits: Mapped[list[Credit]] = relationship(viewonly=True, order_by="Credit.id")

    def __str__(self) -> str:
        return f"{self.amount}, {self.method}"


class Credit(Model):
    """Money a customer has in hand, used oldest first. `remaining` can never fall below zero.

    The credit of a payment is whatever of it is on no invoice: `amount` grows when more of it is taken off one.
    """

    __table_args__ = (
        Index("ix_credit_customer_id", "customer_id", "granted_on", "id"),
        Index("ix_credit_granted_on", "granted_on", "id"),
        Index(
            "ix_credit_expires_on",
            "expires_on",
            "id",
            sqlite_where=text("expires_on IS NOT NULL"),
            postgresql_where=text("expires_on IS NOT NULL"),
        ),
        CheckConstraint("remaining_minor BETWEEN 0 AND amount_minor", name="remaining_within"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    payment_id: Mapped[int | None] = ref("payment.id", nullable=True)
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    reason: Mapped[str] = mapped_column(String(200))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    remaining_minor: Mapped[int] = mapped_column(MinorUnits)
    granted_on: Mapped[date]
    expires_on: Mapped[date | None]

    amount = MoneyOf("amount_minor")
    remaining = MoneyOf("remaining_minor")
    customer: Mapped[Customer] = relationship()

    def __str__(self) -> str:
        return f"{self.amount}, {self.reason}"


class Outflow(enum.StrEnum):
    """How credit left other than for an invoice."""

    EXPIRED = "expired"
    PAID_OUT = "paid_out"
    TAKEN_BACK = "taken_back"


class CreditOutflow(Model):
    """The part of a credit that ran out, was paid out or was taken back, with the posting that booked it.

    `method` and `reference` say how money was paid out; `reason` why a credit was taken back.
    """

    __table_args__ = (
        Index("ix_credit_outflow_customer_id", "customer_id", "id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    credit_id: Mapped[int] = ref("credit.id")
    posting_id: Mapped[int] = ref("ledger_posting.id")
    kind: Mapped[Outflow] = mapped_column(choice(Outflow, "kind"))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    on: Mapped[date]
    method: Mapped[str] = mapped_column(String(60), default="")
    reference: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by: Mapped[str] = mapped_column(String(200))

    amount = MoneyOf("amount_minor")

    def __str__(self) -> str:
        return str(self.amount)


class Allocation(Model):
    """The part of a payment, or of a credit, that settled (part of) an invoice. Nothing is ever removed: what is taken
    off the invoice again is a row with the opposite amount that names the first, so that every sum still holds."""

    __table_args__ = (
        CheckConstraint("(payment_id IS NULL) <> (credit_id IS NULL)", name="of_one_source"),
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        CheckConstraint("(amount_minor < 0) = (undoes_id IS NOT NULL)", name="taken_back_by_number"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    invoice_id: Mapped[int] = ref("invoice.id")
    payment_id: Mapped[int | None] = ref("payment.id", nullable=True)
    credit_id: Mapped[int | None] = ref("credit.id", nullable=True)
    undoes_id: Mapped[int | None] = ref("allocation.id", nullable=True)
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    on: Mapped[date]

    amount = MoneyOf("amount_minor")
    invoice: Mapped[Invoice] = relationship()
    payment: Mapped[Payment | None] = relationship(viewonly=True)
    credit: Mapped[Credit | None] = relationship(viewonly=True)
