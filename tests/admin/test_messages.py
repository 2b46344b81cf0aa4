"""Writing to customers: begun, kept, seen before it is sent, sent once, stopped, gone on with; files; who may."""

from __future__ import annotations

import io
import re

import pytest
from factories import add, make_company, make_customer
from flask.testing import FlaskClient
from mailserver import mail_server
from signing_in import make_role, sign_in
from sqlalchemy import func, select
from statements import spoken
from texting import texting

from billing import opt_outs
from jobs import mailings as job
from jobs import texts
from messaging import mailing_previews, template_rules, uploads
from messaging.templates import Words
from models import (
    AuditEvent,
    Channel,
    CustomerGroup,
    Delivery,
    DeliveryState,
    Mailing,
    MailingCustomer,
    MailingFile,
    MailingState,
    Message,
    MessageTemplate,
    db,
)

LIST, NEW, EDIT = "/admin/messages/", "/admin/messages/new/", "/admin/messages/edit/"
WORDS = {"subject": "Spring for {{ customer.first_name }}", "body": "Dear {{ customer.name }}\n\nHello", "by_mail": "y"}
REST = {"category": "news", "language": "", "template": "", "send_when": "now"}
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


@pytest.fixture
def panel(client: FlaskClient) -> FlaskClient:
    make_company(name="Harbour", email="office@harbour.example", country="IE", timezone="Europe/Dublin")
    db.session.commit()
    sign_in(client)
    return client


def token(page: str) -> str:
    return re.search(r'name="form_token" value="([^"]+)"', page)[1]  # type: ignore[index]


def begin(panel: FlaskClient, **data: str) -> int:
    sent = {"to": "all", "by": "email", "form_token": token(panel.get(NEW).text), **data}
    answer = panel.post(NEW, data=sent)
    assert answer.status_code == 302, answer.text
    return int(re.search(r"id=(\d+)", answer.location)[1])  # type: ignore[index]


def write(panel: FlaskClient, mailing_id: int, do: str = "save", **data: object):
    page = panel.get(f"{EDIT}?id={mailing_id}").text
    sent = {**WORDS, **REST, "form_token": token(page), "do": do, **data}
    return panel.post(f"{EDIT}?id={mailing_id}", data={k: v for k, v in sent.items() if v is not None})


def send(panel: FlaskClient, number: int, times: int = 1):
    page = panel.get(f"/admin/messages/review/?id={number}").text
    data = {"form_token": token(page)}
    return [panel.post(f"/admin/messages/send/?id={number}", data=data) for _ in range(times)][-1]


def people() -> dict[str, int]:
    made = {
        "ann": make_customer(name="Ann <b>Byrne</b>", email="ann@mail.example", language="de"),
        "bob": make_customer(name="Bob", email="bob@mail.example"),
        "none": make_customer(name="Nina", email=""),
        "off": make_customer(name="Otto", email="otto@mail.example", status="disabled"),
        "out": make_customer(name="Una", email="una@mail.example"),
    }
    from billing.actor import Actor
    from web import sessions

    by = Actor("Test", sessions.now(), sessions.now().date(), None)
    opt_outs.add(Channel.EMAIL, customer=made["out"], category="news", source="staff", by=by)
    db.session.commit()
    return {name: row.id for name, row in made.items()}


def addresses() -> list[str]:
    db.session.expire_all()
    return sorted(db.session.scalars(select(Delivery.address)))


def test_a_message_is_written_looked_at_and_sent_once(panel):
    known = people()
    number = begin(panel)
    assert write(panel, number, "review").location.endswith(f"review/?id={number}")
    page = panel.get(f"/admin/messages/review/?id={number}").text
    for words in ("Send 2 mails", "No address", "Opted out", "Disabled or archived", "Ann &lt;b&gt;Byrne&lt;/b&gt;"):
        assert words in page
    framed = panel.get(f"/admin/messages/preview/?id={number}&for={known['ann']}")
    assert "Dear Ann &lt;b&gt;Byrne&lt;/b&gt;" in framed.text
    assert "sandbox" in framed.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]
    assert send(panel, number, times=2).location.endswith(f"details/?id={number}")
    assert addresses() == ["ann@mail.example", "bob@mail.example"]
    page = panel.get(f"/admin/messages/details/?id={number}").text
    assert "0 of 2" in page and "ann@mail.example" in page
    assert "0 of 2" in panel.get(LIST).text
    mine = panel.get(f"/admin/customer/details/?id={known['ann']}&tab=messages").text
    assert "ann@mail.example" in mine
    assert panel.get(f"{EDIT}?id={number}").location.endswith(f"details/?id={number}")  # no draft any more
    db.session.expire_all()
    assert db.session.scalar(select(func.count(Message.id))) == 1


