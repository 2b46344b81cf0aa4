"""Columns that are more than a field of the row, and which columns of a list are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from admin.export import plain


@dataclass(frozen=True)
class ListColumn:
    """A column worked out by the database, for all rows of a page in the statement that reads them.

    `value()` is a scalar expression of the row, such as a subquery correlated with it. `cell(row, value)` prints it in
    the list, `read(value)` in a file; `stored()` is what the file gets where that differs.
    """

    key: str
    label: Any
    value: Callable[[], Any]
    cell: Callable[[Any, Any], Any] = lambda _row, value: value
    read: Callable[[Any], str] = plain
    stored: Callable[[], Any] | None = None
    numeric: bool = False

    def exported(self) -> tuple[Any, Any, Callable[[Any], str]]:
        return self.label, (self.stored or self.value)(), self.read


class Columns:
    """Mixed into StaffView: the columns there are, and those that are shown."""

    column_offer: tuple[str, ...] = ()  # further columns, beside those of column_list
    column_extra: tuple[ListColumn, ...] = ()

    def more_columns(self) -> list[ListColumn]:
        """Every column the database works out. Override for those that depend on rows."""
        return list(self.column_extra)

    def offered_columns(self) -> dict[str, Any]:
        """All columns that can be chosen and what they are called; the usual ones first."""
        label: Any = self.get_column_name  # type: ignore[attr-defined]
        usual: Any = self.column_list  # type: ignore[attr-defined]
        names = {key: label(key) for key in (*usual, *self.column_offer)}
        return names | {one.key: one.label for one in self.more_columns()}

    def usual_columns(self) -> list[str]:
        return list(self.column_list)  # type: ignore[attr-defined]

    def known_columns(self, wanted: list[str]) -> list[tuple[str, Any]]:
        """Those of `wanted` that there still are, with their names; the one that opens the record is always there."""
        offered, link = self.offered_columns(), self.column_link  # type: ignore[attr-defined]
        names = [key for key in wanted if key in offered]
        if names and link and link not in names:
            names.insert(0, link)
        return [(key, offered[key]) for key in names or self.usual_columns()]
