"""The catalogue: packages are made, changed, copied, hidden, archived; deleted only where nothing ever used them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from models import (
    ChangeTo,
    Direction,
    InvoiceLine,
    Package,
    PackagePrice,
    Service,
    db,
)

from . import audit
from .actor import Actor
from .package_moves import drop_empty_groups, group_called, write_targets
from .package_prices import (
    ChoicePrice,
    InvalidPackage,
    Option,
    Price,
    summary,
    write_options,
    write_prices,
)
from .prices import InvalidTerms, check_category
from .texts import many_lines, one_line

__all__ = ["ChoicePrice", "InvalidPackage", "Option", "Price"]

EDITABLE = frozenset(
    {"name", "description", "order_text", "tax_category", "trial_days", "hidden", "group", "change_to"}
)
LONGEST_TRIAL = 366
Targets = Mapping[Package, Direction | None]


class DuplicatePackage(InvalidPackage):
    """There is a package of this name already."""


class NoGroup(InvalidPackage):
    """It is to change within its group, and has none."""


class InUse(InvalidPackage):
    """Something points to the package: it can be archived, not deleted."""


def create(
    name: str,
    *,
    prices: Sequence[Price] = (),
    options: Sequence[Option] = (),
    targets: Targets | None = None,
    by: Actor,
    **values: Any,
) -> Package:
    """A new package; `values` are those that can be edited (description, order_text, tax_category, trial_days,
    hidden, group: its name, change_to). Raises InvalidPackage, InvalidPrice, InvalidTerms, InvalidText, NotAllowed.
    """
    by.require("packages.edit")
    cleaned = _clean({"name": name, **values})
    _check_name(cleaned["name"])
    package = Package(**cleaned)
    db.session.add(package)
    db.session.flush()
    write_prices(package, prices)
    write_options(package, options)
    write_targets(package, targets or {})
    _check_group(package)
    audit.record(by, "package.created", package, after={**_plain(cleaned), **_summary(package)})
    db.session.flush()
    return package


def edit(
    package: Package,
    values: Mapping[str, Any] | None = None,
    *,
    prices: Sequence[Price] | None = None,
    options: Sequence[Option] | None = None,
    targets: Targets | None = None,
    by: Actor,
) -> Package:
    """Change its `values`, and put these prices, options or targets in place of all there are. Services keep what
    was agreed with their customer. Raises as `create` does."""
    by.require("packages.edit")
    cleaned = _clean(values or {})
    if "name" in cleaned and cleaned["name"] != package.name:
        _check_name(cleaned["name"], package.id)
    was = {**_plain({name: getattr(package, name) for name in cleaned}), **_summary(package)}
    for name, value in cleaned.items():
        setattr(package, name, value)
    if prices is not None:
        write_prices(package, prices)
    if options is not None:
        write_options(package, options)
    if targets is not None:
        write_targets(package, targets)
    db.session.flush()
    _check_group(package)
    drop_empty_groups()
    now = {**_plain({name: getattr(package, name) for name in cleaned}), **_summary(package)}
    changed = [key for key in now if was[key] != now[key]]
    if changed:
        before, after = ({key: one[key] for key in changed} for one in (was, now))
        audit.record(by, "package.changed", package, before=before, after=after)
    db.session.flush()
    return package


def copy(package: Package, name: str, *, by: Actor) -> Package:
    """A package of another name with the same prices, options and rules; hidden, until somebody has looked at it.

    Raises InvalidPackage, InvalidText, NotAllowed."""
    values = {field: getattr(package, field) for field in EDITABLE - {"name", "hidden", "group"}}
    return create(
        name,
        prices=[Price(p.price, p.months, p.days, p.setup_fee) for p in package.prices],
        options=[_option_of(option) for option in package.options],
        targets={target.to: target.direction for target in package.targets},
        group=package.group.name if package.group else "",
        hidden=True,
        by=by,
        **values,
    )


def archive(packages: Iterable[Package], *, by: Actor) -> int:
    """Stop selling these packages; running services go on. How many were changed. Raises NotAllowed."""
    return _set(packages, "archived", True, "package.archived", by)


def restore(packages: Iterable[Package], *, by: Actor) -> int:
    """Sell archived packages again. How many were changed. Raises NotAllowed."""
    return _set(packages, "archived", False, "package.restored", by)


def hide(packages: Iterable[Package], *, by: Actor) -> int:
    """Offer them to customers nowhere; staff can still sell them. How many were changed. Raises NotAllowed."""
    return _set(packages, "hidden", True, "package.hidden", by)


def show(packages: Iterable[Package], *, by: Actor) -> int:
    """Offer hidden packages to customers again. How many were changed. Raises NotAllowed."""
    return _set(packages, "hidden", False, "package.shown", by)


def delete(package: Package, *, by: Actor) -> None:
    """Remove a package that nothing ever used, with its prices and options. Raises InUse, NotAllowed."""
    by.require("packages.edit")
    refusal = InUse(f"{package.name} was sold already, or stands on documents. Archive it instead.")
    if used(package):
        raise refusal
    audit.record(by, "package.deleted", package, before={"name": package.name, **_summary(package)})
    try:
        with db.session.begin_nested():
            write_prices(package, ())
            write_options(package, ())
            db.session.delete(package)
            db.session.flush()
    except IntegrityError:
        raise refusal from None
    drop_empty_groups()


def used(package: Package) -> bool:
    """Whether anything was ever sold of it: services, or lines of documents."""
    found = select(Service.id).where(Service.package_id == package.id).limit(1)
    lines = select(InvoiceLine.id).where(InvoiceLine.package_id == package.id).limit(1)
    return any(db.session.scalar(one) is not None for one in (found, lines))


def price_of(package: Package, currency: str, months: int, days: int) -> PackagePrice | None:
    """The package's own price for that period in that currency, if it has one."""
    wanted = (currency, months, days)
    return next((p for p in package.prices if (p.currency, p.months, p.days) == wanted), None)


