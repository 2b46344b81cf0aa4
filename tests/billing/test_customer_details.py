"""Tags, notes, contacts and further addresses."""

from __future__ import annotations

import pytest
from factories import make_customer
from flask import Flask
from sqlalchemy import select

from billing import customers, staff
from billing.actor import Actor, NotAllowed
from billing.contact_details import InvalidContact
from billing.customer_details import InvalidDetails
from billing.customers import ContactDetails
from billing.texts import InvalidText
from models import AuditEvent, Tag, customer_salesperson, db


def events(verb: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.verb == verb).order_by(AuditEvent.id)))


def test_tags_go_on_many_at_once(app: Flask, by: Actor) -> None:
    one, two, noise = (make_customer() for _ in range(3))
    assert customers.add_tags([one], ["VIP"], by=by) == 1
    assert customers.add_tags([one, two], [" vip", "North", "North"], by=by) == 2
    assert customers.add_tags([one, two], ["vip"], by=by) == 0
    db.session.commit()
    assert [[str(t) for t in c.tags] for c in (one, two, noise)] == [["North", "VIP"], ["North", "VIP"], []]
    assert db.session.scalars(select(Tag.name).order_by(Tag.name)).all() == ["North", "VIP"]
    assert [(e.customer_id, e.after["tags"]) for e in events("customer.tagged")] == [
        (one.id, ["VIP"]),
        (one.id, ["North"]),
        (two.id, ["VIP", "North"]),
    ]


def test_tags_come_off_where_they_are(app: Flask, by: Actor) -> None:
    one, two, noise = (make_customer() for _ in range(3))
    customers.add_tags([one, noise], ["VIP", "North"], by=by)
    assert customers.remove_tags([one, two], ["vip", "unknown"], by=by) == 1
    assert [[str(t) for t in c.tags] for c in (one, two, noise)] == [["North"], [], ["North", "VIP"]]
    assert [(e.customer_id, e.after["tags"]) for e in events("customer.untagged")] == [(one.id, ["VIP"])]
    with pytest.raises(InvalidText, match="tag is missing"):
        customers.add_tags([one], [" "], by=by)


def test_more_customers_than_one_chunk(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.customer_details.CHUNK", 2)
    many = [make_customer() for _ in range(5)]
    assert customers.add_tags(many, ["VIP"], by=by) == 5
    assert customers.remove_tags(many, ["VIP"], by=by) == 5


def test_notes_say_who_and_when(app: Flask, by: Actor) -> None:
    customer = make_customer()
    customers.add_note(customer, "First", by=by)
    note = customers.add_note(customer, " Second\nline ", pinned=True, by=by)
    db.session.commit()
    assert customer.notes[0] is note
    assert (note.text, note.pinned, note.written_at, note.written_by) == ("Second\nline", True, by.at, "Tillbook")
    assert len(events("customer.note_added")) == 2
    with pytest.raises(InvalidText, match="empty"):
        customers.add_note(customer, " \n", by=by)


def test_the_contacts_given_are_the_contacts_there_are(app: Flask, by: Actor) -> None:
    customer = make_customer()
    ann, bob = customers.set_contacts(customer, [ContactDetails("Ann"), ContactDetails("Bob")], by=by)
    key = ann.id
    kept = ContactDetails("Anna", email="A@B.ie", phone="555 0100", gets_invoices=True, id=key)
    customers.set_contacts(customer, [kept, ContactDetails("Cyd")], by=by)
    db.session.commit()
    assert [(c.id == key, c.name, c.email, c.gets_invoices) for c in customer.contacts] == [
        (True, "Anna", "a@b.ie", True),
        (False, "Cyd", "", False),
    ]
    event = events("customer.contacts_set")[-1]
    assert (event.before, event.after) == ({"contacts": ["Ann", "Bob"]}, {"contacts": ["Anna", "Cyd"]})


def test_contacts_of_others_and_wrong_values_are_refused(app: Flask, by: Actor) -> None:
    customer, other = make_customer(), make_customer()
    (foreign,) = customers.set_contacts(other, [ContactDetails("Eve")], by=by)
    with pytest.raises(InvalidDetails, match="not the customer's"):
        customers.set_contacts(customer, [ContactDetails("Eve", id=foreign.id)], by=by)
    with pytest.raises(InvalidContact):
        customers.set_contacts(customer, [ContactDetails("Ann", email="nowhere")], by=by)
    with pytest.raises(InvalidText, match="contact's name is missing"):
        customers.set_contacts(customer, [ContactDetails(" ")], by=by)
    assert [c.name for c in other.contacts] == ["Eve"]


def test_further_addresses_get_invoices_once(app: Flask, by: Actor) -> None:
    customer = make_customer(email="main@b.ie")
    address = customers.add_invoice_address(customer, "Books@b.ie", by=by)
    for twice in ("books@B.ie", "main@b.ie"):
        with pytest.raises(InvalidDetails, match="already"):
            customers.add_invoice_address(customer, twice, by=by)
    db.session.commit()
    assert [a.email for a in customer.invoice_addresses] == ["books@b.ie"]
    customers.remove_invoice_address(address, by=by)
    assert customer.invoice_addresses == []
    assert [e.customer_id for e in events("customer.invoice_address_removed")] == [customer.id]


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    viewer = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"customers.view"}))
    customer = make_customer()
    address = customers.add_invoice_address(customer, "a@b.ie", by=by)
    for work in (
        lambda: customers.add_tags([customer], ["x"], by=viewer),
        lambda: customers.remove_tags([customer], ["x"], by=viewer),
        lambda: customers.add_note(customer, "x", by=viewer),
        lambda: customers.set_contacts(customer, [], by=viewer),
        lambda: customers.add_invoice_address(customer, "c@b.ie", by=viewer),
        lambda: customers.remove_invoice_address(address, by=viewer),
    ):
        with pytest.raises(NotAllowed):
            work()


def test_salespeople_are_set_added_and_taken_away(app: Flask, by: Actor) -> None:
    role = staff.role_named("sales")
    ann, bob = (staff.create(f"{name}@x.example", name, role, "", by).id for name in ("Ann", "Bob"))
    customer = make_customer()

    def looking_after() -> set[int]:
        mine = customer_salesperson.c.customer_id == customer.id
        return set(db.session.scalars(select(customer_salesperson.c.staff_id).where(mine)))

    customers.set_salespeople(customer, [ann, bob], by=by)
    assert looking_after() == {ann, bob}
    customers.set_salespeople(customer, [bob], by=by)
    customers.set_salespeople(customer, [bob], by=by)
    assert looking_after() == {bob}
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.before, event.after) == ({"salespeople": ["Ann", "Bob"]}, {"salespeople": ["Bob"]})
    with pytest.raises(InvalidDetails, match="not on the staff any more"):
        customers.set_salespeople(customer, [bob + 1000], by=by)
    assert looking_after() == {bob}
