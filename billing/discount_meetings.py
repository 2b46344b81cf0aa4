"""How discounts stand to each other: which ones meet, which one wins for a service, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import selectinload

from models import Customer, Discount, DiscountCovers, LineKind, Money, Service, db

from .discount_rules import LARGER, OLDER, WHOLE, Live, Offer, better
from .discount_table import IN_FORCE, CustomerDiscounts, DiscountTable, Sold, offer_of_row
from .money import round_half_away
from .periods import BillingPeriod

MOST_COMPARED = 500
"""Other discounts that one is held against."""
NOTHING = "nothing"
"""Why one does not win that would take nothing off: a special price above the agreed one."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Another discount for some of the same services on some of the same days; `wins` is whether it wins, and `why` is
    priority, audience, target, larger or older (see discount_rules). `larger` depends on the price."""

    other: Discount
    wins: bool
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A discount for one service on one day: whether it wins, else which one does and why. `minor` is what it takes
    off a whole period's price, in the service's currency."""

    offer: Offer
    off: Money
    wins: bool
    beaten_by: Offer | None
    why: str


def meetings(discount: Discount, today: date) -> list[Meeting]:
    """The other discounts in force from `today` on that meet this one, those that win against it first."""
    mine = offer_of_row(discount)
    others = (
        select(Discount)
        .where(IN_FORCE, Discount.id != discount.id, or_(Discount.last_on.is_(None), Discount.last_on >= today))
        .options(selectinload(Discount.packages), selectinload(Discount.amounts), selectinload(Discount.customer))
        .order_by(Discount.priority.desc(), Discount.id)
        .limit(MOST_COMPARED)
    )
    found = []
    for other in db.session.scalars(others.where(_may_share(discount))):
        theirs = offer_of_row(other)
        if _meet(mine, theirs):
            wins, why = _stands_against(mine, theirs)
            found.append(Meeting(other, not wins, why))
    return sorted(found, key=lambda meeting: not meeting.wins)


def _may_share(discount: Discount) -> ColumnElement[bool]:
    """Narrows the others to those whose audience can overlap: a customer is in one group."""
    if discount.customer_id is not None:
        group = discount.customer.group_id if discount.customer else None
        theirs = Discount.group_id.is_(None) if group is None else or_(Discount.group_id.is_(None), _is_group(group))
        return theirs & or_(Discount.customer_id.is_(None), Discount.customer_id == discount.customer_id)
    if discount.group_id is None:
        return true()
    members = select(Customer.id).where(Customer.group_id == discount.group_id)
    return or_(Discount.group_id.is_(None), _is_group(discount.group_id)) & or_(
        Discount.customer_id.is_(None), Discount.customer_id.in_(members)
    )


def _is_group(group_id: int) -> ColumnElement[bool]:
    return Discount.group_id == group_id


def _meet(one: Offer, other: Offer) -> bool:
    """Whether some service can have both on the same day."""
    apart = (
        one.starts_on >= other.stops_on
        or other.starts_on >= one.stops_on
        or (one.packages and other.packages and not one.packages & other.packages)
        or (one.project_id and other.project_id and one.project_id != other.project_id)
        or ((one.months or one.days) and (other.months or other.days) and _period(one) != _period(other))
        or one.service_from > other.service_until
        or other.service_from > one.service_until
        or {one.covers, other.covers} == {DiscountCovers.PRICE, DiscountCovers.SETUP}
    )
    return not apart


def _period(offer: Offer) -> tuple[int, int]:
    return offer.months, offer.days


def _stands_against(mine: Offer, theirs: Offer) -> tuple[bool, str]:
    """(whether mine wins, why). Of the same rank, percentages are compared; amounts depend on the price."""
    both = mine.percent and theirs.percent
    sizes = (mine.percent, theirs.percent) if both else (0, 0)
    why = better(mine, theirs, *sizes)
    if why:
        return True, why if both or why != OLDER else LARGER
    lost = better(theirs, mine, *reversed(sizes))
    return False, lost if both or lost != OLDER else LARGER


def standings(customer: Customer, services: Sequence[Service], on: date) -> dict[int, list[Standing]]:
    """For each service, the discounts it is in the audience and target of that run on the day `on`, the winner first,
    each loser with the one that wins against it and why. At most eight statements for all of them."""
    known = DiscountTable().of([customer.id])
    if known is None:
        return {}
    return {service.id: _standing(service, customer, known, on) for service in services}


def _standing(service: Service, customer: Customer, known: CustomerDiscounts, on: date) -> list[Standing]:
    sold = Sold(
        customer.id, customer.group_id, customer.project_id, service.package_id, service.months, service.days,
        service.started_on, service.id,
    )  # fmt: skip
    found = []
    for live in known.live(sold, BillingPeriod(on, on + timedelta(days=1))):
        price = service.setup_fee_minor if _only_setup(live) else service.price_minor
        found.append((live.offer, live.offer.off(price, service.currency)))
    out: list[Standing] = []
    for setup in (False, True):
        ranked = sorted(
            ((offer, off) for offer, off in found if (offer.covers is DiscountCovers.SETUP) is setup),
            key=lambda pair: (bool(pair[1]), pair[0].rank, pair[1], -pair[0].id),
            reverse=True,
        )
        for place, (offer, off) in enumerate(ranked):
            winner, best = ranked[0]
            why = "" if not place else better(winner, offer, best, off) if off else NOTHING
            minor = Money(round_half_away(Fraction(off, WHOLE)), service.currency)
            out.append(Standing(offer, minor, not place and bool(off), winner if place else None, why))
    return out


def _only_setup(live: Live) -> bool:
    return not live.offer.takes(LineKind.SERVICE)
