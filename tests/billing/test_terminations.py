"""Customers that leave: as previewed, once, withdrawn before the day, and put away on it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from changing import at, renewed, running
from conftest import Clock
from factories import add, make_group, make_service
from flask import Flask
from servicing import well
from sqlalchemy import select

from billing import doctor, payments, terminations
from billing.actor import Actor
from billing.doctor import Scope
from billing.money import Money
from billing.terminations import Plan
from jobs import terminations as job
from models import (
    AfterEnd,
    Charge,
    CreditNote,
    CreditOutflow,
    Customer,
    CustomerStatus,
    Delivery,
    DeliveryState,
    Invoice,
    LedgerEntry,
    LedgerPosting,
    RestOfCredit,
    Service,
    Termination,
    TerminationState,
    db,
)

MIDDLE, DEC, STOP = date(2026, 11, 16), date(2026, 12, 1), date(2026, 12, 11)


def leave(customer: Customer, by: Actor, plan: Plan) -> Termination:
    found = terminations.write(terminations.begin(customer, by=by), plan, by=by)
    seen = terminations.review(found, by=by).fingerprint
    terminations.carry_out(found, seen=seen, by=by)
    db.session.commit()
    return found


def sent() -> None:
    db.session.query(Delivery).update({"state": DeliveryState.CANCELLED})
    db.session.commit()


def test_on_a_day_ahead_billed_now_and_disabled_then(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    found = leave(customer, by, Plan(STOP, reason="Moves"))
    assert (found.state, service.ends_on, customer.status) == ("scheduled", STOP, CustomerStatus.ACTIVE)
    assert [i.lines[0].amount_minor for i in db.session.query(Invoice).order_by(Invoice.id)] == [3000, 968]
    renewed(clock, date(2026, 12, 1))
    assert job.run(STOP - timedelta(days=1)) == {"finished": 0}
    at(clock, STOP)
    assert job.run() == {"finished": 1} and job.run() == {"finished": 0}
    db.session.expire_all()
    assert (found.state, service.status, customer.status) == ("done", "cancelled", CustomerStatus.DISABLED)
    assert (customer.service_count, db.session.query(Invoice).count()) == (0, 2) and well(clock)


def test_today_with_credit_paid_out_and_archived_once_the_mails_have_left(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    invoice = db.session.query(Invoice).one()
    payments.record(customer, invoice.open, method="Cash", received_on=MIDDLE, invoices=[invoice], by=by)
    plan = Plan(MIDDLE, credit=True, after=AfterEnd.ARCHIVE, rest=RestOfCredit.PAY_OUT, method="Bank transfer")
    found = leave(customer, by, plan)
    assert db.session.query(CreditNote).one().total_minor == 1845
    assert db.session.query(CreditOutflow).one().amount_minor == 1845 and customer.credit_minor == 0
    assert (found.state, service.status, customer.status) == ("scheduled", "cancelled", CustomerStatus.ACTIVE)
    sent()
    assert job.run() == {"finished": 1}
    db.session.expire_all()
    assert customer.status == CustomerStatus.ARCHIVED
    assert doctor_says(clock) == []


def test_all_charges_are_settled_and_rests_of_prepayments_given_back(app: Flask, clock: Clock) -> None:
    """By a credit note against revenue and tax, as the bills would have had it; it pays what else is billed."""
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    other = make_group(customer)
    known = {"customer_id": customer.id, "billing_group_id": other.id, "currency": "EUR"}
    add(Charge(**known, description="Cable", price_minor=1000, starts_on=STOP, next_on=STOP))
    add(Charge(**known, description="Stamps", price_minor=700, tax_category="O", starts_on=STOP, next_on=STOP))
    deposit = Charge(**known, description="Deposit", price_minor=-5000, left_minor=5000, starts_on=MIDDLE)
    deposit.next_on = MIDDLE
    add(deposit)
    db.session.commit()
    found = leave(customer, by, Plan(MIDDLE, after=AfterEnd.NOTHING))
    last = db.session.query(Invoice).filter(Invoice.kind == "invoice").order_by(Invoice.id.desc()).first()
    assert [(line.amount_minor, line.details) for line in last.lines] == [
        (1000, ""), (700, ""), (-1000, "40.00 EUR left, given back"),
    ]  # fmt: skip
    note = db.session.query(CreditNote).one()
    assert (note.net_minor, note.tax_minor, note.lines[0].charge_id) == (4000, 920, deposit.id)
    booked = dict(
        db.session.execute(
            select(LedgerEntry.account, LedgerEntry.amount_minor)
            .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
            .where(LedgerPosting.invoice_id == note.id)
        ).all()
    )
    assert booked == {"revenue": 4000, "tax": 920, "credit": -4920}
    assert last.open_minor == 0 and customer.credit_minor == 4920 - 700 == found.done["kept"]
    assert (db.session.get_one(Charge, deposit.id).left_minor, found.done["credited"]) == (0, 4920)
    assert customer.status == CustomerStatus.ACTIVE and found.state == TerminationState.DONE
    assert doctor_says(clock) == []


def test_some_services_leave_the_others_and_the_customer_alone(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    other = make_service(customer)
    db.session.commit()
    preview = terminations.review(
        terminations.write(terminations.begin(customer, by=by), Plan(MIDDLE, services=[service.id]), by=by), by=by
    )
    assert [one.id for one in preview.goes_on] == [other.id]
    found = terminations.begin(customer, by=by)
    terminations.carry_out(found, seen=preview.fingerprint, by=by)
    assert (found.state, other.status, customer.status) == ("done", "active", CustomerStatus.ACTIVE)


def test_withdrawn_before_its_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    known = {"customer_id": customer.id, "billing_group_id": service.billing_group_id, "currency": "EUR", "months": 1}
    backup = add(Charge(**known, description="Backup", price_minor=310, proratable=True, starts_on=DEC, next_on=DEC))
    db.session.commit()
    found = leave(customer, by, Plan(STOP))
    assert db.session.get_one(Charge, backup.id).ends_on == STOP
    terminations.withdraw(found, by=by)
    db.session.commit()
    assert (backup.ends_on, backup.next_on) == (None, STOP)
    assert (found.state, db.session.get_one(Service, service.id).ends_on) == ("withdrawn", None)
    renewed(clock, STOP)
    assert [i.lines[0].amount_minor for i in db.session.query(Invoice).order_by(Invoice.id)] == [3000, 968, 2032]
    assert well(clock)
    with pytest.raises(terminations.WrongState):
        terminations.withdraw(found, by=by)
    assert terminations.begin(customer, by=by).id != found.id


def test_twice_and_changed_since(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    found = terminations.write(terminations.begin(customer, by=by), Plan(STOP), by=by)
    assert terminations.begin(customer, by=by) is found
    seen = terminations.review(found, by=by).fingerprint
    make_service(customer)
    db.session.commit()
    with pytest.raises(terminations.ChangedSince):
        terminations.carry_out(found, seen=seen, by=by)
    db.session.rollback()
    terminations.carry_out(found, seen=terminations.review(found, by=by).fingerprint, by=by)
    db.session.commit()
    with pytest.raises(terminations.WrongState):
        terminations.carry_out(found, seen=seen, by=by)
    with pytest.raises(terminations.WrongState):
        terminations.write(found, Plan(MIDDLE), by=by)
    assert service.ends_on == STOP


def test_what_the_role_does_not_allow_is_said(app: Flask, clock: Clock) -> None:
    from dataclasses import replace

    service = running(clock)
    by = replace(at(clock, MIDDLE), permissions=frozenset({"services.edit"}))
    found = terminations.begin(service.customer, by=by)
    terminations.write(found, Plan(MIDDLE, after=AfterEnd.ARCHIVE), by=by)
    preview = terminations.review(found, by=by)
    assert "putting customers away" in preview.refusals[0]
    with pytest.raises(terminations.EndingRefused):
        terminations.carry_out(found, seen=preview.fingerprint, by=by)


def test_sums_of_the_preview_are_those_of_the_result(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    make_service(
        customer, billing_group_id=service.billing_group_id, next_renewal_on=date(2026, 11, 20), price_minor=777
    )
    db.session.commit()
    found = terminations.write(terminations.begin(customer, by=by), Plan(date(2026, 11, 25), credit=True), by=by)
    shown = terminations.review(found, by=by)
    terminations.carry_out(found, seen=shown.fingerprint, by=by)
    notes = sum(note.total_minor for note in db.session.query(CreditNote))
    last = db.session.get_one(Invoice, found.done["invoices"][0])
    assert (notes, last.total_minor) == (shown.review.credited.minor, shown.review.billed.minor)
    assert last.open_minor == shown.review.still_due.minor == found.done["still_due"]
    assert Money(customer.credit_minor, "EUR") == shown.kept


def doctor_says(clock: Clock) -> list[str]:
    return [str(finding) for finding in doctor.examine(Scope(clock()))]


def test_the_doctor_finds_what_is_left_lying(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, customer = at(clock, MIDDLE), service.customer
    found = leave(customer, by, Plan(STOP))
    assert doctor_says(clock) == []
    service = db.session.get_one(Service, service.id)
    service.ends_on = None
    db.session.flush()
    assert sum("goes on without an end" in one for one in doctor_says(clock)) == 1
    service.ends_on, found.on = STOP, date(2026, 11, 1)
    db.session.flush()
    assert sum("nobody carried out" in one for one in doctor_says(clock)) == 1
