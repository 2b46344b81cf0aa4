"""The list of customers at every size: python -m bench.customers_list --n 10000 100000 1000000 --db sqlite

Each page is asked for by a signed-in browser; `seconds` is the median of five, `bytes` the page before compression.
The limit at a size is the issue's: half as much again as the same page at 10,000 customers, or 25 ms more, whichever
is larger (50 ms more where a search is also sorted). `ratio` is limit ÷ ours: 1 and more keeps it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psycopg
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event, text

from app import create_app
from bench.report import line
from models import Company, Customer, db
from models.search import create_search, drop_search
from tests import databases
from tests.signing_in import Browser, sign_in

COLUMNS = ["name", "company_name", "contact_name", "email", "phone", "phone_digits", "tax_id", "external_id"]
PREFIXES = ["name", "email"]
BASE = 10_000  # the size whose times the others are held against
TIMES = 5
CASES = {
    "first page": "",
    "status filter": "flt0_status_is=active",
    "rare search": "search=kowalczyk+{rare}",
    "common search": "search=mail.example",
    "search nothing": "search=nobody+at+all",
    "sort by balance": "sort=-balance",
    "last page": "last=1",
    "last page by balance": "sort=-balance&last=1",
    "status filter by balance": "flt0_status_is=active&sort=-balance",
    "common search by balance": "search=mail.example&sort=-balance",
    "every eighth found, by balance": "search=aoife&sort=-balance",
}

SEARCHED_AND_SORTED = {case for case, query in CASES.items() if "search" in query and "sort" in query}

# Every eighth has the same first name, every other column repeats as a shop's own would.
VALUES = {
    "id": "i",
    "name": "CASE i % 8 WHEN 0 THEN 'Aoife' WHEN 1 THEN 'Piotr' WHEN 2 THEN 'Grace' WHEN 3 THEN 'Yuki' "
    "WHEN 4 THEN 'Marta' WHEN 5 THEN 'Niamh' WHEN 6 THEN 'Ingrid' ELSE 'Claire' END || "
    "CASE i % 3 WHEN 0 THEN ' Kowalczyk ' WHEN 1 THEN ' Brennan ' ELSE ' Okonkwo ' END || {padded}",
    "email": "'customer' || i || '@mail.example'",
    "phone": "'+353 1 555 ' || (i % 10000)",
    "phone_digits": "'3531555' || (i % 10000)",
    "currency": "'EUR'",
    "country": "'IE'",
    "registered_on": "{day}",
    "balance_minor": "(i % 20011 * 7919) % 20011 - 2500",
    "status": "CASE WHEN i % 10 = 0 THEN 'disabled' ELSE 'active' END",
    "service_count": "i % 5",
}
DIALECTS = {
    "sqlite": {
        "series": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < :n)",
        "from": "s",
        "padded": "printf('%07d', i)",
        "day": "date('2019-01-01', '+' || (i % 2800) || ' days')",
    },
    "postgresql": {
        "series": "",
        "from": "generate_series(1, :n) AS s(i)",
        "padded": "lpad(CAST(i AS text), 7, '0')",
        "day": "DATE '2019-01-01' + CAST(i % 2800 AS integer)",
    },
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, nargs="+", default=[BASE, 100_000, 1_000_000])
    arguments.add_argument("--db", choices=list(DIALECTS), default="sqlite")
    chosen = arguments.parse_args()
    with ExitStack() as stack, server(chosen.db) as where:
        panels = {n: stack.enter_context(panel(where, n)) for n in sorted(chosen.n)}
        for case, query in CASES.items():
            report(case, chosen.db, take_turns(panels, query))


def take_turns(panels: dict[int, Panel], query: str) -> dict[int, Asked]:
    """The same page of every size, one after the other and five times round: a busy moment hits them all."""
    asked: dict[int, list[Asked]] = {n: [] for n in panels}
    for time in range(1 + TIMES):  # the first round is not counted
        for n, ready in panels.items():
            answer = ready.ask(query.format(rare=f"{n // 3 * 3:07d}"))
            if time:
                asked[n].append(answer)
    return {n: sorted(answers, key=lambda one: one.seconds)[TIMES // 2] for n, answers in asked.items()}


def report(case: str, kind: str, found: dict[int, Asked]) -> None:
    for n, one in found.items():
        limit = None
        if BASE in found and n > BASE:
            base = found[BASE].seconds
            limit = max(1.5 * base, base + (0.050 if case in SEARCHED_AND_SORTED else 0.025))
        line(
            case=case, db=kind, n=n, seconds=one.seconds, limit_seconds=limit,
            statements=one.statements, bytes=one.bytes,
        )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    seconds: float
    statements: int
    bytes: int


@dataclass
class Panel:
    """A signed-in browser before the list of one database."""

    app: Flask
    client: Browser
    url: str
    seen: list[str]

    def ask(self, query: str) -> Asked:
        with self.app.app_context():
            self.seen.clear()
            began = perf_counter()
            answer = self.client.get(f"{self.url}?{query}")
            size = len(answer.data)
            seconds = perf_counter() - began
        if answer.status_code != 200:
            raise SystemExit(f"{self.url}?{query} answered {answer.status_code}")
        spoken = [one for one in self.seen if not one.startswith(("BEGIN", "PRAGMA"))]
        return Asked(seconds, len(spoken), size)


@contextmanager
def panel(where: str, n: int) -> Iterator[Panel]:
    """A new database of `n` customers, thrown away afterwards."""
    url = new_database(where, f"bench_customers_{n}")
    with tempfile.TemporaryDirectory() as files:
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "TESTING": True, "PASSWORD_COST": 1})
        app.test_client_class = Browser
        with app.app_context():
            upgrade()
            fill(n)
            db.session.add(Company(id=1, name="Bench", currency="EUR", country="IE"))
            db.session.commit()
            client, seen = app.test_client(), []
            sign_in(client)
            event.listen(db.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
            db.session.remove()
        yield Panel(app, client, list_url(app), seen)  # type: ignore[arg-type]
        with app.app_context():
            db.engine.dispose()


@contextmanager
def server(kind: str) -> Iterator[str]:
    """Where databases can be made: a folder for SQLite's files, or a PostgreSQL server of our own."""
    if kind == "postgresql":
        with databases.postgresql() as address:
            yield address
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}"