def test_a_draft_survives_and_says_what_is_wrong(panel):
    people()
    number = begin(panel)
    page = write(panel, number, "review", subject="", body="Hi {{ customer.__class__ }}")
    assert page.status_code == 200 and "A mail needs a subject." in page.text and "Line 1" in page.text
    assert "Hi {{ customer.__class__ }}" in panel.get(f"{EDIT}?id={number}").text
    kept = panel.post(f"/admin/messages/keep/?id={number}", data={**WORDS, **REST, "body": "Kept words"})
    assert kept.status_code == 200 and "Who gets it" in kept.text
    assert "Kept words" in panel.get(f"{EDIT}?id={number}").text
    assert not addresses()


@pytest.mark.parametrize(
    "words",
    ["{{ ''.__class__ }}", "{{ config }}", "{{ self }}", "{% include 'x' %}", "{{ customer|attr('x') }}", "{{ 7*7 }}"],
)
def test_words_never_reach_python(panel, words):
    people()
    number = begin(panel)
    page = write(panel, number, "review", body=f"One\n{words}")
    assert page.status_code == 200 and "Line 2" in page.text
    answer = panel.post(f"/admin/messages/send/?id={number}", data={"form_token": "x" * 20})
    assert answer.location.endswith(f"edit/?id={number}") and not addresses()


def test_braces_of_other_languages_and_html_stay_as_typed(panel, clock):
    known = people()
    number = begin(panel)
    write(panel, number, body="{customer.__init__.__globals__} <img src=x onerror=alert(1)><iframe>")
    framed = panel.get(f"/admin/messages/preview/?id={number}&for={known['bob']}").text
    assert "&lt;img" in framed and "<img" not in framed and "<iframe" not in framed
    mailing = db.session.get(Mailing, number)
    assert "{customer.__init__.__globals__}" in mailing_previews.text(mailing, None, at=clock())


def test_a_subject_and_an_address_for_answers_are_one_line(panel):
    people()
    number = begin(panel)
    write(panel, number, subject="Hello\r\nBcc: x@evil.example")
    assert db.session.get(Mailing, number).subject == "Hello Bcc: x@evil.example"
    page = write(panel, number, "review", reply_to="a@b.example\r\nBcc: x@evil.example")
    assert page.status_code == 200 and "not a valid e-mail address" in page.text


def file(name: str, data: bytes = PDF):
    return (io.BytesIO(data), name)


def test_files_go_along_under_names_of_our_own(panel):
    people()
    number = begin(panel)
    write(panel, number, "attach", files=[file("../../Offer é.pdf"), file("c.txt", b"words")])
    stored = list(db.session.scalars(select(MailingFile).order_by(MailingFile.id)))
    assert [one.name for one in stored] == ["Offer é.pdf", "c.txt"]
    names = [one.stored_name for one in stored]
    assert all(
        re.fullmatch("[0-9a-f]{32}", one.stored_name) and uploads.path_of(one.stored_name).exists() for one in stored
    )
    got = panel.get(f"/admin/messages/file/?id={number}&file={stored[0].id}")
    assert got.data == PDF and "\n" not in got.headers["Content-Disposition"]
    assert "filename*=UTF-8''Offer%20%C3%A9.pdf" in got.headers["Content-Disposition"]
    other = begin(panel)
    assert panel.get(f"/admin/messages/file/?id={other}&file={stored[0].id}").status_code == 404
    assert write(panel, other, unfile=str(stored[0].id)).status_code == 404
    write(panel, number, unfile=str(stored[1].id))
    assert not uploads.path_of(names[1]).exists()
    panel.post(f"/admin/messages/discard/?id={number}")
    assert not uploads.path_of(names[0]).exists() and db.session.get(Mailing, number) is None


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.php", b"<?php"), ("a.html", b"<p>"), ("a.pdf", b"<html>"), ("a.pdf.exe", PDF), ("a.php.pdf", PDF), ("a", PDF)],
)
def test_files_that_are_not_what_they_say_are_refused_and_the_words_are_kept(panel, name, data):
    people()
    number = begin(panel)
    write(panel, number, body="First")
    there = set(uploads.root().glob("??/*"))
    write(panel, number, "attach", body="First", files=[file("good.pdf"), file(name, data)])
    assert not db.session.scalar(select(func.count(MailingFile.id)))
    assert set(uploads.root().glob("??/*")) == there
    assert "First" in panel.get(f"{EDIT}?id={number}").text


