"""Changes of package that jobs carry out: on their day, in order, once, whatever happens."""

from __future__ import annotations

from datetime import date

import pytest
from changing import (
    DAY,
    DECEMBER,
    at,
    changed,
    documents,
    findings,
    price_for,
    priced,
    renewed,
    reviewed,
    running,
)
from conftest import Clock
from flask import Flask
from money import eur

from billing import change_sending, change_undo, settings
from billing.package_changes import ChangeRefused, begin, carry_out
from jobs import package_changes
from models import ChangeState, ChangeTo, ChangeWhen, Message, PackageChange, db


def test_a_change_with_the_renewal_is_what_the_renewal_bills(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Mini", "10"), at(clock, DAY), when=ChangeWhen.RENEWAL)
    assert (change.state, change.on) == (ChangeState.SCHEDULED, DECEMBER)
    renewed(clock, DECEMBER)
    assert (change.state, service.package.name) == (ChangeState.DONE, "Mini")
    assert documents(service)[-1].net == eur("10") and len(documents(service)) == 2
    assert findings(at(clock, DECEMBER)) == []


def test_a_change_on_a_day_is_done_by_the_job_and_dated_that_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, plus = at(clock, date(2026, 11, 10)), priced("Plus", "60")
    change_sending.say(begin(service, by=by), note=" PO 88 ", send=False, by=by)
    change = changed(service, plus, by, when=ChangeWhen.ON, on=DAY)
    clock.set(date(2026, 11, 15))
    assert package_changes.run()["done"] == 0 and change.state is ChangeState.SCHEDULED
    clock.set(date(2026, 11, 18))
    assert package_changes.run() == {"done": 1, "failed": 0, "withdrawn": 0, "drafts": 0}
    db.session.expire_all()
    assert (change.state, change.invoice.issued_on, change.invoice.net) == (ChangeState.DONE, DAY, eur("15"))
    mails = db.session.query(Message).filter_by(invoice_id=change.invoice_id).count()
    assert (change.invoice.note, mails) == ("PO 88", 0), "as was said when it was put down"
    assert findings(at(clock, date(2026, 11, 18))) == []


def test_one_that_cannot_be_done_is_told_and_the_others_go_on(app: Flask, clock: Clock) -> None:
    service = running(clock)
    other = running(clock, customer=service.customer, package_name="Other")
    plus, by = priced("Plus", "60"), at(clock, date(2026, 11, 10))
    first, second = (changed(one, plus, by, when=ChangeWhen.ON, on=DAY) for one in (service, other))
    plus.change_to = ChangeTo.ANY
    service.package.change_to = ChangeTo.NONE
    db.session.commit()
    clock.set(DAY)
    assert package_changes.run() == {"done": 1, "failed": 1, "withdrawn": 0, "drafts": 0}
    db.session.expire_all()
    assert (first.state, second.state) == (ChangeState.FAILED, ChangeState.DONE)
    assert "may not be changed" in first.error and service.package.name == "Basic"
    assert findings(at(clock, DAY)) == []


def test_what_is_not_paid_in_time_is_withdrawn_and_its_invoice_void(app: Flask, clock: Clock) -> None:
    service = running(clock, "300", months=12)
    settings.change({"package_change_effect": "payment", "change_lapses_after": 3}, by=at(clock, DAY))
    change = changed(service, price_for(priced("Plus", "60"), "600", 12), at(clock, DAY), months=12)
    assert (change.state, change.invoice.due_on, change.expires_on) == (
        ChangeState.WAITING, date(2026, 11, 30), date(2026, 12, 3),
    )  # fmt: skip
    clock.set(date(2026, 12, 3))
    assert package_changes.run()["withdrawn"] == 0
    clock.set(date(2026, 12, 4))
    assert package_changes.run()["withdrawn"] == 1
    db.session.expire_all()
    assert (change.state, change.invoice.state) == (ChangeState.WITHDRAWN, "void")
    assert service.package.name == "Basic" and findings(at(clock, date(2026, 12, 4))) == []


def test_what_waits_is_withdrawn_before_the_service_renews(app: Flask, clock: Clock) -> None:
    service = running(clock)
    settings.change({"package_change_effect": "payment"}, by=at(clock, DAY))
    change = changed(service, priced("Plus", "60"), at(clock, DAY))
    assert change.invoice.due_on == date(2026, 11, 30)
    renewed(clock, DECEMBER)
    assert change.state is ChangeState.WITHDRAWN and documents(service)[-1].net == eur("30")
    assert findings(at(clock, DECEMBER)) == []


def test_a_renewal_billed_ahead_is_swapped_on_its_day(app: Flask, clock: Clock) -> None:
    service = running(clock, company={"issue_days_ahead": 10})
    change = changed(service, priced("Mini", "10"), at(clock, DAY), when=ChangeWhen.RENEWAL)
    renewed(clock, date(2026, 11, 25))
    assert (service.next_renewal_on, service.package.name) == (date(2027, 1, 1), "Basic")
    renewed(clock, DECEMBER)
    assert change.invoice.kind == "credit_note" and change.invoice.net == eur("20")
    assert service.package.name == "Mini" and findings(at(clock, DECEMBER)) == []


def test_a_change_waits_for_an_earlier_bill_and_drafts_are_forgotten(app: Flask, clock: Clock) -> None:
    service = running(clock)
    change = changed(service, priced("Plus", "60"), at(clock, DAY), when=ChangeWhen.ON, on=date(2026, 12, 5))
    draft = reviewed(service, priced("Mini", "10"), at(clock, DAY))[0].id
    db.session.commit()
    clock.set(date(2026, 12, 6))
    assert package_changes.run() == {"done": 0, "failed": 0, "withdrawn": 0, "drafts": 1}
    assert db.session.get(PackageChange, draft) is None
    renewed(clock, date(2026, 12, 6))
    assert change.state is ChangeState.DONE and change.invoice.issued_on == date(2026, 12, 5)
    assert [str(line.amount) for line in change.invoice.lines] == ["-26.13 EUR", "52.26 EUR"]


def test_a_withdrawn_change_is_not_done(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    change = changed(service, priced("Plus", "60"), by, when=ChangeWhen.RENEWAL)
    other, review = reviewed(service, priced("Mini", "10"), by)
    assert "waiting already" in review.refusals[0]
    with pytest.raises(ChangeRefused):
        carry_out(other, review.fingerprint, by=by)
    change_undo.withdraw(change, by=by)
    db.session.commit()
    renewed(clock, DECEMBER)
    assert change.state is ChangeState.WITHDRAWN and service.package.name == "Basic"
