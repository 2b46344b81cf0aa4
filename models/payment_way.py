"""The ways in which money comes in, in the shop's own words."""

from __future__ import annotations

from datetime import date

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Model, key
from .company import PaymentMethod
from .types import choice


class PaymentWay(Model):
    """Such as bank transfer or cash. `instructions` tell customers how to pay so; empty ones are shown nowhere.

    They are shown to customers whose `payment_method` is `shown_to`; None shows them to everybody who is billed.
    """

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    instructions: Mapped[str] = mapped_column(Text, default="")
    shown_to: Mapped[PaymentMethod | None] = mapped_column(choice(PaymentMethod, "shown_to"))
    position: Mapped[int] = mapped_column(default=100)
    archived_on: Mapped[date | None]

    def __str__(self) -> str:
        return self.name
