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
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import quote_plus

import psycopg
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event, text

from app import create_app
from bench.report import line
from models import Company, ContractType, Customer, CustomerGroup, Package, Project, Reseller, Tag, db
from models.search import create_search, drop_search
from tests import databases
from tests.signing_in import Browser, make_staff, sign_in

COLUMNS = [
    "name",
    "company_name",
    "contact_name",
    "username",
    "email",
    "phone",
    "phone_digits",
    "tax_id",
    "external_id",
]
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

# What each field is compared with. A filter or column that is not measured ends the bench.
COMPARED = {
    "id": "4711", "name": "{rare}", "username": "user4710", "email": "customer4711@mail.example", "phone": "353 1 555",
    "company_name": "Works 4710", "contact_name": "Person 4710", "tax_id": "IE1004710", "status": "disabled",
    "account_type": "company", "registered_on": "2025-06-01", "language": "de", "attitude": "careful",
    "phone_verified": "1", "portal_user": "1", "group": "2", "tag": "Tag 2", "project": "1", "reseller": "1",
    "salesperson": "1", "contract": "1", "balance": "100", "account": "credit", "overdue": "1", "credit": "5",
    "currency": "EUR", "payment_method": "card", "package": "1", "service_count": "3", "ends_on": "2025-06-01",
    "country": "DE", "city": "Town 77",
}  # fmt: skip


def cases(app: Flask) -> dict[str, str]:
    """Pages of all kinds, then one for each way of comparing each field, and one for each order."""
    view = list_view(app)
    with app.test_request_context():
        filters, sorts = view.filters_by_arg(), list(view.sort_columns())
    missing = {found.key for found in filters.values()} - set(COMPARED)
    if missing:
        raise SystemExit(f"No value is given for these filters: {', '.join(sorted(missing))}.")
    narrowed = {
        f"filter {name}": f"flt0_{name}=" + (quote_plus(COMPARED[one.key], safe="{}") if one.takes_value else "1")
        for name, one in filters.items()
    }
    return {**CASES, **narrowed, **{f"sort by {name}": f"sort=-{name}" for name in sorts}}


def show_every_column(panels: dict[int, Panel]) -> None:
    for one in panels.values():
        with one.app.test_request_context():
            names = list(list_view(one.app).offered_columns())
        choose(one, {"order": names, "shown": names, "save": "1"})


def choose(panel: Panel, columns: dict[str, Any]) -> None:
    with panel.app.app_context():
        panel.client.post(f"{panel.url}choose-columns/", data=columns)


EVERY = ", every column"
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
    "country": "CASE i % 5 WHEN 0 THEN 'DE' ELSE 'IE' END",
    "city": "'Town ' || (i % 500)",
    "language": "CASE i % 50 WHEN 0 THEN 'de' ELSE '' END",
    "username": "CASE i % 2 WHEN 0 THEN 'user' || i END",
    "account_type": "CASE i % 3 WHEN 0 THEN 'company' ELSE 'individual' END",
    "company_name": "CASE i % 3 WHEN 0 THEN 'Works ' || i ELSE '' END",
    "contact_name": "CASE i % 3 WHEN 0 THEN 'Person ' || i ELSE '' END",
    "tax_id": "CASE i % 3 WHEN 0 THEN 'IE' || (1000000 + i) ELSE '' END",
    "attitude": "CASE i % 20 WHEN 0 THEN 'careful' ELSE 'none' END",
    "payment_method": "CASE i % 7 WHEN 0 THEN 'card' ELSE 'invoice' END",
    "phone_verified_at": "CASE i % 50 WHEN 0 THEN {moment} END",
    "group_id": "1 + i % 5",
    "project_id": "CASE i % 30 WHEN 0 THEN 1 END",
    "reseller_id": "CASE i % 25 WHEN 0 THEN 1 END",
    "contract_type_id": "CASE i % 2 WHEN 0 THEN 1 END",
    "credit_minor": "CASE i % 40 WHEN 0 THEN i % 1000 ELSE 0 END",
    "ends_on": "CASE i % 60 WHEN 0 THEN {day} END",
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
        "moment": "'2026-01-01 00:00:00.000000'",
    },
    "postgresql": {
        "series": "",
        "from": "generate_series(1, :n) AS s(i)",
        "padded": "lpad(CAST(i AS text), 7, '0')",
        "day": "DATE '2019-01-01' + CAST(i % 2800 AS integer)",
        "moment": "TIMESTAMPTZ '2026-01-01 00:00:00+00'",
    },
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, nargs="+", default=[BASE, 100_000, 1_000_000])
    arguments.add_argument("--db", choices=list(DIALECTS), default="sqlite")
    arguments.add_argument("--only", nargs="+", default=[], help="cases that hold one of these words")
    arguments.add_argument("--keep", help="a folder that keeps SQLite's files for the next time")
    chosen = arguments.parse_args()
    with ExitStack() as stack, server(chosen.db, chosen.keep) as where:
        panels = {n: stack.enter_context(panel(where, n)) for n in sorted(chosen.n)}
        for one in panels.values():
            choose(one, {"usual": "1"})
        for case, query in cases(next(iter(panels.values())).app).items():
            if not chosen.only or any(word in case for word in chosen.only):
                report(case, chosen.db, take_turns(panels, query))
        show_every_column(panels)
        for case, query in CASES.items():
            report(case + EVERY, chosen.db, take_turns(panels, query))


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
            searched_and_sorted = case.removesuffix(EVERY) in SEARCHED_AND_SORTED
            limit = max(1.5 * base, base + (0.050 if searched_and_sorted else 0.025))
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
    made = url.startswith("sqlite") and Path(url.removeprefix("sqlite:///")).exists()
    with tempfile.TemporaryDirectory() as files:
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "TESTING": True, "PASSWORD_COST": 1})
        app.test_client_class = Browser
        with app.app_context():
            upgrade()
            if not made:
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
def server(kind: str, keep: str | None = None) -> Iterator[str]:
    """Where databases can be made: a folder for SQLite's files, or a PostgreSQL server of our own."""
    if kind == "postgresql":
        with databases.postgresql() as address:
            yield address
        return
    if keep:
        yield f"sqlite:///{keep}"
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


