"""The catalogue: packages, their prices per period and currency, their options and what these cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from models import (
    BillingError,
    Money,
    OptionKind,
    OptionPrice,
    Package,
    PackageOption,
    PackagePrice,
    ServiceOption,
    db,
)

from . import audit
from .actor import Actor
from .prices import check_category, check_period, check_price, period_words
from .texts import many_lines, one_line

EDITABLE = frozenset({"name", "description", "tax_category"})


class InvalidPackage(BillingError):
    """The catalogue cannot hold this."""


class DuplicatePackage(InvalidPackage):
    """There is a package of this name already."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a package costs for one period (months, or days, or neither: once), in the price's currency."""

    price: Money
    months: int = 1
    days: int = 0
    setup_fee: Money | None = None


@dataclass(frozen=True, slots=True)
class ChoicePrice:
    """What an option costs per period; of a choice, what this `value` of it costs."""

    price: Money
    value: str = ""
    months: int = 1
    days: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be chosen with a package."""

    name: str
    kind: OptionKind = OptionKind.YES_NO
    prices: Sequence[ChoicePrice] = ()


def create(
    name: str,
    *,
    prices: Sequence[Price] = (),
    options: Sequence[Option] = (),
    description: str = "",
    tax_category: str = "S",
    by: Actor,
) -> Package:
    """A new package. Raises InvalidPackage, InvalidPrice, InvalidTerms, NotAllowed."""
    by.require("packages.edit")
    values = _clean({"name": name, "description": description, "tax_category": tax_category})
    _check_name(values["name"])
    package = Package(**values)
    db.session.add(package)
    db.session.flush()
    _write_prices(package, prices)
    _write_options(package, options)
    audit.record(by, "package.created", package, after={**values, **_summary(package)})
    db.session.flush()
    return package


def edit(
    package: Package,
    values: Mapping[str, Any] | None = None,
    *,
    prices: Sequence[Price] | None = None,
    options: Sequence[Option] | None = None,
    by: Actor,
) -> Package:
    """Change name, description or tax category (`values`), and put these prices or options in place of all there
    are. Services keep what was agreed with their customer. Raises as `create` does."""
    by.require("packages.edit")
    cleaned = _clean(values or {})
    if "name" in cleaned and cleaned["name"] != package.name:
        _check_name(cleaned["name"], package.id)
    before, after = audit.changes(package, cleaned)
    for name in after:
        setattr(package, name, cleaned[name])
    was = _summary(package)
    if prices is not None:
        _write_prices(package, prices)
    if options is not None:
        _write_options(package, options)
    now = _summary(package)
    changed = [key for key in now if was[key] != now[key]]
    if after or changed:
        before, after = before | {key: was[key] for key in changed}, after | {key: now[key] for key in changed}
        audit.record(by, "package.changed", package, before=before, after=after)
    db.session.flush()
    return package


def archive(packages: Iterable[Package], *, by: Actor) -> int:
    """Stop selling these packages; running services go on. How many were changed. Raises NotAllowed."""
    return _set_archived(packages, True, "package.archived", by)


def restore(packages: Iterable[Package], *, by: Actor) -> int:
    """Sell archived packages again. How many were changed. Raises NotAllowed."""
    return _set_archived(packages, False, "package.restored", by)


def price_of(package: Package, currency: str, months: int, days: int) -> PackagePrice | None:
    """The package's own price for that period in that currency, if it has one."""
    wanted = (currency, months, days)
    return next((p for p in package.prices if (p.currency, p.months, p.days) == wanted), None)


def _set_archived(packages: Iterable[Package], archived: bool, verb: str, by: Actor) -> int:
    by.require("packages.edit")
    changed = [package for package in packages if package.archived is not archived]
    for package in changed:
        package.archived = archived
        audit.record(by, verb, package)
    db.session.flush()
    return len(changed)


def _clean(values: Mapping[str, Any]) -> dict[str, str]:
    unknown = set(values) - EDITABLE
    if unknown:
        raise InvalidPackage(f"A package has no field called {', '.join(sorted(unknown))}.")
    cleaned = {name: str(value) for name, value in values.items()}
    if "name" in cleaned:
        cleaned["name"] = one_line(cleaned["name"], 160, "The package's name")
    if "tax_category" in cleaned:
        cleaned["tax_category"] = check_category(cleaned["tax_category"])
    if "description" in cleaned:
        cleaned["description"] = many_lines(cleaned["description"], "The description")
    return cleaned


