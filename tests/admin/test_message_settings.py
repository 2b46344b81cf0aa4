"""Settings, Messages over HTTP: limits, prices and senders, and tests that say what went wrong."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from factories import add, make_company
from flask import Flask
from mailserver import mail_server
from signing_in import Browser, sign_in
from texting import texting

from billing import message_settings, opt_outs
from billing.actor import system
from models import AuditEvent, Channel, MessageSettings, Project, TextPrice, TextSender, db

URL = "/admin/settings/messages/"


@pytest.fixture
def client(staff_client: Browser) -> Browser:
    make_company(locale="en", email="office@harbour.example", timezone="Europe/Dublin")
    add(Project(name="Quay"))
    db.session.commit()
    return staff_client


def fields(client: Browser, **changed: Any) -> dict[str, Any]:
    """What a browser would send back unchanged, and what is changed."""
    form = client.get(URL).text.split('id="limits"', 1)[1].split("</form>", 1)[0]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([\w-]+)"', tag), re.search(r'value="([^"]*)"', tag)
        found[name[1]] = unescape(value[1]) if value else ""
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'<option selected value="([^"]*)"', body)
        found[name] = chosen if name == "text_countries" else (chosen or [""])[0]
    for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\r?\n?(.*?)</textarea>', form, re.S):
        found[name] = text
    return {**found, **changed}


def said(page: str) -> str:
    """What stands in the banners above the page."""
    return unescape(" ".join(re.findall(r'class="alert[^"]*"[^>]*>(.*?)</div>', page, re.S)))


def sender_field() -> str:
    return f"sender-{db.session.query(Project).one().id}"


def test_defaults_are_shown_and_saving_them_stores_them_once(app: Flask, client: Browser) -> None:
    page = client.get(URL).text
    assert 'value="50.00"' in page and 'value="1000"' in page and "Missing: TWILIO_ACCOUNT_SID" in said_text(page)
    assert client.post(URL, data=fields(client)).status_code == 302
    assert client.post(URL, data=fields(client)).status_code == 302
    assert db.session.query(AuditEvent).filter_by(verb="message_settings.changed").count() == 0
    assert db.session.query(MessageSettings).count() == 1


def said_text(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page))


def test_everything_can_be_changed(app: Flask, client: Browser) -> None:
    wanted = {
        "texts_per_day": "25", "spend": "12.50", "quiet_from": "22", "prices": "+353 0.075\r\n* 0.1",
        "text_countries": ["IE", "GB"], "price_currency": "USD", sender_field(): "Quay",
    }  # fmt: skip
    assert client.post(URL, data=fields(client, **wanted)).status_code == 302
    limits = db.session.get_one(MessageSettings, 1)
    assert (limits.texts_per_day, limits.spend_per_day_minor, limits.quiet_from) == (25, 1250, 22)
    assert (limits.text_countries, message_settings.currency()) == (["GB", "IE"], "USD")
    assert message_settings.price_of("+353861234567") == 75_000
    assert message_settings.price_of("+447911123456") == 100_000
    assert [row.sender for row in db.session.query(TextSender)] == ["Quay"]
    event = db.session.query(AuditEvent).filter_by(verb="message_settings.changed").one()
    assert (event.before["texts_per_day"], event.after["senders"]) == (1000, "Quay: Quay")
    shown = fields(client)
    assert (shown["spend"], shown["prices"].split(), shown[sender_field()]) == (
        "12.50", ["*", "0.1", "+353", "0.075"], "Quay",
    )  # fmt: skip
    client.post(URL, data=fields(client, **{sender_field(): ""}))
    assert db.session.query(TextSender).count() == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"texts_per_day": "-1"}, "whole number"),
        ({"texts_per_day": ""}, "cannot be empty"),
        ({"texts_per_minute": "99999999"}, "whole number"),
        ({"quiet_from": "24"}, "Not a valid choice"),
        ({"spend": "1,5"}, "point"),
        ({"spend": "1.234"}, "decimals"),
        ({"spend": "NaN"}, "amount"),
        ({"prices": "+353"}, "Line 1"),
        ({"prices": "* 0.1\n+353 1e9"}, "Line 2"),
        ({"prices": "* 0.1\n* 0.2"}, "a price already"),
        ({"prices": "+353 NaN"}, "Line 1"),
        ({"text_countries": ["XX"]}, "not a valid choice"),
        ({"SENDER": "a name that is too long"}, "A sender is"),
        ({"SENDER": "x\ny"}, "A sender is"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_saved(client: Browser, wrong: dict[str, Any], why: str) -> None:
    wrong = {sender_field() if name == "SENDER" else name: value for name, value in wrong.items()}
    answer = client.post(URL, data=fields(client, **{"texts_per_number": "3", **wrong}))
    assert answer.status_code == 400
    assert why.lower() in said_text(answer.text).lower()
    assert 'value="3"' in answer.text
    assert db.session.query(MessageSettings).count() + db.session.query(TextPrice).count() == 0


def test_only_those_who_may_change_settings(app: Flask, client: Browser) -> None:
    other = app.test_client()
    sign_in(other, "support")
    assert other.get(URL).status_code == 403
    for path in ("", "test-mail", "test-text", "ask-twilio"):
        assert other.post(f"{URL}{path}").status_code == 403
        assert client.post(f"{URL}{path}", csrf=False).status_code == 400
    assert db.session.query(MessageSettings).count() == 0


def test_extra_fields_change_nothing(client: Browser) -> None:
    client.post(URL, data=fields(client, id="2", **{"sender-999999": "Evil"}))
    assert [row.id for row in db.session.query(MessageSettings)] == [1]
    assert db.session.query(TextSender).count() == 0


def test_a_test_mail_arrives_or_says_why_not(app: Flask, client: Browser, tmp_path: Path) -> None:
    answer = client.post(f"{URL}test-mail", follow_redirects=True)
    assert "MAIL_SERVER is missing" in said(answer.text)
    with mail_server(tmp_path, {"on": "rcpt", "reply": "550 5.7.1 no relaying", "times": 1}) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        assert "no relaying" in said(client.post(f"{URL}test-mail", follow_redirects=True).text)
        assert "Sent to owner@staff.example" in said(client.post(f"{URL}test-mail", follow_redirects=True).text)
        app.config["MAIL_SERVER"] = ""
    (mail,) = server.mails()
    assert (mail["To"], "Mails work" in mail.get_body(("plain",)).get_content()) == ("owner@staff.example", True)


def test_a_test_text_leaves_or_says_why_not(app: Flask, client: Browser, tmp_path: Path) -> None:
    def text(number: str) -> str:
        return said(client.post(f"{URL}test-text", data={"number": number}, follow_redirects=True).text)

    assert "TWILIO_ACCOUNT_SID" in text("086 123 4567")
    by = system(app.clock(), app.clock().date())  # type: ignore[attr-defined]
    opt_outs.add(Channel.SMS, address="+353861234599", source="stop", by=by)
    with texting(app, tmp_path, {"code": 21606, "times": 1}) as server:
        assert "not a telephone number" in text("hello")
        assert "country" in text("+14155550100")
        assert "START" in text("086 123 4599")
        assert "TWILIO_FROM" in text("086 123 4567")
        assert "Sent to 086 123 4567" in text("086 123 4567")
        assert server.numbers() == ["+353861234567"]
        known = client.post(f"{URL}ask-twilio", follow_redirects=True).text
        assert "Twilio knows this account" in said(known)
        for _attempt in range(9):
            text("086 123 4567")
        assert "tests within an hour" in text("086 123 4567")
    assert db.session.query(AuditEvent).filter_by(verb="text.tested").count() == 10
