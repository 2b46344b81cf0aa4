"""Customers made, changed, read in confidence and removed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_group, make_invoice, make_service
from flask import Flask
from sqlalchemy import select

from billing import credits, customers, services
from billing.actor import Actor, NotAllowed
from billing.balances import ChangedMeanwhile
from billing.customers import DuplicateEmail, HasHistory, InvalidCustomer
from models import (
    AuditEvent,
    BillingGroup,
    Charge,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Money,
    Note,
    Service,
    ServiceChange,
    db,
)

TODAY = date(2026, 11, 22)
ANN = {"name": "Ann Doyle", "email": "ann@doyle.example", "currency": "EUR"}


def events(verb: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.verb == verb).order_by(AuditEvent.id)))


def weak(by: Actor, *permissions: str) -> Actor:
    return Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset(permissions))


def test_a_customer_needs_a_name_and_an_address(app: Flask, by: Actor) -> None:
    make_company(currency="GBP")
    customer = customers.create({"name": " Ann  Doyle ", "email": "Ann@Doyle.example"}, by=by)
    db.session.commit()
    assert (customer.name, customer.email, customer.currency) == ("Ann  Doyle", "ann@doyle.example", "GBP")
    assert (customer.status, customer.registered_on, customer.service_count) == ("active", TODAY, 0)
    assert db.session.scalars(select(BillingGroup.name).where(BillingGroup.customer_id == customer.id)).all() == [
        "Main"
    ]
    (event,) = events("customer.created")
    assert (event.object_id, event.customer_id, event.actor) == (customer.id, customer.id, "Tillbook")
    assert event.after["email"] == "ann@doyle.example"


def test_all_fields_can_be_given(app: Flask, by: Actor) -> None:
    group = add(CustomerGroup(name="Clubs"))
    values = {
        **ANN,
        "phone": "+353 1 555 0100",
        "account_type": "company",
        "company_name": "Doyle's Bakery",
        "tax_id": "IE1234567T",
        "identity_number": "840-12-9876",
        "latitude": Decimal("53.35"),
        "longitude": -6.26,
        "country": "ie",
        "group_id": group.id,
        "payment_method": "card",
        "payment_days": 30,
        "tax_rate": Decimal("13.5"),
        "never_suspend": True,
        "invoice_note": "Thank you\r\nfor your order",
        "attitude": "easy",
        "registered_on": date(2020, 2, 29),
        "registration_ip": "2001:DB8::1",
        "starts_on": date(2020, 3, 1),
        "ends_on": None,
        "external_source": "crm",
        "external_id": "17",
        "username": "ann.doyle",
        "language": "pt_BR",
    }
    customer = customers.create(values, by=by)
    db.session.commit()
    db.session.expire_all()
    assert (customer.phone_digits, customer.country, customer.payment_method) == ("35315550100", "IE", "card")
    assert (customer.tax_rate, customer.latitude, customer.group) == (Decimal("13.5"), 53.35, group)
    assert (customer.invoice_note, customer.registration_ip) == ("Thank you\nfor your order", "2001:db8::1")
    assert events("customer.created")[0].after["identity_number"] == "•••••••••76"


@pytest.mark.parametrize(
    ("values", "field", "match"),
    [
        ({"name": "  "}, "name", "missing"),
        ({"name": "x" * 201}, "name", "200 letters"),
        ({"name": "Ann\r\nBcc: x"}, "name", "one line"),
        ({"name": "Ann\x00"}, "name", "one line"),
        ({"name": "\u202egpj"}, "name", "one line"),
        ({"name": 5}, "name", "is text"),
        ({"email": "ann"}, "email", "looks like"),
        ({"email": None}, "email", "is text"),
        ({"currency": "EURO"}, "currency", "is not a currency"),
        ({"country": "XX"}, "country", "not a country"),
        ({"phone": "call"}, "phone", "telephone number"),
        ({"payment_days": 366}, "payment_days", "0 to 365"),
        ({"payment_days": True}, "payment_days", "whole number"),
        ({"tax_rate": Decimal("NaN")}, "tax_rate", "percentage"),
        ({"tax_rate": Decimal("-1")}, "tax_rate", "percentage"),
        ({"tax_rate": Decimal("1.00001")}, "tax_rate", "four decimals"),
        ({"tax_rate": 19.0}, "tax_rate", "percentage"),
        ({"latitude": 91, "longitude": 0}, "latitude", "degrees"),
        ({"latitude": float("nan"), "longitude": 0}, "latitude", "degrees"),
        ({"latitude": 1}, "longitude", "both"),
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 1, 1)}, "ends_on", "before the start"),
        ({"registered_on": date(2026, 11, 23)}, "registered_on", "future"),
        ({"registered_on": datetime(2026, 11, 22, tzinfo=UTC)}, "registered_on", "not a day"),
        ({"registration_ip": "1.2.3"}, "registration_ip", "internet address"),
        ({"account_type": "king"}, "account_type", "individual"),
        ({"never_suspend": "yes"}, "never_suspend", "yes or no"),
        ({"group_id": 999}, "group_id", "does not exist"),
        ({"group_id": "1"}, "group_id", "from the list"),
        ({"username": "a b"}, "username", "username"),
        ({"language": "English"}, "language", "like en"),
        ({"invoice_template": "../x"}, "invoice_template", "templates"),
        ({"external_id": "5"}, "external_id", "go together"),
        ({"about": "x" * 10_001}, "about", "10,000 letters"),
        ({"balance_minor": 5}, "balance_minor", "not a field"),
        ({"status": "archived"}, "status", "not a field"),
        ({"id": 5}, "id", "not a field"),
        ({"version": 5}, "version", "not a field"),
    ],
)
def test_refuses_what_cannot_be_kept(app: Flask, by: Actor, values: dict[str, Any], field: str, match: str) -> None:
    with pytest.raises(InvalidCustomer, match=match) as refusal:
        customers.create({**ANN, **values}, by=by)
    assert list(refusal.value.errors) == [field]
    assert db.session.scalars(select(Customer.id)).all() == []


def test_every_wrong_field_is_said_at_once(app: Flask, by: Actor) -> None:
    with pytest.raises(InvalidCustomer) as refusal:
        customers.create({"country": "XX", "phone": "?"}, by=by)
    assert set(refusal.value.errors) == {"country", "phone", "name", "email"}
    with pytest.raises(InvalidCustomer, match="Choose the currency"):
        customers.create({"name": "Ann", "email": "a@b.ie"}, by=by)


def test_the_same_address_twice_is_asked_about(app: Flask, by: Actor) -> None:
    first = customers.create(ANN, by=by)
    with pytest.raises(DuplicateEmail, match="Ann Doyle has this e-mail address already") as refusal:
        customers.create({**ANN, "email": "ANN@doyle.example"}, by=by)
    assert refusal.value.customer is first
    second = customers.create({**ANN, "email": "ANN@doyle.example"}, allow_duplicate=True, by=by)
    customers.edit(second, {"email": "other@doyle.example"}, by=by)
    with pytest.raises(DuplicateEmail):
        customers.edit(second, {"email": first.email}, by=by)
    customers.edit(first, {"email": first.email, "city": "Cork"}, by=by)
    customers.archive([first], by=by)
    customers.edit(second, {"email": first.email}, by=by)


def test_usernames_and_outside_ids_are_ones_own(app: Flask, by: Actor) -> None:
    own = {"username": "ann", "external_source": "crm", "external_id": "1"}
    customers.create({**ANN, **own}, by=by)
    with pytest.raises(InvalidCustomer) as refusal:
        customers.create({**ANN, "email": "b@b.ie", **own, "username": "ANN"}, by=by)
    assert set(refusal.value.errors) == {"username", "external_id"}


def test_an_edit_says_what_changed(app: Flask, by: Actor) -> None:
    verified = datetime(2026, 1, 1, tzinfo=UTC)
    customer = make_customer(
        name="Old", phone="555 0100", phone_verified_at=verified, phone_state="invalid", identity_number="1234567"
    )
    values = {"name": "New", "phone": "555 0199", "identity_number": "7654321", "city": ""}
    customers.edit(customer, values, version=1, by=by)
    db.session.commit()
    assert (customer.name, customer.phone_digits, customer.phone_verified_at) == ("New", "5550199", None)
    assert (customer.version, customer.phone_state) == (2, "")
    (event,) = events("customer.changed")
    assert event.before == {"name": "Old", "phone": "555 0100", "identity_number": "•••••67"}
    assert event.after == {"name": "New", "phone": "555 0199", "identity_number": "•••••21"}


def test_a_new_address_is_not_the_one_that_mail_came_back_from(app: Flask, by: Actor) -> None:
    customer = make_customer(email_state="bounced", phone="555 0100", phone_state="invalid", tax_id="IE1234567T")
    customers.edit(customer, {"city": "Cork"}, by=by)
    assert (customer.email_state, customer.phone_state, customer.tax_id) == ("bounced", "invalid", "IE1234567T")
    customers.edit(customer, {"email": "new@mail.example"}, by=by)
    assert (customer.email_state, customer.phone_state) == ("", "invalid")


def test_an_edit_that_changes_nothing_leaves_no_trace(app: Flask, by: Actor) -> None:
    customer = make_customer(city="Cork")
    customers.edit(customer, {"city": " Cork "}, by=by)
    assert (events("customer.changed"), customer.version) == ([], 1)


@pytest.mark.parametrize("name", ["currency", "external_id", "status", "credit_minor"])
def test_an_edit_cannot_reach_other_fields(app: Flask, by: Actor, name: str) -> None:
    with pytest.raises(InvalidCustomer, match="not a field"):
        customers.edit(make_customer(), {name: "x"}, by=by)


def test_an_edit_looks_at_what_is_there_already(app: Flask, by: Actor) -> None:
    customer = make_customer(starts_on=date(2026, 5, 1))
    with pytest.raises(InvalidCustomer, match="before the start"):
        customers.edit(customer, {"ends_on": date(2026, 4, 1)}, by=by)


def test_nobody_overwrites_what_they_have_not_seen(app: Flask, by: Actor) -> None:
    customer = make_customer()
    db.session.commit()
    customers.edit(customer, {"city": "Cork"}, version=1, by=by)
    with pytest.raises(ChangedMeanwhile, match="Look at it again"):
        customers.edit(customer, {"city": "Galway"}, version=1, by=by)
    db.session.commit()
    assert customer.city == "Cork"


def test_an_edit_loses_to_one_that_was_faster(app: Flask, by: Actor) -> None:
    customer = make_customer()
    db.session.commit()
    assert customer.version == 1
    db.session.connection().exec_driver_sql("UPDATE customer SET version = 2")
    with pytest.raises(ChangedMeanwhile, match="Look at it again"):
        customers.edit(customer, {"city": "Galway"}, by=by)
    db.session.rollback()


def test_the_identity_number_is_read_with_permission_and_a_trace(app: Flask, by: Actor) -> None:
    customer = make_customer(identity_number="840-12-9876")
    clerk = weak(by, "customers.identity")
    assert customers.reveal_identity_number(customer, by=clerk) == "840-12-9876"
    (event,) = events("customer.identity_read")
    assert (event.customer_id, event.actor, event.after) == (customer.id, "Vic", None)
    with pytest.raises(NotAllowed):
        customers.reveal_identity_number(customer, by=weak(by, "customers.edit", "customers.view"))
    assert len(events("customer.identity_read")) == 1


@pytest.mark.parametrize(("number", "shown"), [("", ""), ("1234", "••••"), ("12345", "•••45")])
def test_a_masked_number_gives_little_away(number: str, shown: str) -> None:
    assert customers.mask(number) == shown


def test_a_customer_without_history_can_be_deleted(app: Flask, by: Actor) -> None:
    customer, noise = customers.create(ANN, by=by), make_service(make_customer())
    key = customer.id
    service = make_service(customer)
    services.add_charge(service.billing_group, "x", Money(1, "EUR"), starts_on=TODAY, service=service, by=by)
    services.cancel(service, date(2027, 1, 1), "", by=by)
    customers.add_note(customer, "Hello", by=by)
    customers.add_tags([customer], ["vip"], by=by)
    customers.set_contacts(customer, [customers.ContactDetails("Bob")], by=by)
    db.session.commit()
    customers.delete(customer, by=by)
    db.session.commit()
    db.session.expire_all()
    assert db.session.get(Customer, key) is None
    assert [db.session.scalars(select(m.id)).all() for m in (Charge, Note, ServiceChange)] == [[], [], []]
    assert db.session.scalars(select(Service)).all() == [noise]
    (event,) = events("customer.deleted")
    assert (event.customer_id, event.object_label, event.before["email"]) == (key, "Ann Doyle", ANN["email"])
    assert events("customer.created")[0].customer_id == key


def test_a_customer_with_history_cannot(app: Flask, by: Actor) -> None:
    billed, credited = make_customer(name="Bo"), make_customer()
    make_invoice(billed)
    credits.grant(credited, Money(1, "EUR"), reason="x", on=TODAY, by=by)
    with pytest.raises(HasHistory, match="Bo has invoices, entries in the books, which have to be kept"):
        customers.delete(billed, by=by)
    with pytest.raises(HasHistory, match="credit"):
        customers.delete(credited, by=by)
    assert len(db.session.scalars(select(Customer)).all()) == 2


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    customer, viewer, editor = make_customer(), weak(by, "customers.view"), weak(by, "customers.edit")
    for work in (
        lambda: customers.create(ANN, by=viewer),
        lambda: customers.edit(customer, {}, by=viewer),
        lambda: customers.delete(customer, by=editor),
    ):
        with pytest.raises(NotAllowed):
            work()
    assert customer.status is CustomerStatus.ACTIVE
    assert make_group(customer).id
