"""Telling other systems what happened: who listens, what there was to tell, and whether it arrived."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import JSON, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, key, ref
from .types import Moment, choice


class WebhookState(enum.StrEnum):
    """`failed`: tried and not taken; it is tried again until it is given up."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GIVEN_UP = "given_up"


class WebhookEndpoint(Model):
    """An address of another system that wants to be told.

    The secret that signs is not stored: it is worked out of the installation's SECRET_KEY and `salt`, so that a copy
    of the database alone signs nothing. `key_mark` tells whether SECRET_KEY is still the one it was shown with. After
    a change of the secret the old one (`old_salt`) signs too, until `old_until`.
    """

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(400))
    everything: Mapped[bool] = mapped_column(default=False)
    events: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True)
    salt: Mapped[str] = mapped_column(String(64))
    key_mark: Mapped[str] = mapped_column(String(16))
    old_salt: Mapped[str] = mapped_column(String(64), default="")
    old_until: Mapped[datetime | None] = mapped_column(Moment)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200))
    # Health: since when every try has failed, how many did, until when it is left alone.
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(default=0)
    rests_until: Mapped[datetime | None] = mapped_column(Moment)
    last_sent_at: Mapped[datetime | None] = mapped_column(Moment)
    off_reason: Mapped[str] = mapped_column(String(300), default="")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class WebhookEvent(Model):
    """One thing to tell, frozen as text in the transaction in which it happened. Its id is the payload's `sequence`."""

    __table_args__ = (
        Index("ix_webhook_event_made_at", "made_at"),
        Index("ix_webhook_event_customer_id", "customer_id"),
        Index("ix_webhook_event_service_id", "service_id", "id"),
    )

    id: Mapped[int] = key()
    event_key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(40))
    # What it was about, without foreign keys: what was told stays told when a row is deleted.
    customer_id: Mapped[int | None] = mapped_column(BigId)
    service_id: Mapped[int | None] = mapped_column(BigId)
    invoice_id: Mapped[int | None] = mapped_column(BigId)
    payload: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Moment)

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(Model):
    """One event for one endpoint. It is sent at least once, each time under the same webhook-id."""

    __table_args__ = (
        Index(
            "ix_webhook_delivery_due",
            "endpoint_id",
            "next_try_at",
            "id",
            sqlite_where=text("state IN ('queued', 'sending', 'failed')"),
            postgresql_where=text("state IN ('queued', 'sending', 'failed')"),
        ),
        Index("uq_webhook_delivery_event_id", "event_id", "endpoint_id", unique=True),
        Index("ix_webhook_delivery_endpoint_id", "endpoint_id", "state", "id"),
        Index("ix_webhook_delivery_state", "state", "id"),
    )

    id: Mapped[int] = key()
    event_id: Mapped[int] = ref("webhook_event.id", index=False, ondelete="CASCADE")
    endpoint_id: Mapped[int] = ref("webhook_endpoint.id", index=False, ondelete="CASCADE")
    state: Mapped[WebhookState] = mapped_column(choice(WebhookState, "state"), default=WebhookState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    # Counted from here on until it is given up; a person who sends it again starts anew.
    since: Mapped[datetime] = mapped_column(Moment)
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    claimed_by: Mapped[str] = mapped_column(String(120), default="")
    claimed_until: Mapped[datetime | None] = mapped_column(Moment)
    tried_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    took_ms: Mapped[int | None]
    status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(Text, default="", deferred=True)
    error: Mapped[str] = mapped_column(String(500), default="")

    event: Mapped[WebhookEvent] = relationship()
    endpoint: Mapped[WebhookEndpoint] = relationship()

    def __str__(self) -> str:
        return f"{self.event} {self.event.event_key}"
