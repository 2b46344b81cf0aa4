"""Twilio's webhooks: only signed ones count, each once, in any order (S61, F23 to F27)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Clock
from flask import Flask
from signing_in import Browser
from snapshot import snapshot
from texting import NUMBERS, queue_text, run, texted, texting
from textserver import TOKEN

from integrations.fakes.twilio_server import signature
from messaging import hooks
from models import AuditEvent, Channel, Delivery, HookEvent, OptOut, db

BASE = "https://bills.example"


@pytest.fixture
def twilio(app: Flask, client: Browser) -> Iterator[Browser]:
    app.config.update(BASE_URL=BASE, TWILIO_AUTH_TOKEN=TOKEN)
    yield client
    app.config.update(BASE_URL="", TWILIO_AUTH_TOKEN="")


def tell(twilio: Browser, path: str, *, token: str = TOKEN, base: str = BASE, **fields: str) -> int:
    """A request as Twilio sends it: signed over our address, without cookies or a form's token."""
    headers = {"X-Twilio-Signature": signature(token, base + path, fields)}
    return twilio.post(path, data=fields, headers=headers, csrf=False).status_code


def status(twilio: Browser, delivery_id: int, sid: str, state: str, **more: str) -> int:
    path = f"/hooks/twilio/status?d={delivery_id}"
    return tell(twilio, path, MessageSid=sid, MessageStatus=state, To=NUMBERS[0], **more)


def inbound(twilio: Browser, body: str, sid: str = "SM9", **more: str) -> int:
    return tell(twilio, "/hooks/twilio/inbound", MessageSid=sid, From=NUMBERS[0], Body=body, **more)


def sent(app: Flask, folder: Path) -> Delivery:
    delivery = queue_text(app, texted(email="ann@mail.example"))
    with texting(app, folder):
        app.config["BASE_URL"] = BASE
        assert run() == {"sent": 1}
    app.config["TWILIO_AUTH_TOKEN"] = TOKEN
    db.session.refresh(delivery)
    return delivery


@pytest.mark.parametrize("path", ["/hooks/twilio/status?d=1", "/hooks/twilio/inbound"])
def test_what_is_not_signed_changes_nothing(app: Flask, twilio: Browser, path: str) -> None:
    texted()
    db.session.commit()
    before = snapshot()
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": NUMBERS[0], "Body": "STOP"}
    assert twilio.post(path, data=fields, csrf=False).status_code == 400
    assert tell(twilio, path, token="another", **fields) == 400
    assert tell(twilio, path, base="https://evil.example", **fields) == 400
    headers = {"X-Twilio-Signature": signature(TOKEN, BASE + path, fields)}
    assert twilio.post(path, data=fields | {"Body": "START"}, headers=headers, csrf=False).status_code == 400
    app.config["TWILIO_AUTH_TOKEN"] = ""
    assert tell(twilio, path, token="", **fields) == 400
    assert snapshot() == before


def test_a_forged_host_is_not_signed_for(app: Flask, twilio: Browser) -> None:
    fields = {"MessageSid": "SM1", "From": NUMBERS[0], "Body": "STOP"}
    headers = {"X-Twilio-Signature": signature(TOKEN, "http://localhost/hooks/twilio/inbound", fields)}
    assert twilio.post("/hooks/twilio/inbound", data=fields, headers=headers, csrf=False).status_code == 400


def test_statuses_in_any_order_come_to_the_same(app: Flask, twilio: Browser, clock: Clock, tmp_path: Path) -> None:
    delivery = sent(app, tmp_path)
    sid, delivery_id = delivery.vendor_id, delivery.id
    for order in itertools.permutations(["queued", "sent", "delivered"]):
        db.session.query(HookEvent).delete()
        db.session.query(Delivery).update({"vendor_state": "", "arrived_at": None})
        for state in (*order, *order):
            assert status(twilio, delivery_id, sid, state) == 200
        delivery = db.session.get_one(Delivery, delivery_id)
        assert (delivery.state, delivery.vendor_state, delivery.arrived_at) == ("sent", "delivered", clock())
        assert db.session.query(HookEvent).count() == 3
        assert {event.state for event in db.session.query(HookEvent)} == {"processed"}


