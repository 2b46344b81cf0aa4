"""Cards that a gateway keeps for us, and every attempt to pay with one. No number of a card is ever here."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .money import MoneyOf
from .payment import Credit, Payment
from .types import MinorUnits, Moment, choice

IN_USE = "removed_at IS NULL"
HOLDS = "holds"
LOOKED_AT = "next_look_at IS NOT NULL"


def _some(words: str) -> dict[str, Any]:
    return {"sqlite_where": text(words), "postgresql_where": text(words)}


class Card(Model):
    """A card that a customer saved: what may be shown of it, and the gateway's names for it and its holder.

    A row stays when the card is removed, so that what was paid with it still says so.
    """

    __table_args__ = (
        Index("uq_card_gateway_card", "gateway", "gateway_card", unique=True),
        Index("uq_card_default", "customer_id", unique=True, **_some("is_default")),
        Index("ix_card_expires", "expires_year", "expires_month", "id", **_some(IN_USE)),
        CheckConstraint("expires_month BETWEEN 1 AND 12", name="month"),
        CheckConstraint("NOT is_default OR removed_at IS NULL", name="default_in_use"),
    )

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id")
    gateway: Mapped[str] = mapped_column(String(24))
    gateway_customer: Mapped[str] = mapped_column(String(120))
    gateway_card: Mapped[str] = mapped_column(String(120))
    # The same plastic card, saved again, has the same one.
    fingerprint: Mapped[str] = mapped_column(String(120), default="")
    brand: Mapped[str] = mapped_column(String(40))
    last_four: Mapped[str] = mapped_column(String(4))
    expires_month: Mapped[int]
    expires_year: Mapped[int]
    is_default: Mapped[bool] = mapped_column(default=False)
    added_at: Mapped[datetime] = mapped_column(Moment)
    added_by: Mapped[str] = mapped_column(String(200))
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
    # It is forgotten by us, and the gateway is still to be told.
    to_forget: Mapped[bool] = mapped_column(default=False)

    customer: Mapped[Customer] = relationship()

    def __str__(self) -> str:
        return f"{self.brand} ···· {self.last_four}"

    @property
    def last_day(self) -> date:
        """The last day on which it can be used."""
        after = date(self.expires_year + self.expires_month // 12, self.expires_month % 12 + 1, 1)
        return date.fromordinal(after.toordinal() - 1)


class AttemptKind(enum.StrEnum):
    """On the gateway's page, by a saved card without the customer, or to save a card without paying."""

    PAGE = "page"
    CHARGE = "charge"
    SAVE = "save"


class AttemptState(enum.StrEnum):
    BEGUN = "begun"  # written down, perhaps asked for already
    REDIRECTED = "redirected"  # the customer is on the gateway's page
    PROCESSING = "processing"  # the bank takes its time
    UNKNOWN = "unknown"  # asked for, and no answer came
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    EXPIRED = "expired"  # over without money


