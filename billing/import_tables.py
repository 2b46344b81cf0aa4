"""What the writers of an import share: defaults of a new row, the trail of audit rows, and when a service has ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, false, or_

from models import AuditEvent, db
from models.bulk import insert_rows

from .actor import Actor
from .audit import COLUMNS, plain

events: Table = AuditEvent.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class Trail:
    """The audit rows of a chunk, written together."""

    by: Actor
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self,
        verb: str,
        kind: str,
        thing: tuple[int, str, int],
        after: dict[str, Any],
        before: dict[str, Any] | None = None,
    ) -> None:
        """`thing` is (id, label, id of its customer); `kind` the name of its table."""
        by, (number, label, customer_id) = self.by, thing
        self.rows.append(
            (
                by.at, verb, by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address,
                kind, number, label[:200], customer_id, before and plain(before), plain(after),
            )
        )  # fmt: skip

    def write(self) -> None:
        insert_rows(db.session(), events, COLUMNS, self.rows)


def column_defaults(table: Table) -> dict[str, Any]:
    """What a new row holds in each column that nobody sets."""
    return {column.name: getattr(column.default, "arg", None) for column in table.columns}


def has_key(table: Table, keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """Rows with one of these external keys, asked in the way both databases answer from the index."""
    by_source: dict[str, list[str]] = {}
    for source, external_id in keys:
        by_source.setdefault(source, []).append(external_id)
    return or_(
        false(),
        *(and_(table.c.external_source == source, table.c.external_id.in_(ids)) for source, ids in by_source.items()),
    )


def is_over(last_day: date | None, by: Actor) -> bool:
    """Whether a service that ends on `last_day` has ended."""
    return last_day is not None and last_day <= by.today
