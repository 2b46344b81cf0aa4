"""Changes of many prices at once: what was asked for, the list prices it changed, and the services that follow."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .bulk_action import BulkAction
from .money import MoneyOf
from .package import Package
from .service import Service, ServiceOption
from .types import MinorUnits, Moment, choice

_WAITING = "state = 'waiting'"


class PriceChangeState(enum.StrEnum):
    """PLANNED until its day has come, then IN_EFFECT; UNDONE where somebody took it back."""

    PLANNED = "planned"
    IN_EFFECT = "in_effect"
    UNDONE = "undone"


class PricePart(enum.StrEnum):
    """Which prices of a package a change is about."""

    PACKAGE = "package"
    OPTION = "option"
    SETUP = "setup"


class NewPriceState(enum.StrEnum):
    """WAITING for the next renewal, BILLED from then on; UNDONE before it was billed."""

    WAITING = "waiting"
    BILLED = "billed"
    UNDONE = "undone"


class PriceChange(Model):
    """`rule` says how prices change, in plain values, `parts` which of them; `sums` what was foreseen when it was
    decided."""

    __table_args__ = (Index("ix_price_change_state", "state", "from_on"),)

    id: Mapped[int] = key()
    rule: Mapped[dict[str, Any]] = mapped_column(JSON)
    parts: Mapped[list[str]] = mapped_column(JSON, default=lambda: [PricePart.PACKAGE.value])
    from_on: Mapped[date]
    running: Mapped[bool] = mapped_column(default=False)
    agreed: Mapped[bool] = mapped_column(default=False)
    state: Mapped[PriceChangeState] = mapped_column(choice(PriceChangeState, "state"))
    sums: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    bulk_action_id: Mapped[int | None] = ref("bulk_action.id", nullable=True)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)

    bulk_action: Mapped[BulkAction | None] = relationship()
    listed: Mapped[list[ListedPriceChange]] = relationship(order_by="ListedPriceChange.id")

    def __str__(self) -> str:
        return f"Price change {self.id}"


class ListedPriceChange(Model):
    """A list price before and after; the row of the package may go, what happened stays. Of an option, its name, and
    which of its choices."""

    __table_args__ = (
        UniqueConstraint(
            "price_change_id",
            "package_id",
            "part",
            "option_name",
            "value",
            "currency",
            "months",
            "days",
            name="uq_listed_price_change_price",
        ),
        CheckConstraint("old_minor >= 0 AND new_minor >= 0", name="not_negative"),
    )

    id: Mapped[int] = key()
    price_change_id: Mapped[int] = ref("price_change.id", index=False, ondelete="CASCADE")
    package_id: Mapped[int] = ref("package.id", ondelete="CASCADE")
    part: Mapped[PricePart] = mapped_column(choice(PricePart, "part"), default=PricePart.PACKAGE)
    option_name: Mapped[str] = mapped_column(String(120), default="")
    value: Mapped[str] = mapped_column(String(120), default="")
    months: Mapped[int]
    days: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    old_minor: Mapped[int] = mapped_column(MinorUnits)
    new_minor: Mapped[int] = mapped_column(MinorUnits)

    old = MoneyOf("old_minor")
    new = MoneyOf("new_minor")
    package: Mapped[Package] = relationship()


class NewPrice(Model):
    """The price a service, or one of its options, will have from its first renewal on or after `from_on`."""

    __tablename__ = "new_price"
    __table_args__ = (
        Index(
            "uq_new_price_waiting",
            "service_id",
            unique=True,
            sqlite_where=text(f"{_WAITING} AND service_option_id IS NULL"),
            postgresql_where=text(f"{_WAITING} AND service_option_id IS NULL"),
        ),
        Index(
            "uq_new_price_waiting_option",
            "service_option_id",
            unique=True,
            sqlite_where=text(f"{_WAITING} AND service_option_id IS NOT NULL"),
            postgresql_where=text(f"{_WAITING} AND service_option_id IS NOT NULL"),
        ),
        Index(
            "ix_new_price_service_option_id",
            "service_option_id",
            sqlite_where=text("service_option_id IS NOT NULL"),
            postgresql_where=text("service_option_id IS NOT NULL"),
        ),
        Index("ix_new_price_price_change_id", "price_change_id", "state", "id"),
        CheckConstraint("old_minor >= 0 AND new_minor >= 0", name="not_negative"),
    )

    id: Mapped[int] = key()
    price_change_id: Mapped[int] = ref("price_change.id", index=False)
    service_id: Mapped[int] = ref("service.id", ondelete="CASCADE")
    service_option_id: Mapped[int | None] = ref("service_option.id", index=False, nullable=True, ondelete="CASCADE")
    currency: Mapped[str] = mapped_column(String(3))
    old_minor: Mapped[int] = mapped_column(MinorUnits)
    new_minor: Mapped[int] = mapped_column(MinorUnits)
    from_on: Mapped[date]
    state: Mapped[NewPriceState] = mapped_column(choice(NewPriceState, "state"), default=NewPriceState.WAITING)
    billed_on: Mapped[date | None]

    old = MoneyOf("old_minor")
    new = MoneyOf("new_minor")
    service: Mapped[Service] = relationship()
    option: Mapped[ServiceOption | None] = relationship()
    price_change: Mapped[PriceChange] = relationship()
