"""Which discount wins on which day, and what it takes off a line. Pure: values in, values out.

On each day of a line's period the winner is, of the discounts that run on that day and take anything off: the one of
the higher priority, then of the narrower audience (customer, group, everyone), then of the narrower target (one
package, several, a project, everything; then those for one billing period only), then the one that takes off more,
then the older one. Each line asks for itself. Only the days a discount won are discounted, as an exact fraction of the
period, and the discount of the line is rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from models import (
    DiscountAudience,
    DiscountCovers,
    DiscountKind,
    DiscountLasts,
    DiscountTarget,
    LineKind,
    Money,
)
from models.money import divide_half_away

from .periods import BillingPeriod, next_renewal

WHOLE = 10**6
"""A hundred percent, in the ten-thousandths of a percent that are stored."""
AUDIENCES = (DiscountAudience.EVERYONE, DiscountAudience.GROUP, DiscountAudience.CUSTOMER)
PRIORITY, AUDIENCE, TARGET, LARGER, OLDER = "priority", "audience", "target", "larger", "older"
"""Why one discount wins against another."""


class Rank(NamedTuple):
    """What decides before the size does; the larger wins."""

    priority: int
    audience: int
    target: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A discount as the rules need it. `starts_on` is its first day, `stops_on` the first one without it."""

    id: int
    name: str
    reason: str
    rank: Rank
    kind: DiscountKind
    covers: DiscountCovers = DiscountCovers.PRICE
    percent: int = 0  # in ten-thousandths of a percent, as it is stored
    amounts: tuple[tuple[str, int], ...] = ()  # (currency, minor units)
    group_id: int | None = None
    customer_id: int | None = None
    project_id: int | None = None
    service_id: int | None = None
    packages: frozenset[int] = frozenset()
    months: int = 0
    days: int = 0
    starts_on: date = date.min
    stops_on: date = date.max
    lasts_months: int = 0
    lasts_days: int = 0
    lasts_for: DiscountLasts = DiscountLasts.SERVICE
    bills: int | None = None
    service_from: date = date.min
    service_until: date = date.max
    needs_code: bool = False

    @property
    def lasts(self) -> bool:
        """Whether it ends a while after its first use."""
        return bool(self.lasts_months or self.lasts_days)

    def ends_after(self, first_on: date) -> date:
        """The first day without it, where `first_on` is the first day it was used."""
        if self.lasts_days:
            return first_on + timedelta(days=self.lasts_days)
        return next_renewal(first_on, self.lasts_months, first_on.day) if self.lasts_months else date.max

    def takes(self, kind: LineKind) -> bool:
        """Whether it is for lines of this kind. Only a percentage takes the price of options down; one that is for a
        single service is about its own price or its set-up fee, never its options."""
        if self.service_id is not None and kind is LineKind.OPTION:
            return False
        if kind is LineKind.SETUP:
            return self.covers is not DiscountCovers.PRICE
        if kind is LineKind.OPTION and self.kind is not DiscountKind.PERCENT:
            return False
        return self.covers is not DiscountCovers.SETUP

    def is_for(self, package_id: int | None, project_id: int | None, months: int, days: int) -> bool:
        """Whether its target takes in a service like that; set-up and options are in their service's."""
        return (
            (not self.packages or package_id in self.packages)
            and (self.project_id is None or self.project_id == project_id)
            and (not (self.months or self.days) or (self.months, self.days) == (months, days))
        )

    def off(self, price: int, currency: str, per_minor: int = 1) -> int:
        """What it takes off one full price, in millionths of the price's unit; 0 where it does not apply.

        `price` is in minor units × `per_minor`. Never more than the price.
        """
        if self.kind is DiscountKind.PERCENT:
            return price * self.percent
        for known, minor in self.amounts:
            if known == currency:
                left = price - minor * per_minor
                return (max(left, 0) if self.kind is DiscountKind.SPECIAL else min(minor * per_minor, price)) * WHOLE
        return 0


def rank(priority: int, audience: DiscountAudience, target: DiscountTarget, packages: int, *, one_period: bool) -> Rank:
    """The rank of a discount; `packages` is how many it names."""
    narrow = {DiscountTarget.ALL: 0, DiscountTarget.PROJECT: 1}.get(target, 3 if packages == 1 else 2)
    return Rank(priority, AUDIENCES.index(audience), (narrow, int(one_period)))


class Live(NamedTuple):
    """An offer and the days it runs for one service: from `start` up to, not including, `stop`."""

    offer: Offer
    start: date
    stop: date


@dataclass(frozen=True, slots=True)
class Part:
    """What one discount takes off a line, in minor units, from its first day on that line."""

    discount_id: int
    minor: int
    first_on: date


@dataclass(frozen=True, slots=True)
class Cut:
    """What comes off a line: `minor` units, of which `discount_id` takes the most.

    `percent` is set where one percentage holds for the whole line.
    """

    minor: int
    percent: Decimal | None
    reason: str
    discount_id: int
    parts: tuple[Part, ...]


