"""How long a price is for, typed and printed in words: month, 3 months, year, 30 days, once."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext as _

from admin.fields import Typed

PERIODS = ((1, 0), (3, 0), (6, 0), (12, 0), (24, 0), (0, 7), (0, 30), (0, 0))
"""Offered while one types; any other number of days, weeks, months or years will do."""
_UNITS: dict[str, tuple[int, int]] = {
    "day": (0, 1), "daily": (0, 1), "week": (0, 7), "weekly": (0, 7), "month": (1, 0), "monthly": (1, 0),
    "quarter": (3, 0), "quarterly": (3, 0), "year": (12, 0), "yearly": (12, 0), "annual": (12, 0), "annually": (12, 0),
    "once": (0, 0),
}  # fmt: skip
_WRITTEN = re.compile(r"(?:every |a |per )?(?:(\d{1,4}) *)?([^\W\d]+)")


def period_text(months: int, days: int) -> str:
    """A period as it is typed: month, 3 months, year, 30 days, once."""
    if not (months or days):
        return _("once")
    if months and months % 12 == 0:
        return _("year") if months == 12 else _("%(n)s years", n=months // 12)
    if months:
        return _("month") if months == 1 else _("%(n)s months", n=months)
    return _("day") if days == 1 else _("%(n)s days", n=days)


def read_period(text: str) -> tuple[int, int]:
    """(months, days) of what was typed; raises ValueError with the words for it."""
    known = {period_text(*one).casefold(): one for one in PERIODS}
    typed = " ".join(text.casefold().split())
    found = _WRITTEN.fullmatch(typed)
    unit = found and (_UNITS.get(found[2]) or _UNITS.get(found[2].removesuffix("s")))
    if typed in known:
        return known[typed]
    if not found or unit is None or (unit == (0, 0) and found[1]):
        raise ValueError(_("Write it like month, 3 months, year, 30 days or once."))
    times = int(found[1] or 1)
    return unit[0] * times, unit[1] * times


class PeriodField(Typed):
    """How long a price is for, in words."""

    def read(self, text: str) -> tuple[int, int]:
        return read_period(text)

    def printed(self, value: Any) -> str:
        return period_text(*value)


def offered() -> list[str]:
    """The usual periods, as they are typed."""
    return [period_text(*one) for one in PERIODS]
