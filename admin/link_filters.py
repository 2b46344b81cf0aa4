"""Filters over rows of another table that point at the rows of a list: tags, salespeople, services, invoices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from admin.filters import ChoiceFilter, FlagFilter

Conditions = Callable[[Any], Sequence[ColumnElement[bool]]]


class LinkFilter(ChoiceFilter):
    """`is` something, `not` that, `empty` (none at all), `filled` (any).

    `link` is the column of the other table that holds the id of a row here; `conditions(value)` say which of the
    other rows count. `many`: whether several of them may point at the same row.
    """

    def __init__(
        self, own_id: Any, link: Any, conditions: Conditions, name: Any, way: str, key: str, options: Any = None,
        many: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(own_id, name, way, key, options)
        self.link, self.conditions, self.many = link, conditions, many

    def _which(self, value: Any) -> Sequence[ColumnElement[bool]]:
        return self.conditions(value) if self.takes_value else ()

    def _ids(self, value: Any) -> Select[Any]:
        found = select(self.link.label("id")).where(*self._which(value))
        return found.distinct() if self.many or not self.takes_value else found

    def holds(self, value: Any) -> ColumnElement[bool]:
        found = select(1).where(self.link == self.column, *self._which(value)).correlate(self.column.class_).exists()
        return ~found if self.way in ("not", "empty") else found

    def where(self, value: Any) -> ColumnElement[bool]:
        return self.holds(value) if self.way in ("not", "empty") else self.column.in_(self._ids(value))

    def ids(self, value: Any) -> Select[Any] | None:
        return None if self.way in ("not", "empty") else self._ids(value)

    @property
    def equality(self) -> bool:
        return False

    def bounds(self, column: Any) -> bool:
        return False


class LinkedFilter(LinkFilter):
    """Yes or no: whether there is such another row."""

    def choices(self) -> list[tuple[str, Any]]:
        return FlagFilter.choices(self)  # type: ignore[arg-type]

    def clean(self, value: str) -> bool:
        return super().clean(value) == "1"

    def _which(self, value: Any) -> Sequence[ColumnElement[bool]]:
        return self.conditions(value)

    def holds(self, value: bool) -> ColumnElement[bool]:
        found = super().holds(value)
        return found if value else ~found

    def where(self, value: bool) -> ColumnElement[bool]:
        return super().where(value) if value else self.holds(value)

    def ids(self, value: bool) -> Select[Any] | None:
        return super().ids(value) if value else None


def by_name(model: Any, name: Any) -> Conditions:
    """The rows whose `name` column points at the row of `model` of this name."""
    return lambda value: [name == select(model.id).where(model.name == value).scalar_subquery()]


def by_id(column: Any) -> Conditions:
    """The rows whose `column` is the id chosen."""
    return lambda value: [column == int(value)]
