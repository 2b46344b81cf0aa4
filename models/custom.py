"""Fields of the shop's own that its customers have, and what each customer has in them."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal

from sqlalchemy import JSON, Boolean, Date, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Model, key, ref
from .types import ExactDecimal, choice

Number = ExactDecimal(6)


class FieldKind(enum.StrEnum):
    """What a field holds. The words of a choice are kept as text."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    DATE = "date"
    NUMBER = "number"
    YES_NO = "yes_no"


class CustomField(Model):
    """A field of the shop's own. `key` names it in files and addresses and never changes."""

    id: Mapped[int] = key()
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[FieldKind] = mapped_column(choice(FieldKind, "kind"))
    help: Mapped[str] = mapped_column(String(200), default="")
    choices: Mapped[list[str]] = mapped_column(JSON, default=list)
    required: Mapped[bool] = mapped_column(default=False)
    on_list: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=100)
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name


class CustomValue(Model):
    """What a customer has in a field: exactly one of the columns, the one of the field's kind. No row: nothing."""

    __table_args__ = (
        Index("ix_custom_value_text", "field_id", "text", "customer_id"),
        Index("ix_custom_value_day", "field_id", "day", "customer_id"),
        Index("ix_custom_value_number", "field_id", "number", "customer_id"),
        Index("ix_custom_value_flag", "field_id", "flag", "customer_id"),
    )

    customer_id: Mapped[int] = ref("customer.id", index=False, ondelete="CASCADE", primary_key=True)
    field_id: Mapped[int] = ref("custom_field.id", index=False, ondelete="CASCADE", primary_key=True)
    text: Mapped[str | None] = mapped_column(String(300))
    long_text: Mapped[str | None] = mapped_column(Text)
    day: Mapped[date | None] = mapped_column(Date)
    number: Mapped[Decimal | None] = mapped_column(Number)
    flag: Mapped[bool | None] = mapped_column(Boolean)
