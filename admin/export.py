"""CSV out, streamed: the first rows leave while the database still reads the last. One at a time for each person."""

from __future__ import annotations

import csv
import fcntl
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, redirect, request
from flask_babel import gettext as _
from sqlalchemy import Date, Engine, Enum, Integer, Select, String, type_coerce
from sqlalchemy.types import NullType

from admin.listrequest import ListRequest
from admin.lists import Lister
from billing.csv_cells import defuse, defuse_all
from models import db
from models.engine import reading
from models.types import MinorUnits
from web.permissions import signed_in_staff

BATCH = 500  # rows of sixty columns weigh some kilobytes each while they are printed
Column = tuple[Any, Any, Callable[[Any], str]]
Cells = Callable[[Sequence[Any]], Iterable[Any]]


class Figure(str):
    """A number written by us: it adds up in a spreadsheet and starts no formula, even with a minus in front."""


def lines(engine: Engine, query: Select[Any], head: Sequence[str], cells: Sequence[Cells | None]) -> Iterator[str]:
    """The file, some thousand rows at a time, on a connection of its own; `cells` print one column each.

    A column without a printer is written as the database gives it: numbers, days, our own words. The app's context may
    be gone by the time the rows leave: nothing here needs it.
    """
    yield "\ufeff" + _csv([defuse_all(head)])
    options = {"stream_results": True, "yield_per": BATCH}
    with (
        reading(),
        engine.connect() as connection,
        connection.execution_options(**options).execute(query) as result,
    ):
        rows: Sequence[Sequence[Any]] = result.fetchmany(BATCH)
        while rows:
            columns = zip(cells, zip(*rows, strict=True), strict=True)
            yield _csv(zip(*(how(column) if how else column for how, column in columns), strict=True))
            # The driver's own rows from here on: making a Row of each takes as long as reading it.
            rows = result.cursor.fetchmany(BATCH) if result.cursor else ()


def plain(value: Any) -> str:
    """A value for a machine to read again: ISO dates, bare numbers, the words of the database."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(getattr(value, "value", value)) if not hasattr(value, "isoformat") else value.isoformat()


def selected(column: Any, how: Callable[[Any], str]) -> tuple[Any, Cells | None]:
    """What is asked of the database for a column, and how all of its cells, as stored, are printed at once."""
    kind, dialect = column.type, db.engine.dialect
    stored = type_coerce(column, NullType())
    if how is plain:
        if isinstance(kind, (Enum, Integer, MinorUnits, Date)):  # on SQLite days are stored as ISO text
            return stored, None
        if isinstance(kind, String):
            return stored, defuse_all
    if getattr(how, "harmless", False):
        return stored, lambda values: map(how, values)
    read = kind.dialect_impl(dialect).result_processor(dialect, None)
    if read is None:
        return stored, lambda values: [_safe(how(value)) for value in values]
    return stored, lambda values: [_safe(how(read(value))) for value in values]


def _safe(text: str) -> str:
    return text if isinstance(text, Figure) else defuse(text)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def respond(view: Any) -> Any:
    """The list that the address asks for, whole and in its order, as a CSV file: all columns, or those shown."""
    asked = ListRequest.read(view, request.args)
    turn = _turn()
    if turn is None:
        flash(_("Your last export is still running. Wait until it has arrived, then start the next one."), "warning")
        return redirect(asked.url(view.get_url(".index_view")))
    try:
        shown = request.args.get("columns") == "shown"
        return _file(view, asked, view.export_shown(asked) if shown else view.export_columns(), turn)
    except BaseException:
        turn.close()
        raise


def _file(view: Any, asked: ListRequest, columns: Sequence[Column], turn: Any) -> Response:
    parts = [selected(column, how) for _head, column, how in columns]
    query = Lister(view, asked, view.db_session).in_order([column for column, _how in parts])
    head = [str(name) for name, _column, _print in columns]
    name = f"{view.endpoint}-{current_app.clock().date().isoformat()}.csv"  # type: ignore[attr-defined]
    file = lines(db.engine, query, head, [how for _column, how in parts])
    response = Response(_until_done(file, turn), mimetype="text/csv")
    response.call_on_close(turn.close)  # also when nobody takes the first part
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _until_done(file: Iterator[str], turn: Any) -> Iterator[str]:
    try:
        yield from file
    finally:
        turn.close()


def _turn() -> Any:
    """A lock that ends when it is closed, or with the process; None while another export of this person runs."""
    person: Any = signed_in_staff()
    folder = Path(current_app.config["FILES_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / f"export-{person.id}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