def _set(packages: Iterable[Package], field: str, value: bool, verb: str, by: Actor) -> int:
    by.require("packages.edit")
    changed = [package for package in packages if getattr(package, field) is not value]
    for package in changed:
        setattr(package, field, value)
        audit.record(by, verb, package)
    db.session.flush()
    return len(changed)


def _clean(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - EDITABLE
    if unknown:
        raise InvalidPackage(f"A package has no field called {', '.join(sorted(unknown))}.")
    return {name: _CLEANED[name](value) for name, value in values.items()}


def _trial(days: Any) -> int:
    if type(days) is not int or not 0 <= days <= LONGEST_TRIAL:
        raise InvalidTerms(f"A trial has from 0 to {LONGEST_TRIAL} days.")
    return days


_CLEANED: dict[str, Any] = {
    "name": lambda text: one_line(text, 160, "The package's name"),
    "description": lambda text: many_lines(text, "The description"),
    "order_text": lambda text: many_lines(text, "The text of the order form"),
    "tax_category": lambda text: check_category(str(text)),
    "trial_days": _trial,
    "hidden": bool,
    "group": group_called,
    "change_to": ChangeTo,
}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return audit.plain({name: value if value is not None else "" for name, value in values.items()})


def _check_name(name: str, own_id: int | None = None) -> None:
    same = select(Package.id).where(func.lower(Package.name) == name.lower(), Package.id != (own_id or 0))
    if db.session.scalar(same.limit(1)):
        raise DuplicatePackage(f"There is a package called {name} already. Choose another name, or change that one.")


def _check_group(package: Package) -> None:
    if package.change_to == ChangeTo.GROUP and package.group is None:
        raise NoGroup("It may change to packages of its group, but is in none. Write the group, or choose another way.")


def _option_of(row: Any) -> Option:
    prices = [ChoicePrice(p.price, p.value, p.months, p.days) for p in row.prices]
    return Option(row.name, row.kind, prices, row.required, row.min_quantity, row.max_quantity, row.default_value)


def _summary(package: Package) -> dict[str, str]:
    ways = [f"{target.to} ({target.direction})" if target.direction else str(target.to) for target in package.targets]
    return {**summary(package), "targets": "; ".join(ways)}
