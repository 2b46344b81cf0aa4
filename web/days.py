"""Periods that people ask for in an address: from one day to another, both included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import gettext as _


@dataclass(frozen=True, slots=True)
class Days:
    """The days, and what was wrong with those that were asked for; then the usual ones stand in their place."""

    since: date | None
    until: date | None
    wrong: str = ""


def read(args: Mapping[str, str], usual: tuple[date | None, date | None]) -> Days:
    """`since` and `until` of the address; what is left out is usual."""
    typed = [args.get(name, "").strip() for name in ("since", "until")]
    try:
        since, until = (date.fromisoformat(text) if text else day for text, day in zip(typed, usual, strict=True))
    except ValueError:
        return Days(*usual, _("Write days as year-month-day, such as 2026-11-22."))
    if any(day is not None and not 1970 <= day.year <= 2200 for day in (since, until)):
        return Days(*usual, _("This day is too far away. Check the year."))
    if since is not None and until is not None and until < since:
        return Days(*usual, _("The last day lies before the first."))
    return Days(since, until)


def offered(today: date) -> list[tuple[str, date, date]]:
    """Periods that are asked for often: words, first and last day."""
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    before = month - timedelta(days=1)
    last_year = year - timedelta(days=1)
    return [
        (_("This month"), month, today),
        (_("Last month"), before.replace(day=1), before),
        (_("This year"), year, today),
        (_("Last year"), last_year.replace(month=1, day=1), last_year),
    ]
