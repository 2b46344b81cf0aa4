"""Queueing words of one's own, and sending again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_company, make_customer
from flask import Flask
from mailing import issue, queue

from billing.actor import Actor, NotAllowed
from messaging.outbox import CannotSendAgain, call_off, queue_message, send_again, send_invoice_again
from models import AuditEvent, Delivery, DeliveryState, InvoiceAddress, InvoiceState, db

ALL = ["Ann@x.example", "ann@x.example", "", "bob@x.example"]


def test_each_address_once_for_each_occasion(app: Flask, by: Actor) -> None:
    customer = make_customer()
    one = queue_message("Hi", "There", ALL, kind="note", about=7, by=by, customer=customer)
    assert [d.address for d in one.deliveries] == ["Ann@x.example", "bob@x.example"]
    assert queue_message("Hi", "There", ALL, kind="note", about=7, by=by) is None
    more = queue_message("Hi", "There", [*ALL, "new@x.example"], kind="note", about=7, by=by)
    assert [d.address for d in more.deliveries] == ["new@x.example"]
    assert len(queue_message("Hi", "There", ALL, kind="note", about=8, by=by).deliveries) == 2
    db.session.commit()
    delivery = one.deliveries[0]
    assert (delivery.state, delivery.attempts, delivery.customer_id) == ("queued", 0, customer.id)
    assert (delivery.next_try_at, one.created_by, one.essential) == (by.at, "Tillbook", True)


@pytest.mark.parametrize("state", ["failed", "bounced", "unknown", "cancelled", "queued"])
def test_again_starts_from_the_beginning(app: Flask, by: Actor, state: str) -> None:
    (delivery,) = queue(app, issue())
    delivery.state, delivery.attempts, delivery.error, delivery.claimed_by = DeliveryState(state), 9, "No", "worker"
    send_again(delivery, by=by)
    assert (delivery.state, delivery.attempts, delivery.error, delivery.claimed_by) == ("queued", 0, "", "")
    assert delivery.next_try_at == by.at
    event = db.session.query(AuditEvent).one()
    assert (event.verb, event.before, event.customer_id) == (
        "delivery.queued_again", {"state": state, "reason": "No"}, delivery.customer_id,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["sent", "sending"])
def test_not_what_was_sent(app: Flask, by: Actor, state: str) -> None:
    (delivery,) = queue(app, issue())
    delivery.state = DeliveryState(state)
    with pytest.raises(CannotSendAgain):
        send_again(delivery, by=by)


def test_not_without_the_right(app: Flask, by: Actor) -> None:
    (delivery,) = queue(app, issue())
    with pytest.raises(NotAllowed):
        send_again(delivery, by=replace(by, permissions=frozenset({"messages.view"})))
    assert db.session.query(Delivery).one().state == "queued"


def test_an_invoice_is_sent_again_to_all_who_get_it_now(app: Flask, by: Actor) -> None:
    invoice = issue()
    for delivery in queue(app, invoice):
        delivery.state = DeliveryState.SENT
    db.session.add(InvoiceAddress(customer_id=invoice.customer_id, email="Books@x.example"))
    db.session.flush()
    message = send_invoice_again(invoice, by=by)
    assert {d.address for d in message.deliveries} == {invoice.customer.email, "Books@x.example"}
    assert (message.kind, message.invoice_id, message.essential) == ("invoice", invoice.id, True)
    event = db.session.query(AuditEvent).filter_by(verb="invoice.sent_again").one()
    assert "Books@x.example" in event.after["to"]


def test_what_waits_already_is_not_queued_twice(app: Flask, by: Actor) -> None:
    invoice = issue()
    queue(app, invoice)
    with pytest.raises(CannotSendAgain, match="waiting to be sent already"):
        send_invoice_again(invoice, by=by)
    db.session.query(Delivery).update({"state": DeliveryState.SENT})
    first = send_invoice_again(invoice, by=by).deliveries[0]
    first.state = DeliveryState.SENT
    assert send_invoice_again(invoice, by=by).deliveries[0].dedupe_key != first.dedupe_key


def test_who_may_send_an_invoice_again_and_which(app: Flask, by: Actor) -> None:
    invoice = issue()
    with pytest.raises(NotAllowed):
        send_invoice_again(invoice, by=replace(by, permissions=frozenset({"invoices.view"})))
    invoice.customer.email = ""
    with pytest.raises(CannotSendAgain, match="no e-mail address"):
        send_invoice_again(invoice, by=by)
    invoice.state = InvoiceState.VOID
    with pytest.raises(CannotSendAgain, match="not in force"):
        send_invoice_again(invoice, by=by)
    assert db.session.query(Delivery).count() == 0


def test_what_waits_is_called_off_and_may_still_be_sent_by_hand(app: Flask, by: Actor) -> None:
    make_company()
    message = queue_message("Subject", "Body", ["a@x.example", "b@x.example"], kind="news", about=1, by=by)
    sent, waiting = message.deliveries
    sent.state = DeliveryState.SENT
    assert call_off("Never mind.", by=by) == 1
    assert (sent.state, waiting.state, waiting.error) == (DeliveryState.SENT, DeliveryState.CANCELLED, "Never mind.")
    assert call_off("Never mind.", by=by) == 0
    found = db.session.scalars(db.select(AuditEvent).where(AuditEvent.verb == "deliveries.called_off")).all()
    assert [event.after for event in found] == [{"count": 1, "reason": "Never mind."}]
    send_again(waiting, by=by)
    assert waiting.state == DeliveryState.QUEUED
