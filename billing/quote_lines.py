"""The lines of a quote: what an invoice's lines are, and what they start once the quote is accepted.

A line of a package with a billing period starts a service; the options and the set-up fee of that service follow it.
Such a line is about one service: three of them are three lines, each with its own options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import delete, select
from sqlalchemy.orm import selectinload

from models import BillingError, Customer, LineKind, Money, OptionKind, Package, Payer, Quote, QuoteLine, QuoteTax, db

from . import company, groups
from .document_lines import (
    ONE,
    Amount,
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
from .package_prices import check_bounds
from .prices import check_category, check_period
from .tax_rates import TaxTable
from .texts import many_lines, one_line

MOST_SERVICES = 50
"""Services that one line may be about."""
LONGEST_DETAILS = 400
FOLLOWS = frozenset({LineKind.OPTION, LineKind.SETUP})
RECURS = frozenset({LineKind.SERVICE, LineKind.OPTION})
KINDS = frozenset({LineKind.SERVICE, LineKind.MANUAL}) | FOLLOWS
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


def tidy(items: Sequence[QuoteItem], customer: Customer) -> list[QuoteItem]:
    """The lines as a quote keeps them: checked against the catalogue, one service for each line.

    Raises InvalidLine, with the place of the line from 1.
    """
    packages = _packages(items)
    clean: list[QuoteItem] = []
    head: QuoteItem | None = None
    for place, item in enumerate(items, 1):
        try:
            found = _checked(item, head, packages, customer)
            head = head if found.follows else found
            clean.append(replace(found, place=place))
        except InvalidLine as error:
            raise InvalidLine(error.reason, place) from None
        except BillingError as error:
            raise InvalidLine(str(error), place) from None
    together = list(blocks(clean))
    for block in together:
        _check_options(block, packages)
    return [each for block in together for each in _one_by_one(block)]


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


def _packages(items: Sequence[QuoteItem]) -> Mapping[int, Package]:
    named = {item.line.package_id for item in items} - {None}
    found = select(Package).where(Package.id.in_(named)).options(selectinload(Package.options))
    return {package.id: package for package in db.session.scalars(found)} if named else {}


def _checked(item: QuoteItem, head: QuoteItem | None, packages: Mapping[int, Package], customer: Customer) -> QuoteItem:
    line = item.line
    if line.kind not in KINDS or line.service_id or line.charge_id or line.original_line_id or line.period or line.tax:
        raise InvalidLine("A quote has lines of packages and lines of your own.")
    package = packages.get(line.package_id) if line.package_id else None
    if line.package_id and package is None:
        raise InvalidLine("This package is not there any more. Choose another one.")
    item = _without_period(item, head)
    item = replace(item, always=item.always and item.line.kind in RECURS)
    if item.starts_service:
        _check_service(item, package, customer)
        item = _tried(item, package.trial_days if package else 0)
    elif item.follows:
        head = _check_follower(item, head, package)
        if item.line.kind == LineKind.OPTION:
            item = replace(item, months=head.months, days=head.days)
        item = _tried(item, head.trial_days)
        agreed_price(item)
    else:
        item = QuoteItem(item.line)
    line = item.line
    details = many_lines(line.details, "The details")
    if len(details) > LONGEST_DETAILS:
        raise InvalidLine(f"The details are too long: at most {LONGEST_DETAILS} letters.")
    cleaned = replace(
        line,
        description=one_line(line.description, LONGEST_DETAILS, "The description"),
        details=details,
        taxed_as=check_category(line.taxed_as),
        discount_reason=one_line(line.discount_reason, 200, "The reason of the discount", empty=True),
    )
    return replace(item, line=cleaned, choice=one_line(item.choice, 120, "The choice", empty=True))


def _without_period(item: QuoteItem, head: QuoteItem | None) -> QuoteItem:
    """A package that is sold once starts no service: it, its options and its set-up fee are lines of their own."""
    once = item.starts_service and not (item.months or item.days)
    with_it = item.follows and head is not None and not head.starts_service and item.line.package_id is not None
    if once or (with_it and head is not None and head.line.package_id == item.line.package_id):
        return QuoteItem(replace(item.line, kind=LineKind.MANUAL))
    return item


def _tried(item: QuoteItem, days: int) -> QuoteItem:
    """What is free to try takes no discount now: those that come by themselves come with its first bill, and so does a
    percentage agreed off the price or the set-up fee (quote_discounts). Of an option it is one for every bill."""
    line = item.line
    if days and line.discount_id is not None:
        line = replace(line, discount=None, discount_percent=None, discount_reason="", discount_id=None)
    if days and line.discount is not None:
        raise InvalidLine("The first days of this package are free: give its discount in percent.")
    if days and line.discount_percent is not None and line.kind == LineKind.OPTION and not item.always:
        raise InvalidLine(
            "The first days of this package are free: let the discount of the option hold for every bill, or lower its "
            "price."
        )
    return replace(item, line=line, trial_days=days)


def _check_service(item: QuoteItem, package: Package | None, customer: Customer) -> None:
    if package is None:
        raise InvalidLine("Choose the package of this line.")
    if package.archived:
        raise InvalidLine(f"{package.name} is not sold any more. Choose another package, or restore this one.")
    groups.check_package(customer, package)
    check_period(item.months, item.days)
    whole_price(item.line)
    number = item.line.quantity.exact
    if number != int(number):
        raise InvalidLine("A package with a billing period comes in whole numbers.")
    if number > MOST_SERVICES:
        raise InvalidLine(f"One line is about {MOST_SERVICES} services at the most.")


def _check_follower(item: QuoteItem, head: QuoteItem | None, package: Package | None) -> QuoteItem:
    """The line it follows."""
    line = item.line
    if head is None or not head.starts_service or head.line.package_id != line.package_id or package is None:
        raise InvalidLine("An option or a set-up fee stands below the line of its package.")
    whole_price(line)
    if line.kind == LineKind.SETUP and line.quantity != Amount(ONE):
        raise InvalidLine("A set-up fee is charged once for each service.")
    if line.quantity.per is not None:
        raise InvalidLine("The quantity of an option is a number such as 2 or 2.5.")
    if item.option_id is not None and item.option_id not in {option.id for option in package.options}:
        raise InvalidLine(f"This is not an option of {package.name} any more.")
    return head


def _check_options(block: Block, packages: Mapping[int, Package]) -> None:
    """What belongs to the package is there, and not too much or too little of anything."""
    head = block[0]
    if not head.starts_service or head.line.package_id is None:
        return
    chosen = {item.option_id: item for item in block[1:] if item.option_id is not None}
    for option in packages[head.line.package_id].options:
        item = chosen.get(option.id)
        if item is None and option.required:
            raise InvalidLine(f"{option.name} belongs to {head.line.description}. Add it below.", head.place)
        if item is not None and option.kind == OptionKind.QUANTITY:
            try:
                check_bounds(
                    option.name, item.line.quantity.number, option.min_quantity, option.max_quantity, InvalidLine
                )
            except InvalidLine as error:
                raise InvalidLine(error.reason, item.place) from None


def _one_by_one(block: Block) -> list[QuoteItem]:
    """A service line of three as three, each with its options; an amount taken off is shared among them."""
    head = block[0]
    count = int(head.line.quantity.exact) if head.starts_service else 1
    if count == 1:
        return list(block)
    parts = head.line.discount.allocate([1] * count) if head.line.discount else [None] * count
    heads = [replace(head, line=replace(head.line, quantity=Amount(ONE), discount=part or None)) for part in parts]
    return [each for one in heads for each in (one, *block[1:])]
