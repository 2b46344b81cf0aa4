"""What was said to customers: a message, and one delivery per recipient and channel. This is the outbox."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .types import Moment, choice


class Channel(enum.StrEnum):
    EMAIL = "email"
    SMS = "sms"


class DeliveryState(enum.StrEnum):
    """`unknown`: it left, and no answer came back; only a person sends it again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class Message(Model):
    """One thing to say. A system message is written from its template when it is delivered."""

    __table_args__ = (Index("ix_message_customer_id", "customer_id", "id"),)

    id: Mapped[int] = key()
    kind: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[int | None] = ref("customer.id", index=False, nullable=True)
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    essential: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200))

    invoice: Mapped[Invoice | None] = relationship(viewonly=True)
    deliveries: Mapped[list[Delivery]] = relationship(back_populates="message", order_by="Delivery.id")


class Delivery(Model):
    """One message to one address. `dedupe_key` makes saying it twice impossible."""

    __table_args__ = (
        Index(
            "ix_delivery_due",
            "next_try_at",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_delivery_state", "state", "id"),
        Index("ix_delivery_customer_id", "customer_id", "id"),
        Index("ix_delivery_sent_at", "sent_at", "id"),
    )

    id: Mapped[int] = key()
    message_id: Mapped[int] = ref("message.id", ondelete="CASCADE")
    customer_id: Mapped[int | None] = ref("customer.id", index=False, nullable=True)
    channel: Mapped[Channel] = mapped_column(choice(Channel, "channel"), default=Channel.EMAIL)
    address: Mapped[str] = mapped_column(String(254))
    dedupe_key: Mapped[str] = mapped_column(String(200), unique=True)
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState, "state"), default=DeliveryState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
    claimed_by: Mapped[str] = mapped_column(String(120), default="")
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    error: Mapped[str] = mapped_column(String(500), default="")
    # As it left the house, so that it can be read again.
    sent_subject: Mapped[str] = mapped_column(String(300), default="")
    sent_text: Mapped[str] = mapped_column(Text, default="", deferred=True)

    message: Mapped[Message] = relationship(back_populates="deliveries")
    customer: Mapped[Customer | None] = relationship()

    def __str__(self) -> str:
        return self.address
