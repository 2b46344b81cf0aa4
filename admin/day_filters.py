"""Filters over days, and over moments by the day they fall on in the business's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_

from admin.filters import StaffFilter, WrongValue
from web import languages


class DayFilter(StaffFilter):
    type = "date"

    def clean(self, value: str) -> date:
        try:
            day = date.fromisoformat(value.strip())
        except ValueError as error:
            raise WrongValue(_("Write the day as year-month-day, such as 2026-11-22.")) from error
        if not 1900 <= day.year < 2200:
            raise WrongValue(_("Write a day between 1900 and 2199."))
        return day


class MomentFilter(DayFilter):
    """Moments by the day they fall on in the company's time zone."""

    def where(self, value: date) -> ColumnElement[bool]:
        if self.way == "is":
            return and_(self.column >= _midnight(value), self.column < _midnight(value + timedelta(days=1)))
        return super().where(_midnight(value))

    @property
    def equality(self) -> bool:
        return False


def _midnight(day: date) -> datetime:
    zone = ZoneInfo(languages.timezone())
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
