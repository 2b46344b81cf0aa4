"""Changes of package: python -m bench.package_change --n 10000 --db sqlite

Services of customers with an open invoice of the month, `n` of them and a hundred. `seconds` is the median of one
change in the middle of the month, in a process that has done some before: the review, then carrying it out as shown,
with the commit: up (an invoice), down (a credit note), to a year. `statements` is what review and commit together said
to the database, counted by SQLite's driver itself (rows inserted by one call count once); more than 25 ends the bench
with an error. The limit is four times the raw writes: the same rows of a change inserted once more by the driver alone,
each in a statement, and the rows that it updated set to what they are, with one commit, on the same file and as safe
from a power cut, in the same run. `cpu_seconds` and `raw_cpu_seconds` leave out what waits for the disk. The last case
tells the hundred's time as limit of the many's, with half of it or a millisecond more.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, date, datetime
from statistics import median
from time import perf_counter, process_time
from typing import Any

from psycopg.types.json import Json
from sqlalchemy import insert, text

from bench.databases import Place, app_on, place
from bench.report import line
from billing import package_changes
from billing.actor import Actor, system
from billing.package_changes import Wanted
from models import (
    BillingGroup,
    Company,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceTax,
    LedgerEntry,
    LedgerPosting,
    Package,
    PackageChange,
    PackagePrice,
    Renewal,
    Series,
    Service,
    TaxRate,
    db,
)

TIMES, WARM, AGAIN, MOST, FEW, RAW = 20, 12, 3, 25, 100, 4
FIRST, TODAY, NEXT = date(2026, 11, 1), date(2026, 11, 16), date(2026, 12, 1)
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
ADDED = (
    "invoice", "invoice_line", "invoice_tax", "ledger_posting", "ledger_entry", "credit", "credit_note_part", "renewal",
    "service_change", "audit_event", "message", "delivery",
)  # fmt: skip
CHANGED = {
    "up": ("service", "package_change", "customer", "series", "billing_group"),
    "down": ("service", "package_change", "customer", "series", "invoice"),
    "to a year": ("service", "package_change", "customer", "series", "billing_group", "renewal"),
}
"""The tables of which each case updates a row."""
SET = {
    "service": "price_minor = price_minor, package_id = package_id, version = version + 1 WHERE id = {}",
    "package_change": "state = state, before = before, after = after, sums = sums WHERE service_id = {}",
    "customer": "balance_minor = balance_minor + 1 - 1 WHERE id = {}",
    "series": "last_number = last_number WHERE id = 1 AND id <= {}",
    "billing_group": "usual_minor = usual_minor WHERE id = {}",
    "invoice": "open_minor = open_minor, credited_minor = credited_minor WHERE id = {}",
    "renewal": "cut_on = cut_on WHERE id = {}",
}
SHOW = "--show" in sys.argv
CASES = {"up": Wanted(2), "down": Wanted(3), "to a year": Wanted(1, months=12)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=10_000)
    arguments.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    arguments.add_argument("--show", action="store_true", help="write the statements to standard error")
    chosen = arguments.parse_args()
    with place(chosen.db) as where:
        few, _said = cases(where, "few", FEW)
        many, said = cases(where, "many", chosen.n)
        for case, seconds in many.items():
            limit = max(few[case] * 1.5, few[case] + 0.001)
            line(case=f"{case}, among many", db=where.kind, n=chosen.n, seconds=seconds, limit_seconds=limit,
                 per_second=round(1 / seconds, 1))  # fmt: skip
    if max(said.values(), default=0) > MOST:
        sys.exit(f"More than {MOST} statements: {said}.")


def cases(where: Place, name: str, n: int) -> tuple[dict[str, float], dict[str, int]]:
    """Each case, a line; case -> seconds, and case -> statements."""
    app, by = app_on(where.new(name)), system(AT, TODAY)
    times, statements, service_id = {}, {}, 0
    with app.app_context():
        fill(n)
        for case, wanted in CASES.items():
            found, bare = [], []
            for _time in range(WARM):
                service_id += 1
                timed(draft(service_id, wanted, by), by)
            for _time in range(TIMES):  # in turn, so that a busy machine slows down both
                service_id += 1
                before = newest(where, name)
                found.append(timed(draft(service_id, wanted, by), by))
                bare.append(raw_seconds(where, name, before, service_id, CHANGED[case]))
            times[case], cpu = (median(each) for each in zip(*found[1:], strict=True))
            raw, raw_cpu = (median(each) for each in zip(*bare[1:], strict=True))
            more = {"cpu_seconds": round(cpu, 4), "raw_cpu_seconds": round(raw_cpu, 4)}
            if where.kind == "sqlite":
                service_id += 1
                said = spoken(draft(service_id, wanted, by), by)
                more["statements"] = statements[case] = len(said)
                if SHOW:
                    print(*said, "", sep="\n", file=sys.stderr)
            line(case=case, db=where.kind, n=n, seconds=times[case], limit_seconds=RAW * raw, **more,
                 per_second=round(1 / times[case], 1))  # fmt: skip
        db.session.remove()
        db.engine.dispose()
    return times, statements


def draft(service_id: int, wanted: Wanted, by: Actor) -> PackageChange:
    """A change that was asked for, in a session that knows nothing else yet."""
    change = package_changes.begin(db.session.get_one(Service, service_id), by=by)
    package_changes.write(change, wanted, by=by)
    number = change.id
    db.session.commit()
    db.session.remove()
    return db.session.get_one(PackageChange, number)


def work(change: PackageChange, by: Actor) -> None:
    known = package_changes.Known.load()
    seen = package_changes.review(change, by=by, known=known)
    package_changes.carry_out(change, seen.fingerprint, by=by, known=known)
    db.session.commit()


def timed(change: PackageChange, by: Actor) -> tuple[float, float]:
    """Seconds, and seconds of the processor, of one review and its commit."""
    began, busy = perf_counter(), process_time()
    work(change, by)
    return perf_counter() - began, process_time() - busy


def spoken(change: PackageChange, by: Actor) -> list[str]:
    """What one review and its commit say to SQLite."""
    said: list[str] = []
    driver: Any = db.session.connection().connection.driver_connection
    driver.set_trace_callback(said.append)
    work(change, by)
    driver.set_trace_callback(None)
    into = [re.match(r"INSERT INTO \S+", one) for one in said]
    again = [i for i in range(1, len(said)) if (one := into[i]) and (last := into[i - 1]) and one[0] == last[0]]
    return [one for i, one in enumerate(said) if i not in again and not one.startswith(("BEGIN", "COMMIT"))]


def newest(where: Place, name: str) -> dict[str, int]:
    """The last id of each table that a change adds rows to."""
    connection = where.connect(name)
    found = {t: connection.execute(f"SELECT coalesce(max(id), 0) FROM {t}").fetchone()[0] for t in ADDED}  # noqa: S608
    connection.close()
    return found


def raw_seconds(
    where: Place, name: str, before: dict[str, int], service_id: int, changed: tuple[str, ...]
) -> tuple[float, float]:
    """Seconds, and seconds of the processor, of the rows of the last change once more, by the driver alone: an INSERT
    a row, the rows it changed set to what they are, one commit; the median of several times."""
    connection = where.connect(name)
    if where.kind == "postgresql":
        connection.autocommit = True
    added = {table: _rows(connection, table, last) for table, last in before.items()}
    mark = "?" if where.kind == "sqlite" else "%s"
    seconds, busy = [], []
    for time in range(1, AGAIN + 1):
        copied = {table: (names, [_copy(table, names, row, time * 10_000_000, before) for row in rows])
                  for table, (names, rows) in added.items() if rows}  # fmt: skip
        began, worked = perf_counter(), process_time()
        connection.execute("BEGIN IMMEDIATE" if where.kind == "sqlite" else "BEGIN")
        for table, (names, rows) in copied.items():
            columns, marks = ", ".join(f'"{column}"' for column in names), ", ".join(mark for _column in names)
            for row in rows:
                connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608
        for table in changed:
            connection.execute(f"UPDATE {table} SET {SET[table].format(mark)}", (service_id,))  # noqa: S608
        connection.execute("COMMIT")
        seconds.append(perf_counter() - began)
        busy.append(process_time() - worked)
    for table in reversed(ADDED):
        connection.execute(f"DELETE FROM {table} WHERE id > 9000000")  # noqa: S608
    connection.close()
    return median(seconds), median(busy)


def _rows(connection: Any, table: str, last: int) -> tuple[list[str], list[Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE id > {last} ORDER BY id")  # noqa: S608
    return [column[0] for column in cursor.description], cursor.fetchall()


def _copy(table: str, names: list[str], row: Any, further: int, before: dict[str, int]) -> list[Any]:
    """The same row under another id; what may be there once only is made different."""
    values = dict(zip(names, row, strict=True))
    values["id"] += further
    if (values.get("invoice_id") or 0) > before["invoice"]:
        values["invoice_id"] += further
    for column in ("number", "dedupe_key"):
        if isinstance(values.get(column), str):
            values[column] = f"{values[column][:30]}/{table}/{further}"
    if values.get("sequence"):
        values["sequence"] += further
    if table == "renewal":
        values["void"] = True
    if table == "credit_note_part":
        values["invoice_id"] = further // 10_000_000  # any other invoice
    return [Json(value) if isinstance(value, dict | list) else value for value in values.values()]


def fill(n: int) -> None:
    """The company, its rate, three packages, and services that were billed for the month, each of its own customer."""
    company = {"id": 1, "name": "Harbour Fibre", "currency": "EUR", "country": "IE"}
    db.session.add_all([Company(**company), TaxRate(country="IE", rate=23, valid_from=FIRST)])
    db.session.add(Series(prefix="INV", last_number=n))
    db.session.add(Series(prefix="CN", last_number=0))
    for number, (name, price) in enumerate((("Basic", 3000), ("Plus", 6000), ("Mini", 1000)), 1):
        db.session.add(Package(id=number, name=name))
        db.session.flush()
        db.session.add(PackagePrice(package_id=number, currency="EUR", price_minor=price))
        db.session.add(PackagePrice(package_id=number, currency="EUR", price_minor=price * 10, months=12))
    db.session.flush()
    numbers = range(1, n + 1)
    own = {"currency": "EUR"}
    document = {
        **own, "kind": "invoice", "state": "issued", "issued_on": FIRST, "due_on": FIRST, "series_id": 1,
        "net_minor": 3000, "tax_minor": 690, "total_minor": 3690, "open_minor": 3690, "created_at": AT,
    }  # fmt: skip
    service = {
        **own, "package_id": 1, "description": "Basic", "price_minor": 3000, "anchor_day": 1, "started_on": FIRST,
        "billed_from": FIRST, "next_renewal_on": NEXT,
    }  # fmt: skip
    one = {
        **own, "position": 1, "kind": "service", "description": "Basic", "amount_minor": 3000, "tax_rate": 23,
        "unit_price_micro": 30_000_000, "period_start": FIRST, "period_end": NEXT,
    }  # fmt: skip
    posting = {"kind": "invoice", "on": FIRST}
    accounts = (("receivable", 3690), ("revenue", -3000), ("tax", -690))
    customer = {**own, "country": "IE", "registered_on": FIRST, "balance_minor": 3690, "service_count": 1}
    rows: list[tuple[Any, list[dict[str, Any]]]] = [
        (Customer, [{**customer, "id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example"} for i in numbers]),
        (BillingGroup, [{"id": i, "customer_id": i, "name": "Main", "usual_minor": 3690} for i in numbers]),
        (Service, [{**service, "id": i, "customer_id": i, "billing_group_id": i} for i in numbers]),
        (Invoice, [{**document, "id": i, "customer_id": i, "billing_group_id": i, "sequence": i,
                    "number": f"INV-{i:05}"} for i in numbers]),
        (InvoiceLine, [{**one, "invoice_id": i, "service_id": i} for i in numbers]),
        (InvoiceTax, [{**own, "invoice_id": i, "category": "S", "rate": 23, "taxable_minor": 3000, "tax_minor": 690}
                      for i in numbers]),
        (Renewal, [{**own, "service_id": i, "billing_group_id": i, "invoice_id": i, "period_start": FIRST,
                    "period_end": NEXT, "amount_minor": 3000} for i in numbers]),
        (LedgerPosting, [{**posting, "id": i, "customer_id": i, "invoice_id": i} for i in numbers]),
        (LedgerEntry, [{**own, "customer_id": i, "posting_id": i, "account": account, "amount_minor": minor}
                       for i in numbers for account, minor in accounts]),
    ]  # fmt: skip
    for table, values in rows:
        db.session.execute(insert(table), values)
    if db.engine.dialect.name == "postgresql":
        for name, last in (("customer", n), ("billing_group", n), ("service", n), ("invoice", n),
                           ("ledger_posting", n), ("package", 3)):  # fmt: skip
            db.session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})"))
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


if __name__ == "__main__":
    main()
