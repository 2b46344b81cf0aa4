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

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select

from models import BillingError, Customer, Money, Package, PricePart, Service, ServiceOption, db

from . import following_services as following
from . import listed_prices, new_prices
from .actor import Actor
from .listed_prices import Listed
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
    another price than the listed one. `parts` are the prices it is about."""

    packages: Sequence[int]
    rule: PriceRule
    from_on: date
    running: bool = False
    agreed: bool = False
    parts: Sequence[PricePart] = (PricePart.PACKAGE,)


@dataclass(slots=True)
class Preview:
    """What a plan would do now. `before` and `after` are what a month brings of the prices that change, of services
    and of their options, by currency; set-up fees are billed once, and are not in it. `same` services keep their
    price, because it comes to the same."""

    listed: list[Listed] = field(default_factory=list)
    services: int = 0
    same: int = 0
    customers: int = 0
    before: dict[str, Money] = field(default_factory=dict)
    after: dict[str, Money] = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Following:
    """A service that follows: its own price now and then for its period, and what the options that change come to
    (all of each) now and then."""

    id: int
    customer_id: int
    customer: str
    name: str
    package: str
    months: int
    days: int
    next_renewal_on: date
    own: tuple[Money, Money]
    options: tuple[Money, Money]
    changed_options: tuple[str, ...]

    @property
    def old(self) -> Money:
        return self.own[0] + self.options[0]

    @property
    def new(self) -> Money:
        return self.own[1] + self.options[1]


def preview(plan: Plan, by: Actor) -> Preview:
    """In a few statements, however many services there are. Raises InvalidChange, InvalidRule, InvalidPrice,
    InvalidTerms."""
    _check(plan, by)
    shown = Preview(listed_prices.changed(plan.packages, plan.parts, plan.rule))
    own, options = (_own_groups(plan), _option_groups(plan)) if plan.running else ([], [])
    months: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(), Fraction()])
    same: set[tuple[str, int]] = set()
    for row in (*own, *options):
        old = Money(row.price_minor, row.currency)
        new = plan.rule.new(old)
        if new == old:
            same.add((row.currency, row.price_minor))
            continue
        for place, one in enumerate((old, new)):
            months[row.currency][place] += _a_month(one.times(row.quantity).minor * row.count, row.months, row.days)
    shown.before = {code: Money(round_half_away(both[0]), code) for code, both in sorted(months.items())}
    shown.after = {code: Money(round_half_away(both[1]), code) for code, both in sorted(months.items())}
    if own or options:
        shown.services, shown.same, shown.customers = _counted(plan, same)
    shown.fingerprint = _fingerprint(plan, shown, [*own, *options])
    return shown


def services(plan: Plan, *, past: int = 0, limit: int = 50) -> list[Following]:
    """The services that follow, by id past `past`, with what they pay now and then."""
    wanted: Any = (
        select(
            Service.id, Service.customer_id, Customer.name.label("customer"), Service.description,
            Package.name.label("package"), Service.price_minor, Service.currency, Service.months, Service.days,
            Service.next_renewal_on, following.own_price(plan.parts, plan.agreed).label("own"),
        )
        .select_from(Service)
        .join(Customer, Customer.id == Service.customer_id)
        .join(Package, Package.id == Service.package_id)
    )  # fmt: skip
    wanted = wanted.where(*_about(plan), following.either(plan.parts, plan.agreed), Service.id > past)
    rows = db.session.execute(wanted.order_by(Service.id).limit(limit)).all()
    options = _options_of(plan, [row.id for row in rows]) if PricePart.OPTION in plan.parts else {}
    return [_following(plan, row, options.get(row.id, ())) for row in rows]


def all_services(plan: Plan, at_once: int = 1000) -> Iterator[Following]:
    """All of them, some at a time."""
    past = 0
    while rows := services(plan, past=past, limit=at_once):
        yield from rows
        past = rows[-1].id


def _check(plan: Plan, by: Actor) -> None:
    plan.rule.check()
    listed_prices.check_parts(plan.parts, plan.rule)
    if not plan.packages:
        raise InvalidChange("Choose at least one package.")
    if len(plan.packages) > MOST_PACKAGES:
        raise InvalidChange(f"At most {MOST_PACKAGES} packages at once. Narrow the list first.")
    if check_day(plan.from_on, by.today, "The day") < by.today:
        raise InvalidChange(f"Prices change today ({by.today}) or later.")


def _about(plan: Plan) -> list[ColumnElement[bool]]:
    return [new_prices.may_follow(plan.from_on), *following.about(plan.packages, plan.rule)]


def _own_groups(plan: Plan) -> Sequence[Any]:
    """How many services of each package have which price."""
    if PricePart.PACKAGE not in plan.parts:
        return []
    key = Service.package_id, Service.currency, Service.months, Service.days, Service.price_minor
    wanted: Any = select(*key, literal(1).label("quantity"), func.count().label("count")).select_from(Service)
    wanted = wanted.where(*_about(plan), following.own_price(plan.parts, plan.agreed))
    return db.session.execute(wanted.group_by(*key).order_by(*key)).all()


def _option_groups(plan: Plan) -> Sequence[Any]:
    """How many options of services of each package have which price and quantity."""
    if PricePart.OPTION not in plan.parts:
        return []
    key: tuple[Any, ...] = Service.package_id, Service.currency, Service.months, Service.days
    key = *key, ServiceOption.price_minor, ServiceOption.quantity
    wanted: Any = select(*key, func.count().label("count")).select_from(Service)
    wanted = wanted.join(ServiceOption, ServiceOption.service_id == Service.id)
    wanted = wanted.where(*_about(plan), following.option_price(plan.parts, plan.agreed))
    return db.session.execute(wanted.group_by(*key).order_by(*key)).all()


def _counted(plan: Plan, same: set[tuple[str, int]]) -> tuple[int, int, int]:
    """How many services get a new price, how many follow and keep theirs, and whose they are. `same` are the prices
    (currency, minor units) that come to the same."""
    option = following.option_price(plan.parts, plan.agreed) & ~_is_one_of(same, ServiceOption)
    theirs = select(ServiceOption.id).where(ServiceOption.service_id == Service.id, option).exists()
    own = following.own_price(plan.parts, plan.agreed) & ~_is_one_of(same, Service)
    touched = or_(own, theirs) if PricePart.OPTION in plan.parts else own
    wanted: Any = select(
        func.count(), func.count(case((touched, 1))), func.count(func.distinct(case((touched, Service.customer_id))))
    ).select_from(Service)
    found = db.session.execute(wanted.where(*_about(plan), following.either(plan.parts, plan.agreed))).one()
    return found[1], found[0] - found[1], found[2]


def _is_one_of(prices: set[tuple[str, int]], table: type[Service | ServiceOption]) -> ColumnElement[bool]:
    by_currency: dict[str, list[int]] = defaultdict(list)
    for currency, minor in sorted(prices):
        by_currency[currency].append(minor)
    return or_(false(), *(and_(table.currency == code, table.price_minor.in_(m)) for code, m in by_currency.items()))


def _options_of(plan: Plan, ids: Sequence[int]) -> dict[int, list[ServiceOption]]:
    wanted = select(ServiceOption).join(Service, Service.id == ServiceOption.service_id)
    wanted = wanted.where(ServiceOption.service_id.in_(ids), following.option_price(plan.parts, plan.agreed))
    found: dict[int, list[ServiceOption]] = defaultdict(list)
    for option in db.session.scalars(wanted.order_by(ServiceOption.id)):
        found[option.service_id].append(option)
    return found


def _following(plan: Plan, row: Any, options: Sequence[ServiceOption]) -> Following:
    old = Money(row.price_minor, row.currency)
    own = old, plan.rule.new(old) if row.own else old
    pairs = [(o.price.times(o.quantity), plan.rule.new(o.price).times(o.quantity)) for o in options]
    zero = Money.zero(row.currency)
    with_options = sum((one for one, _new in pairs), zero), sum((new for _old, new in pairs), zero)
    return Following(
        row.id, row.customer_id, row.customer, row.description or row.package, row.package, row.months, row.days,
        row.next_renewal_on, own, with_options, tuple(o.name for o in options),
    )  # fmt: skip


def _fingerprint(plan: Plan, shown: Preview, groups: Sequence[Any]) -> str:
    """Of all that was shown: the plan, list prices old and new, and how many services have which price."""
    listed = [
        (one.part, one.package_id, one.option, one.value, one.old.minor, one.new.minor, one.new.currency)
        for one in shown.listed
    ]
    asked = plan.rule.plain(), sorted(plan.parts), sorted(plan.packages), str(plan.from_on), plan.running, plan.agreed
    counted = [[str(cell) for cell in row] for row in groups]
    whole = json.dumps([asked, listed, counted, shown.customers], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _a_month(minor: int, months: int, days: int) -> Fraction:
    return Fraction(minor, months) if months else minor * DAYS_A_YEAR / (12 * days)
