"""What is sold: packages, their prices per period and currency, and their options."""

from __future__ import annotations

import enum
from decimal import Decimal

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Model, key, ref
from .money import MoneyOf
from .types import MinorUnits, Quantity, choice


class OptionKind(enum.StrEnum):
    CHOICE = "choice"
    QUANTITY = "quantity"
    YES_NO = "yes_no"


class ChangeTo(enum.StrEnum):
    """Which packages a service of a package may change to."""

    ANY = "any"
    GROUP = "group"
    CHOSEN = "chosen"
    NONE = "none"


class Direction(enum.StrEnum):
    """What a change to another package is; without one, the prices tell."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    SIDEWAYS = "sideways"


class PackageGroup(Model):
    """Packages of one kind, such as web hosting; those of a group can stand in for one another."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(120), unique=True)

    def __str__(self) -> str:
        return self.name


class Package(Model):
    """A catalogue entry. Archived instead of deleted, because services keep pointing to it.

    `description` stands on documents, `order_text` (with a little Markdown) where customers choose. A `hidden` one is
    sold by staff only; an archived one by nobody.
    """

    __table_args__ = (CheckConstraint("trial_days BETWEEN 0 AND 366", name="trial_days"),)

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(160), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    order_text: Mapped[str] = mapped_column(Text, default="")
    tax_category: Mapped[str] = mapped_column(String(12), default="S")
    trial_days: Mapped[int] = mapped_column(default=0)
    hidden: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    group_id: Mapped[int | None] = ref("package_group.id", nullable=True, ondelete="SET NULL")
    change_to: Mapped[ChangeTo] = mapped_column(choice(ChangeTo, "change_to"), default=ChangeTo.ANY)

    group: Mapped[PackageGroup | None] = relationship()

    prices: Mapped[list[PackagePrice]] = relationship(
        back_populates="package", order_by="PackagePrice.currency, PackagePrice.months, PackagePrice.days"
    )
    options: Mapped[list[PackageOption]] = relationship(
        back_populates="package", order_by="PackageOption.position, PackageOption.id"
    )
    targets: Mapped[list[PackageTarget]] = relationship(
        foreign_keys="PackageTarget.package_id", order_by="PackageTarget.id", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return self.name


class PackageTarget(Model):
    """That a service of `package_id` may change to `to_id`; without a direction, the prices tell."""

    __table_args__ = (
        UniqueConstraint("package_id", "to_id"),
        CheckConstraint("package_id <> to_id", name="another_package"),
    )

    id: Mapped[int] = key()
    package_id: Mapped[int] = ref("package.id", index=False, ondelete="CASCADE")
    to_id: Mapped[int] = ref("package.id", ondelete="CASCADE")
    direction: Mapped[Direction | None] = mapped_column(choice(Direction, "direction"))

    to: Mapped[Package] = relationship(foreign_keys=[to_id])


class PackagePrice(Model):
    """The price of a package for one billing period (months, or days, or neither: once) in one currency."""

    __table_args__ = (
        UniqueConstraint("package_id", "currency", "months", "days"),
        CheckConstraint("price_minor >= 0 AND setup_fee_minor >= 0", name="not_negative"),
        CheckConstraint("months >= 0 AND days >= 0 AND (months = 0 OR days = 0)", name="one_period"),
    )

    id: Mapped[int] = key()
    package_id: Mapped[int] = ref("package.id", index=False, ondelete="CASCADE")
    months: Mapped[int] = mapped_column(default=1)
    days: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3))
    price_minor: Mapped[int] = mapped_column(MinorUnits)
    setup_fee_minor: Mapped[int] = mapped_column(MinorUnits, default=0)

    price = MoneyOf("price_minor")
    setup_fee = MoneyOf("setup_fee_minor")
    package: Mapped[Package] = relationship(back_populates="prices")


class PackageOption(Model):
    """Something that can be chosen with a package.

    `default_value` is what a form begins with: a choice, a number, or ``yes``. The bounds are those of a number.
    """

    __table_args__ = (
        UniqueConstraint("package_id", "name"),
        CheckConstraint("min_quantity >= 0 AND max_quantity >= min_quantity", name="bounds"),
    )

    id: Mapped[int] = key()
    package_id: Mapped[int] = ref("package.id", index=False, ondelete="CASCADE")
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[OptionKind] = mapped_column(choice(OptionKind, "kind"), default=OptionKind.YES_NO)
    position: Mapped[int] = mapped_column(default=0)
    required: Mapped[bool] = mapped_column(default=False)
    min_quantity: Mapped[Decimal | None] = mapped_column(Quantity)
    max_quantity: Mapped[Decimal | None] = mapped_column(Quantity)
    default_value: Mapped[str] = mapped_column(String(120), default="")

    package: Mapped[Package] = relationship(back_populates="options")
    prices: Mapped[list[OptionPrice]] = relationship(back_populates="option", order_by="OptionPrice.id")

    def __str__(self) -> str:
        return self.name


class OptionPrice(Model):
    """The price of an option, or of one of its choices, per billing period and currency."""

    __table_args__ = (UniqueConstraint("option_id", "value", "currency", "months", "days"),)

    id: Mapped[int] = key()
    option_id: Mapped[int] = ref("package_option.id", index=False, ondelete="CASCADE")
    value: Mapped[str] = mapped_column(String(120), default="")
    months: Mapped[int] = mapped_column(default=1)
    days: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3))
    price_minor: Mapped[int] = mapped_column(MinorUnits)

    price = MoneyOf("price_minor")
    option: Mapped[PackageOption] = relationship(back_populates="prices")
