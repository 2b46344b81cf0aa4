"""What was said to customers: a message, and one delivery per recipient and channel. This is the outbox."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .invoice import Invoice
from .mailing import Mailing
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
    """One thing to say. A system message is written from its template when it is delivered.

    `text_body` are the words of its texts where they are others than the mail's. A `legal_notice` goes also to
    those who opted out; who marked it stands in the audit log. One that a person wrote belongs to a `mailing`. One said
    by a `template` (its key) is written in the reader's language from the versions that were there when it was queued:
    those up to the id `template_mark`.
    """

    __table_args__ = (Index("ix_message_customer_id", "customer_id", "id"),)

    id: Mapped[int] = key()
    mailing_id: Mapped[int | None] = ref("mailing.id", nullable=True)
    kind: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[int | None] = ref("customer.id", index=False, nullable=True)
    invoice_id: Mapped[int | None] = ref("invoice.id", nullable=True)
    payment_id: Mapped[int | None] = ref("payment.id", nullable=True)
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    essential: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(40), default="")
    text_body: Mapped[str] = mapped_column(Text, default="")
    legal_notice: Mapped[bool] = mapped_column(default=False)
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    template: Mapped[str] = mapped_column(String(40), default="", server_default="")
    template_mark: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # What a message of the system's own is about, in plain values that its kind knows.
    about: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    send_at: Mapped[datetime | None] = mapped_column(Moment)
    stopped_at: Mapped[datetime | None] = mapped_column(Moment)

    invoice: Mapped[Invoice | None] = relationship(viewonly=True)
    mailing: Mapped[Mailing | None] = relationship()
    deliveries: Mapped[list[Delivery]] = relationship(back_populates="message", order_by="Delivery.id")

    def __str__(self) -> str:
        return self.subject or self.kind.replace("_", " ").capitalize()


class Delivery(Model):
    """One message to one address. `dedupe_key` makes saying it twice impossible.

    Of texts only: `vendor_id` is Twilio's name for it, once it has one; `begun_at` is set while it may have left
    without our knowing, and `sent_digest` (a keyed hash of the words) is what it is looked for by; the cost is in
    millionths of `cost_currency`.
    """

    __table_args__ = (
        Index(
            "ix_delivery_due",
            "next_try_at",
            "id",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_delivery_state", "state", "id"),
        Index("ix_delivery_message_state", "message_id", "state"),
        Index("ix_delivery_customer_id", "customer_id", "id"),
        Index("ix_delivery_sent_at", "sent_at", "id"),
        Index(
            "ix_delivery_text",
            "begun_at",
            "address",
            sqlite_where=text("channel = 'sms'"),
            postgresql_where=text("channel = 'sms'"),
        ),
        Index(
            "uq_delivery_vendor_id",
            "vendor_id",
            unique=True,
            sqlite_where=text("vendor_id <> ''"),
            postgresql_where=text("vendor_id <> ''"),
        ),
    )

    id: Mapped[int] = key()
    message_id: Mapped[int] = ref("message.id", index=False, ondelete="CASCADE")
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
    vendor_id: Mapped[str] = mapped_column(String(64), default="")
    vendor_state: Mapped[str] = mapped_column(String(24), default="")
    begun_at: Mapped[datetime | None] = mapped_column(Moment)
    arrived_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_digest: Mapped[str] = mapped_column(String(64), default="")
    segments: Mapped[int] = mapped_column(default=0)
    cost_micro: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_currency: Mapped[str] = mapped_column(String(3), default="")

    message: Mapped[Message] = relationship(back_populates="deliveries")
    customer: Mapped[Customer | None] = relationship()

    def __str__(self) -> str:
        return self.address
