"""Package changes: what a review says is what is made, and what is made is right."""

from __future__ import annotations

from datetime import date

from changing import DAY, DECEMBER, at, changed, documents, findings, price_for, priced, running
from conftest import Clock
from flask import Flask
from money import eur

from billing import change_undo, payments, settings
from billing.unused import unused
from models import ChangeState, ChangeWhen, db


def test_an_upgrade_in_the_middle_of_a_month_bills_the_difference(app: Flask, clock: Clock) -> None:
    service = running(clock)
    plus, by = priced("Plus", "60"), at(clock, DAY)
    change = changed(service, plus, by)
    assert change.state is ChangeState.DONE and change.invoice.number
    assert [str(line.amount) for line in change.invoice.lines] == ["-15.00 EUR", "30.00 EUR"]
    assert (change.invoice.net, change.invoice.total) == (eur("15"), eur("18.45"))
    db.session.refresh(service)
    assert (service.package.name, service.price, service.next_renewal_on) == ("Plus", eur("60"), DECEMBER)
    assert findings(by) == []


def test_a_downgrade_makes_one_credit_note_that_first_lowers_the_unpaid_invoice(app: Flask, clock: Clock) -> None:
    service = running(clock)
    mini, by = priced("Mini", "10"), at(clock, DAY)
    change = changed(service, mini, by)
    note = change.invoice
    assert note.kind == "credit_note" and note.total == eur("12.30")
    assert findings(by) == []


def test_undoing_an_upgrade_voids_its_invoice_and_gives_the_service_back(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, DAY))
    by = at(clock, DAY)
    change_undo.undo(change, by=by)
    db.session.commit()
    assert (change.state, change.invoice.state) == (ChangeState.UNDONE, "void")
    assert (service.package.name, service.price) == ("Basic", eur("30"))
    assert findings(by) == []


def test_undoing_a_downgrade_bills_again_what_was_credited(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY))
    by = at(clock, DAY)
    change_undo.undo(change, by=by)
    db.session.commit()
    assert change.undo.total == change.invoice.total and service.package.name == "Basic"
    assert sum(one.open_minor for one in documents(service)) == documents(service)[0].total_minor
    assert [str(one.amount) for one in unused(service, DAY)] == ["15.00 EUR"]
    assert findings(by) == []


def test_another_billing_length_begins_a_new_period_on_the_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    year = price_for(service.package, "300", 12)
    change = changed(service, year, by, months=12)
    assert [str(line.amount) for line in change.invoice.lines] == ["-15.00 EUR", "300.00 EUR"]
    assert (service.next_renewal_on, service.anchor_day, service.anchor_month) == (date(2027, 11, 16), 16, 11)
    assert findings(by) == []
    change_undo.undo(change, by=by)
    db.session.commit()
    assert (service.next_renewal_on, service.months) == (DECEMBER, 1)
    assert findings(by) == []


def test_a_change_that_waits_to_be_paid_takes_effect_with_the_payment(app: Flask, clock: Clock) -> None:
    service = running(clock)
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by)
    assert change.state is ChangeState.WAITING and service.package.name == "Basic"
    assert findings(by) == []
    payments.record(
        service.customer, change.invoice.total, method="Cash", received_on=DAY, invoices=[change.invoice], by=by
    )
    db.session.commit()
    assert change.state is ChangeState.DONE and service.package.name == "Plus"
    assert findings(by) == []


def test_a_scheduled_change_is_what_the_renewal_bills(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY), when=ChangeWhen.RENEWAL)
    assert (change.state, change.on) == (ChangeState.SCHEDULED, DECEMBER)
