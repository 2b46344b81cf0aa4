"""The lines of a quote: what an invoice's lines are, and what they start once the quote is accepted.

A line of a package with a billing period starts a service; the options and the set-up fee of that service follow it.
Such a line is about one service: three of them are three lines, each with its own options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import delete

from models import Customer, LineKind, Money, Payer, Quote, QuoteLine, QuoteTax, db

from . import company
from .document_lines import (
    InvalidLine,
    LineInput,
    WorkedLine,
    WorkedOut,
    line_values,
    quantity_of,
    taxed,
    work_out,
)
from .money import UnitPrice, decimals_of
from .tax_rates import TaxTable

FOLLOWS = frozenset({LineKind.OPTION, LineKind.SETUP})
RECURS = frozenset({LineKind.SERVICE, LineKind.OPTION})
NOTHING = Fraction(0)
_NOT_KEPT = ("period_start", "period_end", "charge_id", "original_line_id")


@dataclass(frozen=True, slots=True)
class QuoteItem:
    """One line as it is entered. `months` or `days` is the billing period of the service it starts; an option says
    which (`option_id`, and its `choice`). `place` is where it was entered, from 1: one line may become several.

    With `trial_days`, those of its package, the line comes to nothing: its first bill is written after them, and takes
    the discount. That of a service's own price, or of an option's, is off its first bill only, unless `always`."""

    line: LineInput
    months: int = 0
    days: int = 0
    option_id: int | None = None
    choice: str = ""
    trial_days: int = 0
    always: bool = False
    place: int = field(default=0, compare=False)

    @property
    def starts_service(self) -> bool:
        return self.line.kind == LineKind.SERVICE

    @property
    def follows(self) -> bool:
        return self.line.kind in FOLLOWS


Block = tuple[QuoteItem, ...]
"""A service line with its options and set-up fee, or a line that stands for itself."""


def blocks(items: Sequence[QuoteItem]) -> Iterator[Block]:
    """The lines in the groups they belong together in. Raises InvalidLine for an option without its package."""
    start = 0
    while start < len(items):
        if items[start].follows:
            raise InvalidLine("An option or a set-up fee stands below the line of its package.", start + 1)
        end = start + 1
        while end < len(items) and items[start].starts_service and items[end].follows:
            end += 1
        yield tuple(items[start:end])
        start = end


def priced(
    items: Sequence[QuoteItem],
    customer: Customer,
    payer: Payer | None,
    *,
    on: date,
    discount_percent: Decimal | None = None,
    discount: Money | None = None,
) -> WorkedOut:
    """What these lines come to for the customer on the day `on`, with the discount of the whole quote. Raises what
    work_out raises."""
    seller = company.settings()
    try:
        return work_out(
            [replace(item.line, share=NOTHING) if item.trial_days else item.line for item in items],
            buyer=taxed(customer, payer),
            currency=customer.currency,
            tax=TaxTable.of(seller),
            on=on,
            prices_include_tax=seller.prices_include_tax,
            discount_percent=discount_percent,
            discount=discount,
        )
    except InvalidLine as error:
        place = items[error.line - 1].place or error.line if error.line else 0
        raise InvalidLine(error.reason, place) from None


def write(quote: Quote, items: Sequence[QuoteItem], worked: WorkedOut) -> None:
    """Put these lines and their sums in place of what the quote had. Flushes."""
    for table in (QuoteLine, QuoteTax):
        db.session.execute(delete(table).where(table.quote_id == quote.id))
    db.session.expire(quote, ["lines", "taxes"])
    both = zip(items, worked.lines, strict=True)
    db.session.add_all(_row(quote, place, item, line) for place, (item, line) in enumerate(both, 1))
    db.session.add_all(
        QuoteTax(
            quote_id=quote.id, category=tax.category, rate=tax.rate, currency=quote.currency,
            taxable_minor=tax.taxable.minor, tax_minor=tax.tax.minor,
        )
        for tax in worked.totals.subtotals
        if tax.category != "O"
    )  # fmt: skip
    sums = worked.totals
    quote.net_minor, quote.tax_minor, quote.total_minor = sums.net.minor, sums.tax.minor, sums.gross.minor
    quote.discount_minor, quote.legal_note = worked.discount.minor, worked.legal_note
    db.session.flush()


def items_of(quote: Quote) -> list[QuoteItem]:
    """The quote's lines as they were entered."""
    return [item_of(row) for row in quote.lines]


def item_of(row: QuoteLine) -> QuoteItem:
    """A stored line as it was entered."""
    fixed = row.discount_minor and row.discount_percent is None
    line = LineInput(
        description=row.description,
        unit_price=UnitPrice(row.unit_price_micro, row.currency),
        quantity=quantity_of(row),
        kind=row.kind,
        details=row.details,
        taxed_as=row.taxed_as,
        discount_percent=row.discount_percent,
        discount=row.discount if fixed else None,
        discount_reason=row.discount_reason,
        discount_id=row.discount_id,
        package_id=row.package_id,
    )
    return QuoteItem(line, row.months, row.days, row.option_id, row.choice, row.trial_days, row.discount_always)


def whole_price(line: LineInput) -> Money:
    """The unit price in whole minor units, as services keep it; raises InvalidLine for a finer one or one below
    zero."""
    per_minor = 10 ** (6 - decimals_of(line.unit_price.currency))
    if line.unit_price.micro < 0:
        raise InvalidLine("The price of a package cannot be below zero. Give a discount instead.")
    if line.unit_price.micro % per_minor:
        raise InvalidLine(f"The price of a package in {line.unit_price.currency} has fewer decimals.")
    return Money(line.unit_price.micro // per_minor, line.unit_price.currency)


def agreed_price(item: QuoteItem) -> Money:
    """What one of an option costs on later bills: its price, less the discount that is off every bill. Raises
    InvalidLine where that does not come to whole minor units for each."""
    line, price = item.line, whole_price(item.line)
    if not item.always or line.discount_id is not None:
        return price
    full, number = price.times(line.quantity.exact), line.quantity.exact
    if line.discount_percent is not None:
        one = price - price.times(line.discount_percent / 100)
        left = full - full.times(line.discount_percent / 100)
    elif line.discount is not None:
        left = full - line.discount
        one = left.times(Fraction(1) / Fraction(number))
    else:
        return price
    if one.times(number) != left:
        raise InvalidLine(
            f"Off every bill, {number} of it would come to {left}, which is no whole price for each. Lower the price "
            "instead, or take the discount off the first bill only."
        )
    return one


def _row(quote: Quote, place: int, item: QuoteItem, line: WorkedLine) -> QuoteLine:
    values = {name: value for name, value in line_values(line).items() if name not in _NOT_KEPT}
    own = {"months": item.months, "days": item.days, "option_id": item.option_id, "choice": item.choice}
    own |= {"trial_days": item.trial_days, "discount_always": item.always}
    return QuoteLine(quote_id=quote.id, position=place, **values, **own)
