"""What the writers of an import share: defaults of a new row, the trail of audit rows, and when a service has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Table, select, text

from models import AuditEvent, db
from models.bulk import insert_rows

from .actor import Actor
from .audit import COLUMNS, plain
from .import_rows import key_text
from .import_scratch import Scratch

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


def find_here(
    scratch: Scratch, kind: str, table: Table, columns: Iterable[str], keys: Sequence[tuple[str, str]], *, lock: bool
) -> dict[tuple[str, str], Any]:
    """The rows of `table` that belong to these external keys, found by the ids that the check noted."""
    texts = {key_text(*key): key for key in keys}
    ids = scratch.here(kind, list(texts))
    if not ids:
        return {}
    query = select(*(table.c[name] for name in columns)).where(table.c.id.in_(ids.values()))
    found = {one.id: one for one in db.session.execute(query.with_for_update() if lock else query)}
    return {texts[name]: found[number] for name, number in ids.items() if number in found}


def renew_statistics() -> None:
    """After many rows came in: PostgreSQL plans badly until it has looked at them. SQLite needs nothing."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ANALYZE customer, billing_group, service, service_option, service_change"))


def is_over(last_day: date | None, by: Actor) -> bool:
    """Whether a service that ends on `last_day` has ended."""
    return last_day is not None and last_day <= by.today
