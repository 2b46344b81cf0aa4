"""Ends of services with credit while proformas are unpaid: withdrawn, and the days up to the end asked for anew."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from changing import DAY, DECEMBER, NOVEMBER, at, changed, documents, priced, renewed, running
from conftest import Clock
from factories import add
from flask import Flask
from money import eur
from servicing import covered, well

from billing import endings, payments, settings
from billing.actor import Actor
from billing.endings import Review, Wanted
from models import Charge, CreditNote, Invoice, Service, db

NUMBERED_WHEN_PAID = {"number_when_paid": True}


def pay(invoice: Invoice, by: Actor) -> None:
    payments.record(invoice.customer, invoice.total, method="Cash", received_on=by.today, invoices=[invoice], by=by)
    db.session.commit()


def ended(chosen: list[Service], by: Actor, on: date = DAY, **wanted: Any) -> Review:
    """Reviewed, carried out, and found so to the cent: each proforma is void, and what takes its place was shown."""
    customer, asked = chosen[0].customer, Wanted(on, credit=True, bill=True, **wanted)
    shown = endings.review(customer, chosen, asked, by=by)
    assert not shown.refusals, shown.refusals
    before = {one.id for one in documents(chosen[0])}
    done = endings.carry_out(customer, chosen, asked, seen=shown.fingerprint, by=by)
    db.session.commit()
    new = [one for one in documents(chosen[0]) if one.id not in before]
    asks = [one.total.minor for one in shown.replaced if one.makes == "invoice"]
    assert [one.total_minor for one in new if one.kind == "proforma"][: len(asks)] == asks
    assert {one.id for one in new} == {*done.credit_notes, *done.invoices}
    assert sum(one.total_minor for one in new if one.kind == "credit_note") == shown.credited.minor
    assert all(db.session.get_one(Invoice, number).state == "void" for one in shown.replaced for number in one.ids)
    return shown


def test_days_up_to_the_end_are_asked_for_in_the_place_of_an_unpaid_proforma(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by = at(clock, DAY)
    shown = ended([service], by)
    (one,), (first, second) = shown.replaced, documents(service)
    assert (one.proforma, one.asked, one.total) == ("PRO-00001", eur("36.90"), eur("18.45")) and not shown.notes
    assert [line.amount_minor for line in second.lines] == [3000, -1500] and first.state == "void"
    assert covered(service) == [(NOVEMBER, DAY)] and service.status == "cancelled" and well(clock)
    pay(second, by)
    assert service.customer.balance_minor == 0 and well(clock)


def test_where_no_day_is_left_the_proforma_is_withdrawn(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    shown = ended([service], at(clock, NOVEMBER), NOVEMBER)
    assert shown.replaced[0].makes == "record" and [one.state for one in documents(service)] == ["void"]
    assert covered(service) == [] and well(clock)


def test_what_else_a_proforma_asks_for_is_asked_for_on(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID, bill=False)
    router = Charge(
        description="Router", customer_id=service.customer_id, billing_group_id=service.billing_group_id, months=1,
        service_id=service.id, currency="EUR", price_minor=600, starts_on=NOVEMBER, next_on=NOVEMBER, proratable=True,
        anchor_day=1,
    )  # fmt: skip
    add(router)
    other = running(clock, customer=service.customer, billing_group_id=service.billing_group_id, package_name="Other")
    service = db.session.get_one(Service, service.id)
    ended([service], at(clock, DAY))
    asked = documents(service)[-1]
    assert {(line.description, line.amount_minor) for line in asked.lines} == {
        ("Basic", 3000), ("Other", 3000), ("Router", 600), ("Unused: Basic", -1500), ("Unused: Router", -300),
    }  # fmt: skip
    assert covered(other) == [(NOVEMBER, DECEMBER)] and well(clock)


def test_what_was_paid_before_a_change_that_is_not_paid_stands_on_the_note(app: Flask, clock: Clock) -> None:
    """Basic is paid, Plus in its place asked for and not paid; another service of the group is paid."""
    service = running(clock, company=NUMBERED_WHEN_PAID, bill=False)
    other = running(clock, customer=service.customer, billing_group_id=service.billing_group_id, package_name="Other")
    service, by = db.session.get_one(Service, service.id), at(clock, DAY)
    pay(documents(service)[0], by)
    changed(service, priced("Plus", "60"), by)
    by = at(clock, date(2026, 11, 26))
    shown = ended([service, other], by, by.today, whole=True)
    note = db.session.query(CreditNote).one()
    assert [line.amount_minor for line in note.lines] == [500] and shown.replaced[0].total == eur("6.15")
    renewed(clock, DECEMBER)
    assert len([one for one in documents(service) if one.state == "issued"]) == 4 and well(clock)


def test_less_than_nothing_that_is_left_of_a_proforma_is_credit(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID, bill=False)
    other = running(clock, customer=service.customer, billing_group_id=service.billing_group_id, package_name="Other")
    service, by = db.session.get_one(Service, service.id), at(clock, DAY)
    pay(documents(service)[0], by)
    changed(service, priced("Plus", "60"), by)
    shown = ended([service, other], by, whole=True)
    (note,) = db.session.query(CreditNote).all()
    assert [line.amount_minor for line in note.lines] == [1500, 1500] and shown.to_credit == eur("36.90")
    assert service.customer.credit_minor == 3690 and well(clock)


def test_what_a_person_has_to_see_to_and_what_changed_since(app: Flask, clock: Clock) -> None:
    service = running(clock, company=NUMBERED_WHEN_PAID)
    by, asked = at(clock, DAY), Wanted(DAY, credit=True, bill=True)
    seen = endings.review(service.customer, [service], asked, by=by).fingerprint
    pay(documents(service)[0], by)
    with pytest.raises(endings.ChangedSince) as raised:
        endings.carry_out(service.customer, [service], asked, seen=seen, by=by)
    assert raised.value.review.to_credit == eur("18.45") and not raised.value.review.replaced
    db.session.rollback()
    settings.change({"package_change_effect": "payment"}, by=by)
    changed(service, priced("Plus", "60"), by)
    shown = endings.review(service.customer, [service], asked, by=by)
    assert "asks for a change of Basic too, which waits until it is paid" in shown.refusals[0]
