"""Which packages a service may change to, and whether that is an upgrade or a downgrade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from models import ChangeTo, Direction, Package, PackageGroup, PackagePrice, PackageTarget, db

from .package_prices import InvalidPackage
from .texts import one_line

MOST_TARGETS = 500


@dataclass(frozen=True, slots=True)
class Target:
    """A package that can be changed to. `direction` is None where the two have no price to compare."""

    package: Package
    direction: Direction | None


def targets(package: Package, currency: str) -> list[Target]:
    """The packages that services of this one may change to, by name, at most 500; archived ones never.

    Whether it goes up or down is what was said for the two; else the cheapest price a month in `currency` tells.
    """
    if package.change_to == ChangeTo.NONE:
        return []
    chosen = {row.to_id: row.direction for row in package.targets}
    query = select(Package).where(~Package.archived, Package.id != package.id)
    if package.change_to == ChangeTo.CHOSEN:
        query = query.where(Package.id.in_(chosen))
    elif package.change_to == ChangeTo.GROUP:
        query = query.where(Package.group_id.is_not(None), Package.group_id == package.group_id)
        chosen = {}
    else:
        chosen = {}
    found = query.options(selectinload(Package.prices)).order_by(Package.name).limit(MOST_TARGETS)
    return [
        Target(other, chosen.get(other.id) or direction(package, other, currency))
        for other in db.session.scalars(found)
    ]


def may_change(package: Package, to: Package) -> bool:
    """Whether a service of `package` may become one of `to`."""
    if to.archived or package.id == to.id:
        return False
    if package.change_to == ChangeTo.CHOSEN:
        return to.id in {row.to_id for row in package.targets}
    if package.change_to == ChangeTo.GROUP:
        return package.group_id is not None and package.group_id == to.group_id
    return package.change_to == ChangeTo.ANY


def direction(package: Package, to: Package, currency: str) -> Direction | None:
    """By the cheapest price a month of either in `currency`; None where one has none."""
    old, new = a_month(package.prices, currency), a_month(to.prices, currency)
    if old is None or new is None:
        return None
    if old == new:
        return Direction.SIDEWAYS
    return Direction.UPGRADE if new > old else Direction.DOWNGRADE


def a_month(prices: Sequence[PackagePrice], currency: str) -> Fraction | None:
    """The smallest of the prices a month, in minor units; a day counts as a 365.25 ÷ 12th of one."""
    recurring = [p for p in prices if p.currency == currency and (p.months or p.days)]
    days = Fraction(36525, 1200)
    return min(
        (Fraction(p.price_minor, p.months) if p.months else p.price_minor * days / p.days for p in recurring),
        default=None,
    )


def write_targets(package: Package, chosen: Mapping[Package, Direction | None]) -> None:
    """Put these in place of the packages that could be changed to. Raises InvalidPackage."""
    if package in chosen:
        raise InvalidPackage("A package cannot be changed to itself.")
    there = {row.to_id: row for row in package.targets}
    wanted = {to.id: way for to, way in chosen.items()}
    for row in [row for row in package.targets if row.to_id not in wanted]:
        package.targets.remove(row)
    for to_id, way in wanted.items():
        row = there.get(to_id) or PackageTarget(to_id=to_id)
        row.direction = way
        if row not in package.targets:
            package.targets.append(row)
    db.session.flush()


def group_called(name: str) -> PackageGroup | None:
    """The group of that name, made if there is none; None for no name. Raises InvalidText."""
    name = one_line(name, 120, "The group's name", empty=True)
    if not name:
        return None
    known = [group for group in db.session.scalars(select(PackageGroup)) if group.name.casefold() == name.casefold()]
    if known:
        return known[0]
    group = PackageGroup(name=name)
    db.session.add(group)
    db.session.flush()
    return group


def drop_empty_groups() -> None:
    """Groups that no package is in any more go."""
    used = select(Package.group_id).where(Package.group_id.is_not(None))
    for group in db.session.scalars(select(PackageGroup).where(PackageGroup.id.not_in(used))):
        db.session.delete(group)
    db.session.flush()
