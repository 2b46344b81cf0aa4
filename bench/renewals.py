"""A renewals run against the bare writes of its rows: python -m bench.renewals --n 1000 10000 --db sqlite

The plain case is one service each. The mixed one has a further charge beside it, every second customer in another
currency, and discounts for everyone, for groups, for single customers, for a time and by code; `of_plain` is its bills
a second by those of the plain one.

Everything is on: prices, tax, numbers, ledger, audit, mail queued, next dates moved. The limit writes the very same
rows and moves the same dates in a copy of the database, in one transaction: by the driver's executemany on SQLite,
by COPY on PostgreSQL. `peak_mb` is a fresh process's that only ran ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from sqlalchemy import delete, update

from bench.databases import Place, app_on, place
from bench.report import line, peak_mb
from billing import coupons, discounts
from billing.actor import system
from jobs import renewals
from models import (
    AuditEvent,
    Charge,
    Company,
    CouponUse,
    Customer,
    CustomerGroup,
    Discount,
    FxRate,
    Money,
    Package,
    Service,
    TaxRate,
    db,
)
from models.bulk import insert_rows
from models.service import BillingGroup

ON = date(2026, 12, 1)
CASES = ("plain", "mixed")
WRITTEN = (
    "invoice", "invoice_line", "invoice_tax", "renewal", "discount_use", "ledger_posting", "ledger_entry", "message",
    "delivery", "audit_event", "run_unit",
)  # fmt: skip
MOVED = (
    ("service", "next_renewal_on"), ("charge", "next_on"), ("customer", "balance_minor"),
    ("billing_group", "usual_minor"),
)  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, nargs="+", default=[1000, 10_000, 100_000])
    arguments.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--case", choices=CASES, nargs="+", default=CASES)
    arguments.add_argument("--only-ours", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.only_ours:
        print(json.dumps(ours(chosen.only_ours)))
        return
    with place(chosen.db) as where:
        for n in chosen.n:
            plain: float | None = None
            for name in chosen.case:
                speed = case(where, n, name, plain)
                plain = speed if name == "plain" else plain


def case(where: Place, n: int, name: str, plain: float | None) -> float:
    """Ours, then the limit, on equal databases; bills a second. `plain` is those of the plain case, if it ran."""
    with app_on(where.new("full")).app_context():
        fill(n)
        if name == "mixed":
            mix(n)
        db.session.remove()
        db.engine.dispose()
    where.copy("full", "bare")
    command = [sys.executable, "-m", "bench.renewals", "--only-ours", where.url("full")]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    limit = bare(where, rows_of(where, "full"))
    speed: float = n / found["seconds"]
    more = {"of_plain": round(speed / plain, 3)} if plain and name != "plain" else {}
    words = "renewals" if name == "plain" else f"renewals, {name}"
    line(case=words, db=where.kind, n=n, limit_seconds=limit, **found, **more)
    where.drop("full", "bare")
    return speed


def fill(n: int) -> None:
    """`n` customers in a country with tax, each with one service due on the same day."""
    db.session.add(Company(id=1, name="Bench", legal_name="Bench Ltd", currency="EUR", country="IE", city="Dublin"))
    db.session.add(TaxRate(country="IE", rate=23, valid_from=date(2020, 1, 1)))
    db.session.add(Package(id=1, name="Fibre"))
    db.session.flush()
    many = range(1, n + 1)
    _insert(Customer, [
        {
            **{c.name: c.default.arg for c in Customer.__table__.c if c.default is not None and c.default.is_scalar},
            "id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example", "currency": "EUR", "country": "IE",
            "street": f"{i} Quay", "city": "Dublin", "registered_on": date(2026, 1, 1), "service_count": 1,
        }
        for i in many
    ])  # fmt: skip
    group = {"po_number": "", "parked_reason": "", "name": "Main"}
    _insert(BillingGroup, [{"id": i, "customer_id": i, **group} for i in many])
    known = {
        "package_id": 1, "description": "Fibre 300", "status": "active", "free": False, "currency": "EUR",
        "setup_fee_minor": 0, "months": 1, "days": 0, "anchor_day": 1, "started_on": date(2026, 1, 1),
        "billed_from": date(2026, 1, 1), "next_renewal_on": ON, "cancel_reason": "", "version": 1,
    }  # fmt: skip
    _insert(
        Service,
        [{"id": i, "customer_id": i, "billing_group_id": i, "price_minor": 1000 + i % 5000, **known} for i in many],
    )
    db.session.commit()


def mix(n: int) -> None:
    """Charges, a second currency and all kinds of discounts on top of it."""
    many = range(1, n + 1)
    for table in (Customer, Service):
        db.session.execute(update(table).where(table.id % 2 == 0).values(currency="USD"))
    db.session.add(FxRate(base="USD", quote="EUR", source="ECB", rate=Decimal("0.91"), on=date(2026, 11, 30)))
    groups = [CustomerGroup(id=i, name=f"Group {i}") for i in range(1, 11)]
    db.session.add_all(groups)
    db.session.flush()
    db.session.execute(update(Customer).values(group_id=Customer.id % 10 + 1))
    known = {
        "description": "Router", "quantity": Decimal(1), "price_minor": 250, "tax_category": "S", "months": 1,
        "days": 0, "anchor_day": 1, "proratable": True, "starts_on": ON, "next_on": ON,
    }  # fmt: skip
    _insert(Charge, [
        {"customer_id": i, "billing_group_id": i, "currency": "EUR" if i % 2 else "USD", **known} for i in many
    ])  # fmt: skip
    by = system(datetime(2026, 11, 30, 12, tzinfo=UTC), date(2026, 11, 30))
    package = db.session.get_one(Package, 1)
    tenth = {"name": "Discount", "percent": Decimal(10)}
    discounts.create({**tenth, "last_on": date(2026, 12, 20)}, by=by)
    discounts.create({**tenth, "months": 1}, by=by)
    for group in groups[:5]:
        discounts.create({**tenth, "audience": "group", "group_id": group.id}, by=by)
    off = [Money(100, "EUR"), Money(110, "USD")]
    discounts.create({"name": "Less", "kind": "amount", "target": "packages", "lasts_months": 3},
                     packages=[package.id], amounts=off, by=by)  # fmt: skip
    coded = discounts.create({**tenth, "needs_code": True, "bills": 3, "priority": 200}, by=by)
    coupon = coupons.create(coded, "BENCH", most_per_customer=None, by=by)
    given = {"coupon_id": coupon.id, "given_on": by.today, "given_at": by.at, "given_by": "bench"}
    _insert(CouponUse, [{"customer_id": i, **given} for i in many if i % 20 == 0])
    own = {
        **{c.name: c.default.arg for c in Discount.__table__.c if c.default is not None and c.default.is_scalar},
        **tenth, "reason": "Loyalty", "audience": "customer", "target": "all", "kind": "percent", "covers": "price",
        "lasts_for": "service",
    }  # fmt: skip
    _insert(Discount, [{**own, "customer_id": i} for i in many if i % 10 == 0])
    db.session.execute(delete(AuditEvent))  # only what the run writes is compared
    db.session.commit()


def _insert(model: Any, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    insert_rows(db.session, model.__table__, columns, [tuple(row.values()) for row in rows])


def ours(url: str) -> dict[str, Any]:
    """The run itself, in this process."""
    with app_on(url).app_context():
        began = perf_counter()
        result = renewals.run(ON)
        seconds = perf_counter() - began
        assert result["failed"] == result["parked"] == 0 and result["invoices"], result
    return {"seconds": seconds, "peak_mb": peak_mb(), "invoices": result["invoices"]}


Table = tuple[str, list[str], list[tuple[Any, ...]]]


def rows_of(where: Place, name: str) -> tuple[list[Table], list[Table]]:
    """What the run wrote, as the driver gives it back: (rows inserted, values moved)."""
    connection = where.connect(name)
    cursor = connection.cursor()

    def read(table: str, columns: str) -> Table:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY id")
        return table, [column[0] for column in cursor.description], cursor.fetchall()

    written = [read("run", "*"), read("series", "*"), *(read(table, "*") for table in WRITTEN)]
    moved = [read(table, f"{column}, id") for table, column in MOVED]
    connection.close()
    return written, moved


def bare(where: Place, rows: tuple[list[Table], list[Table]]) -> float:
    """Seconds for the same rows and no thought at all."""
    connection = where.connect("bare")
    began = perf_counter()
    (_copy if where.kind == "postgresql" else _executemany)(connection, *rows)
    seconds = perf_counter() - began
    connection.close()
    return seconds


def _executemany(connection: Any, written: list[Table], moved: list[Table]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table, columns, rows in written:
        names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
    for table, columns, rows in moved:
        connection.executemany(f"UPDATE {table} SET {columns[0]} = ? WHERE id = ?", rows)
    connection.execute("COMMIT")


def _copy(connection: Any, written: list[Table], moved: list[Table]) -> None:
    with connection.cursor() as cursor:
        for table, columns, rows in written:
            names = ", ".join(f'"{c}"' for c in columns)
            rows = [tuple(json.dumps(v) if isinstance(v, dict | list) else v for v in row) for row in rows]
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        for table, columns, rows in moved:
            cursor.execute("CREATE TEMP TABLE v (new text, id bigint)")
            with cursor.copy("COPY v FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            kind = "date" if columns[0].endswith("_on") else "bigint"
            cursor.execute(f"UPDATE {table} SET {columns[0]} = v.new::{kind} FROM v WHERE {table}.id = v.id")
            cursor.execute("DROP TABLE v")
    connection.commit()


if __name__ == "__main__":
    main()
