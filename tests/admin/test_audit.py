"""The audit log: who did what to what, in words, never to be changed."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, timedelta

import pytest
from documents import rows_of, text_of
from factories import make_company, make_customer, make_invoice
from signing_in import make_staff, sign_in
from statements import spoken

from admin.audit_words import sentence
from billing import audit, customers, payments
from models import AuditEvent, Customer, CustomerGroup, Money, db

URL = "/admin/audit/"


@pytest.fixture
def anna(app, by) -> Customer:
    """A customer of whom three things are written down: today, today in her place, and yesterday."""
    make_company()
    customer = make_customer(name="Anna Lindqvist")
    maeve = make_staff("billing", name="Maeve Brennan", email="maeve@staff.example")
    yesterday = replace(by, at=by.at - timedelta(days=1))
    audit.record(yesterday, "customer.created", customer)
    hers = replace(by, name="Maeve Brennan", staff_id=maeve.id, address="203.0.113.7")
    audit.record(
        hers, "customer.changed", customer, before={"name": "Ann", "vip": False}, after={"name": "Anna", "vip": True}
    )
    masked = replace(by, name="anna@portal", real_staff_id=maeve.id)
    audit.record(masked, "customer.strange_thing", customer)
    db.session.commit()
    return customer


def rows(client, asked: str = "") -> list[str]:
    answer = client.get(f"{URL}?flt9_customer_is=Lindqvist&{asked}")
    assert answer.status_code == 200
    return rows_of(answer.text)


def test_events_in_words_newest_first(staff_client, anna):
    strange, changed, created = rows(staff_client)
    assert "Maeve Brennan in the place of anna@portal Customer strange thing Anna Lindqvist" in strange
    assert "Maeve Brennan Details changed Anna Lindqvist" in changed and changed.endswith("203.0.113.7")
    assert "Customer added" in created


def test_filters(staff_client, anna):
    maeve = db.session.query(AuditEvent).filter_by(verb="customer.changed").one().staff_id
    assert len(rows(staff_client, f"flt0_who_is={maeve}")) == 2, "also in a customer's place"
    assert len(rows(staff_client, "flt0_who_is=0")) == 2
    assert len(rows(staff_client, "flt0_verb_is=customer.created")) == 1
    assert len(rows(staff_client, "flt0_object_type_is=customer")) == 3
    assert len(rows(staff_client, "flt0_object_type_is=invoice")) == 0
    assert len(rows(staff_client, f"flt0_object_is=customer:{anna.id}")) == 3
    assert len(rows(staff_client, "flt0_at_is=2026-11-21")) == 1
    assert len(rows(staff_client, "flt0_at_from=2026-11-22")) == 2
    for wrong in ("flt0_object_is=customer", "flt0_object_is=customer:x", "flt0_who_is=x", "flt0_who_is=99999"):
        assert "This filter was left out" in staff_client.get(f"{URL}?{wrong}").text
    with spoken() as said:
        staff_client.get(f"{URL}?flt0_who_is={maeve}&flt1_at_from=2026-11-01")
    assert len(said) <= 6, said


def test_before_and_after(staff_client, anna):
    event = db.session.query(AuditEvent).filter_by(verb="customer.changed").one()
    page = staff_client.get(f"{URL}details/?id={event.id}").text
    assert "<s>Ann</s>" in page and "<span>Anna</span>" in page
    assert "Vip No Yes" in text_of(page)


def test_codes_and_numbers_of_other_rows_are_words(staff_client, by):
    group = CustomerGroup(name="Gold")
    db.session.add(group)
    db.session.flush()
    customer = make_customer(country="IE", account_type="company")
    facts = {"group_id": group.id, "country": "DE", "account_type": "sole_proprietor", "starts_on": date(2026, 11, 20)}
    customers.edit(customer, facts, by=by)
    db.session.commit()
    event = db.session.query(AuditEvent).filter_by(verb="customer.changed").one()
    shown = text_of(staff_client.get(f"{URL}details/?id={event.id}").text)
    for words in ("– Gold", "Ireland Germany", "Company Sole proprietor", "– 20 Nov 2026"):
        assert words in shown, words


def test_amounts_are_amounts(staff_client, anna, by):
    invoice = make_invoice(anna, 3000)
    payments.record(anna, Money(4000, "EUR"), method="Cash", received_on=date(2026, 11, 20), invoices=[invoice], by=by)
    event = db.session.query(AuditEvent).filter_by(verb="payment.recorded").one()
    shown = text_of(staff_client.get(f"{URL}details/?id={event.id}").text)
    assert "Amount – €40.00" in shown and f"Invoices – {invoice.number}: €30.00" in shown and "Credit – €10.00" in shown


def test_the_trace_outlives_the_customer(staff_client, anna):
    number = anna.id
    db.session.delete(anna)
    db.session.commit()
    found = rows_of(staff_client.get(f"{URL}?flt0_customer_is={number}").text)
    assert len(found) == 3 and "Anna Lindqvist" in found[0]


def test_the_export(staff_client, anna):
    lines = list(
        csv.DictReader(
            staff_client.get(f"{URL}export/csv/?flt0_verb_is=customer.changed").text.lstrip("\ufeff").splitlines()
        )
    )
    assert [(line["What"], line["Who"], line["After"]) for line in lines] == [
        ("customer.changed", "Maeve Brennan", '{"name": "Anna", "vip": true}')
    ]


def test_it_is_only_to_be_read_and_by_few(client, anna):
    sign_in(client, "owner")
    for path in ("new/", "edit/?id=1", "delete/confirm/?id=1"):
        assert client.get(URL + path).status_code == 404
    assert client.post(f"{URL}delete/", data={"id": "1"}).status_code == 404
    sign_in(client, "viewer")
    assert client.get(URL).status_code == 403


def test_verbs_are_words_also_those_nobody_has_translated(app):
    assert sentence("customer.note_added") == "Note added"
    assert sentence("service.never_heard_of") == "Service never heard of"
