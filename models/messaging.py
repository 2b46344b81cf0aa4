"""What sending goes by: kinds of messages, who wants none, what texts cost and who sends them, what came in."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .company import Project
from .customer import Customer
from .message import Channel
from .types import MinorUnits, Moment, choice


class MessageCategory(Model):
    """A kind of message that people may not want. Of an essential one nobody can opt out. Of a `technical` one, those
    who see no money in the portal read there what the shop wrote."""

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    essential: Mapped[bool] = mapped_column(default=False)
    builtin: Mapped[bool] = mapped_column(default=False)
    technical: Mapped[bool] = mapped_column(default=False, server_default=false())

    def __str__(self) -> str:
        return self.name


class OptOut(Model):
    """Somebody wants no messages of this category (empty: of any) over this channel.

    `who` names them: ``address:ann@mail.example``, ``customer:12`` or ``contact:5``. An address holds for every
    customer that has it. `by_carrier`: the number said STOP, and the network lets nothing through.
    """

    __table_args__ = (Index("uq_opt_out_who", "who", "channel", "category", unique=True),)

    id: Mapped[int] = key()
    channel: Mapped[Channel] = mapped_column(choice(Channel, "channel"))
    who: Mapped[str] = mapped_column(String(300))
    customer_id: Mapped[int | None] = ref("customer.id", nullable=True, ondelete="CASCADE")
    contact_id: Mapped[int | None] = ref("contact.id", nullable=True, ondelete="CASCADE")
    category: Mapped[str] = mapped_column(String(40), default="")
    by_carrier: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(String(40))
    since: Mapped[datetime] = mapped_column(Moment)

    def __str__(self) -> str:
        return self.who.partition(":")[2]


class MessageSettings(Model):
    """The limits of sending, chosen in Settings. Hours are in the place of whoever gets the text."""

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = key()
    mails_per_minute: Mapped[int] = mapped_column(default=0)
    texts_per_minute: Mapped[int] = mapped_column(default=60)
    texts_per_number: Mapped[int] = mapped_column(default=6)
    texts_per_day: Mapped[int] = mapped_column(default=1000)
    price_currency: Mapped[str] = mapped_column(String(3), default="")
    spend_per_day_minor: Mapped[int] = mapped_column(MinorUnits, default=5000)
    quiet_from: Mapped[int] = mapped_column(default=21)
    quiet_until: Mapped[int] = mapped_column(default=8)
    night_hour: Mapped[int] = mapped_column(default=2)
    text_countries: Mapped[list[str]] = mapped_column(JSON, default=list)

    def __str__(self) -> str:
        return "Messages"


class TextPrice(Model):
    """What one segment costs to numbers that begin so (``+353``; empty: to all others), in millionths."""

    id: Mapped[int] = key()
    prefix: Mapped[str] = mapped_column(String(12), unique=True)
    price_micro: Mapped[int] = mapped_column(BigInteger)


class TextSender(Model):
    """Who texts of a project come from: a number, a name, or a messaging service (MG…). One per project."""

    id: Mapped[int] = key()
    project_id: Mapped[int] = ref("project.id", index=False, ondelete="CASCADE", unique=True)
    sender: Mapped[str] = mapped_column(String(64))

    project: Mapped[Project] = relationship()


class PhoneCode(Model):
    """A code sent to a number to see whether it is the customer's. Only a keyed hash of the code is kept."""

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", ondelete="CASCADE")
    phone: Mapped[str] = mapped_column(String(40))
    salt: Mapped[str] = mapped_column(String(32))
    code_hash: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    tries_left: Mapped[int]
    used_at: Mapped[datetime | None] = mapped_column(Moment)

    customer: Mapped[Customer] = relationship()


class HookState(enum.StrEnum):
    WAITING = "waiting"
    PROCESSED = "processed"
    IGNORED = "ignored"


class HookEvent(Model):
    """What an outside service told us, kept before anything is done with it. `key` makes one event of repeats."""

    __table_args__ = (
        Index(
            "ix_hook_event_waiting",
            "received_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[int] = key()
    source: Mapped[str] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[HookState] = mapped_column(choice(HookState, "state"), default=HookState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(String(300), default="")
