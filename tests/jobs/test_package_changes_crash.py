"""Changes of package, killed at every named point and started again, at once, and by days missed: the same rows."""

from __future__ import annotations

import signal
import threading
from datetime import date, timedelta
from typing import Any

from changing import DAY, at, findings, fresh_changes, priced, reviewed, running
from conftest import Clock
from flask import Flask
from forked import Forked
from snapshot import snapshot
from sqlalchemy import func, select

from billing import package_changes
from billing.package_changes import ChangedSince
from jobs import renewals
from models import ChangeState, CreditNotePart, Invoice, InvoiceLine, PackageChange, Service, db

UNTIL = date(2026, 12, 12)
LINE = ("position", "kind", "description", "details", "period_start", "period_end", "quantity", "amount_minor")
TABLES = (
    "invoice", "invoice_tax", "renewal", "ledger_entry", "service", "credit", "service_change",
)  # fmt: skip
POINTS = (
    "package_change.document@1", "package_change.service@2", "package_change.done@3", "changes.kept@2",
    "changes.committed@1",
)  # fmt: skip


def rows() -> dict[str, list[Any]]:
    """What counts, without the ids that changes keep of other rows."""
    found = {table: rows for table, rows in snapshot().items() if table in TABLES}
    lines = select(Invoice.number, *(getattr(InvoiceLine, name) for name in LINE))
    lines = lines.join(Invoice, Invoice.id == InvoiceLine.invoice_id).order_by(Invoice.number, InvoiceLine.position)
    found["invoice_line"] = list(map(tuple, db.session.execute(lines)))
    told = select(*(getattr(PackageChange, name) for name in ("id", "state", "on", "sums", "after", "error")))
    found["package_change"] = list(map(tuple, db.session.execute(told.order_by(PackageChange.id))))
    found["credit_note_part"] = sorted(db.session.scalars(select(CreditNotePart.amount_minor)))
    db.session.remove()
    return found


def test_killed_anywhere_and_started_again(app: Flask, clock: Clock) -> None:
    fresh_changes(app)
    at(clock, UNTIL)
    renewals.run(UNTIL)
    expected = rows()
    assert [state for (state,) in db.session.execute(select(PackageChange.state))] == [ChangeState.DONE] * 4
    for point in POINTS:
        fresh_changes(app)
        at(clock, UNTIL)
        assert Forked(app, "jobs.renewals:run", UNTIL, fault=point).ended() == -signal.SIGKILL, point
        assert renewals.run(UNTIL)["failed"] == 0
        assert rows() == expected, f"killed at {point}"


def test_days_missed_are_caught_up_as_if_no_day_had_been_missed(app: Flask, clock: Clock) -> None:
    fresh_changes(app)
    at(clock, UNTIL)
    day = date(2026, 11, 15)
    while day <= UNTIL:
        renewals.run(day)
        day += timedelta(days=1)
    daily = rows()
    fresh_changes(app)
    at(clock, UNTIL)
    renewals.run(UNTIL)
    assert rows() == daily
    assert findings(at(clock, UNTIL)) == []


def test_a_dry_run_bills_what_the_changes_will_have_made_of_it(app: Flask, clock: Clock) -> None:
    fresh_changes(app)
    at(clock, UNTIL)
    before = rows()
    dry = renewals.run(UNTIL, dry_run=True)
    assert rows() == before
    real = renewals.run(UNTIL)
    assert (dry["total"], dry["invoices"]) == (real["total"], real["invoices"])


def test_killed_while_a_person_carries_it_out_nothing_is_left_of_it(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change, review = reviewed(service, priced("Plus", "60"), at(clock, DAY))
    number, seen = change.id, review.fingerprint
    db.session.commit()
    for point in ("package_change.document", "package_change.done"):
        db.session.remove()
        assert Forked(app, "changing:carry_out_shown", number, seen, fault=f"{point}@1").ended() == -signal.SIGKILL
        assert db.session.get_one(PackageChange, number).state is ChangeState.DRAFT
        assert db.session.scalar(select(func.count(Invoice.id))) == 1
    db.session.remove()
    done = Forked(app, "changing:carry_out_shown", number, seen)
    assert (done.ended(), done.result) == (0, "done")
    assert findings(at(clock, DAY)) == []


def test_of_two_wizards_on_one_service_the_second_sees_what_has_changed(app: Flask, clock: Clock) -> None:
    service_id = running(clock).id
    service, by = db.session.get_one(Service, service_id), at(clock, DAY)
    shown = []
    for package in (priced("Plus", "60"), priced("Mini", "10")):
        someone = type(by)(name=package.name, at=by.at, today=by.today, permissions=None)
        change, review = reviewed(service, package, someone)
        shown.append((change.id, review.fingerprint))
    db.session.commit()
    db.session.remove()
    start, said = threading.Barrier(2), []

    def confirm(change_id: int, seen: str) -> None:
        with app.app_context():
            start.wait()
            try:
                change = package_changes.carry_out(db.session.get_one(PackageChange, change_id), seen, by=by)
                db.session.commit()
                said.append(change.state)
            except ChangedSince as error:
                db.session.rollback()
                said.append(error.review.before.package)

    threads = [threading.Thread(target=confirm, args=one) for one in shown]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    there = db.session.get_one(Service, service_id).package.name
    assert sorted(map(str, said)) == sorted(["done", there])
    assert db.session.scalar(select(func.count(Invoice.id))) == 2
    assert findings(by) == []
