"""What every document about money has in common: priced lines, and the tax at one rate."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import ref
from .money import MoneyOf
from .types import MinorUnits, Percent, Quantity


class PricedLine:
    """A line: quantity × unit price, rounded once, less the discount. billing.document_lines works it out."""

    description: Mapped[str] = mapped_column(String(400))
    details: Mapped[str] = mapped_column(String(400), default="")
    quantity: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(1))
    # 60 where 55/60 was typed: then `quantity` is that, rounded, and amounts are worked out with the fraction.
    quantity_per: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    # Millionths of the currency's major unit: metered goods cost less than a cent.
    unit_price_micro: Mapped[int] = mapped_column(MinorUnits)
    # Never below zero, and already off the amount.
    discount_percent: Mapped[Decimal | None] = mapped_column(Percent)
    discount_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    discount_reason: Mapped[str] = mapped_column(String(200), default="")
    # The discount that applied by itself and took the most; what a person took off by hand names none.
    discount_id: Mapped[int | None] = ref("discount.id", index=False, nullable=True)
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    # The line's share of the document's discount, which is not off the amount.
    document_discount_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    tax_category: Mapped[str] = mapped_column(String(12), default="S")
    tax_rate: Mapped[Decimal] = mapped_column(Percent, default=Decimal(0))

    amount = MoneyOf("amount_minor")
    discount = MoneyOf("discount_minor")

    @property
    def exact_quantity(self) -> Decimal | Fraction:
        """The quantity as it was typed: 55/60 is not 0.916667."""
        if self.quantity_per is None:
            return self.quantity
        return Fraction(round(self.quantity * self.quantity_per), self.quantity_per)


class TaxSum:
    """The tax of a document at one rate."""

    category: Mapped[str] = mapped_column(String(12))
    rate: Mapped[Decimal] = mapped_column(Percent)
    currency: Mapped[str] = mapped_column(String(3))
    taxable_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_minor: Mapped[int] = mapped_column(MinorUnits)

    taxable = MoneyOf("taxable_minor")
    tax = MoneyOf("tax_minor")
