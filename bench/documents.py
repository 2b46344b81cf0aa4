"""Documents by hand: python -m bench.documents --n 10000 --db sqlite

One customer with `n` issued invoices. `seconds` is the median of seven times the rule with its commit, `statements`
the most it said to the database at any of them; more than twenty, whatever the history, ends the bench with an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import event, insert, text

from bench.databases import Place, app_on, place
from bench.report import line
from billing import credit_notes, drafts, invoices, payments
from billing.actor import Actor, system
from billing.document_lines import LineInput
from billing.drafts import Content
from billing.money import UnitPrice
from models import (
    Company,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceTax,
    LedgerEntry,
    LedgerPosting,
    Series,
    TaxRate,
    db,
)

TIMES, MOST = 7, 20
FIRST, TODAY = date(2026, 1, 1), date(2026, 11, 22)
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=10_000)
    arguments.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    chosen = arguments.parse_args()
    with place(chosen.db) as where:
        said = cases(where, chosen.n)
    if max(said.values()) > MOST:
        sys.exit(f"More than {MOST} statements: {said}.")


def cases(where: Place, n: int) -> dict[str, int]:
    """Each case, a line; case -> statements."""
    app, by = app_on(where.new("documents")), system(AT, TODAY)
    found = {}
    with app.app_context():
        fill(n)
        for case, (ready, do) in deeds(by).items():
            seconds, statements = timed(ready, do)
            line(case=case, db=where.kind, n=n, seconds=seconds, statements=statements)
            found[case] = statements
        db.session.remove()
        db.engine.dispose()
    return found


def deeds(by: Actor) -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """case -> (what is made before, what is measured)."""
    cash: Any = {"method": "Cash", "received_on": TODAY, "by": by}
    return {
        "issue": (lambda: drafted(by), lambda draft: invoices.issue(draft, by=by)),
        "pay": (
            lambda: invoices.issue(drafted(by), by=by),
            lambda invoice: payments.record(invoice.customer, invoice.total, invoices=[invoice], **cash),
        ),
        "credit note": (
            lambda: invoices.issue(drafted(by), by=by),
            lambda invoice: credit_notes.credit(invoice, None, reason="Returned", by=by),
        ),
    }


def drafted(by: Actor) -> Invoice:
    """Three lines at two rates, one with a discount."""
    draft = drafts.begin(db.session.get_one(Customer, 1), by=by)
    price = UnitPrice.of("19.90", "EUR")
    lines = [LineInput("Work", price), LineInput("Book", price, taxed_as="R"), LineInput("Case", price)]
    return drafts.write(draft, Content(lines=lines, discount_percent=None), version=draft.version, by=by)


def timed(ready: Callable[[], Any], do: Callable[[Any], Any]) -> tuple[float, int]:
    """(median seconds, most statements of one time), each in a session that knows nothing yet."""
    said: list[str] = []

    def listen(*told: Any) -> None:
        said.append(told[2])

    seconds, most = [], 0
    for time in range(1 + TIMES):  # the first is not counted
        number = ready().id
        db.session.commit()
        db.session.remove()
        document = db.session.get_one(Invoice, number)
        event.listen(db.engine, "before_cursor_execute", listen)
        said.clear()
        began = perf_counter()
        do(document)
        db.session.commit()
        if time:
            seconds.append(perf_counter() - began)
            most = max(most, len([one for one in said if not one.startswith(("BEGIN", "PRAGMA", "SAVEPOINT"))]))
        event.remove(db.engine, "before_cursor_execute", listen)
    return median(seconds), most


def fill(n: int) -> None:
    """The company, its rates, and a customer with a history of open invoices."""
    company = {"id": 1, "name": "Harbour Fibre", "currency": "EUR", "country": "IE"}
    db.session.add_all([Company(**company), TaxRate(country="IE", rate=23, valid_from=FIRST)])
    db.session.add(TaxRate(country="IE", category="R", rate=9, valid_from=FIRST))
    known = {"currency": "EUR", "country": "IE", "registered_on": FIRST}
    db.session.add(Customer(name="Anna", email="anna@mail.example", balance_minor=1000 * n, **known))
    db.session.add(Series(prefix="INV", last_number=n))
    db.session.flush()
    numbers = range(1, n + 1)
    own = {"customer_id": 1, "currency": "EUR"}
    document = {
        **own, "kind": "invoice", "state": "issued", "issued_on": FIRST, "due_on": FIRST, "series_id": 1,
        "net_minor": 1000, "total_minor": 1000, "open_minor": 1000, "created_at": AT,
    }  # fmt: skip
    one = {"position": 1, "kind": "manual", "description": "Fibre", "currency": "EUR", "amount_minor": 1000}
    rows: list[tuple[Any, list[dict[str, Any]]]] = [
        (Invoice, [{**document, "id": i, "sequence": i, "number": f"INV-{i:05}"} for i in numbers]),
        (InvoiceLine, [{**one, "invoice_id": i, "unit_price_micro": 10_000_000, "tax_rate": 0} for i in numbers]),
        (InvoiceTax, [{"invoice_id": i, "category": "Z", "rate": 0, "currency": "EUR", "taxable_minor": 1000,
                       "tax_minor": 0} for i in numbers]),
        (LedgerPosting, [{"id": i, "kind": "invoice", "customer_id": 1, "on": FIRST, "invoice_id": i}
                         for i in numbers]),
        (LedgerEntry, [{**own, "posting_id": i, "account": account, "amount_minor": minor} for i in numbers
                       for account, minor in (("receivable", 1000), ("revenue", -1000))]),
    ]  # fmt: skip
    for table, values in rows:
        db.session.execute(insert(table), values)
    if db.engine.dialect.name == "postgresql":
        for name in ("invoice", "ledger_posting"):
            db.session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {n})"))
    db.session.commit()


if __name__ == "__main__":
    main()
