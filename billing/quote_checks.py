"""Whether the lines of a quote can be sold: checked against the catalogue, one service for each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models import BillingError, Customer, LineKind, OptionKind, Package, db

from . import groups
from .document_lines import ONE, Amount, InvalidLine
from .package_prices import check_bounds
from .prices import check_category, check_period
from .quote_lines import FOLLOWS, RECURS, Block, QuoteItem, agreed_price, blocks, whole_price
from .texts import many_lines, one_line

MOST_SERVICES = 50
"""Services that one line may be about."""
LONGEST_DETAILS = 400
KINDS = frozenset({LineKind.SERVICE, LineKind.MANUAL}) | FOLLOWS


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