def test_what_the_network_lost_is_failed_and_flagged(app: Flask, twilio: Browser, tmp_path: Path) -> None:
    delivery = sent(app, tmp_path)
    assert status(twilio, delivery.id, delivery.vendor_id, "undelivered", ErrorCode="30006") == 200
    assert status(twilio, delivery.id, delivery.vendor_id, "sent") == 200
    db.session.expire_all()
    assert (delivery.state, delivery.error) == ("bounced", "The network could not deliver it (30006).")
    assert delivery.customer.phone_state == "invalid"
    (mail,) = db.session.query(Delivery).filter_by(channel=Channel.EMAIL)
    assert (mail.address, mail.state) == ("ann@mail.example", "queued")


def test_a_status_settles_what_was_unknown(app: Flask, twilio: Browser, clock: Clock, tmp_path: Path) -> None:
    delivery = queue_text(app, texted())
    with texting(app, tmp_path, {"lose": True}) as server:
        assert run() == {"unknown": 1}
        (text,) = server.texts()
        app.config["TWILIO_AUTH_TOKEN"] = TOKEN
        assert status(twilio, delivery.id, text["sid"], "delivered") == 200
        clock.advance(hours=1)
        assert run() == {}
        assert len(server.texts()) == 1
    db.session.expire_all()
    assert (delivery.state, delivery.vendor_id) == ("sent", text["sid"])


def test_a_status_of_somebody_elses_text_is_kept_and_ignored(app: Flask, twilio: Browser, clock: Clock) -> None:
    delivery = queue_text(app, texted())
    assert status(twilio, delivery.id, "SM7", "delivered") == 200  # this text was never begun
    assert tell(twilio, "/hooks/twilio/status?d=x", MessageSid="SM8", MessageStatus="sent", To="+1") == 200
    assert {event.state for event in db.session.query(HookEvent)} == {"waiting"}
    clock.advance(hours=2)
    assert run()["told"] == 2
    assert {event.state for event in db.session.query(HookEvent)} == {"ignored"}
    db.session.expire_all()
    assert delivery.state == "queued"


def test_what_was_stored_before_a_crash_is_carried_out(app: Flask, twilio: Browser, clock: Clock) -> None:
    from billing.actor import system

    hooks.store(
        "inbound", {"MessageSid": "SM5", "From": NUMBERS[0], "Body": "stop"}, by=system(clock(), clock().date())
    )
    db.session.commit()
    assert run()["told"] == 1
    assert [row.who for row in db.session.query(OptOut)] == [f"address:{NUMBERS[0]}"]


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Unsubscribe", "ARRÊT", "arret", "CANCEL", "QUIT", "OptOut"])
def test_stop_holds_until_start(app: Flask, twilio: Browser, clock: Clock, tmp_path: Path, word: str) -> None:
    customer = texted(email="")
    assert inbound(twilio, word) == 200
    assert inbound(twilio, word) == 200  # told twice
    queue_text(app, customer)
    with texting(app, tmp_path) as server:
        assert run() == {"cancelled": 1}
        app.config["TWILIO_AUTH_TOKEN"] = TOKEN
        assert inbound(twilio, "Start", "SM10") == 200
        assert db.session.query(OptOut).count() == 0
        queue_text(app, customer)
        assert run() == {"sent": 1}
        assert server.asked() == 1


def test_twilio_knows_more_words(app: Flask, twilio: Browser, tmp_path: Path) -> None:
    """A messaging service may be taught words in other languages; Twilio then says what they meant."""
    sent(app, tmp_path)
    assert inbound(twilio, "Please stop by tomorrow", "SM1") == 200
    assert db.session.query(OptOut).count() == 0
    assert inbound(twilio, "ABMELDEN", "SM2", OptOutType="STOP") == 200
    assert db.session.query(OptOut).count() == 1
    assert inbound(twilio, "HELP", "SM3") == 200
    received = db.session.query(AuditEvent).filter_by(verb="text.received")
    assert [event.after["text"] for event in received] == ["Please stop by tomorrow", "HELP"]


def test_a_customer_that_staff_opted_out_is_not_brought_back_by_start(
    app: Flask, twilio: Browser, clock: Clock
) -> None:
    from billing import opt_outs
    from billing.actor import system

    opt_outs.add(Channel.SMS, address=NUMBERS[0], source="staff", by=system(clock(), clock().date()))
    assert inbound(twilio, "START") == 200
    assert db.session.query(OptOut).count() == 1


def test_only_signed_doors_go_without_a_forms_token(app: Flask) -> None:
    """S28: whatever else wants to be exempt must be put down here."""
    csrf = app.extensions["csrf"]
    assert csrf._exempt_blueprints == set()
    hooks = {f"portal.hooks.{name}" for name in ("status", "inbound", "stripe")}
    assert csrf._exempt_views == {*hooks, "portal.unsubscribe.submit"}
