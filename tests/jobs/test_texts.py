"""Texts leave once, within the limits, and never to somebody who said STOP (F17 to F20)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Clock
from factories import add
from flask import Flask
from mailserver import mail_server
from texting import NUMBERS, queue_text, run, texted, texting

from billing import message_settings, opt_outs
from billing.actor import Actor
from jobs import deliveries
from messaging.outbox import send_again
from models import AuditEvent, Channel, Delivery, OptOut, Project, TextPrice, TextSender, db


def states() -> list[str]:
    db.session.expire_all()
    return [delivery.state.value for delivery in db.session.query(Delivery).order_by(Delivery.id)]


def verbs() -> list[str]:
    return list(db.session.scalars(db.select(AuditEvent.verb).order_by(AuditEvent.id)))


def test_a_text_is_taken_once_with_its_sender_cost_and_callback(app: Flask, clock: Clock, tmp_path: Path) -> None:
    project = add(Project(name="Quay"))
    db.session.add_all([TextPrice(prefix="", price_micro=100_000), TextPrice(prefix="+353", price_micro=75_000)])
    customer = texted(project=project)
    db.session.add(TextSender(project_id=project.id, sender="Quay"))
    delivery = queue_text(app, customer, "Fibre is back. " * 12)
    app.config["BASE_URL"] = "https://bills.example"
    try:
        with texting(app, tmp_path) as server:
            assert run() == {"sent": 1}
            assert run() == {}
    finally:
        app.config["BASE_URL"] = ""
    (text,) = server.texts()
    assert (text["to"], text["from"]) == (NUMBERS[0], "Quay")
    assert text["callback"] == f"https://bills.example/hooks/twilio/status?d={delivery.id}"
    db.session.expire_all()
    assert (delivery.state, delivery.sent_at, delivery.vendor_id) == ("sent", clock(), text["sid"])
    assert (delivery.segments, delivery.cost_micro, delivery.cost_currency) == (2, 150_000, "EUR")
    assert delivery.sent_text.startswith("Fibre is back. Fibre")


def test_without_an_account_texts_wait(app: Flask) -> None:
    queue_text(app, texted())
    assert run() == {
        "waiting": 1,
        "error": "Texts are not set up. Missing: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM.",
    }


def test_asked_to_slow_down_all_wait_and_none_is_lost(app: Flask, clock: Clock, tmp_path: Path) -> None:
    for number in NUMBERS[:3]:
        queue_text(app, texted(number))
    rule = {"code": 20429, "status": 429, "retry_after": 600, "times": 3}
    with texting(app, tmp_path, rule) as server:
        for attempt in range(1, 4):
            assert run() == {"waiting": 3, "error": "Twilio asked to send more slowly."}
            assert server.asked() == attempt
            clock.advance(seconds=599)
            assert run() == {"waiting": 3}
            clock.advance(seconds=1)
        assert run() == {"sent": 3}
    assert sorted(server.numbers()) == NUMBERS[:3]


def test_a_number_that_said_stop_is_never_tried_again_for_anybody(app: Flask, clock: Clock, tmp_path: Path) -> None:
    customer = texted(email="ann@mail.example")
    first = queue_text(app, customer, subject="Fibre")
    with texting(app, tmp_path / "texts", {"code": 21610, "times": 1}) as server:
        assert run() == {"cancelled": 1}
        (row,) = db.session.query(OptOut)
        assert (row.who, row.by_carrier, row.source) == (f"address:{NUMBERS[0]}", True, "carrier")
        queue_text(app, texted(email="bob@mail.example"), "Again", essential=False, category="news")
        notice = queue_text(app, texted(email="cleo@mail.example"), "The law says so")
        notice.message.legal_notice = True
        db.session.commit()
        clock.advance(days=30)
        assert run() == {"cancelled": 2}
        assert server.asked() == 1
        assert first.error == "Whoever has this number replied STOP."
        opt_outs.remove(Channel.SMS, address=NUMBERS[0], by=_by(clock))
        queue_text(app, customer, "Back again")
        assert run() == {"sent": 1}
    mails = {d.address: d.state for d in db.session.query(Delivery) if d.channel == Channel.EMAIL}
    assert mails == {"ann@mail.example": "queued", "cleo@mail.example": "queued"}  # the news do not come by mail
    with mail_server(tmp_path / "mail") as post:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=post.port)
        deliveries.run()
        app.config["MAIL_SERVER"] = ""
    assert sorted(post.recipients()) == ["ann@mail.example", "cleo@mail.example"]
    assert {mail["Subject"] for mail in post.mails()} == {"Fibre", "A message for you"}


def _by(clock: Clock) -> Actor:
    return Actor(name="Tillbook", at=clock(), today=clock().date(), permissions=None)


@pytest.mark.parametrize("code", [21211, 21614, 21408])
def test_a_number_that_cannot_be_reached_is_flagged_and_not_tried_again(
    app: Flask, clock: Clock, tmp_path: Path, code: int
) -> None:
    customer = texted(email="")
    queue_text(app, customer)
    with texting(app, tmp_path, {"code": code}) as server:
        assert run() == {"bounced": 1}
        clock.advance(days=5)
        assert run() == {}
        assert server.asked() == 1
    db.session.refresh(customer)
    assert (customer.phone_state, verbs()) == ("invalid", ["delivery.bounced"])


def test_lost_after_accepting_is_looked_up_before_it_is_sent_again(app: Flask, clock: Clock, tmp_path: Path) -> None:
    delivery = queue_text(app, texted())
    with texting(app, tmp_path, {"lose": True, "times": 1}) as server:
        assert run() == {"unknown": 1}
        clock.advance(minutes=9)
        assert run() == {}
        clock.advance(minutes=2)
        assert run() == {"found": 1}
        clock.advance(days=1)
        assert run() == {}
    (text,) = server.texts()
    db.session.refresh(delivery)
    assert (delivery.state, delivery.vendor_id) == ("sent", text["sid"])
    assert verbs() == ["delivery.unknown", "delivery.found"]


def test_lost_before_accepting_is_looked_up_then_sent(app: Flask, clock: Clock, tmp_path: Path) -> None:
    """Also when another text with the same words has gone to the same number at the same time."""
    customer = texted()
    twin = queue_text(app, customer, about="a")
    delivery = queue_text(app, customer, about="b")
    with texting(app, tmp_path, {"drop": True, "after": 1, "times": 1}) as server:
        assert run() == {"sent": 1, "unknown": 1}
        clock.advance(minutes=11)
        assert run() == {"sent": 1}
    db.session.expire_all()
    assert {twin.vendor_id, delivery.vendor_id} == {text["sid"] for text in server.texts()}
    assert len(server.texts()) == 2


def test_nothing_is_sent_again_while_it_cannot_be_looked_up(
    app: Flask, clock: Clock, by: Actor, tmp_path: Path
) -> None:
    delivery = queue_text(app, texted())
    with texting(app, tmp_path, {"lose": True, "times": 1}, {"on": "list", "drop": True, "times": 2}) as server:
        run()
        send_again(delivery, by=by)  # a person does not wait, and is no less careful
        db.session.commit()
        assert "cannot be reached" in run()["error"]
        clock.advance(minutes=1)
        assert "cannot be reached" in run()["error"]
        clock.advance(minutes=2)
        assert run() == {"found": 1}
        assert len(server.texts()) == 1


def test_a_text_left_by_a_dead_sender_is_looked_up(app: Flask, clock: Clock, tmp_path: Path) -> None:
    from messaging import deliver, text_delivery, texts

    delivery = queue_text(app, texted())
    with texting(app, tmp_path) as server:
        by = _by(clock)
        deliver.claim(1, worker="dead", by=by, channel=Channel.SMS)
        text_delivery.begin(delivery.id, texts.text_for(delivery, at=clock()), worker="dead", by=by)
        db.session.commit()
        clock.advance(minutes=11)
        assert run() == {"unknown": 1, "sent": 1}
        assert len(server.texts()) == 1


def test_only_so_many_a_minute_a_day_and_a_number(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    message_settings.change({"texts_per_minute": 2, "texts_per_day": 5, "texts_per_number": 2}, by=by)
    customer = texted(NUMBERS[0])
    for n in range(3):
        queue_text(app, customer, f"Number {n}")
    for number in NUMBERS[1:5]:
        queue_text(app, texted(number))
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 2, "waiting": 5}
        clock.advance(seconds=61)
        assert run() == {"sent": 2, "queued": 1, "waiting": 3}
        clock.advance(seconds=61)
        assert run() == {"sent": 1, "queued": 1, "waiting": 2}
        assert server.numbers().count(NUMBERS[0]) == 2
        reasons = {d.error for d in db.session.query(Delivery).filter_by(state="queued")}
        assert {"limit of texts" in reason or "This number" in reason for reason in reasons} == {True}
        clock.now = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
        assert run()["sent"] == 2
    assert len(server.texts()) == 7


def test_only_so_much_money_a_day(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    message_settings.change({"spend_per_day_minor": 20, "prices": "+353 0.08\n* 0.5"}, by=by)
    for number in NUMBERS[:3]:
        queue_text(app, texted(number))
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 2, "queued": 1, "waiting": 1}
        assert run() == {"waiting": 1}
        clock.now = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
        assert run() == {"sent": 1}
    assert len(server.texts()) == 3


def test_only_countries_that_were_allowed(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    customer = texted()
    queue_text(app, customer, to="+14155550100")
    queue_text(app, customer, to="+4915112345678")
    message_settings.change({"text_countries": ["IE", "DE"]}, by=by)
    db.session.commit()
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 1, "failed": 1}
    assert server.numbers() == ["+4915112345678"]


def test_news_do_not_wake_people_up(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    """In the time zone of the number; what is essential does not wait."""
    message_settings.change({"text_countries": ["IE", "US"]}, by=by)
    customer = texted()
    clock.now = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)  # 14:00 in Dublin, 06:00 in San Francisco
    queue_text(app, customer, "News", category="news", essential=False)
    far = queue_text(app, customer, "News", to="+14155550100", category="news", essential=False)
    queue_text(app, customer, "Outage", to="+14155550100")
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 2, "queued": 1, "waiting": 1}
        db.session.refresh(far)
        assert (far.next_try_at, far.attempts) == (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), 0)
        clock.advance(hours=2)
        assert run() == {"sent": 1}
    assert sorted(server.numbers()) == ["+14155550100", "+14155550100", NUMBERS[0]]


def test_whoever_opted_out_gets_no_news(app: Flask, clock: Clock, by: Actor, tmp_path: Path) -> None:
    customer, other = texted(), texted(NUMBERS[1])
    opt_outs.add(Channel.SMS, customer=customer, category="news", source="staff", by=by)
    opt_outs.add(Channel.SMS, address=NUMBERS[1], source="staff", by=by)
    queue_text(app, customer, "News", category="news", essential=False)
    queue_text(app, customer, "Outage")
    queue_text(app, other, "Outage")
    legal = queue_text(app, other, "By law")
    legal.message.legal_notice = True
    db.session.commit()
    with texting(app, tmp_path) as server:
        assert run() == {"sent": 2, "cancelled": 2}
    assert sorted(text["body"] for text in server.texts()) == ["By law", "Outage"]


def test_whoever_is_no_customer_is_not_mistaken_for_one_who_opted_out(app: Flask, by: Actor, tmp_path: Path) -> None:
    opt_outs.add(Channel.SMS, address=NUMBERS[1], source="stop", by=by)
    delivery = queue_text(app, texted(), "Hello")
    delivery.customer_id = None
    db.session.commit()
    with texting(app, tmp_path):
        assert run() == {"sent": 1}


def test_a_wrong_sender_stops_all_and_says_so(app: Flask, clock: Clock, tmp_path: Path) -> None:
    for number in NUMBERS[:2]:
        queue_text(app, texted(number))
    with texting(app, tmp_path, {"code": 21606, "times": 1}) as server:
        assert "TWILIO_FROM" in run()["error"]
        assert (server.asked(), states()) == (1, ["queued", "queued"])
        clock.advance(minutes=1)
        assert run() == {"sent": 2}


def test_a_redirect_leads_nowhere(app: Flask, clock: Clock, tmp_path: Path) -> None:
    queue_text(app, texted())
    with texting(app, tmp_path, {"redirect": "http://127.0.0.1:1/", "times": 1}):
        assert "redirect" in run()["error"]
        clock.advance(minutes=1)
        assert run() == {"sent": 1}


def test_what_was_not_taken_costs_nothing(app: Flask, clock: Clock, tmp_path: Path) -> None:
    delivery = queue_text(app, texted())
    db.session.add(TextPrice(prefix="", price_micro=75_000))
    db.session.commit()
    with texting(app, tmp_path, {"code": 20503, "status": 503, "times": 1}):
        assert run() == {"queued": 1, "waiting": 1}
        db.session.refresh(delivery)
        assert (delivery.begun_at, delivery.cost_micro, delivery.attempts) == (None, 0, 1)
        assert delivery.next_try_at == clock() + timedelta(minutes=1)
