"""CSV out, streamed: the first rows leave while the database still reads the last."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

from flask import Response, current_app, request
from sqlalchemy import Engine, Row, Select

from admin.listrequest import ListRequest
from admin.lists import Lister
from billing.csv_cells import defuse
from models import db
from models.engine import reading

BATCH = 2000
Cells = Callable[[Row[Any]], Iterable[str]]


class Figure(str):
    """A number written by us: it adds up in a spreadsheet and starts no formula, even with a minus in front."""


def lines(engine: Engine, query: Select[Any], head: Sequence[str], cells: Cells) -> Iterator[str]:
    """The file, some thousand rows at a time, on a connection of its own; `cells` turns a row into texts.

    The app's context may be gone by the time the rows leave: nothing here needs it.
    """
    yield "\ufeff" + _csv([head])
    with reading(), engine.connect() as connection:
        result = connection.execution_options(stream_results=True, yield_per=BATCH).execute(query)
        for rows in result.partitions():
            yield _csv(cells(row) for row in rows)


def plain(value: Any) -> str:
    """A value for a machine to read again: ISO dates, bare numbers, the words of the database."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(getattr(value, "value", value)) if not hasattr(value, "isoformat") else value.isoformat()


def _csv(rows: Iterable[Iterable[str]]) -> str:
    out = StringIO()
    csv.writer(out).writerows([[text if isinstance(text, Figure) else defuse(text) for text in row] for row in rows])
    return out.getvalue()


def respond(view: Any) -> Response:
    """The list that the address asks for, whole and in its order, as a CSV file."""
    asked = ListRequest.read(view, request.args)
    columns = view.export_columns()
    query = Lister(view, asked, view.db_session).in_order([column for _head, column, _print in columns])
    prints = [how for _head, _column, how in columns]
    head = [str(name) for name, _column, _print in columns]

    def cells(row: Row[Any]) -> list[str]:
        return [how(value) for how, value in zip(prints, row, strict=True)]

    name = f"{view.endpoint}-{current_app.clock().date().isoformat()}.csv"  # type: ignore[attr-defined]
    response = Response(lines(db.engine, query, head, cells), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
