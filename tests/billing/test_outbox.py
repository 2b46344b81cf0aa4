"""The mails of a run's invoices are queued with it, once per address."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import psycopg
import pytest
from factories import add, make_customer
from flask import Flask

from billing.outbox import invoice_addresses, queue_invoices
from models import Contact, Delivery, Invoice, InvoiceAddress, Message, db


def make_invoices(app: Flask, count: int) -> list[Invoice]:
    customer = make_customer()
    return [add(Invoice(customer_id=customer.id, currency="EUR", created_at=app.clock())) for _ in range(count)]


def test_addresses_beside_the_main_one(app: Flask) -> None:
    one, two, three = make_customer(), make_customer(), make_customer()
    for customer, address in ((one, "b@x.example"), (one, "a@x.example"), (three, "not@asked.example")):
        add(InvoiceAddress(customer_id=customer.id, email=address))
    add(Contact(customer_id=one.id, name="Gets them", email="books@x.example", gets_invoices=True))
    add(Contact(customer_id=two.id, name="Does not", email="boss@x.example"))
    add(Contact(customer_id=two.id, name="Has no address", gets_invoices=True))
    assert invoice_addresses([one.id, two.id]) == {one.id: ["b@x.example", "a@x.example", "books@x.example"]}
    assert invoice_addresses([]) == {}


def test_one_message_an_invoice_one_delivery_an_address(app: Flask) -> None:
    first, second, mute = make_invoices(app, 3)
    to_two = ["Ann@x.example", "", "ann@X.example ", " books@x.example"]
    items = [
        (first.id, first.customer_id, ["c@x.example"]),
        (mute.id, mute.customer_id, [""]),
        (second.id, second.customer_id, to_two),
    ]
    assert queue_invoices(items, at=app.clock(), by="Tillbook") == 3
    db.session.commit()
    messages = Message.query.order_by(Message.id).all()
    assert [(m.kind, m.invoice_id, m.customer_id, m.created_by, m.essential) for m in messages] == [
        ("invoice", invoice.id, invoice.customer_id, "Tillbook", True) for invoice in (first, second)
    ]
    assert [d.address for d in messages[1].deliveries] == ["Ann@x.example", "books@x.example"]
    delivery = messages[1].deliveries[0]
    assert (delivery.state, delivery.channel, delivery.attempts) == ("queued", "email", 0)
    assert (delivery.next_try_at, delivery.claimed_until) == (app.clock(), None)
    assert delivery.dedupe_key == f"invoice:{second.id}:ann@x.example"


def test_the_same_invoice_is_not_queued_twice(app: Flask) -> None:
    (invoice,) = make_invoices(app, 1)
    queue_invoices([(invoice.id, invoice.customer_id, ["a@x.example"])], at=app.clock(), by="x")
    db.session.commit()
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.UniqueViolation)):
        queue_invoices([(invoice.id, invoice.customer_id, ["A@x.example"])], at=app.clock() + timedelta(1), by="x")
    db.session.rollback()
    assert Delivery.query.count() == 1


def test_an_address_of_the_longest_kind_still_fits(app: Flask) -> None:
    (invoice,) = make_invoices(app, 1)
    long = [f"{'a' * 64}@{'b' * 170}.{n}.example" for n in range(2)]
    assert queue_invoices([(invoice.id, invoice.customer_id, long)], at=app.clock(), by="x") == 2
    db.session.commit()
    assert len({d.dedupe_key for d in Delivery.query}) == 2


def test_nothing_to_queue(app: Flask) -> None:
    assert queue_invoices([], at=app.clock(), by="x") == 0
