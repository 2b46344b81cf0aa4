"""Queueing words of one's own, and sending again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_customer
from flask import Flask
from mailing import issue, queue

from billing.actor import Actor, NotAllowed
from messaging.outbox import CannotSendAgain, queue_message, send_again
from models import AuditEvent, Delivery, DeliveryState, db

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
