"""The list prices of packages that a change of prices is about: of packages, of their options, and set-up fees.

A price of nothing, of an option or as a set-up fee, means that it is included: it stays nothing, unless a new price
is said outright.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from models import (
    ListedPriceChange,
    Money,
    OptionPrice,
    Package,
    PackageOption,
    PackagePrice,
    PriceChange,
    PricePart,
    db,
)

from .price_rule import How, InvalidRule, PriceRule

PARTS = tuple(PricePart)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list price and what it will be. Of an option, its name, and which of its choices (`value`)."""

    part: PricePart
    package_id: int
    package: str
    months: int
    days: int
    old: Money
    new: Money
    option: str = ""
    value: str = ""


def check_parts(parts: Sequence[PricePart], rule: PriceRule) -> None:
    """Raises InvalidRule."""
    if not parts:
        raise InvalidRule("Choose which prices change.", "parts")
    if rule.how == How.PRICE and (len(parts) > 1 or PricePart.OPTION in parts):
        raise InvalidRule(
            "A new price is for packages or for set-up fees, one of them. Change the prices of options by percent or "
            "by an amount.",
            "parts",
        )


def changed(packages: Sequence[int], parts: Sequence[PricePart], rule: PriceRule) -> list[Listed]:
    """What the rule changes, by package; what comes to the same is left out. Raises InvalidPrice."""
    found = [*_of_packages(packages, parts, rule), *(_of_options(packages, rule) if PricePart.OPTION in parts else ())]
    order = {part: place for place, part in enumerate(PARTS)}
    found.sort(key=lambda one: (one.package, one.package_id, order[one.part]))
    return [one for one in found if one.new != one.old]


def _of_packages(packages: Sequence[int], parts: Sequence[PricePart], rule: PriceRule) -> Iterator[Listed]:
    wanted = select(PackagePrice, Package.name).join(Package).where(PackagePrice.package_id.in_(packages))
    order = PackagePrice.currency, PackagePrice.months, PackagePrice.days
    for row, name in db.session.execute(wanted.order_by(*order)):
        if not rule.covers(row.currency, row.months, row.days):
            continue
        known = row.package_id, name, row.months, row.days
        if PricePart.PACKAGE in parts:
            yield Listed(PricePart.PACKAGE, *known, row.price, rule.new(row.price))
        if PricePart.SETUP in parts and (row.setup_fee_minor or rule.how == How.PRICE):
            yield Listed(PricePart.SETUP, *known, row.setup_fee, rule.new(row.setup_fee))


def _of_options(packages: Sequence[int], rule: PriceRule) -> Iterator[Listed]:
    wanted = select(OptionPrice, PackageOption.name, Package.id, Package.name).select_from(OptionPrice)
    wanted = wanted.join(PackageOption, PackageOption.id == OptionPrice.option_id)
    wanted = wanted.join(Package, Package.id == PackageOption.package_id).where(Package.id.in_(packages))
    order = PackageOption.position, PackageOption.id, OptionPrice.id
    for row, option, package_id, name in db.session.execute(wanted.order_by(*order)):
        if row.price_minor > 0 and rule.covers(row.currency, row.months, row.days):
            known = package_id, name, row.months, row.days
            yield Listed(PricePart.OPTION, *known, row.price, rule.new(row.price), option, row.value)


def kept(change: PriceChange, one: Listed) -> ListedPriceChange:
    """As it is written down."""
    return ListedPriceChange(
        price_change_id=change.id, package_id=one.package_id, part=one.part, option_name=one.option, value=one.value,
        months=one.months, days=one.days, currency=one.old.currency, old_minor=one.old.minor, new_minor=one.new.minor,
    )  # fmt: skip


def put(change: PriceChange, *, back: bool = False) -> list[str]:
    """Make the new prices those of the catalogue, or with `back` the old ones again. Prices that somebody changed
    meanwhile stay; returns those, in words."""
    left: dict[str, None] = {}
    for row, name, listed in _rows_of(change):
        old, new = (listed.new_minor, listed.old_minor) if back else (listed.old_minor, listed.new_minor)
        if getattr(row, name) == old:
            setattr(row, name, new)
        else:
            left[f"{words(listed)} {Money(getattr(row, name), row.currency)}"] = None
    db.session.flush()
    return list(left)


def words(listed: ListedPriceChange) -> str:
    """``Fibre``, ``Fibre, set-up`` or ``Fibre, Address: Fixed``."""
    if listed.part == PricePart.PACKAGE:
        return str(listed.package)
    if listed.part == PricePart.SETUP:
        return f"{listed.package}, set-up"
    return f"{listed.package}, {listed.option_name}" + (f": {listed.value}" if listed.value else "")


def _rows_of(change: PriceChange) -> list[tuple[Any, str, ListedPriceChange]]:
    """(row of the catalogue, which of its columns, what is to become of it), the rows locked."""
    mine = ListedPriceChange.price_change_id == change.id
    of_option = ListedPriceChange.part == PricePart.OPTION
    known = PackagePrice.package_id == ListedPriceChange.package_id
    both = select(PackagePrice, ListedPriceChange).where(mine, ~of_option, known, *_same(PackagePrice))
    prices = db.session.execute(both.order_by(PackagePrice.id).with_for_update(of=PackagePrice)).all()
    column = {PricePart.PACKAGE: "price_minor", PricePart.SETUP: "setup_fee_minor"}
    found: list[tuple[Any, str, ListedPriceChange]] = [(row, column[one.part], one) for row, one in prices]
    option = (
        PackageOption.package_id == ListedPriceChange.package_id,
        PackageOption.name == ListedPriceChange.option_name,
    )
    more = select(OptionPrice, ListedPriceChange).join(PackageOption, PackageOption.id == OptionPrice.option_id)
    more = more.where(mine, of_option, *option, OptionPrice.value == ListedPriceChange.value, *_same(OptionPrice))
    options = db.session.execute(more.order_by(OptionPrice.id).with_for_update(of=OptionPrice)).all()
    return [*found, *((row, "price_minor", one) for row, one in options)]


def _same(table: Any) -> tuple[Any, ...]:
    return tuple(getattr(table, name) == getattr(ListedPriceChange, name) for name in ("months", "days", "currency"))
