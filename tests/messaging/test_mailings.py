"""Messages that people write and ask for: what is queued of them, and what stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from factories import make_company, make_customer
from flask import Flask
from sqlalchemy import select

from billing.actor import Actor
from messaging import mailings
from models import Channel, Customer, Delivery, DeliveryState, db


def test_a_repeated_message_is_stopped_with_all_that_waits_of_it(app: Flask, by: Actor) -> None:
    make_company()
    customer = make_customer()
    mailing = mailings.begin(by=by)
    mailings.change(mailing, {"subject": "Hello", "body": "Dear all", "every_days": 1}, by=by)
    mailings.ask(mailing, by=by)
    tomorrow = replace(by, at=by.at + timedelta(days=1))
    mailings.queue(mailing, by=tomorrow)
    db.session.commit()
    states = select(Delivery.state).where(Delivery.customer_id == customer.id)
    assert list(db.session.scalars(states)) == [DeliveryState.QUEUED] * 2
    assert mailings.stop(mailing, by=tomorrow) == 2
    db.session.commit()
    assert list(db.session.scalars(states)) == [DeliveryState.CANCELLED] * 2


def test_a_button_pressed_twice_leaves_one_draft(app: Flask, by: Actor) -> None:
    make_company()
    anna, bob = make_customer(name="Anna"), make_customer(name="Bob")
    to_anna, to_bob = (select(Customer.id).where(Customer.id == one.id) for one in (anna, bob))
    first = mailings.begin(by=by, customers=to_anna)
    assert mailings.begin(by=by, customers=to_anna) is first
    assert mailings.begin(by=by, customers=to_bob) is not first
    assert mailings.begin(by=by, customers=to_anna, channels=(Channel.SMS,)) is not first
    everybody = mailings.begin(by=by)
    assert everybody is not first and mailings.begin(by=by) is everybody
    mailings.change(first, {"subject": "Hello"}, by=by)
    assert mailings.begin(by=by, customers=to_anna) is not first
