"""The lines of a credit note: what is left of each line of an invoice, and taking back a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from models import BillingError, InvoiceLine, Money

from .document_lines import ONE, Amount, LineInput, WorkedLine, line_of, quantity_of, unit_price
from .tax_rates import Tax

ROUNDED = 2
"""Minor units by which parts of a discounted line may differ from the whole."""


class CannotCredit(BillingError):
    """This cannot be taken back like that. `line` is the id of the line it is about; 0 is the whole."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Chosen:
    """A line of the invoice and how much of it: a quantity, or an amount after discounts; neither is all that is
    left."""

    line_id: int
    quantity: Amount | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A line of the invoice with what of it was not taken back yet, after all discounts, without tax where prices are
    without."""

    line: InvoiceLine
    amount: Money

    @property
    def billed(self) -> Money:
        return self.line.amount - Money(self.line.document_discount_minor, self.line.currency)


def taken(there: Mapping[int, Left], chosen: Chosen) -> WorkedLine:
    """The line of the credit note that takes back so much of a line."""
    found = there.get(chosen.line_id)
    if found is None:
        raise CannotCredit("This is no line of the invoice. Open it again.")
    if not found.amount:
        raise CannotCredit(f"{found.line.description}: all of it was taken back already.", chosen.line_id)
    if chosen.quantity is None and chosen.amount is None:
        return _whole(found)
    if found.amount.minor < 0:
        raise CannotCredit(f"{found.line.description}: what is below zero is taken back as a whole.", chosen.line_id)
    if chosen.amount is not None:
        return _part(found, _checked(found, chosen.amount))
    assert chosen.quantity is not None
    return _some(found, chosen.quantity)


def _checked(found: Left, amount: Money) -> Money:
    line = found.line
    if amount.minor <= 0:
        raise CannotCredit(f"{line.description}: what is taken back is more than zero.", line.id)
    if amount > found.amount:
        raise CannotCredit(f"{line.description}: only {found.amount} is left to be taken back.", line.id)
    return amount


def _whole(found: Left) -> WorkedLine:
    """As it was billed, if nothing was taken back of it before; else the rest as one amount."""
    row = found.line
    if found.amount != found.billed:
        return _part(found, found.amount)
    off = Money(row.document_discount_minor, row.currency)
    given = _given(found, quantity_of(row))
    return WorkedLine(given, row.amount + row.discount, row.discount, row.amount, off, _tax(found))


def _part(found: Left, amount: Money) -> WorkedLine:
    given = replace(_given(found, Amount(ONE)), unit_price=unit_price(amount))
    nothing = Money.zero(amount.currency)
    return WorkedLine(given, amount, nothing, amount, nothing, _tax(found))


def _some(found: Left, quantity: Amount) -> WorkedLine:
    """A part of the quantity with its share of the discounts; the last part is what is left, to the cent."""
    row = found.line
    billed = quantity_of(row)
    if not 0 < quantity.exact <= billed.exact:
        raise CannotCredit(f"{row.description}: the quantity is more than zero and at most {billed}.", row.id)
    if quantity.exact == billed.exact and found.amount == found.billed:
        return _whole(found)
    given = _given(found, quantity)
    share = Fraction(quantity.exact) / Fraction(billed.exact)
    full = given.unit_price.times(quantity.exact)
    if row.period_start:
        full = min(full, (row.amount + row.discount).times(share))
    off = Money(row.document_discount_minor, row.currency).times(share)
    discount = row.discount.times(share)
    came_to = full - discount - off
    over = came_to - found.amount
    if 0 < over.minor <= ROUNDED and discount + over <= full:
        discount, came_to = discount + over, found.amount
    _checked(found, came_to)
    return WorkedLine(given, full, discount, full - discount, off, _tax(found))


def _given(found: Left, quantity: Amount) -> LineInput:
    """The line as it would be entered: no discount by percent, for no period to be billed again, at its own tax."""
    row = found.line
    return replace(
        line_of(row), quantity=quantity, discount_percent=None, discount=None, original_line_id=row.id,
        tax=_tax(found),
    )  # fmt: skip


def _tax(found: Left) -> Tax:
    return Tax(found.line.tax_rate, found.line.tax_category)
