"""The page of a customer with a short and with a long history: python -m bench.customer_page --n 10000 --db sqlite

Two customers among two hundred others: one has ten invoices, payments, notes, postings, messages and events, the
other `n` of each. Each tab of both is asked for in turn by a signed-in browser; `seconds` is the median of nine,
`statements` and `bytes` are those of one page. The limit of the long one is the short one's time and half of it more,
or 5 ms more, whichever is larger: `ratio` of 1 and more keeps it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import event, insert, text

from admin.customers.page import TABS
from app import create_app
from bench.databases import place
from bench.report import line
from models import (
    AuditEvent,
    BillingGroup,
    Charge,
    Company,
    Contact,
    Credit,
    Customer,
    Delivery,
    Invoice,
    LedgerEntry,
    LedgerPosting,
    Message,
    Model,
    Note,
    Package,
    Payment,
    Series,
    Service,
    db,
)
from tests.signing_in import Browser, sign_in

SHORT, TIMES, OTHERS = 10, 9, 200
LONGER, SLACK = 1.5, 0.005
DAY, NOON = date(2026, 1, 1), datetime(2026, 1, 1, 12, tzinfo=UTC)
CHUNK = 5_000
PAGES = {tab.name: f"tab={tab.name}" for tab in TABS} | {"history of one kind": "tab=history&kind=sign-ins"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=10_000)
    arguments.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    chosen = arguments.parse_args()
    with place(chosen.db) as where, panel(where.new("customer_page"), chosen.n) as ask:
        for case, query in PAGES.items():
            short, long = take_turns(ask, query)
            known = {"case": case, "db": chosen.db}
            line(n=SHORT, seconds=short[0], statements=short[1], bytes=short[2], **known)
            limit = max(short[0] * LONGER, short[0] + SLACK)
            more = {"statements": long[1], "bytes": long[2]}
            line(n=chosen.n, seconds=long[0], limit_seconds=limit, **more, **known)


def take_turns(ask: Any, query: str) -> list[tuple[float, int, int]]:
    """(seconds, statements, bytes) for the short and the long customer, asked one after the other, nine times round."""
    found: dict[int, list[tuple[float, int, int]]] = {1: [], 2: []}
    for time in range(1 + TIMES):  # the first round is not counted
        for customer_id, answers in found.items():
            answer = ask(f"/admin/customer/details/?id={customer_id}&{query}")
            if time:
                answers.append(answer)
    return [sorted(answers)[TIMES // 2] for answers in found.values()]


@contextmanager
def panel(url: str, n: int) -> Iterator[Any]:
    """Asks a page of a signed-in browser."""
    with tempfile.TemporaryDirectory() as files:
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "FILES_DIR": files, "TESTING": True, "PASSWORD_COST": 1})
        app.test_client_class = Browser
        seen: list[str] = []
        with app.app_context():
            fill(n)
            client = app.test_client()
            sign_in(client)
            event.listen(db.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
            db.session.remove()

        def ask(address: str) -> tuple[float, int, int]:
            with app.app_context():
                seen.clear()
                began = perf_counter()
                answer = client.get(address)
                size, seconds = len(answer.data), perf_counter() - began
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
            return seconds, len([one for one in seen if not one.startswith(("BEGIN", "PRAGMA"))]), size

        yield ask
        with app.app_context():
            db.engine.dispose()


def fill(n: int) -> None:
    sizes = {1: SHORT, 2: n, **dict.fromkeys(range(3, 3 + OTHERS), SHORT)}
    db.session.add_all([Company(id=1, name="Bench", currency="EUR", country="IE"), Package(id=1, name="Fibre")])
    db.session.add(Series(id=1, prefix="INV"))
    db.session.flush()
    put(Customer, [{"id": i, "name": f"Customer {i}", "email": f"c{i}@mail.example", "currency": "EUR",
                    "registered_on": DAY} for i in sizes])  # fmt: skip
    put(BillingGroup, [{"id": i, "customer_id": i, "name": "Main"} for i in sizes])
    first = 1
    for customer_id, size in sizes.items():
        for start in range(0, size, CHUNK):
            history(customer_id, first + start, min(CHUNK, size - start))
        first += size
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def history(customer_id: int, first: int, size: int) -> None:
    """`size` of everything that piles up, with ids from `first` on."""
    ids, own = range(first, first + size), {"customer_id": customer_id, "currency": "EUR"}
    days = {i: DAY + timedelta(days=i % 300) for i in ids}
    put(Invoice, [{"id": i, **own, "kind": "invoice", "state": "issued", "number": f"INV-{i:07d}", "series_id": 1,
                   "sequence": i, "issued_on": days[i], "due_on": days[i] + timedelta(days=14), "total_minor": 1000,
                   "net_minor": 1000, "open_minor": 0 if i % 50 else 1000, "created_at": NOON, "buyer": "{}",
                   "seller": "{}", "content_hash": f"{i:064x}"} for i in ids])  # fmt: skip
    put(Payment, [{"id": i, **own, "method": "Cash", "amount_minor": 1000, "received_on": days[i],
                   "recorded_at": NOON, "recorded_by": "Bench"} for i in ids])  # fmt: skip
    put(Credit, [{"id": i, **own, "reason": "Outage", "amount_minor": 100, "remaining_minor": 0,
                  "granted_on": days[i]} for i in ids])  # fmt: skip
    put(LedgerPosting, [{"id": i, "kind": "invoice", "customer_id": customer_id, "on": days[i], "invoice_id": i}
                        for i in ids])  # fmt: skip
    for account, sign in (("receivable", 1), ("revenue", -1)):
        put(LedgerEntry, [{"posting_id": i, **own, "account": account, "amount_minor": sign * 1000} for i in ids])
    put(Note, [{**own, "text": f"Note {i}", "pinned": not i % 500, "written_at": NOON, "written_by": "Bench"}
               for i in ids], "currency")  # fmt: skip
    put(Service, [{"id": i, **own, "billing_group_id": customer_id, "package_id": 1, "price_minor": 1000,
                   "anchor_day": 1, "started_on": DAY, "billed_from": DAY, "next_renewal_on": date(2026, 12, 1),
                   "status": "active" if not i % 3 else "cancelled"} for i in ids])  # fmt: skip
    put(Charge, [{"id": i, **own, "billing_group_id": customer_id, "description": "Router", "price_minor": 500,
                  "starts_on": DAY, "next_on": None if i % 3 else date(2026, 12, 1)} for i in ids])  # fmt: skip
    put(Message, [{"id": i, "kind": "invoice", "customer_id": customer_id, "created_at": NOON, "created_by": "Bench"}
                  for i in ids])  # fmt: skip
    put(Delivery, [{"message_id": i, "customer_id": customer_id, "address": "c@mail.example", "state": "sent",
                    "dedupe_key": f"b{i}", "next_try_at": NOON, "sent_at": NOON} for i in ids])  # fmt: skip
    put(AuditEvent, [{"at": NOON, "verb": "invoice.issued", "actor": "Bench", "object_type": "invoice",
                      "object_id": i, "object_label": f"INV-{i:07d}", "customer_id": customer_id}
                     for i in ids])  # fmt: skip
    put(Contact, [{"customer_id": customer_id, "name": f"Contact {i}"} for i in ids[:SHORT]])


def put(model: type[Model], rows: list[dict[str, Any]], without: str = "") -> None:
    db.session.execute(insert(model), [{k: v for k, v in row.items() if k != without} for row in rows])


if __name__ == "__main__":
    main()
