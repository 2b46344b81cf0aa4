"""The ways in which money comes in: named by the shop, kept by payments, and told to customers on their invoices."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from factories import make_company, make_customer, make_invoice
from flask import Flask
from money import TODAY, eur
from sqlalchemy import select

from billing import parties, payment_ways, payments
from billing.actor import Actor, NotAllowed
from billing.payment_ways import WayRefused
from messaging import invoice_document
from models import AuditEvent, PaymentMethod, PaymentWay, db


def make(by: Actor, name: str, **values: Any) -> PaymentWay:
    return payment_ways.create({"name": name, **values}, by=by)


def test_the_usual_ones_are_offered_until_there_are_others(app: Flask, by: Actor) -> None:
    assert payment_ways.names() == list(payment_ways.USUAL)
    make(by, "Barter")
    assert payment_ways.names() == ["Barter"]
    assert payment_ways.add_usual(by=by) == 5
    assert payment_ways.add_usual(by=by) == 0
    assert payment_ways.names() == [*payment_ways.USUAL, "Barter"]


def test_a_payment_keeps_the_word_and_the_way_it_came_by(app: Flask, by: Actor) -> None:
    way = make(by, "Bank transfer", position=1)
    known, other = (
        payments.record(make_customer(), eur("1.00"), method=method, received_on=TODAY, by=by)
        for method in (" Bank transfer ", "In kind")
    )
    payment_ways.change(way, {"name": "Transfer"}, by=by)
    assert (known.way_id, known.method, other.way_id, other.method) == (way.id, "Bank transfer", None, "In kind")
    with pytest.raises(WayRefused, match="came by Transfer"):
        payment_ways.delete(way, by=by)
    payment_ways.archive(way, by=by)
    assert (way.archived_on, payment_ways.offered()) == (by.today, [])
    payment_ways.restore(way, by=by)
    assert payment_ways.names() == ["Transfer"]
    verbs = db.session.scalars(select(AuditEvent.verb).where(AuditEvent.object_type == "payment_way")).all()
    assert verbs == ["payment_way.created", "payment_way.changed", "payment_way.archived", "payment_way.restored"]


def test_one_that_nobody_used_can_go(app: Flask, by: Actor) -> None:
    payment_ways.delete(make(by, "Barter"), by=by)
    assert db.session.scalars(select(PaymentWay)).all() == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "cash"}, "name"),
        ({"instructions": "x" * 10_001}, "instructions"),
        ({"shown_to": "free"}, "shown_to"),
        ({"position": -1}, "position"),
        ({"position": "5"}, "position"),
    ],
)
def test_refuses_what_it_cannot_be(app: Flask, by: Actor, values: dict[str, Any], field: str) -> None:
    make(by, "Cash")
    with pytest.raises(WayRefused) as refusal:
        make(by, **{"name": "Barter", **values})
    assert refusal.value.field == field


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    way = make(by, "Cash")
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.edit"}))
    for do in (payment_ways.archive, payment_ways.restore, payment_ways.delete):
        with pytest.raises(NotAllowed):
            do(way, by=weak)
    with pytest.raises(NotAllowed):
        make(weak, "Barter")


def test_instructions_are_frozen_for_those_they_are_for(app: Flask, by: Actor) -> None:
    company = make_company()
    before = parties.seller(company)
    make(by, "Cash", position=2)
    assert parties.seller(company) == before, "without instructions nothing is printed, and old fingerprints hold"
    transfer = make(by, "Bank transfer", position=1, instructions="Quote the number.\nNo cheques.")
    make(by, "Online", instructions="Sign in.", shown_to=PaymentMethod.CARD)
    make(by, "Post", instructions="To the office.", shown_to=PaymentMethod.INVOICE)
    seller = parties.seller(company)
    told = {}
    for method in (PaymentMethod.INVOICE, PaymentMethod.CARD):
        customer = make_customer(payment_method=method)
        invoice = make_invoice(customer, 1000, due_on=date(2026, 12, 1))
        invoice.seller, invoice.buyer = seller, parties.buyer(customer)
        told[method] = invoice_document.document_data(invoice)["payment"]["terms"][1:]
    everybody = ["Bank transfer: Quote the number.", "No cheques."]
    assert told[PaymentMethod.INVOICE] == [*everybody, "Post: To the office."]
    assert told[PaymentMethod.CARD] == [*everybody, "Online: Sign in."]
    payment_ways.archive(transfer, by=by)
    assert "Quote the number" not in parties.seller(company)
