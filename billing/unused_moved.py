"""Days that were charged for and lie elsewhere now: moved by a pause, or paying for periods of another length since a
change that came to nothing (paid_days, change_service).

The renewal at home covers the days that a line names; the last days of it are carried by another one, where it lies.
As many of its days as that one carries are spread over it: one by one behind a pause, else evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import aliased

from models import Renewal
from models.prepared import among_given

WHOLE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Lies:
    """Where the days of a line lie that are left of it: from `begins` up to, not including, `ends`. The whole of it was
    charged for `days`; or only the `part` of it, where that many days now lie instead of others."""

    begins: date
    ends: date
    days: int
    part: Fraction = WHOLE


def moved() -> Any:
    """The renewals of the services `ids` whose last days are carried by another one in force, each with that one."""
    home, carried, spread = aliased(Renewal), aliased(Renewal), aliased(Renewal)
    # Of those that were moved twice: the first that carried them is at home to what was charged in between. It is void
    # where all of them were moved on, from its first day (paid_days.move_to).
    stands = or_(~home.void, home.cut_on == home.period_start)
    between = and_(stands, home.service_id == carried.service_id, home.carries_id == carried.carries_id)
    earlier = home.period_start <= carried.period_start, home.id != carried.id
    at_home = or_(home.id == carried.carries_id, and_(between, *earlier))
    return (
        select(
            home.service_id, home.period_start, home.period_end,
            func.coalesce(home.cut_on, home.period_start).label("home_cut"),
            home.carries_id.label("home_carries"),
            home.carries_days.label("home_days"), home.carries_per.label("home_per"),
            carried.period_start.label("moved_from"), carried.period_end.label("moved_end"),
            func.coalesce(carried.cut_on, carried.period_end).label("moved_until"),
            carried.carries_days.label("moved_days"), carried.carries_per.label("moved_per"),
            spread.carries_days.label("spread_days"), spread.carries_per.label("spread_per"),
        )
        .join(carried, at_home)
        .outerjoin(spread, spread.id == _first_spread(home, carried))
        .where(among_given(carried.service_id, "ids"), ~carried.void, carried.carries_id.is_not(None))
        .subquery()
    )  # fmt: skip


def _first_spread(home: Any, carried: Any) -> Any:
    """Of those that carried the days one after the other, up to the one that does now, the first that carried a number
    of days of another length: since then what is left of a line lies evenly on all of them."""
    one = aliased(Renewal)
    between = one.service_id == carried.service_id, one.carries_id == carried.carries_id, one.id > home.id
    stands = or_(~one.void, one.cut_on == one.period_start)
    wanted = select(func.min(one.id)).where(*between, stands, one.id <= carried.id, one.carries_days.is_not(None))
    return wanted.correlate(home, carried).scalar_subquery()


def is_home(moved: Any, line: Any) -> Any:
    """That the line was charged for days of the renewal at home. What was charged where that one carries a number of
    days of another length goes up to its end (change_days); other lines are older and only lie within it by chance."""
    within = moved.c.period_start <= line.period_start, line.period_end <= moved.c.period_end
    as_they_were = or_(moved.c.home_carries.is_(None), moved.c.home_days.is_(None))
    return and_(
        moved.c.service_id == line.service_id, *within, or_(as_they_were, line.period_end == moved.c.period_end)
    )


COLUMNS = (
    "home_start", "home_end", "home_cut", "home_days", "home_per", "moved_from", "moved_end", "moved_until",
    "moved_days", "moved_per", "spread_days", "spread_per",
)  # fmt: skip


def lies(row: Any, back: Sequence[tuple[date, date]]) -> Lies:
    """Where what is left of a line lies. `row` has the columns of `moved` beside those of the line, if it was moved;
    `back` are the days that were given back of it, where they lay then: from, and up to."""
    days = (row.period_end - row.period_start).days
    if row.moved_until is None or _is_there(row):
        return Lies(row.period_start, min((row.period_end, *(first for first, _last in back))), days)
    here = [first for first, _last in back if first >= row.moved_from]
    last = _left_at_home(row, back)
    length = (row.moved_end - row.moved_from).days
    carries = _carries(row, row.moved_days, row.moved_per, length)
    spread = carries if row.spread_days is None else _carries(row, row.spread_days, row.spread_per, length)
    first = row.home_end.toordinal() - spread
    own = max((last.toordinal() - max(Fraction(row.period_start.toordinal()), first)) if last else 0, Fraction(0))
    begins, ends = row.moved_from, row.moved_until
    if row.spread_days is not None or carries != length:
        return Lies(begins, min((ends, *here)) if own else begins, length, own * carries / spread / days)
    ahead = date.fromordinal(row.moved_from.toordinal() + int(max(row.period_start.toordinal() - first, 0)))
    until = ahead + (last - date.fromordinal(int(max(row.period_start.toordinal(), first)))) if own and last else ahead
    return Lies(ahead, min((ends, until, *here)), days)


def _left_at_home(row: Any, back: Sequence[tuple[date, date]]) -> date | None:
    """Up to which of its days nothing was given back before they were moved; None where the rest was, where they lay in
    between. At home they end with the line, or where others had been given back before."""
    last = row.period_end
    for begins, ends in sorted(back, reverse=True):
        if begins < row.moved_from:
            if ends != last:
                return None
            last = begins
    return last


def _is_there(row: Any) -> bool:
    """Whether the line was charged for days where they lie now."""
    same = row.period_start == row.moved_from and row.period_end == row.moved_end
    return bool(row.period_start > row.moved_from or same)


def _carries(row: Any, its_days: int | None, its_per: int, length: int) -> Fraction:
    """How many days of the renewal at home another one carries: so many of those that were paid for, or its length."""
    paid = Fraction(length) if its_days is None else Fraction(its_days, its_per)
    home = (row.home_end - row.home_start).days
    return paid if row.home_days is None else paid * home / Fraction(row.home_days, row.home_per)