def _check_name(name: str, own_id: int | None = None) -> None:
    same = select(Package.id).where(func.lower(Package.name) == name.lower(), Package.id != (own_id or 0))
    if db.session.scalar(same.limit(1)):
        raise DuplicatePackage(f"There is a package called {name} already. Choose another name, or change that one.")


def _write_prices(package: Package, prices: Sequence[Price]) -> None:
    """Rows for the same period and currency are changed in place, the others go."""
    wanted = {(p.price.currency, p.months, p.days): _checked(p) for p in prices}
    if len(wanted) < len(prices):
        raise InvalidPackage("A package has one price for each period and currency; one of them is there twice.")
    for row in list(package.prices):
        if (row.currency, row.months, row.days) not in wanted:
            package.prices.remove(row)
            db.session.delete(row)
    there = {(row.currency, row.months, row.days): row for row in package.prices}
    for (currency, months, days), price in wanted.items():
        row = there.get((currency, months, days)) or PackagePrice(currency=currency, months=months, days=days)
        if row not in package.prices:
            package.prices.append(row)
        row.price_minor = price.price.minor
        row.setup_fee_minor = price.setup_fee.minor if price.setup_fee else 0
    db.session.flush()


def _checked(price: Price) -> Price:
    check_period(price.months, price.days, once=True)
    check_price(price.price)
    if price.setup_fee is not None:
        check_price(price.setup_fee, "The set-up fee")
        if price.setup_fee.currency != price.price.currency:
            raise InvalidPackage("The set-up fee is in the currency of the price.")
    return price


def _write_options(package: Package, options: Sequence[Option]) -> None:
    """Options are known by name. One that goes stays written on the services that have it."""
    wanted = {one_line(option.name, 120, "The option's name"): option for option in options}
    if len(wanted) < len(options):
        raise InvalidPackage("Each option of a package has a name of its own; one of them is there twice.")
    for row in [row for row in package.options if row.name not in wanted]:
        _drop_option(package, row)
    there = {row.name: row for row in package.options}
    for position, (name, option) in enumerate(wanted.items()):
        row = there.get(name) or PackageOption(name=name)
        if row not in package.options:
            package.options.append(row)
        row.kind, row.position = OptionKind(option.kind), position
        db.session.flush()
        _write_option_prices(row, option)


def _drop_option(package: Package, row: PackageOption) -> None:
    db.session.execute(update(ServiceOption).where(ServiceOption.option_id == row.id).values(option_id=None))
    for price in list(row.prices):
        db.session.delete(price)
    db.session.flush()
    package.options.remove(row)
    db.session.delete(row)


def _write_option_prices(row: PackageOption, option: Option) -> None:
    keys = set()
    for price in option.prices:
        check_period(price.months, price.days, once=True)
        check_price(price.price, f"The price of {option.name}")
        if bool(price.value.strip()) != (option.kind == OptionKind.CHOICE):
            raise InvalidPackage(f"{option.name}: only an option with choices has a price for each choice.")
        keys.add((price.value.strip(), price.price.currency, price.months, price.days))
    if len(keys) < len(option.prices):
        raise InvalidPackage(f"{option.name} has two prices for the same choice, period and currency.")
    for old in list(row.prices):
        row.prices.remove(old)
        db.session.delete(old)
    db.session.flush()
    row.prices.extend(_option_price(price) for price in option.prices)
    db.session.flush()


def _option_price(price: ChoicePrice) -> OptionPrice:
    return OptionPrice(
        value=one_line(price.value, 120, "The choice", empty=True),
        months=price.months,
        days=price.days,
        currency=price.price.currency,
        price_minor=price.price.minor,
    )


def _summary(package: Package) -> dict[str, str]:
    """Prices and options in words, for the audit log."""
    prices = [
        f"{row.price} {period_words(row.months, row.days)}" + (f" + {row.setup_fee}" if row.setup_fee_minor else "")
        for row in package.prices
    ]
    options = [f"{row.name}, {row.kind} ({', '.join(map(_option_words, row.prices))})" for row in package.options]
    return {"prices": "; ".join(sorted(prices)), "options": "; ".join(options)}


def _option_words(price: OptionPrice) -> str:
    return f"{price.value} {price.price} {period_words(price.months, price.days)}".strip()
