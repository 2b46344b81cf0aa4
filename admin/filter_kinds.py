"""Which filters a column gets: short names for views, and the ones made from a column's type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_admin.model.filters import BaseFilterConverter
from flask_admin.model.filters import convert as converts

from admin.day_filters import DayFilter, MomentFilter
from admin.filters import (
    ChoiceFilter,
    ExistsFilter,
    FlagFilter,
    MoneyFilter,
    NumberFilter,
    StaffFilter,
)


def choice(column: Any, name: Any, options: Any, key: str | None = None) -> list[StaffFilter]:
    """`is` and `is not` over fixed words: [(code, word), …] or a function that returns them."""
    return [ChoiceFilter(column, name, way, key, options) for way in ("is", "not")]


def money(column: Any, currency: Any, name: Any, key: str) -> list[StaffFilter]:
    """`above`, `below` and `is` over minor units with their currency column."""
    return [MoneyFilter(column, currency, name, way, key) for way in ("above", "below", "is")]


def related(relation: Any, column: Any, name: Any, key: str, options: Any = None) -> list[StaffFilter]:
    """`is` and `is not` (none of them is) over a to-many relationship."""
    return [ExistsFilter(relation, column, name, way, key, options) for way in ("is", "not")]


class StaffFilterConverter(BaseFilterConverter):
    """The filters of a plain column named in `column_filters`."""

    def convert(self, type_name: str, column: Any, name: Any, **options: Any) -> list[StaffFilter] | None:
        make = self.converters.get(type_name.lower())
        return make(column, name, **options) if make else None

    @converts("string", "unicode", "text", "unicodetext")
    def text(self, column: Any, name: Any, options: Iterable[Any] | None = None) -> list[StaffFilter]:
        if options:
            return choice(column, name, options)
        return [StaffFilter(column, name, way) for way in ("has", "is", "begins")]

    @converts("enum")
    def words(self, column: Any, name: Any, options: Iterable[Any] | None = None) -> list[StaffFilter]:
        members = [(m.value, m.value.replace("_", " ").capitalize()) for m in column.type.enum_class]
        return choice(column, name, list(options or members))

    @converts("boolean")
    def flag(self, column: Any, name: Any, options: Any = None) -> list[StaffFilter]:
        return [FlagFilter(column, name, "is")]

    @converts("integer", "biginteger", "exactdecimal")
    def number(self, column: Any, name: Any, options: Any = None) -> list[StaffFilter]:
        return [NumberFilter(column, name, way) for way in ("is", "above", "below")]

    @converts("date")
    def day(self, column: Any, name: Any, options: Any = None) -> list[StaffFilter]:
        return [DayFilter(column, name, way) for way in ("from", "before", "is")]

    @converts("moment")
    def moment(self, column: Any, name: Any, options: Any = None) -> list[StaffFilter]:
        return [MomentFilter(column, name, way) for way in ("from", "before", "is")]
