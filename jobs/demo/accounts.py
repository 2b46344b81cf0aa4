"""A customer of the story, and on which days people come, begin and are billed first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from billing.periods import next_renewal
from models import Customer, db

from .baskets import Item
from .diary import Moment
from .dice import Dice
from .people import Person

SHORTEST_DAYS = 7
"""A first period shorter than this is billed with nobody's thanks; the firm begins at the next anchor then."""
INSTALLING = (1, 3)
"""The engineers drive out on Tuesdays and Thursdays."""


@dataclass(slots=True)
class Account:
    """A customer of the story once there is a row for it."""

    id: int
    person: Person
    items: list[Item]
    first_on: date
    monthly_cents: int = field(init=False)

    def __post_init__(self) -> None:
        self.monthly_cents = sum(item.cents for item in self.items if item.months == 1)

    @property
    def row(self) -> Customer:
        return db.session.get_one(Customer, self.id)

    @property
    def dice(self) -> Dice:
        return self.person.dice


def joined(person: Person, moment: Moment) -> date:
    """Who came on a closed day is entered on the next open one."""
    joined: date = person.values["registered_on"]
    return min(joined, moment.today)


def spread(count: int, first: date, last: date, dice: Dice) -> Iterator[date]:
    """Days on which customers come; a little more often every month."""
    days = (last - first).days
    for _ in range(count):
        yield first + timedelta(days=max(dice.between(1, days - 4), dice.below(days - 4)))


def first_bill(anchor: int, moved_on: date, late: int) -> date:
    """The first renewal in the new books of a service that was billed elsewhere before, `late` months after the
    first bill of what is paid every month."""
    day = next_renewal(moved_on, 1, anchor)
    for _ in range(late):
        day = next_renewal(day, 1, anchor)
    return day


def installed(day: date) -> date:
    """The first day on or after `day` on which the engineers are out."""
    while day.weekday() not in INSTALLING:
        day += timedelta(days=1)
    return day


def too_short(start: date, anchor: int) -> bool:
    return (next_renewal(start, 1, anchor) - start).days < SHORTEST_DAYS
