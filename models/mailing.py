"""What a person writes to one or many: kept from its first word as a draft, until all of it is sent or stopped."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import BigId, Model, key, ref
from .types import Moment, choice


class Audience(enum.StrEnum):
    """Whom it is for: chosen ones (kept in mailing_customer), a group, a project, or everybody."""

    CHOSEN = "chosen"
    GROUP = "group"
    PROJECT = "project"
    ALL = "all"


class MailingState(enum.StrEnum):
    """`asked`: somebody pressed Send, and the scheduler is to queue it. `queued`: its deliveries are in the outbox."""

    DRAFT = "draft"
    ASKED = "asked"
    QUEUED = "queued"
    REPEATING = "repeating"
    STOPPED = "stopped"
    FAILED = "failed"


class Mailing(Model):
    """`next_at` is when it is queued (again); every `every_days` days if that is not nought.

    Where it is said by a `template` (its key), it has no words of its own. `total` counts the deliveries of the last
    time, `tries` how often queueing has ended its process.
    """

    __table_args__ = (
        Index("ix_mailing_state", "state", "next_at"),
        CheckConstraint("every_days >= 0", name="every_days"),
    )

    id: Mapped[int] = key()
    state: Mapped[MailingState] = mapped_column(choice(MailingState, "state"), default=MailingState.DRAFT)
    audience: Mapped[Audience] = mapped_column(choice(Audience, "audience"), default=Audience.CHOSEN)
    group_id: Mapped[int | None] = ref("customer_group.id", nullable=True, ondelete="SET NULL")
    project_id: Mapped[int | None] = ref("project.id", nullable=True, ondelete="SET NULL")
    by_mail: Mapped[bool] = mapped_column(default=True)
    by_text: Mapped[bool] = mapped_column(default=False)
    subject: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    text_body: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str] = mapped_column(String(40), default="")
    language: Mapped[str] = mapped_column(String(12), default="")
    template: Mapped[str] = mapped_column(String(40), default="")
    legal_notice: Mapped[bool] = mapped_column(default=False)
    with_contacts: Mapped[bool] = mapped_column(default=False)
    reply_to: Mapped[str] = mapped_column(String(254), default="")
    send_when: Mapped[str] = mapped_column(String(12), default="now")
    send_at: Mapped[datetime | None] = mapped_column(Moment)
    every_days: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    total: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime] = mapped_column(Moment)
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    asked_by: Mapped[str] = mapped_column(String(200), default="")
    staff_id: Mapped[int | None] = ref("staff.id", nullable=True, ondelete="SET NULL")

    files: Mapped[list[MailingFile]] = relationship(order_by="MailingFile.id", viewonly=True)

    def __str__(self) -> str:
        return self.subject or f"Message {self.id}"


class MailingCustomer(Model):
    """One of those a mailing was addressed to. No foreign key to the customer: it may be deleted meanwhile."""

    __table_args__ = (Index("uq_mailing_customer_mailing_id", "mailing_id", "customer_id", unique=True),)

    id: Mapped[int] = key()
    mailing_id: Mapped[int] = ref("mailing.id", index=False, ondelete="CASCADE")
    customer_id: Mapped[int] = mapped_column(BigId)


class MailingFile(Model):
    """A file that goes with every mail. The bytes lie under a random name in the files folder."""

    __table_args__ = (CheckConstraint("size > 0", name="size"),)

    id: Mapped[int] = key()
    mailing_id: Mapped[int] = ref("mailing.id", ondelete="CASCADE")
    stored_name: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    uploaded_at: Mapped[datetime] = mapped_column(Moment)

    def __str__(self) -> str:
        return self.name