def new_database(where: str, name: str) -> str:
    if where.startswith("sqlite"):
        return f"{where}/{name}.sqlite3"
    with psycopg.connect(where.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return f"{where}/{name}"


def fill(n: int) -> None:
    """Rows first, their search index afterwards, and the housekeeping PostgreSQL would have done by the next day."""
    with db.engine.begin() as connection:
        words = DIALECTS[connection.dialect.name]
        op = Operations(MigrationContext.configure(connection))
        values = {name: how.format(**words) for name, how in VALUES.items()} | others()
        names, shown = ", ".join(values), ", ".join(values.values())
        drop_search(op, "customer", PREFIXES)
        insert = f"{words['series']} INSERT INTO customer ({names}) SELECT {shown} FROM {words['from']}"
        connection.execute(text(insert), {"n": n})
        create_search(op, "customer", COLUMNS, PREFIXES)
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE customer"))


def others() -> dict[str, str]:
    """The default of every further column that may not be blank."""
    found = {}
    for column in Customer.__table__.columns:
        if column.name not in VALUES and not column.nullable:
            default = column.default.arg if column.default is not None else ""
            found[column.name] = literal(getattr(default, "value", default))
    return found


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"'{value}'"


def list_url(app: Flask) -> str:
    """Where the panel's own list of customers is."""
    views = [view for view in app.extensions["admin"][0]._views if getattr(view, "model", None) is Customer]
    if not views:
        raise SystemExit("The panel has no list of customers to measure.")
    return str(views[0].url) + "/"


if __name__ == "__main__":
    main()
