"""What happens on which day of the story, and who does it at what time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.actor import Actor, system

from .company import ZONE, Firm

NIGHT, MORNING, HOURS = time(2, 10), time(9, 5), 8


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the working day, seen by everybody in the firm."""

    firm: Firm
    at: datetime
    today: date

    def by(self, role: str, turn: int = 0) -> Actor:
        return self.firm.acting(role, self.at, self.today, turn)


Deed = Callable[[Moment], None]


class Diary:
    """Deeds by day. What lies after the last day never happens."""

    def __init__(self, last: date) -> None:
        self._last = last
        self._pages: dict[date, list[Deed]] = defaultdict(list)

    def plan(self, on: date, deed: Deed) -> None:
        """On that day, or on the Monday after it when the office is closed."""
        day = workday(on)
        if day <= self._last:
            self._pages[day].append(deed)

    def live(self, firm: Firm, day: date) -> int:
        """Do all that is planned for the day, one thing after the other. How much it was."""
        done = 0
        while deeds := self._pages.pop(day, []):
            step = timedelta(hours=HOURS) / (len(deeds) + 1)
            for turn, deed in enumerate(deeds):
                deed(Moment(firm, moment(day, MORNING) + step * turn, day))
            done += len(deeds)
        return done


def workday(day: date) -> date:
    return day + timedelta(days=max(7 - day.weekday(), 0) if day.weekday() > 4 else 0)


def moment(day: date, hour: time) -> datetime:
    """The moment in UTC at which the firm's clock shows `hour`."""
    return datetime.combine(day, hour, ZoneInfo(ZONE)).astimezone(UTC)


def at_night(day: date, now: datetime) -> Actor:
    """The system itself, when it makes the bills of a day; never later than now."""
    return system(min(moment(day, NIGHT), now), day)
