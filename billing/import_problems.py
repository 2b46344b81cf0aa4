"""What the last check of an uploaded table found wrong, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, func, select

from models import ImportFile, ImportProblem, db
from models.bulk import insert_rows

from .csv_cells import defuse
from .import_choices import REASON
from .import_files import CsvFile
from .import_rows import Problem

MOST = 50_000
"""Kept of a file; one with more of them has the wrong columns chosen."""
BLOCK = 5_000


def keep(draft: ImportFile, report: Iterator[Problem]) -> int:
    """Note these problems in place of earlier ones, MOST of them; how many those are."""
    forget(draft)
    names = ("import_file_id", "line", "kind", "place", "value", "message")
    rows = [_row(draft.id, one) for one in report]
    for start in range(0, len(rows), BLOCK):
        insert_rows(db.session(), ImportProblem.__table__, names, rows[start : start + BLOCK])
    return len(rows)


def forget(draft: ImportFile) -> None:
    """None of them counts any more."""
    db.session.execute(delete(ImportProblem).where(ImportProblem.import_file_id == draft.id))


def _row(draft_id: int, one: Problem) -> tuple[Any, ...]:
    return draft_id, one.line, one.kind, _shown(one.column, 120), _shown(one.value, 200), _shown(one.message, 400)


def _shown(text: str, longest: int) -> str:
    """Cut, and without the one sign that PostgreSQL keeps in no text."""
    return text.replace("\0", "")[:longest]


def page(draft: ImportFile, column: str, kind: str, start: int, limit: int) -> Sequence[ImportProblem]:
    """Faults in the order of lines, of one column or kind if named, from the `start`-th on."""
    query = _faults(draft, column, kind).order_by(ImportProblem.line, ImportProblem.id)
    return db.session.scalars(query.offset(start).limit(limit)).all()


def _faults(draft: ImportFile, column: str, kind: str) -> Any:
    query = select(ImportProblem).where(ImportProblem.import_file_id == draft.id)
    if column:
        query = query.where(ImportProblem.place == column)
    return query.where(ImportProblem.kind == kind) if kind else query


def count(draft: ImportFile) -> Sequence[tuple[str, str, int]]:
    """(column, kind, how many), most first."""
    columns = ImportProblem.place, ImportProblem.kind
    query = select(*columns, func.count()).where(ImportProblem.import_file_id == draft.id).group_by(*columns)
    return [tuple(row) for row in db.session.execute(query.order_by(func.count().desc(), *columns))]  # type: ignore[misc]


def wrong_lines(draft: ImportFile) -> dict[int, str]:
    """Line -> everything that is wrong with it."""
    query = select(ImportProblem.line, ImportProblem.place, ImportProblem.message)
    query = query.where(ImportProblem.import_file_id == draft.id).order_by(ImportProblem.line, ImportProblem.id)
    found: dict[int, list[str]] = {}
    for line, place, message in db.session.execute(query):
        found.setdefault(line, []).append(f"{place}: {message}" if place else message)
    return {line: " ".join(reasons) for line, reasons in found.items()}


def as_table(draft: ImportFile, table: CsvFile) -> Iterator[list[str]]:
    """The wrong lines as they are in the file, each with its reasons in front, below the file's own titles.

    Cells are formula-proof. Mended, the table can be imported as it is. Raises BadFile.
    """
    reasons = wrong_lines(draft)
    place = table.header.index(REASON) if REASON in table.header else -1
    yield [REASON, *(defuse(name) for n, name in enumerate(table.header) if n != place)]
    for line, cells in table.rows():
        if line in reasons:
            yield [defuse(reasons[line]), *(defuse(cell) for n, cell in enumerate(cells) if n != place)]
