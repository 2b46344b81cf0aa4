"""Money that went back, and money that nobody expects any more."""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .payment import Credit, Payment
from .types import MinorUnits, Moment, choice


class RefundKind(enum.StrEnum):
    """A reversal takes back a payment that was entered by mistake: no money moved, neither in nor out."""

    REFUND = "refund"
    REVERSAL = "reversal"


class Refund(Model):
    """(Part of) a payment that went back to whoever paid. It is taken out of a credit: the payment's own, or that of
    a credit note about what was paid."""

    __table_args__ = (
        Index("ix_refund_refunded_on", "refunded_on", "id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = key()
    kind: Mapped[RefundKind] = mapped_column(choice(RefundKind, "kind"), default=RefundKind.REFUND)
    customer_id: Mapped[int] = ref("customer.id")
    payment_id: Mapped[int] = ref("payment.id")
    credit_id: Mapped[int] = ref("credit.id")
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    refunded_on: Mapped[date]
    method: Mapped[str] = mapped_column(String(60), default="")
    reference: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by: Mapped[str] = mapped_column(String(200))
    # It did not arrive: on that day the money was ours again, and the credit it came out of holds it.
    came_back_on: Mapped[date | None]

    amount = MoneyOf("amount_minor")
    customer: Mapped[Customer] = relationship()
    payment: Mapped[Payment] = relationship(viewonly=True)
    credit: Mapped[Credit] = relationship(viewonly=True)

    def __str__(self) -> str:
        return f"{self.amount}, {self.reason}"


class WriteOff(Model):
    """(Part of) an invoice that will not be paid any more. Taken back by a row with the opposite amount."""

    __table_args__ = (
        Index("ix_write_off_on", "on", "id"),
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        CheckConstraint("(amount_minor < 0) = (undoes_id IS NOT NULL)", name="taken_back_by_number"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    invoice_id: Mapped[int] = ref("invoice.id")
    undoes_id: Mapped[int | None] = ref("write_off.id", nullable=True)
    payment_id: Mapped[int | None] = ref("payment.id", nullable=True)
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by: Mapped[str] = mapped_column(String(200))

    amount = MoneyOf("amount_minor")
    customer: Mapped[Customer] = relationship()
    invoice: Mapped[Invoice] = relationship()

    def __str__(self) -> str:
        return f"{self.amount}, {self.reason}"
