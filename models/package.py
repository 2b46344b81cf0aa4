"""What is sold: packages, their prices per period and currency, and their options."""

from __future__ import annotations

import enum

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, composite, mapped_column, relationship

from .base import Model, key, ref
from .money import Money
from .types import MinorUnits, choice


class OptionKind(enum.StrEnum):
    CHOICE = "choice"
    QUANTITY = "quantity"
    YES_NO = "yes_no"


class Package(Model):
    """A catalogue entry. Archived instead of deleted, because services keep pointing to it."""

    id: Mapped[int] = key()
    name: Mapped[str] = mapped_column(String(160), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    tax_category: Mapped[str] = mapped_column(String(12), default="S")
    archived: Mapped[bool] = mapped_column(default=False)

    prices: Mapped[list[PackagePrice]] = relationship(
        back_populates="package", order_by="PackagePrice.currency, PackagePrice.months, PackagePrice.days"
    )
    options: Mapped[list[PackageOption]] = relationship(
        back_populates="package", order_by="PackageOption.position, PackageOption.id"
    )

    def __str__(self) -> str:
        return self.name


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

    price: Mapped[Money] = composite(Money, "price_minor", "currency")
    setup_fee: Mapped[Money] = composite(Money, "setup_fee_minor", "currency")
    package: Mapped[Package] = relationship(back_populates="prices")


class PackageOption(Model):
    """Something that can be chosen with a package."""

    __table_args__ = (UniqueConstraint("package_id", "name"),)

    id: Mapped[int] = key()
    package_id: Mapped[int] = ref("package.id", index=False, ondelete="CASCADE")
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[OptionKind] = mapped_column(choice(OptionKind, "kind"), default=OptionKind.YES_NO)
    position: Mapped[int] = mapped_column(default=0)

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

    price: Mapped[Money] = composite(Money, "price_minor", "currency")
    option: Mapped[PackageOption] = relationship(back_populates="prices")
