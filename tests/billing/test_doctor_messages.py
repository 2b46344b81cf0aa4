"""The doctor finds what must not be among messages: each test corrupts one row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clock
from flask import Flask
from texting import NUMBERS, queue_text, run, texted, texting

from billing import doctor, opt_outs, phone_verification
from billing.actor import Actor
from billing.doctor import Scope
from models import Channel, Delivery, HookEvent, Message, PhoneCode, db

CODES = {"I26", "I27", "I34", "I37"}


def found(clock: Clock) -> list[str]:
    db.session.flush()
    return [finding.code for finding in doctor.examine(Scope(clock())) if finding.code in CODES]


@pytest.fixture
def sent(app: Flask, clock: Clock, tmp_path: Path) -> Delivery:
    delivery = queue_text(app, texted(), category="news", essential=False)
    with texting(app, tmp_path):
        assert run() == {"sent": 1}
    return db.session.get_one(Delivery, delivery.id)


@pytest.mark.parametrize("who", ["address", "customer", "category"])
def test_a_text_to_somebody_who_wanted_none(app: Flask, clock: Clock, by: Actor, sent: Delivery, who: str) -> None:
    assert found(clock) == []
    early = replace(by, at=by.at - timedelta(days=1))
    whom = {"address": NUMBERS[0]} if who == "address" else {"customer": sent.customer}
    category = "news" if who == "category" else ""
    opt_outs.add(Channel.SMS, **whom, category=category, source="staff", by=early)  # type: ignore[arg-type]
    assert found(clock) == ["I26"]
    sent.message.legal_notice = True
    assert found(clock) == []


def test_stop_holds_for_notices_too_but_not_for_what_was_before(
    app: Flask, clock: Clock, by: Actor, sent: Delivery
) -> None:
    sent.message.legal_notice = True
    opt_outs.add(Channel.SMS, address=NUMBERS[0], source="stop", by=replace(by, at=by.at + timedelta(days=1)))
    assert found(clock) == []
    sent.sent_at = by.at + timedelta(days=2)
    assert found(clock) == ["I26"]


def test_an_event_left_lying(app: Flask, clock: Clock) -> None:
    event = HookEvent(source="twilio", kind="status", key="x", payload={}, received_at=clock())
    db.session.add(event)
    assert found(clock) == []
    event.received_at = clock() - timedelta(hours=3)
    assert found(clock) == ["I27"]


def test_a_code_that_can_be_read(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    phone_verification.send_code(texted(), secret=app.config["SECRET_KEY"].encode(), by=by)
    db.session.commit()
    with texting(app, tmp_path):
        run()
    assert found(clock) == []
    db.session.query(Delivery).one().sent_text = "123456 is your code"
    assert found(clock) == ["I37"]
    db.session.query(PhoneCode).one().code_hash = "123456"
    assert found(clock) == ["I37", "I37"]


def test_a_category_that_is_not_there(app: Flask, clock: Clock, sent: Delivery) -> None:
    db.session.query(Message).one().category = "nowhere"
    assert found(clock) == ["I34"]