def better(one: Offer, other: Offer, off_one: int, off_other: int) -> str:
    """Why `one` wins against `other`, given what each takes off; empty when `other` wins."""
    for mine, theirs, why in zip(one.rank, other.rank, (PRIORITY, AUDIENCE, TARGET), strict=True):
        if mine != theirs:
            return why if mine > theirs else ""  # type: ignore[operator]  # of the same place, so of the same type
    if off_one != off_other:
        return LARGER if off_one > off_other else ""
    return OLDER if one.id < other.id else ""


def cut(
    live: Sequence[Live],
    kind: LineKind,
    full: Money,
    price: int,
    billed: BillingPeriod,
    *,
    per_minor: int = 1,
) -> Cut | None:
    """What comes off a line for the days `billed` that comes to `full`, or None if nothing does.

    `price` is that of one for a full period, in minor units × `per_minor`: it says how large a part of the price each
    discount is. That part of `full`, for the days it won, is rounded once; 0 < the cut ≤ the line.
    """
    if full.minor <= 0 or price <= 0:
        return None
    running = []
    for one in live:
        off = one.offer.off(price, full.currency, per_minor) if one.offer.takes(kind) else 0
        if off and one.start < billed.end and one.stop > billed.start:
            running.append((one, off))
    if not running:
        return None
    won = _won(running, billed)
    taken = sum(off * days for _offer, off, days, _first in won)
    minor = divide_half_away(full.minor * taken, price * WHOLE * billed.days)
    return _told(won, minor, full.currency, billed) if minor else None


_Won = list[tuple[Offer, int, int, date]]


def _won(running: Sequence[tuple[Live, int]], billed: BillingPeriod) -> _Won:
    """(discount, what it takes off a full price, days it won, the first of them), the earlier first."""
    if len(running) == 1:
        (one, off) = running[0]
        start, stop = max(one.start, billed.start), min(one.stop, billed.end)
        return [(one.offer, off, (stop - start).days, start)]
    edges = {billed.start, billed.end}
    for one, _off in running:
        edges |= {edge for edge in (one.start, one.stop) if billed.start < edge < billed.end}
    days = sorted(edges)
    found: dict[int, tuple[Offer, int, int, date]] = {}
    for start, stop in zip(days, days[1:], strict=False):
        there = [(one.offer, off) for one, off in running if one.start <= start < one.stop]
        if there:
            offer, off = max(there, key=_order)
            _same, _off, so_far, first = found.get(offer.id, (offer, off, 0, start))
            found[offer.id] = offer, off, so_far + (stop - start).days, first
    return list(found.values())


def _order(one: tuple[Offer, int]) -> tuple[Rank, int, int]:
    """The winner is the greatest; `better` says the same in words."""
    offer, off = one
    return offer.rank, off, -offer.id


def _told(won: _Won, minor: int, currency: str, billed: BillingPeriod) -> Cut:
    if len(won) == 1:
        offer, _off, days, first = won[0]
        everywhere = days == billed.days
        percent = Decimal(offer.percent).scaleb(-4) if everywhere and offer.percent else None
        reason = offer.reason if everywhere else _reason(offer, days, billed)
        return Cut(minor, percent, reason, offer.id, (Part(offer.id, minor, first),))
    shares = Money(minor, currency).allocate([off * days for _offer, off, days, _first in won])
    parts = tuple(
        Part(offer.id, share.minor, first)
        for (offer, _off, _days, first), share in zip(won, shares, strict=True)
        if share
    )
    most = max(parts, key=lambda part: part.minor)
    reason = "; ".join(_reason(offer, days, billed) for offer, _off, days, _first in won)
    return Cut(minor, None, reason[:200], most.discount_id, parts)


def _reason(offer: Offer, days: int, billed: BillingPeriod) -> str:
    """The reason with the days it holds for, within what the line can hold."""
    share = f"{days} of {billed.days} days"
    rate = f"{percent_text(offer.percent)} % for " if offer.percent else ""
    return f"{offer.reason[:160]} ({rate}{share})"


def percent_text(stored: int) -> str:
    """A percentage as people write it: 12.5."""
    return f"{Decimal(stored).scaleb(-4).normalize():f}"


def windows(
    offers: Iterable[Offer], billed: BillingPeriod, first_used: dict[int, date], bills: dict[int, int]
) -> list[Live]:
    """The offers that run on any day of `billed`, with the days they run.

    `first_used` and `bills` say when each was first used, and on how many bills, where it has such a limit.
    """
    found = []
    for offer in offers:
        start, stop = offer.starts_on, offer.stops_on
        if start >= billed.end or stop <= billed.start:
            continue
        if offer.bills is not None and bills.get(offer.id, 0) >= offer.bills:
            continue
        if offer.lasts:
            stop = min(stop, offer.ends_after(first_used.get(offer.id) or max(start, billed.start)))
            if stop <= billed.start:
                continue
        found.append(Live(offer, start, stop))
    return found