# What belongs to customers: table -> (which of them have it, its columns). Small tables are made first.
LINKED: dict[str, tuple[str, dict[str, str]]] = {
    "customer_tag": ("i % 10 = 0", {"customer_id": "i", "tag_id": "1 + i % 3"}),
    "customer_salesperson": ("i % 4 = 0", {"customer_id": "i", "staff_id": "1"}),
    "billing_group": ("i % 2 = 0", {"id": "i", "customer_id": "i", "name": "'Main'"}),
    "service": (
        "i % 2 = 0",
        {"customer_id": "i", "billing_group_id": "i", "package_id": "1 + i % 4", "currency": "'EUR'",
         "price_minor": "4900", "anchor_day": "1", "started_on": "{day}", "billed_from": "{day}",
         "next_renewal_on": "{day}"},
    ),
    "invoice": (
        "i % 4 = 0",
        {"customer_id": "i", "number": "'INV-' || {padded}", "sequence": "i", "state": "'issued'", "issued_on": "{day}",
         "due_on": "{day}", "currency": "'EUR'", "total_minor": "4900", "created_at": "{moment}",
         "open_minor": "CASE i % 20 WHEN 0 THEN 4900 ELSE 0 END"},
    ),
}  # fmt: skip
SMALL: dict[Any, int] = {CustomerGroup: 5, Tag: 4, Project: 2, Reseller: 2, ContractType: 2, Package: 5}


def fill(n: int) -> None:
    """Rows first, their search index afterwards, and the housekeeping PostgreSQL would have done by the next day."""
    for model, many in SMALL.items():
        db.session.add_all(model(name=f"{model.__name__} {i}") for i in range(1, many + 1))
    make_staff()
    db.session.commit()
    with db.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        drop_search(op, "customer", PREFIXES)
        insert(connection, Customer.__table__, VALUES, n)
        create_search(op, "customer", COLUMNS, PREFIXES)
        for name, (which, values) in LINKED.items():
            insert(connection, db.metadata.tables[name], values, n, which)
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def insert(connection: Any, table: Any, values: dict[str, str], n: int, which: str = "1 = 1") -> None:
    words = DIALECTS[connection.dialect.name]
    filled = {name: how.format(**words) for name, how in values.items()} | others(table, values)
    names, shown = ", ".join(filled), ", ".join(filled.values())
    rows = f"SELECT {shown} FROM {words['from']} WHERE {which}"  # noqa: S608 all of it is written above
    connection.execute(text(f"{words['series']} INSERT INTO {table.name} ({names}) {rows}"), {"n": n})


def others(table: Any, values: dict[str, str]) -> dict[str, str]:
    """The default of every further column that may not be blank."""
    found = {}
    for column in table.columns:
        if column.name not in values and not column.nullable and not column.primary_key:
            default = column.default.arg if column.default is not None else ""
            found[column.name] = literal(getattr(default, "value", default))
    return found


def literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"'{value}'"


def list_view(app: Flask) -> Any:
    """The panel's own list of customers."""
    views = [view for view in app.extensions["admin"][0]._views if getattr(view, "model", None) is Customer]
    if not views:
        raise SystemExit("The panel has no list of customers to measure.")
    return views[0]


def list_url(app: Flask) -> str:
    return f"{list_view(app).url}/"


if __name__ == "__main__":
    main()
