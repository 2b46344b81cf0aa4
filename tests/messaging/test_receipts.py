"""Receipts: by themselves if the setting says so, by hand when asked for, with what the payment paid, as PDF."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import make_company, make_customer, make_invoice
from flask import Flask
from money import TODAY, eur
from sqlalchemy import select

from billing import payments, receipts, refunds, settings
from billing.actor import Actor, NotAllowed
from billing.receipts import CannotSendReceipt
from messaging import compose, receipt_document
from messaging.refusals import NotNeeded
from models import Contact, Delivery, DeliveryState, Message, Payment, db


@pytest.fixture
def payment(app: Flask, by: Actor) -> Payment:
    make_company(email="billing@harbour.example")
    customer = make_customer(name="Lindqvist Design", email="anna@lindqvist.example")
    db.session.add(Contact(customer_id=customer.id, name="Bo", email="bo@lindqvist.example", gets_invoices=True))
    invoice = make_invoice(customer, 1000)
    return payments.record(
        customer, eur("15.00"), method="Bank transfer", received_on=TODAY, invoices=[invoice], reference="RF18", by=by
    )


def plain(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [tuple(str(word).replace("\xa0", " ") for word in row.values()) for row in rows]  # type: ignore[misc]


def test_what_a_receipt_says(payment: Payment, by: Actor) -> None:
    data = receipt_document.document_data(payment)
    number = payment.allocations[0].invoice.number
    assert (data["kind"], data["title"], data["number"]) == ("receipt", "Receipt", str(payment.id))
    assert plain(data["lines"]) == [(f"Invoice {number}", "€10.00"), ("Credit for what comes", "€5.00")]
    assert ("Method", "Bank transfer") in plain(data["facts"]) and ("Reference", "RF18") in plain(data["facts"])
    assert (data["total"]["amount"], data["settled"]) == ("€15.00", [])
    refunds.refund(payment, eur("7.00"), method="Cash", refunded_on=TODAY, reason="Back", by=by)
    data = receipt_document.document_data(payment)
    assert plain(data["lines"]) == [(f"Invoice {number}", "€8.00")]
    assert plain(data["settled"]) == [("Given back on 22 Nov 2026", "−€7.00")]
    assert receipt_document.pdf_of(payment).startswith(b"%PDF")
    assert receipt_document.file_name(payment) == f"Receipt-{payment.id}.pdf"


def test_it_is_sent_by_hand_to_those_who_get_invoices(payment: Payment, by: Actor) -> None:
    assert db.session.scalars(select(Message)).all() == [], "the setting is off"
    message = receipts.send(payment, by=by)
    assert [one.address for one in message.deliveries] == ["anna@lindqvist.example", "bo@lindqvist.example"]
    letter = compose.letter_for(message.deliveries[0], at=by.at)
    assert letter.subject == f"Receipt {payment.id} from Harbour Fibre"
    assert "We received €15.00 from you on 22 Nov 2026." in letter.text.replace("\xa0", " ")
    (file,) = letter.attachments
    assert (file.filename, file.data[:4]) == (f"Receipt-{payment.id}.pdf", b"%PDF")
    with pytest.raises(CannotSendReceipt, match="waits to be sent already"):
        receipts.send(payment, by=by)
    for one in message.deliveries:
        one.state = DeliveryState.SENT
    db.session.flush()
    receipts.send(payment, by=replace(by, at=by.at + timedelta(hours=1)))
    assert len(receipts.deliveries_of(payment)) == 4


def test_it_leaves_by_itself_if_the_setting_says_so(app: Flask, by: Actor) -> None:
    make_company()
    settings.change({"send_receipts": True}, by=by)
    known = {"method": "Cash", "received_on": TODAY}
    paid = payments.record(make_customer(email="one@mail.example"), eur("1.00"), by=by, **known)
    payments.record(make_customer(email=""), eur("1.00"), by=by, **known)
    (delivery,) = db.session.scalars(select(Delivery))
    assert (delivery.address, delivery.message.payment_id, delivery.message.category) == (
        "one@mail.example", paid.id, "receipt",
    )  # fmt: skip


def test_none_is_sent_for_a_slip_or_to_nobody(payment: Payment, by: Actor) -> None:
    message = receipts.send(payment, by=by)
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.edit"}))
    with pytest.raises(NotAllowed):
        receipts.send(payment, by=weak)
    refunds.reverse(payment, reason="Slip", by=by)
    with pytest.raises(CannotSendReceipt, match="taken back as a mistake"):
        receipts.send(payment, by=by)
    with pytest.raises(NotNeeded, match="taken back"):
        compose.letter_for(message.deliveries[0], at=by.at)
    nobody = payments.record(make_customer(email=""), eur("1.00"), method="Cash", received_on=TODAY, by=by)
    with pytest.raises(CannotSendReceipt, match="no e-mail address"):
        receipts.send(nobody, by=by)
