"""Pages by key instead of by number: the next page starts after the last row shown, however deep it lies.

Blank values come last in both directions and on both databases; rows of equal value follow their id.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, TypeDecorator, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import operators

from models.types import ExactDecimal
from web.params import LARGEST_ID, row_id

LONGEST_TOKEN = 600


@dataclass(frozen=True)
class SortKey:
    """What a list is sorted by; `id` makes the order complete."""

    column: Any
    id: Any
    desc: bool = False
    nullable: bool = False

    @property
    def by_id(self) -> bool:
        return self.column is self.id


@dataclass(frozen=True)
class Anchor:
    """The row next to which a page begins: its id and its value in the sorted column (None = blank)."""

    id: int
    value: Any = None


def token(key: SortKey, row_id: int, value: Any) -> str:
    """An anchor as it stands in an address: `17` or `17~Lindqvist`."""
    if key.by_id or value is None:
        return str(row_id)
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, (date, datetime)):
        value = value.isoformat()
    return f"{row_id}~{int(value) if isinstance(value, bool) else value}"


def anchor(key: SortKey, text: str | None) -> Anchor | None:
    """Read an anchor; None if it is no anchor for this order (an address can be typed by anybody)."""
    if not text or len(text) > LONGEST_TOKEN:
        return None
    number, separator, value = text.partition("~")
    known = row_id(number)
    if known is None:
        return None
    if not separator:
        return Anchor(known) if key.by_id or key.nullable else None
    try:
        return None if key.by_id else Anchor(known, _value(key.column.type, value))
    except (ValueError, ArithmeticError, TypeError):
        return None


def _value(kind: Any, text: str) -> Any:
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    python = Decimal if isinstance(kind, ExactDecimal) else plain.python_type
    if "\0" in text:
        raise ValueError("no database keeps NUL in a text")
    if python is bool:
        return text == "1"
    value = python.fromisoformat(text) if python in (date, datetime) else python(text)
    stored = kind.process_bind_param(value, sqlite.dialect()) if isinstance(kind, TypeDecorator) else value
    if isinstance(stored, int) and abs(stored) > LARGEST_ID:
        raise ValueError("too large")
    return value


def fetch(run: Any, query: Select[Any], key: SortKey, start: Anchor | None, size: int, back: bool) -> list[Row[Any]]:
    """Up to `size` rows after `start` (before it, if `back`), in the order of the list.

    `run` executes a statement. A column that may be blank is read in two parts, each by its index.
    """
    rows: list[Row[Any]] = []
    for part in _parts(key, back):
        if start and part.before(start, back):
            continue
        rows += run(part.query(query, start, back).limit(size - len(rows))).all()
        if len(rows) >= size:
            break
    return rows[::-1] if back else rows


def ordered(query: Select[Any], key: SortKey) -> Select[Any]:
    """The whole list in its order, for exports."""
    if key.by_id:
        return query.order_by(_towards(key.id, key.desc))
    blank_last = [key.column.is_(None)] if key.nullable else []
    return query.order_by(*blank_last, _towards(key.column, key.desc), _towards(key.id, key.desc))


def ordered_alike(query: Select[Any], page: Any) -> list[Any]:
    """The order of a query of `fetch` in terms of `page`, a subquery of its id and sorted value: the id comes last."""
    *values, by_id = query._order_by_clauses
    pairs = [*((one, page.c.sorted_value) for one in values), (by_id, page.c.id)]
    return [_towards(column, one.modifier is operators.desc_op) for one, column in pairs]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Part:
    key: SortKey
    blank: bool

    def before(self, start: Anchor, back: bool) -> bool:
        """Whether this part of the list lies wholly on the other side of the anchor."""
        at_blank = start.value is None and not self.key.by_id
        return self.blank != at_blank and self.blank == back

    def query(self, query: Select[Any], start: Anchor | None, back: bool) -> Select[Any]:
        key, desc = self.key, self.key.desc != back
        simple = key.by_id or self.blank
        if key.nullable:
            query = query.where(key.column.is_(None) if self.blank else key.column.is_not(None))
        if start and self.blank == (start.value is None and not key.by_id):
            query = query.where(self._beyond(start, desc, simple))
        return query.order_by(*([] if simple else [_towards(key.column, desc)]), _towards(key.id, desc))

    def _beyond(self, start: Anchor, desc: bool, simple: bool) -> ColumnElement[bool]:
        if simple:
            return self.key.id < start.id if desc else self.key.id > start.id
        here = tuple_(self.key.column, self.key.id)
        there = tuple_(start.value, start.id, types=[self.key.column.type, self.key.id.type])
        return here < there if desc else here > there


def _parts(key: SortKey, back: bool) -> list[_Part]:
    parts = [_Part(key, blank=False)]
    if key.nullable and not key.by_id:
        parts.append(_Part(key, blank=True))
    return parts[::-1] if back else parts


def _towards(column: Any, desc: bool) -> Any:
    return column.desc() if desc else column.asc()