def test_chosen_customers_a_group_and_one_customer(panel):
    known = people()
    group = add(CustomerGroup(name="Gold"))
    db.session.commit()
    assert panel.post(NEW, data={"to": "group.999", "by": "email", "form_token": "x" * 20}).status_code == 404
    assert panel.post(NEW, data={"to": "nobody", "by": "email", "form_token": "y" * 20}).status_code == 404
    write(panel, number := begin(panel, to=f"group.{group.id}"))
    assert "Group Gold" in panel.get(f"{EDIT}?id={number}").text
    write(panel, number := begin(panel, to=f"customer.{known['bob']}"))
    send(panel, number)
    assert addresses() == ["bob@mail.example"]
    assert db.session.scalar(select(Message.customer_id)) == known["bob"]
    ticked = {"action": "mail", "rowid": [str(known["ann"]), str(known["bob"])]}
    answer = panel.post("/admin/customer/action/", data=ticked)
    number = int(re.search(r"id=(\d+)", answer.location)[1])
    assert set(db.session.scalars(select(MailingCustomer.customer_id).where(MailingCustomer.mailing_id == number))) == {
        known["ann"], known["bob"],
    }  # fmt: skip
    write(panel, number, language="de")
    send(panel, number)
    assert addresses() == ["ann@mail.example", "bob@mail.example"]


def test_a_legal_notice_needs_its_right_and_is_written_down(client):
    make_company(name="Harbour", email="office@harbour.example")
    known = people()
    make_role("writer", "customers.view", "messages.view", "messages.send")
    db.session.commit()
    sign_in(client, role="writer")
    number = begin(client, to=f"customer.{known['out']}")
    write(client, number, legal_notice="y")
    assert not db.session.get(Mailing, number).legal_notice
    assert "Legal notice" not in client.get(f"{EDIT}?id={number}").text
    sign_in(client)
    write(client, number, legal_notice="y")
    send(client, number)
    assert addresses() == ["una@mail.example"]
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "mailing.asked_for")).one()
    assert told.after["legal_notice"] is True


def test_who_may_not_send_sees_and_changes_nothing(client):
    make_company(name="Harbour", email="office@harbour.example")
    people()
    sign_in(client)
    number = begin(client)
    write(client, number)
    make_role("reader", "messages.view", "customers.view")
    db.session.commit()
    sign_in(client, role="reader")
    assert "Write a message" not in client.get(LIST).text
    assert client.get(f"/admin/messages/details/?id={number}").status_code == 200
    for door in ("edit", "review", "new"):
        assert client.get(f"/admin/messages/{door}/?id={number}").status_code == 403
    for door in ("edit", "keep", "send", "discard", "stop", "again", "new"):
        data = {**WORDS, **REST, "form_token": "x" * 20, "to": "all"}
        assert client.post(f"/admin/messages/{door}/?id={number}", data=data).status_code == 403, door
    assert client.post("/admin/customer/action/", data={"action": "mail", "rowid": "1"}).status_code == 404
    assert not addresses()


def test_fields_nobody_offered_change_nothing(panel):
    people()
    number = begin(panel)
    write(panel, number, state="queued", created_by="Somebody", total="9", staff_id="1", message_id="4")
    row = db.session.get(Mailing, number)
    assert (row.state, row.total, row.created_by == "Somebody") == (MailingState.DRAFT, 0, False)
    assert panel.get(f"{EDIT}?id=999").status_code == 404


def test_stop_and_go_on(panel):
    people()
    write(panel, number := begin(panel))
    send(panel, number)
    panel.post(f"/admin/messages/stop/?id={number}")
    states = select(Delivery.state).distinct()
    assert list(db.session.scalars(states)) == [DeliveryState.CANCELLED]
    page = panel.get(f"/admin/messages/details/?id={number}").text
    assert "Go on sending" in page and "Stopped" in page
    panel.post(f"/admin/messages/again/?id={number}")
    db.session.expire_all()
    assert list(db.session.scalars(states)) == [DeliveryState.QUEUED]
    assert db.session.scalar(select(Message.stopped_at)) is None


