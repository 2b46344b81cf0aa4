"""Changes of package: python -m bench.package_change --n 10000 --db sqlite

Services of customers with an open invoice of the month, `n` of them and a hundred. `seconds` is the median of one
change in the middle of the month, in a process that has done some before: the review, then carrying it out as shown,
with the commit: up (an invoice), down (a credit note), to a year. `statements` is what review and commit together said
to the database, counted by SQLite's driver itself (rows inserted by one call count once); more than 25 ends the bench
with an error. The limit is four times the raw writes: the same rows of a change inserted once more by the driver alone,
each in a statement, and the rows that it updated set back to what they were, with one commit, on the same file and as
safe from a power cut. Both are done in turn, each on a connection that stays open. `cpu_seconds` and `raw_cpu_seconds`
leave out what waits for the disk. The last case tells the hundred's time as limit of the many's, with half of it or a
millisecond more.
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

TIMES, WARM, MOST, FEW, RAW = 20, 11, 25, 100, 4
FIRST, TODAY, NEXT = date(2026, 11, 1), date(2026, 11, 16), date(2026, 12, 1)
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
ADDED = (
    "invoice", "invoice_line", "invoice_tax", "ledger_posting", "ledger_entry", "credit", "credit_note_part", "renewal",
    "service_change", "audit_event", "message", "delivery",
)  # fmt: skip
UPDATED = {
    "service": "id = {0}", "package_change": "service_id = {0}", "customer": "id = {0}", "billing_group": "id = {0}",
    "invoice": "id = {0}", "renewal": "service_id = {0}", "series": "true",
}  # fmt: skip
"""The tables of which a change may update rows, and which ones: `fill` gives all that belongs to a service its id."""
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
            raw = where.connect(name)
            if where.kind == "postgresql":
                raw.autocommit = True
            service_id += 1
            draft(service_id, wanted, by)  # is never carried out, and shows how its row was before
            drafted = {key: row for key, row in rows_of(raw, service_id).items() if key[0] == "package_change"}
            for _time in range(WARM):
                service_id += 1
                timed(draft(service_id, wanted, by), by)
            for _time in range(TIMES):  # in turn, so that a busy machine slows down both
                service_id += 1
                before = newest(raw)
                was = rows_of(raw, service_id)
                found.append(timed(draft(service_id, wanted, by), by))
                bare.append(raw_seconds(raw, where.kind, before, was | drafted, service_id))
            times[case], cpu = (median(each) for each in zip(*found[1:], strict=True))
            raw.close()
            limit, raw_cpu = (median(each) for each in zip(*bare[1:], strict=True))
            more = {"cpu_seconds": round(cpu, 4), "raw_cpu_seconds": round(raw_cpu, 4)}
            if where.kind == "sqlite":
                service_id += 1
                said = spoken(draft(service_id, wanted, by), by)
                more["statements"] = statements[case] = len(said)
                if SHOW:
                    print(*said, "", sep="\n", file=sys.stderr)
            line(case=case, db=where.kind, n=n, seconds=times[case], limit_seconds=RAW * limit, **more,
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


def newest(connection: Any) -> dict[str, int]:
    """The last id of each table that a change adds rows to."""
    return {t: connection.execute(f"SELECT coalesce(max(id), 0) FROM {t}").fetchone()[0] for t in ADDED}  # noqa: S608


Rows = dict[tuple[str, int], dict[str, Any]]


def rows_of(connection: Any, service_id: int) -> Rows:
    """The rows that a change of the service may update, each by its table and id."""
    found: Rows = {}
    for table, mine in UPDATED.items():
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {mine.format(service_id)}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        found |= {(table, row["id"]): row for row in rows}
    return found


def raw_seconds(connection: Any, kind: str, before: dict[str, int], was: Rows, service_id: int) -> tuple[float, float]:
    """Seconds, and seconds of the processor, of the rows of the last change once more, by the driver alone: an INSERT
    a row, an UPDATE a row that it changed (`was`: as they were before), one commit."""
    added = {table: _rows(connection, table, last) for table, last in before.items()}
    mark = "?" if kind == "sqlite" else "%s"
    now = rows_of(connection, service_id)
    (drafted,) = (was[key] for key in was if key[0] == "package_change")
    (change,) = (key for key in now if key[0] == "package_change")
    was = {key: row for key, row in was.items() if key in now}
    was[change] = {**drafted, **{name: now[change][name] for name in ("id", "service_id", "customer_id")}}
    to_be, as_was = _updates(was, now, mark), _updates({key: now[key] for key in was}, was, mark)
    copied = {table: (names, [_copy(table, names, row, 10_000_000, before) for row in rows])
              for table, (names, rows) in added.items() if rows}  # fmt: skip
    began, worked = perf_counter(), process_time()
    connection.execute("BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
    for table, (names, rows) in copied.items():
        columns, marks = ", ".join(f'"{column}"' for column in names), ", ".join(mark for _column in names)
        for row in rows:
            connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608
    for words, values in as_was:  # their indexes move with them
        connection.execute(words, values)
    connection.execute("COMMIT")
    seconds, busy = perf_counter() - began, process_time() - worked
    for words, values in to_be:
        connection.execute(words, values)
    for table in reversed(ADDED):
        connection.execute(f"DELETE FROM {table} WHERE id > 9000000")  # noqa: S608
    return seconds, busy


def _updates(was: Rows, becomes: Rows, mark: str) -> list[tuple[str, list[Any]]]:
    """The statements, with their values, that make rows what they become: of each the columns that differ."""
    found = []
    for (table, number), row in was.items():
        new = {name: value for name, value in becomes[table, number].items() if row[name] != value}
        if new:
            sets = ", ".join(f'"{name}" = {mark}' for name in new)
            words = f"UPDATE {table} SET {sets} WHERE id = {mark}"  # noqa: S608
            found.append((words, [*map(_driver_value, new.values()), number]))
    return found


def _driver_value(value: Any) -> Any:
    return Json(value) if isinstance(value, dict | list) else value


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
    return [_driver_value(value) for value in values.values()]


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
