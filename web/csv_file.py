"""A table as a CSV file to download: no spreadsheet takes a text for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from flask import Response, stream_with_context

from billing.csv_cells import defuse

ROWS_AT_ONCE = 500
FIGURES = frozenset("0123456789.-")


def csv_file(name: str, rows: Iterable[Sequence[str]]) -> Response:
    """The rows, the first of which is the head. They are worked out before the answer begins."""
    response = Response(_lines(list(rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def csv_stream(name: str, rows: Iterable[Sequence[str]]) -> Response:
    """The same for any number of rows: they are worked out while the answer goes out, in the request's transaction."""
    response = Response(stream_with_context(_streamed(rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _streamed(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "\ufeff"
    left = iter(rows)
    while batch := list(islice(left, ROWS_AT_ONCE)):
        yield _text(batch)


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "\ufeff"
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield _text(rows[start : start + ROWS_AT_ONCE])


def _text(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _safe(cell: str) -> str:
    """A figure adds up, also with a minus in front."""
    return cell if set(cell) <= FIGURES and cell.count("-") in (0, 1) and cell.rfind("-") <= 0 else defuse(cell)
