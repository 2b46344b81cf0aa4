"""What a change of prices would do: which list prices, which services, and what that is a month before and after."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, and_, func, select

from models import BillingError, Customer, Money, Package, PackagePrice, Service, db

from . import new_prices
from .actor import Actor
from .money import round_half_away
from .price_rule import PriceRule
from .prices import check_day
from .reports import DAYS_A_YEAR

MOST_PACKAGES = 500


class InvalidChange(BillingError):
    """Prices cannot be changed like that."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which packages (their ids), how, from which day on; whether running services follow, and also those that have
    another price than the listed one."""

    packages: Sequence[int]
    rule: PriceRule
    from_on: date
    running: bool = False
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A list price and what it will be."""

    row: PackagePrice
    new: Money


@dataclass(slots=True)
class Preview:
    """What a plan would do now. `before` and `after` are a month's revenue of the services that follow, by currency.
    `same` services keep their price, because it comes to the same."""

    listed: list[Listed] = field(default_factory=list)
    services: int = 0
    same: int = 0
    customers: int = 0
    before: dict[str, Money] = field(default_factory=dict)
    after: dict[str, Money] = field(default_factory=dict)
    fingerprint: str = ""


def preview(plan: Plan, by: Actor) -> Preview:
    """In a few statements, however many services there are. Raises InvalidChange, InvalidRule, InvalidPrice,
    InvalidTerms."""
    _check(plan, by)
    shown = Preview(_listed(plan))
    groups = _groups(plan) if plan.running else []
    months: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(), Fraction()])
    for row in groups:
        old = Money(row.price_minor, row.currency)
        new = plan.rule.new(old)
        if new == old:
            shown.same += row.count
            continue
        shown.services += row.count
        for place, one in enumerate((old, new)):
            months[row.currency][place] += _a_month(one.minor * row.count, row.months, row.days)
    shown.before = {code: Money(round_half_away(both[0]), code) for code, both in sorted(months.items())}
    shown.after = {code: Money(round_half_away(both[1]), code) for code, both in sorted(months.items())}
    if plan.running:
        shown.customers = db.session.scalar(select(func.count()).select_from(customers(plan).subquery())) or 0
    shown.fingerprint = _fingerprint(plan, shown, groups)
    return shown


def services(plan: Plan, *, past: int = 0, limit: int = 50) -> list[tuple[Any, Money]]:
    """The services that follow, by id past `past`, with their new price: (id, customer_id, customer, description,
    package, price_minor, currency, months, days, next_renewal_on)."""
    wanted: Any = (
        select(
            Service.id, Service.customer_id, Customer.name.label("customer"), Service.description,
            Package.name.label("package"), Service.price_minor, Service.currency, Service.months, Service.days,
            Service.next_renewal_on,
        )
        .select_from(Service)
        .join(Customer, Customer.id == Service.customer_id)
        .join(Package, Package.id == Service.package_id)
    )  # fmt: skip
    rows = db.session.execute(_following(wanted, plan).where(Service.id > past).order_by(Service.id).limit(limit))
    return [(row, plan.rule.new(Money(row.price_minor, row.currency))) for row in rows]


def all_services(plan: Plan, at_once: int = 1000) -> Iterator[tuple[Any, Money]]:
    """All of them, some at a time."""
    past = 0
    while rows := services(plan, past=past, limit=at_once):
        yield from rows
        past = rows[-1][0].id


def _check(plan: Plan, by: Actor) -> None:
    plan.rule.check()
    if not plan.packages:
        raise InvalidChange("Choose at least one package.")
    if len(plan.packages) > MOST_PACKAGES:
        raise InvalidChange(f"At most {MOST_PACKAGES} packages at once. Narrow the list first.")
    if check_day(plan.from_on, by.today, "The day") < by.today:
        raise InvalidChange(f"Prices change today ({by.today}) or later.")


def _listed(plan: Plan) -> list[Listed]:
    wanted = select(PackagePrice, Package.name).join(Package).where(PackagePrice.package_id.in_(plan.packages))
    order = Package.name, PackagePrice.currency, PackagePrice.months, PackagePrice.days
    rows = [row for row, _name in db.session.execute(wanted.order_by(*order))]
    found = [Listed(row, plan.rule.new(row.price)) for row in rows if _covers(plan, row)]
    return [one for one in found if one.new != one.row.price]


def _covers(plan: Plan, row: Any) -> bool:
    return plan.rule.covers(row.currency, row.months, row.days)


def _following(wanted: Select[Any], plan: Plan) -> Select[Any]:
    """Narrowed to the services that the plan is about."""
    rule = plan.rule
    where = [new_prices.may_follow(plan.from_on), Service.package_id.in_(plan.packages)]
    if rule.currency:
        where.append(Service.currency == rule.currency)
    if rule.period is not None:
        where += [Service.months == rule.period[0], Service.days == rule.period[1]]
    if not plan.agreed:
        same = PackagePrice.package_id == Service.package_id, PackagePrice.currency == Service.currency
        span = PackagePrice.months == Service.months, PackagePrice.days == Service.days
        wanted = wanted.join(PackagePrice, and_(*same, *span, PackagePrice.price_minor == Service.price_minor))
    return wanted.where(*where)


def _groups(plan: Plan) -> Sequence[Any]:
    """How many services of each package have which price."""
    key = Service.package_id, Service.currency, Service.months, Service.days, Service.price_minor
    wanted: Any = select(*key, func.count().label("count")).select_from(Service)
    return db.session.execute(_following(wanted, plan).group_by(*key).order_by(*key)).all()


def customers(plan: Plan) -> Select[Any]:
    """Ids of the customers whose services follow."""
    return _following(select(Service.customer_id).select_from(Service).distinct(), plan)


def _fingerprint(plan: Plan, shown: Preview, groups: Sequence[Any]) -> str:
    """Of all that was shown: the plan, list prices old and new, and how many services have which price."""
    listed = [(one.row.package_id, one.row.price_minor, one.new.minor, one.new.currency) for one in shown.listed]
    asked = plan.rule.plain(), sorted(plan.packages), str(plan.from_on), plan.running, plan.agreed
    whole = json.dumps([asked, listed, [list(row) for row in groups], shown.customers], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _a_month(minor: int, months: int, days: int) -> Fraction:
    return Fraction(minor, months) if months else minor * DAYS_A_YEAR / (12 * days)
