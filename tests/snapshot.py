"""What a database says, apart from surrogate ids, moments, seals and run attempts: to compare two histories."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, select

from models import Invoice, db
from models.types import Moment

LEFT_OUT_TABLES = {"run", "lease", "job_day", "web_session", "form_token", "sign_in_attempt"}
LEFT_OUT_COLUMNS = {"id", "seal", "run_id", "dedupe_key", "object_id", "posting_id", "message_id", "series_id"}
NUMBERED = {"invoice_id", "fee_invoice_id"}


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every table, sorted; invoices are called by their numbers."""
    numbers = dict(db.session.execute(select(Invoice.id, Invoice.number)).all())
    tables = [table for table in db.metadata.sorted_tables if table.name not in LEFT_OUT_TABLES]
    return {table.name: _rows(table, numbers) for table in tables}


def _rows(table: Table, numbers: dict[int, str]) -> list[tuple[Any, ...]]:
    columns = [column for column in table.columns if _counts(column)]
    rows = db.session.execute(select(*columns)) if columns else []
    named = [
        tuple(numbers.get(v, v) if c.name in NUMBERED else v for c, v in zip(columns, r, strict=True)) for r in rows
    ]
    return sorted(named, key=repr)


def _counts(column: Column[Any]) -> bool:
    return column.name not in LEFT_OUT_COLUMNS and not isinstance(column.type, Moment)
