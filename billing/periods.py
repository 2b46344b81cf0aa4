"""Billing periods and renewal dates: whole calendar days, always computed from the anchor (SPEC 3.2, 3.3).

A service keeps the day of the month it renews on, its anchor day 1–31. In a month that is too short the
renewal falls on the last day, and returns to the anchor day as soon as the month allows it: anchor 31 gives
30 Apr, 31 May, 30 Jun.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from functools import lru_cache
from math import gcd

from models.errors import BillingError


class InvalidPeriod(BillingError, ValueError):
    """A period, its length or its anchor day does not exist."""


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """Whole days, half-open: `start` is the first day billed, `end` the first day not billed any more."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime) or isinstance(self.end, datetime):
            raise InvalidPeriod("A billing period is made of days, without a time of day.")
        if self.end <= self.start:
            raise InvalidPeriod(f"A billing period has to end after it starts ({self.start}), not on {self.end}.")

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __str__(self) -> str:
        return f"{self.start} to {self.last_day}"

    @property
    def days(self) -> int:
        """How many days are billed."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last day billed, as people write a period."""
        return self.end - timedelta(days=1)


def renewal_dates(
    start: date, months: int, anchor_day: int, count: int, *, anchor_month: int | None = None
) -> list[date]:
    """The first `count` renewal dates after `start`; raises InvalidPeriod.

    Off the anchor, the first one is the next anchor day (with `anchor_month`: in the next month that belongs
    to the service's round, which for a yearly service is that month). Then steps of `months`, each from the
    anchor.
    """
    if count < 1:
        return []
    first = _month_index(next_renewal(start, months, anchor_day, anchor_month))
    return [_anchor_in(first + k * months, anchor_day) for k in range(count)]


def renewal_dates_by_days(start: date, days: int, count: int) -> list[date]:
    """The first `count` renewal dates of a service that renews every so many days: start + k × days."""
    if days < 1:
        raise InvalidPeriod("A period has at least one day.")
    try:
        return [start + timedelta(days=k * days) for k in range(1, count + 1)]
    except OverflowError:
        raise InvalidPeriod(f"This date lies beyond the year {MAXYEAR}.") from None


@lru_cache(maxsize=4096)
def next_renewal(day: date, months: int, anchor_day: int, anchor_month: int | None = None) -> date:
    """The first renewal after `day`, the first day of a period: the next anchor day if `day` is off the
    anchor (a short first period), else the anchor `months` later. Raises InvalidPeriod."""
    step = _round_step(months, anchor_day, anchor_month)
    index = _anchored_index(day, step, anchor_month)
    here = _anchor_in(index, anchor_day)
    if here == day:
        return _anchor_in(index + months, anchor_day)
    return here if here > day else _anchor_in(index + step, anchor_day)


@lru_cache(maxsize=4096)
def previous_anchor(day: date, months: int, anchor_day: int, anchor_month: int | None = None) -> date:
    """The mirror of next_renewal: the last anchor day before `day` if `day` is off the anchor, else the
    anchor `months` earlier. Of a renewal date, the start of the full period it ends. Raises InvalidPeriod."""
    step = _round_step(months, anchor_day, anchor_month)
    index = _anchored_index(day, step, anchor_month)
    here = _anchor_in(index, anchor_day)
    if here == day:
        return _anchor_in(index - months, anchor_day)
    return here if here < day else _anchor_in(index - step, anchor_day)


def full_period(day: date, months: int, anchor_day: int, anchor_month: int | None = None) -> BillingPeriod:
    """The full period between anchors around a period that starts on `day`: the `months` that end at its
    renewal.

    It is the denominator of a short first period (SPEC 3.4): a quarter with anchor day 1 that starts on 15
    January renews on 1 February, so its 17 days are a share of 1 November to 31 January. Started on the
    anchor, it is the period itself. Raises InvalidPeriod.
    """
    end = next_renewal(day, months, anchor_day, anchor_month)
    return BillingPeriod(previous_anchor(end, months, anchor_day, anchor_month), end)


def _round_step(months: int, anchor_day: int, anchor_month: int | None) -> int:
    """How many months lie between two anchor days on which a first renewal may fall. Without a month to keep,
    any month will do; a yearly service keeps its month, a quarterly one with a month keeps to that month's
    quarters."""
    if months < 1:
        raise InvalidPeriod("A period has at least one month.")
    if not 1 <= anchor_day <= 31:
        raise InvalidPeriod("The renewal day is a day of the month, 1 to 31.")
    if anchor_month is None:
        return 1
    if not 1 <= anchor_month <= 12:
        raise InvalidPeriod("The renewal month is a month of the year, 1 to 12.")
    return gcd(months, 12)


def _anchored_index(day: date, step: int, anchor_month: int | None) -> int:
    """The month of `day`, or the last month before it in which the service may renew."""
    index = _month_index(day)
    return index if anchor_month is None else index - (index - (anchor_month - 1)) % step


def _month_index(day: date) -> int:
    """Months counted from January of year 0, so that calendar months can be added like numbers."""
    return day.year * 12 + day.month - 1


def _anchor_in(index: int, anchor_day: int) -> date:
    """The anchor day in the month of that index, clamped to the month's last day."""
    year, month = divmod(index, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise InvalidPeriod(f"This date lies outside the years {MINYEAR} to {MAXYEAR}.")
    return date(year, month + 1, anchor_day if anchor_day <= 28 else min(anchor_day, monthrange(year, month + 1)[1]))