def test_at_a_time_at_night_and_every_week(panel, clock):
    people()
    write(panel, number := begin(panel), send_when="at", send_at="2026-11-30T09:30")
    assert write(panel, number, "review", send_when="at", send_at="2020-01-01T09:30").status_code == 200
    write(panel, number, send_when="at", send_at="2099-11-30T09:30", every_days="7")
    send(panel, number)
    row = db.session.get(Mailing, number)
    assert row.state == MailingState.REPEATING and row.next_at.isoformat() == "2099-11-30T09:30:00+00:00"
    assert not addresses() and "The next time is" in panel.get(f"/admin/messages/details/?id={number}").text
    panel.post(f"/admin/messages/stop/?id={number}")
    assert db.session.get(Mailing, number).state == MailingState.STOPPED
    write(panel, number := begin(panel), send_when="night")
    send(panel, number)
    assert db.session.scalar(select(Message.send_at)) is not None
    assert "It leaves" in panel.get(f"/admin/messages/details/?id={number}").text


def test_a_large_one_is_queued_by_the_scheduler(panel):
    for i in range(505):
        make_customer(name=f"Many {i}", email=f"many{i}@mail.example")
    db.session.commit()
    write(panel, number := begin(panel))
    send(panel, number)
    assert not addresses() and "Being put into the outbox" in panel.get(f"/admin/messages/details/?id={number}").text
    assert job.run() == {"queued": 1} and job.run() == {}
    assert len(addresses()) == 505
    with spoken() as said:
        assert "0 of 505" in panel.get(LIST).text
    assert len(said) <= 6, said


def test_a_try_of_it_goes_to_oneself(panel, app, tmp_path):
    make_customer(name="Ann Byrne", email="ann@mail.example")
    db.session.commit()
    number = begin(panel)
    assert "MAIL_SERVER is missing" in panel.get(write(panel, number, "test_mail").location).text
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port, MAIL_DEFAULT_SENDER="us@harbour.example")
        answer = panel.get(write(panel, number, "test_mail").location)
        app.config.update(MAIL_SERVER="", MAIL_DEFAULT_SENDER=None)
        assert "Look whether it arrives" in answer.text
        (mail,) = server.mails()
    assert (mail["To"], mail["Subject"]) == ("owner@staff.example", "Spring for Ann")
    with texting(app, tmp_path) as server:
        answer = panel.get(write(panel, number, "test_text", number="086 123 4567").location)
        assert "Sent to 086 123 4567" in answer.text and server.numbers() == ["+353861234567"]
        assert "Dear Ann Byrne" in server.texts()[0]["body"]
    db.session.expire_all()
    tried = db.session.scalars(
        select(AuditEvent.verb).where(AuditEvent.object_type == "mailing").order_by(AuditEvent.id)
    )
    assert [verb for verb in tried if verb.endswith("tested")] == ["mail.tested", "text.tested"]
    assert not addresses()


def test_texts_of_a_message_leave_with_their_own_words(panel, app, tmp_path):
    make_customer(name="Ann Byrne", phone="086 123 4501", phone_e164="+353861234501")
    make_customer(name="Bob", phone="")
    db.session.commit()
    number = begin(panel, by="sms")
    sent = {"by_mail": None, "by_text": "y", "text_body": "Hello {{ customer.first_name }}"}
    page = panel.get(write(panel, number, "review", **sent).location).text
    assert "Send 1 text" in page and "No address" in page
    send(panel, number)
    assert addresses() == ["+353861234501"]
    with texting(app, tmp_path) as server:
        texts.run()
        assert [one["body"] for one in server.texts()] == ["Hello Ann"]


def test_a_template_is_picked_and_its_words_are_taken_over(panel, by):
    make_customer(name="Ann Byrne", email="ann@mail.example")
    add(MessageTemplate(key="spring", name="Spring", category="news", by_mail=True, by_text=False, active=True))
    words = Words("Spring, {{ customer.first_name }}", "Hi {{ customer.name }}", "", "en")
    template_rules.save("spring", words, by=by)
    db.session.commit()
    number = begin(panel)
    picked = {"subject": "", "body": "", "template": "spring"}
    page = panel.get(write(panel, number, "review", **picked).location).text
    assert "Spring, Ann" in page and "Send 1 mail" in page
    panel.get(write(panel, number, "own_words", **picked).location)
    db.session.expire_all()
    mailing = db.session.get(Mailing, number)
    assert (mailing.template, mailing.body) == ("", "Hi {{ customer.name }}")
