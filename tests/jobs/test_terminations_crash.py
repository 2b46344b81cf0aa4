"""Customers that leave, their job killed at every named point and started again: as if nothing had happened."""

from __future__ import annotations

import signal
from datetime import date
from typing import Any

import pytest
from changing import at, running
from conftest import Clock, empty_all_tables
from factories import make_customer
from flask import Flask
from forked import Forked
from servicing import well
from sqlalchemy import select, update

from billing import terminations
from billing.terminations import Plan
from jobs import terminations as job
from models import AfterEnd, AuditEvent, Customer, Invoice, Service, ServiceChange, Termination, db

MIDDLE, STOP = date(2026, 11, 16), date(2026, 12, 11)
POINTS = (
    "terminations.ended@2", "terminations.finished@1", "terminations.committed@1",
)  # fmt: skip


def leaving(clock: Clock) -> None:
    """Three customers whose day comes together: one is disabled, one archived, one only loses its services."""
    db.session.remove()
    empty_all_tables()
    first = running(clock)
    customers = [first.customer]
    for name in ("Bert", "Cleo"):
        customers.append(running(clock, customer=make_customer(name=name), package_name=f"Basic of {name}").customer)
    by = at(clock, MIDDLE)
    for customer, after in zip(customers, (AfterEnd.DISABLE, AfterEnd.ARCHIVE, AfterEnd.NOTHING), strict=True):
        found = terminations.write(terminations.begin(customer, by=by), Plan(STOP, send=False, after=after), by=by)
        terminations.carry_out(found, seen=terminations.review(found, by=by).fingerprint, by=by)
    db.session.commit()
    at(clock, STOP)
    db.session.remove()


def state() -> dict[str, list[Any]]:
    """What there is, by names instead of ids."""
    db.session.remove()
    wanted = {
        "customers": select(Customer.name, Customer.status, Customer.service_count, Customer.balance_minor),
        "services": select(Service.description, Service.status, Service.ends_on, Service.cancelled_on),
        "terminations": select(Customer.name, Termination.state).join(Customer, Customer.id == Termination.customer_id),
        "history": select(ServiceChange.kind, ServiceChange.on, Service.description).join(
            Service, Service.id == ServiceChange.service_id
        ),
        "invoices": select(Invoice.number, Invoice.total_minor, Invoice.open_minor),
        "audit": select(AuditEvent.verb, AuditEvent.object_label),
    }
    return {name: sorted(map(repr, db.session.execute(query))) for name, query in wanted.items()}


def test_killed_anywhere_and_started_again(app: Flask, clock: Clock) -> None:
    leaving(clock)
    assert job.run() == {"finished": 3}
    expected = state()
    assert len(expected["customers"]) == 3 and well(clock)
    for point in POINTS:
        leaving(clock)
        assert Forked(app, "jobs.terminations:run", fault=point).ended() == -signal.SIGKILL, point
        job.run()
        assert state() == expected, f"killed at {point}"


def test_one_that_fails_does_not_keep_the_others(app: Flask, clock: Clock) -> None:
    leaving(clock)
    archived = Termination.after == AfterEnd.ARCHIVE
    db.session.execute(update(Termination).where(archived).values(done=[]))  # not as the rules write it
    db.session.commit()
    with pytest.raises(AttributeError):
        job.run()
    found = db.session.execute(select(Termination.after, Termination.state)).all()
    assert {after: str(state) for after, state in found} == {
        "disable": "done", "archive": "scheduled", "nothing": "done",
    }  # fmt: skip
