"""What people did to get overdue money in: calls, letters and talks with customers."""

from __future__ import annotations

import enum
from datetime import date, datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .customer import Customer
from .types import Moment, choice


class ContactWay(enum.StrEnum):
    CALL = "call"
    MAIL = "mail"
    TEXT = "text"
    LETTER = "letter"
    VISIT = "visit"
    OTHER = "other"


class CollectionContact(Model):
    """One talk with a customer about overdue money; `next_on` is the day somebody wants to do so again."""

    __table_args__ = (Index("ix_collection_contact_customer_id", "customer_id", "id"),)

    id: Mapped[int] = key()
    customer_id: Mapped[int] = ref("customer.id", index=False)
    way: Mapped[ContactWay] = mapped_column(choice(ContactWay, "way"))
    text: Mapped[str] = mapped_column(Text, default="")
    next_on: Mapped[date | None]
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[str] = mapped_column(String(200))

    customer: Mapped[Customer] = relationship()

    def __str__(self) -> str:
        return self.way.value.capitalize()
