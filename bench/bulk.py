"""Actions on many customers against the bare writes of their rows: python -m bench.bulk --n 100000 --db sqlite

Disable, edit and tag all that a filter matches, then undo: the ids are frozen, done in parts with a commit each, with
audit events, results, undo data and progress, as the scheduler does it. The limit writes the very same audit, result
and status rows into a copy of the database by the driver's executemany, in one transaction. `peak_mb` is a fresh
process's that only ran ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any

from sqlalchemy import select

from bench.databases import Place, app_on, place
from bench.report import line, peak_mb
from billing import bulk
from billing.actor import system
from jobs import bulk as job
from models import BulkAction, Company, Customer, CustomerStatus, RowResult, Tag, db
from models.bulk import insert_rows

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "disable": ("disable", {}),
    "edit": ("edit", {"set": {"country": "DE", "payment_days": 30, "never_suspend": True}}),
    "tag": ("tag", {"way": "add", "tags": ["Autumn letter"]}),
}
STATUS = "UPDATE customer SET status = ?, version = version + 1 WHERE id = ?"
VALUES = "UPDATE customer SET country = ?, payment_days = ?, never_suspend = ?, version = version + 1 WHERE id = ?"
TAGGED = "INSERT INTO customer_tag (customer_id, tag_id) VALUES (?, ?)"
UNTAGGED = "DELETE FROM customer_tag WHERE customer_id = ? AND tag_id = ?"
Statement = tuple[str, Callable[[int], tuple[Any, ...]]]
WRITES: dict[str, Statement] = {
    "disable": (STATUS, lambda one: ("disabled", one)),
    "edit": (VALUES, lambda one: ("DE", 30, True, one)),
    "tag": (TAGGED, lambda one: (one, 1)),
    "undo of disable": (STATUS, lambda one: ("active", one)),
    "undo of edit": (VALUES, lambda one: ("IE", None, False, one)),
    "undo of tag": (UNTAGGED, lambda one: (one, 1)),
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, nargs="+", default=[1000, 10_000, 100_000])
    arguments.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--case", choices=tuple(CASES), nargs="+", default=list(CASES))
    arguments.add_argument("--only-ours", nargs=2, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.only_ours:
        print(json.dumps(ours(*chosen.only_ours)))
        return
    with place(chosen.db) as where:
        for n in chosen.n:
            for name in chosen.case:
                case(where, n, name)


def case(where: Place, n: int, name: str) -> None:
    """Ours and its undo, then the limits of both, on equal databases."""
    with app_on(where.new("full")).app_context():
        fill(n)
        db.session.remove()
        db.engine.dispose()
    where.copy("full", "bare")
    command = [sys.executable, "-m", "bench.bulk", "--only-ours", name, where.url("full")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    for number, found in enumerate(json.loads(done.stdout), start=1):
        what = f"undo of {name}" if number == 2 else name
        audit, results = rows_of(where, number)
        limit = bare(where, audit, results, WRITES[what])
        line(case=f"bulk: {what}", db=where.kind, n=n, limit_seconds=limit, **found)
    where.drop("full", "bare")


def fill(n: int) -> None:
    """`n` active customers that match, and a tenth as many that do not."""
    db.session.add(Company(id=1, name="Bench", legal_name="Bench Ltd", currency="EUR", country="IE", city="Dublin"))
    db.session.add(Tag(id=1, name="Autumn letter"))
    db.session.flush()
    scalars = {c.name: c.default.arg for c in Customer.__table__.c if c.default is not None and c.default.is_scalar}
    rows = [
        {
            **scalars, "id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example", "currency": "EUR",
            "country": "IE", "city": "Dublin", "registered_on": date(2026, 1, 1),
            "status": "active" if i <= n else "archived",
        }
        for i in range(1, n + n // 10 + 1)
    ]  # fmt: skip
    insert_rows(db.session, Customer.__table__, list(rows[0]), [tuple(row.values()) for row in rows])
    db.session.commit()


def ours(name: str, url: str) -> list[dict[str, Any]]:
    """Asked for by the filter and carried out to the end, then undone: what a fresh process takes."""
    kind, params = CASES[name]
    by = system(AT, AT.date(), "Bench")
    app = app_on(url)
    app.clock = lambda: AT  # type: ignore[attr-defined]
    with app.app_context():
        active = select(Customer.id).where(Customer.status == CustomerStatus.ACTIVE)
        began = perf_counter()
        first = _through(bulk.ask(kind, params, db.session.scalars(active).all(), by=by))
        took = perf_counter() - began
        found = [{"seconds": took, "peak_mb": peak_mb()}]
        began = perf_counter()
        _through(bulk.undo(db.session.get_one(BulkAction, first), by=by))
        return [*found, {"seconds": perf_counter() - began, "peak_mb": peak_mb()}]


def _through(action: BulkAction) -> int:
    action_id = action.id
    db.session.commit()
    job.run()
    done = db.session.get_one(BulkAction, action_id)
    if done.counts != {RowResult.DONE.value: done.total}:
        raise SystemExit(f"not all were done: {done.state} {done.counts} {done.error}")
    db.session.rollback()
    return action_id


Rows = tuple[str, list[str], list[tuple[Any, ...]]]


def rows_of(where: Place, action: int) -> tuple[Rows, Rows]:
    """The audit and result rows this action has written, as the driver gives them."""
    connection = where.connect("full")
    cursor = connection.cursor()

    def read(table: str, which: str) -> Rows:
        cursor.execute(f"SELECT * FROM {table} WHERE {which} ORDER BY id")
        return table, [column[0] for column in cursor.description], cursor.fetchall()

    cursor.execute("SELECT id FROM audit_event WHERE object_type = 'bulk_action' ORDER BY id")
    edges = [*(row[0] for row in cursor.fetchall()), 2**62]
    found = (
        read("audit_event", f"id > {edges[action - 1]} AND id < {edges[action]}"),
        read("bulk_row", f"action_id = {action}"),
    )
    connection.close()
    return found


def bare(where: Place, audit: Rows, results: Rows, write: Statement) -> float:
    """Seconds for the same rows and no thought at all."""
    connection = where.connect("bare")
    postgresql = where.kind == "postgresql"
    mark = "%s" if postgresql else "?"
    _parent(connection, results, postgresql)
    one = results[1].index("customer_id")
    changes = [write[1](row[one]) for row in results[2]]
    began = perf_counter()
    cursor = connection.cursor()
    if not postgresql:
        cursor.execute("BEGIN IMMEDIATE")
    for table, columns, rows in (audit, results):
        names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join([mark] * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", _plain(rows))
    cursor.executemany(write[0].replace("?", mark), changes)
    connection.execute("COMMIT")
    seconds = perf_counter() - began
    connection.close()
    return seconds


def _plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(json.dumps(v) if isinstance(v, dict | list) else v for v in row) for row in rows]


def _parent(connection: Any, results: Rows, postgresql: bool) -> None:
    """The action the results belong to."""
    action = results[2][0][results[1].index("action_id")]
    names = "id, kind, params, narrowed, state, done, total, counts, error, tries, asked_by, address, asked_at"
    values = f"{action}, 'bench', '{{}}', '', 'running', 0, 0, '{{}}', '', 0, '', '', '2026-11-22'"
    connection.execute(f"INSERT INTO bulk_action ({names}) VALUES ({values})")
    if postgresql:
        connection.commit()


if __name__ == "__main__":
    main()
