"""Disabled, enabled, archived: who is billed, and what happens to the time in between."""

from __future__ import annotations

from datetime import date

import pytest
from factories import add, make_customer, make_service
from flask import Flask
from sqlalchemy import select

from billing import customers
from billing.actor import Actor, NotAllowed
from billing.customers import HasActiveServices
from models import AuditEvent, Delivery, DeliveryState, Message, ServiceChange, ServiceStatus, db

TODAY = date(2026, 11, 22)


def verbs() -> list[tuple[str, int | None]]:
    found = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))
    return [(event.verb, event.customer_id) for event in found]


def test_disabling_takes_a_set_and_counts_what_it_changed(app: Flask, by: Actor) -> None:
    one, two, noise = make_customer(), make_customer(status="disabled"), make_customer()
    assert customers.disable([one, two], by=by) == 1
    db.session.commit()
    assert [c.status for c in (one, two, noise)] == ["disabled", "disabled", "active"]
    assert verbs() == [("customer.disabled", one.id)]
    (event,) = db.session.scalars(select(AuditEvent))
    assert (event.before, event.after) == ({"status": "active"}, {"status": "disabled"})


def test_enabling_never_bills_the_time_between(app: Flask, by: Actor) -> None:
    customer = make_customer(status="disabled")
    service = make_service(customer, next_renewal_on=date(2026, 9, 1))
    ahead = make_service(customer, next_renewal_on=date(2026, 12, 1))
    assert customers.enable([customer], by=by) == 1
    db.session.commit()
    assert (customer.status, service.next_renewal_on, ahead.next_renewal_on) == (
        "active",
        date(2026, 12, 1),
        date(2026, 12, 1),
    )
    assert [(c.service_id, c.kind) for c in db.session.scalars(select(ServiceChange))] == [(service.id, "pause")]
    assert verbs() == [("service.resumed", customer.id), ("customer.enabled", customer.id)]


def test_enabling_an_active_customer_moves_nothing(app: Flask, by: Actor) -> None:
    service = make_service(make_customer(), next_renewal_on=date(2026, 9, 1))
    assert customers.enable([service.customer], by=by) == 0
    assert service.next_renewal_on == date(2026, 9, 1)


def test_archiving_needs_all_services_to_be_over(app: Flask, by: Actor) -> None:
    free, busy = make_customer(), make_customer(name="Busy")
    make_service(free, status=ServiceStatus.CANCELLED)
    make_service(busy, status=ServiceStatus.SUSPENDED)
    with pytest.raises(HasActiveServices, match="Busy still has running services"):
        customers.archive([free, busy], by=by)
    assert free.status == "active"
    assert customers.archive([free], by=by) == 1
    assert (free.status, free.archived_on) == ("archived", TODAY)
    customers.enable([free], by=by)
    assert (free.status, free.archived_on) == ("active", None)


def test_mail_waiting_for_an_archived_customer_is_called_off(app: Flask, by: Actor) -> None:
    customer, other = make_customer(), make_customer()
    message = add(Message(kind="invoice", created_at=by.at, created_by="x"))
    states = [(customer, DeliveryState.QUEUED), (customer, DeliveryState.SENT), (other, DeliveryState.QUEUED)]
    deliveries = [
        add(
            Delivery(
                message_id=message.id,
                customer_id=c.id,
                address="a@b.ie",
                dedupe_key=str(n),
                state=s,
                next_try_at=by.at,
            )
        )
        for n, (c, s) in enumerate(states)
    ]
    customers.archive([customer], by=by)
    db.session.commit()
    assert [d.state for d in deliveries] == ["cancelled", "sent", "queued"]


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    editor = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"customers.edit"}))
    viewer = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"customers.view"}))
    customer = make_customer()
    for rule, who in ((customers.disable, viewer), (customers.enable, viewer), (customers.archive, editor)):
        with pytest.raises(NotAllowed):
            rule([customer], by=who)
