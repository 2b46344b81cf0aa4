"""Statements of account: python -m bench.statements --n 10000 --db sqlite

One customer with `n` entries in a year, among others: invoices, payments and credit. `seconds` is the median of nine
statements worked out by the rule, `statements` what it says to the database. The limit is ten times its bare SQL: the
same two queries by the driver alone, in the same run. The second case is the first page of the expenses at that
history; its limit is the same page of a customer with a hundred entries and half of that more, or 5 ms more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date, timedelta
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import event, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from bench.databases import Place, app_on, place
from bench.report import line
from billing import expenses, statements
from models import Customer, LedgerEntry, LedgerPosting, db

TIMES, SHORT = 9, 100
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
BARE = 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=10_000)
    arguments.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    chosen = arguments.parse_args()
    with place(chosen.db) as where:
        cases(where, chosen.n)


def cases(where: Place, n: int) -> None:
    """Both cases, each a line."""
    app = app_on(where.new("statements"))
    with app.app_context():
        fill(n)
        long, short = (db.session.get_one(Customer, number) for number in (1, 2))
        seconds, said = timed(lambda: statements.statement(long, FIRST, LAST))
        bare = bare_seconds(where, long.id)
        line(case="statement", db=where.kind, n=n, seconds=seconds, limit_seconds=BARE * bare, statements=said)
        few, _said = timed(lambda: expenses.page(short, expenses.Asked(), 50))
        many, said = timed(lambda: expenses.page(long, expenses.Asked(), 50))
        limit = max(few * 1.5, few + 0.005)
        line(case="expenses", db=where.kind, n=n, seconds=many, limit_seconds=limit, statements=said)
        db.session.remove()
        db.engine.dispose()


def timed(do: Callable[[], Any]) -> tuple[float, int]:
    """(median seconds, statements of one time)."""
    said: list[str] = []

    def listen(*told: Any) -> None:
        said.append(told[2])

    event.listen(db.engine, "before_cursor_execute", listen)
    found = []
    for time in range(1 + TIMES):  # the first is not counted
        said.clear()
        began = perf_counter()
        do()
        if time:
            found.append(perf_counter() - began)
    event.remove(db.engine, "before_cursor_execute", listen)
    return median(found), len([one for one in said if not one.startswith(("BEGIN", "PRAGMA"))])


def bare_seconds(where: Place, customer_id: int) -> float:
    """The same queries with their values written into them, by the driver."""
    dialect = postgresql.dialect() if where.kind == "postgresql" else sqlite.dialect()  # type: ignore[no-untyped-call]
    queries = (statements.entries_before(customer_id, FIRST), statements.movements_between(customer_id, FIRST, LAST))
    told = [str(one.compile(dialect=dialect, compile_kwargs={"literal_binds": True})) for one in queries]
    connection = where.connect("statements")
    found = []
    for _time in range(TIMES):
        began = perf_counter()
        for query in told:
            connection.execute(query).fetchall()
        found.append(perf_counter() - began)
    connection.close()
    return median(found)


def fill(n: int) -> None:
    """The long history, a short one, and as much again of others between them."""
    sizes = {1: n, 2: SHORT, **dict.fromkeys(range(3, 103), max(n // 100, 1))}
    known = {"currency": "EUR", "registered_on": FIRST}
    names = [{"id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example", **known} for i in sizes]
    db.session.execute(insert(Customer), names)
    number = 0
    for customer_id, size in sizes.items():
        postings, entries = [], []
        for i in range(size):
            number += 1
            on = FIRST + timedelta(days=i * 364 // size)
            invoice = i % 2 == 0
            kind, other, minor = ("invoice", "revenue", 1000) if invoice else ("payment", "cash", -1000)
            postings.append({"id": number, "kind": kind, "customer_id": customer_id, "on": on})
            own = {"posting_id": number, "customer_id": customer_id, "currency": "EUR"}
            entries += [
                {**own, "account": "receivable", "amount_minor": minor},
                {**own, "account": other, "amount_minor": -minor},
            ]
        db.session.execute(insert(LedgerPosting), postings)
        db.session.execute(insert(LedgerEntry), entries)
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


if __name__ == "__main__":
    main()
