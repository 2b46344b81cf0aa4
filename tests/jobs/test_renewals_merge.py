"""F34: a customer is merged, or to be deleted, while a run of renewals is in the middle of its work."""

from __future__ import annotations

import signal
from datetime import date

import pytest
from factories import add, make_company, make_customer, make_service
from flask import Flask
from forked import Forked

from billing import customers, doctor, merging
from billing.actor import Actor
from jobs import renewals
from models import BillingGroup, Customer, Invoice, Renewal, Service, db

DAY = date(2026, 12, 1)


def start(app: Flask, fault: str = "") -> Forked:
    """A run in a process of its own, killed at `fault` if one is named."""
    return Forked(app, "jobs.renewals:run", DAY, values={"jobs.renewals.CHUNK": 3}, fault=fault)


def shop() -> list[Customer]:
    """Ten customers with one service each, due on the first of December."""
    make_company()
    made = []
    for number in range(10):
        customer = make_customer(name=f"Customer {number:02}")
        group = add(BillingGroup(customer_id=customer.id, name="Main"))
        make_service(customer, billing_group_id=group.id)
        made.append(customer)
    db.session.commit()
    return made


def sound(by: Actor) -> None:
    found = [str(f) for f in doctor.examine(doctor.Scope(at=by.at)) if f.code not in ("I22", "I24", "I28")]
    assert found == []


@pytest.mark.parametrize("point", ["renewals.built@1", "renewals.kept@1", "renewals.committed@1"])
def test_merged_after_a_run_was_killed_and_finished_by_the_next(app: Flask, by: Actor, point: str) -> None:
    everyone = shop()
    assert start(app, point).ended() == -signal.SIGKILL
    primary, merged = everyone[0], everyone[9]
    merging.merge(primary, merged, by=by)
    merging.merge(primary, everyone[1], by=by)
    db.session.commit()
    assert start(app).ended() == 0
    db.session.expire_all()
    per_service = db.session.query(Renewal.service_id).filter_by(period_start=DAY).all()
    assert sorted(per_service) == sorted((s.id,) for s in db.session.query(Service))
    assert db.session.query(Invoice).filter(Invoice.customer_id.in_([merged.id, everyone[1].id])).count() == 0
    sound(by)


def test_merged_between_two_chunks_of_a_run(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was billed before and whoever comes later: each service is billed once, on one account."""
    everyone = shop()
    monkeypatch.setattr(renewals, "CHUNK", 3)
    ids = [customer.id for customer in everyone]
    calls: list[int] = []

    def meanwhile(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 2:
            primary, first, last = (db.session.get(Customer, ids[n]) for n in (5, 0, 9))
            merging.merge(primary, first, by=by)
            merging.merge(primary, last, by=by)
            db.session.commit()

    renewals.run(DAY, watch=meanwhile)
    db.session.expire_all()
    assert len(calls) >= 2
    renewals.run(DAY)
    assert db.session.query(Renewal).filter_by(period_start=DAY).count() == 10
    assert db.session.query(Invoice).filter_by(customer_id=ids[5]).count() == 3
    sound(by)


def test_a_customer_who_was_billed_meanwhile_is_not_deleted(
    app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = shop()
    monkeypatch.setattr(renewals, "CHUNK", 3)
    ids = [customer.id for customer in everyone]
    outcome: dict[int, str] = {}

    def meanwhile(done: int, total: int) -> None:
        if outcome or not done:
            return
        for number in (0, 9):
            customer = db.session.get(Customer, ids[number])
            try:
                with db.session.begin_nested():
                    customers.delete(customer, by=by)
                outcome[number] = "deleted"
            except customers.HasHistory:
                outcome[number] = "kept"
        db.session.commit()

    renewals.run(DAY, watch=meanwhile)
    assert outcome == {0: "kept", 9: "deleted"}
    assert db.session.query(Renewal).filter_by(period_start=DAY).count() == 9
    sound(by)