class PaymentAttempt(Model):
    """One try to get money by card, written down before the gateway is asked. `key` is its name there: whatever
    happens, it is asked for under this one, and looked up by it."""

    __table_args__ = (
        Index("ix_payment_attempt_customer_id", "customer_id", "id"),
        Index("uq_payment_attempt_payment_id", "payment_id", unique=True, **_some("payment_id IS NOT NULL")),
        Index("uq_payment_attempt_gateway_id", "gateway", "gateway_id", unique=True, **_some("gateway_id <> ''")),
        Index("ix_payment_attempt_page_id", "page_id", **_some("page_id <> ''")),
        Index("ix_payment_attempt_next_look_at", "next_look_at", "id", **_some(LOOKED_AT)),
        Index("uq_payment_attempt_step", "charged_id", "step", unique=True, **_some("charged_id IS NOT NULL")),
        CheckConstraint("(kind = 'save') = (amount_minor = 0)", name="amount"),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        CheckConstraint("(state = 'succeeded' AND kind <> 'save') = (payment_id IS NOT NULL)", name="one_payment"),
    )

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(60), unique=True)
    customer_id: Mapped[int] = ref("customer.id", index=False)
    # What the gateway was told the customer is called; a merge moves the row, and not what is known there.
    asked_as: Mapped[str] = mapped_column(String(20), default="", server_default="")
    kind: Mapped[AttemptKind] = mapped_column(choice(AttemptKind, "kind"))
    state: Mapped[AttemptState] = mapped_column(choice(AttemptState, "state"), default=AttemptState.BEGUN)
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    card_id: Mapped[int | None] = ref("card.id", nullable=True)
    save_card: Mapped[bool] = mapped_column(default=False)
    # Of an automatic charge: the invoice, and which try it is.
    charged_id: Mapped[int | None] = ref("invoice.id", index=False, nullable=True)
    step: Mapped[int] = mapped_column(default=0)

    gateway: Mapped[str] = mapped_column(String(24))
    gateway_id: Mapped[str] = mapped_column(String(120), default="")
    page_id: Mapped[str] = mapped_column(String(120), default="")
    page_url: Mapped[str] = mapped_column(Text, default="")
    page_until: Mapped[datetime | None] = mapped_column(Moment)
    payment_id: Mapped[int | None] = ref("payment.id", index=False, nullable=True)
    # In words for people; `final` says that the same card need not be tried again.
    error: Mapped[str] = mapped_column(String(300), default="")
    final: Mapped[bool] = mapped_column(default=False)
    begun_at: Mapped[datetime] = mapped_column(Moment)
    begun_by: Mapped[str] = mapped_column(String(200))
    looks: Mapped[int] = mapped_column(default=0)
    next_look_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    amount = MoneyOf("amount_minor")
    customer: Mapped[Customer] = relationship()
    card: Mapped[Card | None] = relationship()
    payment: Mapped[Payment | None] = relationship(viewonly=True)
    parts: Mapped[list[AttemptPart]] = relationship(back_populates="attempt", order_by="AttemptPart.id")

    def __str__(self) -> str:
        return f"{self.amount} by card"


class AttemptPart(Model):
    """An invoice that an attempt is to pay. While it `holds` it, no other attempt can."""

    __table_args__ = (
        Index("uq_attempt_part_holds", "invoice_id", unique=True, **_some(HOLDS)),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = key()
    attempt_id: Mapped[int] = ref("payment_attempt.id")
    invoice_id: Mapped[int] = ref("invoice.id")
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    holds: Mapped[bool] = mapped_column(default=True)

    amount = MoneyOf("amount_minor")
    attempt: Mapped[PaymentAttempt] = relationship(back_populates="parts")
    invoice: Mapped[Invoice] = relationship(lazy="joined", innerjoin=True)


class CardRefundState(enum.StrEnum):
    BEGUN = "begun"
    UNKNOWN = "unknown"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class CardRefund(Model):
    """Money that is to go back to a card: written down, asked for under `key`, and booked once it is on its way.

    One that was made at the gateway itself has no reason of ours. `refund_id` is empty while it is not booked.
    """

    __table_args__ = (
        Index("uq_card_refund_gateway_id", "gateway", "gateway_id", unique=True, **_some("gateway_id <> ''")),
        Index("uq_card_refund_refund_id", "refund_id", unique=True, **_some("refund_id IS NOT NULL")),
        Index("uq_card_refund_open", "payment_id", unique=True, **_some("state IN ('begun', 'unknown', 'processing')")),
        Index("ix_card_refund_next_look_at", "next_look_at", "id", **_some(LOOKED_AT)),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
    )

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(60), unique=True)
    customer_id: Mapped[int] = ref("customer.id")
    payment_id: Mapped[int] = ref("payment.id")
    credit_id: Mapped[int | None] = ref("credit.id", nullable=True)
    refund_id: Mapped[int | None] = ref("refund.id", index=False, nullable=True)
    state: Mapped[CardRefundState] = mapped_column(choice(CardRefundState, "state"), default=CardRefundState.BEGUN)
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    reason: Mapped[str] = mapped_column(String(200), default="")
    gateway: Mapped[str] = mapped_column(String(24))
    gateway_id: Mapped[str] = mapped_column(String(120), default="")
    error: Mapped[str] = mapped_column(String(300), default="")
    begun_at: Mapped[datetime] = mapped_column(Moment)
    begun_by: Mapped[str] = mapped_column(String(200))
    looks: Mapped[int] = mapped_column(default=0)
    next_look_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    amount = MoneyOf("amount_minor")
    payment: Mapped[Payment] = relationship(viewonly=True)
    credit: Mapped[Credit | None] = relationship(viewonly=True)

    def __str__(self) -> str:
        return f"{self.amount} back to the card"
