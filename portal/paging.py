"""Lists of the portal a page at a time, the newest first: each page begins where its address says, at a row's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, Select

from models import db
from web.params import only, row_id


@dataclass(frozen=True, slots=True)
class Page:
    """`before` leads to older rows, `after` to newer ones; None where there are none."""

    rows: list[Any]
    before: int | None
    after: int | None


def read(query: Select[Any], key: ColumnElement[int] | Any, size: int) -> Page:
    """The rows of the query, whose first column or entity has the id `key`, that the address asks for."""
    older, newer = row_id(only(request.args, "before")), row_id(only(request.args, "after"))
    back = newer is not None
    if back:
        query = query.where(key > newer).order_by(key)
    else:
        query = (query.where(key < older) if older is not None else query).order_by(key.desc())
    found = list(db.session.execute(query.limit(size + 1)).unique())
    more, rows = len(found) > size, found[:size]
    if back:
        rows.reverse()
    first, last = (_id(rows[0]), _id(rows[-1])) if rows else (None, None)
    there_are_newer = more if back else older is not None
    there_are_older = back or more
    return Page(rows, last if there_are_older else None, first if there_are_newer else None)


def _id(row: Any) -> int:
    return int(getattr(row[0], "id", row[0]))
