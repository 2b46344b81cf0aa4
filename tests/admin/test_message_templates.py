"""Settings, Templates and Categories: the editor, its refusals, its versions, its preview; who may."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from factories import make_company
from flask import Flask
from mailing import issue
from mailserver import mail_server
from signing_in import Browser, sign_in

from models import AuditEvent, Message, MessageCategory, MessageTemplate, TemplateVersion, db

BASE = "/admin/settings/messages/templates"
CATEGORIES = "/admin/settings/messages/categories"


def send(client: Browser, url: str, page: str = "", **data: Any) -> Any:
    """Post with the token of the form on `page` (else of the same address)."""
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(page or url).text)
    assert found, page or url
    return client.post(url, data={**data, "form_token": found[1]})


def save(client: Browser, data: dict[str, Any]) -> Any:
    return send(client, f"{BASE}/save", f"{BASE}/edit?key={data['key']}", **data)


@pytest.fixture
def offer(app: Flask, staff_client: Browser) -> str:
    make_company(locale="en")
    db.session.commit()
    about = {"name": "Spring offer", "category": "news", "by_mail": "y", "active": "y"}
    answer = send(staff_client, f"{BASE}/new", **about)
    assert answer.status_code == 302 and answer.location.endswith("key=spring-offer")
    return "spring-offer"


def words(key: str, language: str = "en", **texts: Any) -> dict[str, Any]:
    return {"key": key, "language": language, "subject": "Hi", "body": "Dear {{ name }}", "text_body": "", **texts}


def test_words_are_saved_version_by_version(staff_client: Browser, offer: str) -> None:
    for body in ("One {{ customer.name }}", "Two {{ customer.name }}", "Two {{ customer.name }}"):
        assert save(staff_client, words(offer, body=body)).status_code == 302
    first, second = db.session.query(TemplateVersion).order_by(TemplateVersion.id)
    assert (first.number, second.number, second.saved_by) == (1, 2, "Owner")
    shown = staff_client.get(f"{BASE}/version?id={second.id}").text
    assert "<del>- One {{ customer.name }}</del>" in shown and "<ins>+ Two {{ customer.name }}</ins>" in shown
    staff_client.post(f"{BASE}/restore", data={"version": first.id})
    assert db.session.query(TemplateVersion).count() == 3
    assert "One {{ customer.name }}</textarea>" in staff_client.get(f"{BASE}/edit?key={offer}").text
    staff_client.post(f"{BASE}/take-back", data={"key": offer, "language": "en"})
    assert "No words yet" in staff_client.get(f"{BASE}/").text
    verbs = {event.verb for event in db.session.query(AuditEvent)}
    assert {"message_template.created", "message_template.saved", "message_template.taken_back"} <= verbs


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("body", "a\n{{ ''.__class__ }}", "Line 2: Only fields have parts"),
        ("body", "{{ config }}", "Line 1: There is no field “config”"),
        ("body", "a\n\n{% include 'x' %}", "Line 3: {% include %} cannot be used"),
        ("body", "{{ name|attr('f') }}", "Line 1: “|attr” cannot be used"),
        ("body", "x\n[go](javascript:alert(1))", "Line 2: “javascript:alert(1” is no link"),
        ("body", "", "Type what the message says."),
        ("subject", "{{ custmer.name }}", "There is no field “custmer.name”"),
        ("subject", "", "A mail needs a subject."),
        ("subject", "x" * 301, "one line of at most 300"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field(
    staff_client: Browser, offer: str, name: str, text: str, why: str
) -> None:
    answer = save(staff_client, words(offer, **{name: text}))
    error = answer.text.partition(f'id="{name}-about"')[2].partition("</p>")[0].replace("&#39;", "'")
    assert why in error
    assert db.session.query(TemplateVersion).count() == 0


def test_the_systems_own_words_are_changed_and_given_back(app: Flask, staff_client: Browser) -> None:
    issue()
    db.session.commit()
    page = staff_client.get(f"{BASE}/edit?key=invoice&language=de").text
    assert "Hello {{ invoice.buyer }}," in page and "As it came" in page
    text = words("invoice", "de", subject="Rechnung {{ invoice.number }}", body="Guten Tag, {{ invoice.to_pay }}")
    assert save(staff_client, text).status_code == 302
    row = db.session.query(MessageTemplate).one()
    assert (row.key, row.builtin, row.category) == ("invoice", True, "invoice")
    assert "Your own: de" in staff_client.get(f"{BASE}/").text
    staff_client.post(f"{BASE}/take-back", data={"key": "invoice", "language": "de"})
    assert "As it came" in staff_client.get(f"{BASE}/edit?key=invoice&language=de").text
    for door in ("about", "delete"):
        assert staff_client.post(f"{BASE}/{door}?key=invoice", data={"name": "x"}).status_code == 404


def test_a_link_or_code_has_to_be_in_it(staff_client: Browser) -> None:
    make_company()
    db.session.commit()
    for key, field in (("portal_reset", "link"), ("portal_welcome", "link"), ("phone_code", "code")):
        answer = save(staff_client, words(key, body="Nothing"))
        assert f"It has to say {{{{ {field} }}}}" in answer.text


def test_the_preview_is_what_the_customer_gets(app: Flask, staff_client: Browser, offer: str) -> None:
    invoice = issue(customer={"name": "Zoë <b>"})
    db.session.commit()
    typed = words(
        "invoice", body="**Pay {{ invoice.to_pay }}**", subject="No. {{ invoice.number }}", customer=invoice.customer_id
    )
    found = staff_client.post(f"{BASE}/preview", data=typed).json
    assert found["subject"] == "No. INV-00001" and "**Pay €148.03**" in found["text"]
    assert '<p class="figure"><strong>Pay €148.03</strong></p>' in found["html"]
    page = save(staff_client, {**typed, "preview": "1"})
    assert "No. INV-00001" in page.text and db.session.query(TemplateVersion).count() == 0
    assert "'nonce-" in page.headers["Content-Security-Policy"].partition("style-src")[2].partition(";")[0]
    hand = staff_client.post(
        f"{BASE}/preview", data=words(offer, body="{{ customer.name }} {{ x }}", customer=invoice.customer_id)
    )
    assert hand.json["trouble"].startswith("Line 1: There is no field “x”")


def test_a_test_goes_to_whoever_is_signed_in(app: Flask, staff_client: Browser, offer: str, tmp_path: Path) -> None:
    typed = words(offer, subject="Try {{ company.name }}", body="**Hi** {{ company.name }}")
    assert "MAIL_SERVER is missing" in staff_client.post(f"{BASE}/test", data=typed).text
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port, MAIL_DEFAULT_SENDER="us@harbour.example")
        answer = staff_client.post(f"{BASE}/test", data=typed)
        app.config.update(MAIL_SERVER="", MAIL_DEFAULT_SENDER=None)
        assert "Look whether it arrives" in unescape(answer.text)
        (mail,) = server.mails()
    assert mail["Subject"].startswith("Try ") and "<strong>Hi</strong>" in mail.get_body(("html",)).get_content()


def test_a_template_that_was_used_stays(staff_client: Browser, offer: str, by: Any) -> None:
    save(staff_client, words(offer))
    db.session.add(Message(kind="mass", template=offer, created_at=by.at, created_by="x"))
    db.session.commit()
    staff_client.post(f"{BASE}/delete?key={offer}")
    assert db.session.query(MessageTemplate).count() == 1
    db.session.query(Message).delete()
    db.session.commit()
    assert "gone for good" in staff_client.get(f"{BASE}/delete?key={offer}").text
    staff_client.post(f"{BASE}/delete?key={offer}")
    assert db.session.query(MessageTemplate).count() + db.session.query(TemplateVersion).count() == 0


def test_names_are_given_once_and_a_template_needs_a_way(staff_client: Browser, offer: str) -> None:
    for data, why in (
        ({"name": "spring OFFER", "category": "news", "by_mail": "y"}, "There is a template"),
        ({"name": "Other", "category": "news"}, "Choose e-mail, text, or both."),
        ({"name": "Other", "category": "nothing", "by_mail": "y"}, "Choose what kind"),
        ({"name": "", "category": "news", "by_mail": "y"}, "The name is missing."),
    ):
        answer = send(staff_client, f"{BASE}/new", **data)
        assert answer.status_code == 400 and why in answer.text, why
    send(staff_client, f"{BASE}/about?key={offer}", name="Autumn", category="notice", by_text="y")
    row = db.session.query(MessageTemplate).one()
    assert (row.name, row.category, row.by_mail, row.by_text, row.active) == ("Autumn", "notice", False, True, False)


def test_categories_are_made_changed_and_deleted(staff_client: Browser) -> None:
    make_company()
    db.session.commit()
    assert "Invoice or credit note" in staff_client.get(f"{CATEGORIES}/").text
    assert send(staff_client, f"{CATEGORIES}/new", name="Events").status_code == 302
    assert send(staff_client, f"{CATEGORIES}/new", name="events").status_code == 400
    send(staff_client, f"{CATEGORIES}/edit?key=events", name="Meetings", essential="y")
    send(staff_client, f"{CATEGORIES}/edit?key=news", name="Offers", essential="y")
    known = {each.key: each for each in db.session.query(MessageCategory)}
    assert (known["events"].name, known["events"].essential) == ("Meetings", True)
    assert (known["news"].name, known["news"].essential) == ("Offers", False)
    assert staff_client.post(f"{CATEGORIES}/delete?key=news").status_code == 404
    assert "Nobody has opted out" in staff_client.get(f"{CATEGORIES}/delete?key=events").text
    staff_client.post(f"{CATEGORIES}/delete?key=events")
    assert db.session.query(MessageCategory).filter_by(key="events").count() == 0


def test_only_those_who_may(app: Flask, staff_client: Browser, offer: str) -> None:
    viewer = app.test_client()
    sign_in(viewer, "viewer")
    for door in ("save", "preview", "restore", "take-back", "test", f"delete?key={offer}", f"about?key={offer}", "new"):
        assert viewer.post(f"{BASE}/{door}", data=words(offer, version=1)).status_code == 403, door
        assert staff_client.post(f"{BASE}/{door}", data=words(offer, version=1), csrf=False).status_code == 400, door
    for door in ("new", "edit?key=news", "delete?key=news"):
        assert viewer.post(f"{CATEGORIES}/{door}", data={"name": "x"}).status_code == 403
    for door in ("edit?key=nothing", "version?id=99", "about?key=nothing"):
        assert staff_client.get(f"{BASE}/{door}").status_code == 404
    assert db.session.query(TemplateVersion).count() == 0
