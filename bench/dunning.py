"""Dunning: python -m bench.dunning --n 1000000 --due 10000 --db sqlite

A day's run over `n` invoices, paid and open, of which `due` are due for a reminder: looked at, their steps, mails and
next days written. `base` is the same among a tenth of the invoices; a cost by the due ones makes `times_base` about 1.
The limit is the driver writing the very rows that the run has left behind (steps, messages, deliveries, next days).
"""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import select, text

from bench.databases import Place, app_on, place
from bench.report import line
from billing import dunning_plans
from jobs import dunning
from models import Company, Customer, Invoice, Series, db
from models.bulk import insert_rows

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PER_CUSTOMER = 10
WRITTEN = ("dunning_step", "message", "delivery")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--n", type=int, default=1_000_000)
    arguments.add_argument("--due", type=int, default=0, help="1 %% of n unless given")
    arguments.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = arguments.parse_args()
    due = chosen.due or chosen.n // 100
    with place(chosen.db) as where:
        base, _bare = measured(where, max(chosen.n // 10, due), due)
        seconds, bare = measured(where, chosen.n, due)
        shown = {"invoices": chosen.n, "base_seconds": round(base, 3), "times_base": round(seconds / base, 2)}
        line(case="dunning", db=chosen.db, n=due, seconds=seconds, limit_seconds=bare, **shown)


def measured(where: Place, n: int, due: int) -> tuple[float, float]:
    """(seconds of the run, seconds of the bare writes of the same rows)."""
    app = app_on(where.new("debts"))
    app.clock = lambda: NOW  # type: ignore[attr-defined]
    with app.app_context():
        fill(n, due)
        db.session.remove()
        began = perf_counter()
        counts = dunning.run(TODAY)
        seconds = perf_counter() - began
        assert counts["after"] == counts["invoices"] == due, counts
        bare = bare_writes(due)
        db.session.remove()
        db.engine.dispose()
    where.drop("debts")
    return seconds, bare


def fill(n: int, due: int) -> None:
    """`n` invoices, one in five of them open; `due` of the open ones had their second reminder planned for today."""
    seller = Company(id=1, name="Harbour", currency="EUR", country="IE", email="office@harbour.example")
    db.session.add_all([seller, Series(id=1, prefix="INV", last_number=n)])
    db.session.flush()
    dunning_plans.begin(seller)
    customers = max(n // PER_CUSTOMER, 1)
    known = {"currency": "EUR", "registered_on": TODAY}
    rows = [{"id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example", **known} for i in range(1, customers + 1)]
    for start in range(0, len(rows), 10_000):
        db.session.execute(db.insert(Customer), rows[start : start + 10_000])
    _invoices(n, due, customers)
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ANALYZE"))
        db.session.commit()


_COLUMNS = (
    "id", "kind", "customer_id", "series_id", "sequence", "number", "state", "issued_on", "due_on", "currency",
    "net_minor", "tax_minor", "total_minor", "open_minor", "discount_minor", "discount_reason", "prices_include_tax",
    "fx_currency", "fx_source", "buyer", "seller", "po_number", "note", "terms", "legal_note", "template",
    "created_at", "version", "dunning_on",
)  # fmt: skip


def _invoices(n: int, due: int, customers: int) -> None:
    every = max(n // due, 1)
    late, later = TODAY - timedelta(days=7), TODAY + timedelta(days=20)
    for start in range(1, n + 1, 50_000):
        part: list[tuple[Any, ...]] = []
        for i in range(start, min(start + 50_000, n + 1)):
            is_due = i % every == 0 and i // every <= due
            open_ = 12_300 if is_due or i % 5 == 0 else 0
            on, planned = (late, TODAY) if is_due else (later, later + timedelta(days=3))
            part.append(
                (
                    i, "invoice", i % customers + 1, 1, i, f"INV-{i:07}", "issued", on - timedelta(days=14), on, "EUR",
                    10_000, 2_300, 12_300, open_, 0, "", False, "", "", "{}", "{}", "", "", "", "", "standard", NOW, 1,
                    planned,
                )
            )  # fmt: skip
        insert_rows(db.session, Invoice.__table__, _COLUMNS, part)


def bare_writes(due: int) -> float:
    """The driver writes the same rows again into empty copies of the tables, and the next days of the invoices."""
    tables = {name: db.metadata.tables[name] for name in WRITTEN}
    kept = {name: [tuple(row) for row in db.session.execute(select(table))] for name, table in tables.items()}
    for name in (*WRITTEN[:1], WRITTEN[2], WRITTEN[1]):
        db.session.execute(text(f"DELETE FROM {name}"))  # noqa: S608
    ids = list(db.session.scalars(select(Invoice.id).where(Invoice.dunning_on > TODAY, Invoice.due_on < TODAY)))
    db.session.commit()
    began = perf_counter()
    for name in ("message", "delivery", "dunning_step"):
        insert_rows(db.session, tables[name], [column.name for column in tables[name].c], kept[name])
    moved = db.update(Invoice).where(Invoice.id == db.bindparam("one")).values(dunning_on=TODAY + timedelta(days=8))
    db.session.connection().execute(moved, [{"one": one} for one in ids])
    db.session.commit()
    assert len(kept["dunning_step"]) >= due == len(ids)
    return perf_counter() - began


if __name__ == "__main__":
    main()
