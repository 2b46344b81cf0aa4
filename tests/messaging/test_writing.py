"""What a person wrote reaches each reader filled in for them, with its files, again and again, while they may."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer
from flask import Flask
from mailserver import mail_server
from signing_in import make_role, make_staff
from sqlalchemy import select

from billing.actor import Actor, NotAllowed
from jobs import deliveries
from jobs import mailings as job
from messaging import mailing_files, mailings, uploads
from models import Contact, Customer, Delivery, Mailing, MailingState, Message, db

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


def draft(by: Actor, **values: Any) -> Mailing:
    mailing = mailings.begin(by=by)
    words = {"subject": "For {{ customer.name }}", "body": "Dear {{ customer.name }}, <b>hello</b>", "category": "news"}
    mailings.change(mailing, words | values, by=by)
    return mailing


def shop() -> None:
    make_company(name="Harbour", email="office@harbour.example", locale="en", timezone="Europe/Dublin")
    make_customer(name="Anna", email="anna@mail.example", language="de")
    bob = make_customer(name="Bob\r\nBcc: x@evil.example", email="bob@mail.example")
    add(Contact(customer_id=bob.id, name="Carl", email="carl@mail.example", gets_news=True))
    db.session.commit()


def test_each_gets_it_filled_in_with_its_file(app: Flask, by: Actor, tmp_path: Path) -> None:
    shop()
    mailing = draft(by, reply_to="desk@harbour.example", with_contacts=True)
    mailing_files.add(mailing, [uploads.keep(io.BytesIO(PDF), "Offer.pdf")], by=by)
    mailings.ask(mailing, by=by)
    db.session.commit()
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        assert deliveries.run()["sent"] == 3
        app.config["MAIL_SERVER"] = ""
    assert sorted(server.recipients()) == ["anna@mail.example", "bob@mail.example", "carl@mail.example"]
    mails = {mail["To"]: mail for mail in server.mails()}
    first = mails["anna@mail.example"]
    assert (first["Subject"], first["Reply-To"], first["Bcc"]) == ("For Anna", "desk@harbour.example", None)
    assert "Dear Anna, <b>hello</b>" in first.get_body(("plain",)).get_content()
    assert "&lt;b&gt;hello" in first.get_body(("html",)).get_content()
    (file,) = first.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("Offer.pdf", PDF)
    assert mails["bob@mail.example"]["Bcc"] is None
    kept = db.session.scalars(select(Delivery).where(Delivery.address == "anna@mail.example")).one()
    assert kept.sent_subject == "For Anna" and "Dear Anna" in kept.sent_text


def test_a_file_that_is_lost_holds_the_mail_back(app: Flask, by: Actor, tmp_path: Path) -> None:
    shop()
    mailing = draft(by, language="de")
    stored = uploads.keep(io.BytesIO(PDF), "Offer.pdf")
    mailing_files.add(mailing, [stored], by=by)
    mailings.ask(mailing, by=by)
    db.session.commit()
    uploads.path_of(stored.stored_name).write_bytes(b"something else")
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        deliveries.run()
        app.config["MAIL_SERVER"] = ""
    assert server.recipients() == []
    delivery = db.session.scalars(select(Delivery)).one()
    assert delivery.state == "queued" and "attachment" in delivery.error


def test_it_repeats_at_the_same_hour_until_it_is_stopped(app: Flask, by: Actor, clock: Clock) -> None:
    shop()
    mailing = draft(by, send_when="at", send_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), every_days=7)
    mailings.ask(mailing, by=by)
    mailing.staff_id, mailing.asked_by = make_staff("owner").id, "Owner"
    db.session.commit()
    assert job.run() == {}
    clock.now = datetime(2026, 11, 23, 9, 0, 5, tzinfo=UTC)
    assert job.run() == {"queued": 1}
    assert mailing.next_at == datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    clock.now = datetime(2027, 3, 29, 12, 0, tzinfo=UTC)  # a long sleep, and summer time has begun
    assert job.run() == {"queued": 1}
    assert mailing.next_at == datetime(2027, 4, 5, 8, 0, tzinfo=UTC)
    assert len(mailings.messages(mailing)) == 2
    mailings.stop(mailing, by=by)
    db.session.commit()
    clock.now = datetime(2027, 12, 1, tzinfo=UTC)
    assert job.run() == {} and mailing.state == MailingState.STOPPED


def test_who_asked_and_may_no_more_sends_nothing(app: Flask, by: Actor, clock: Clock) -> None:
    shop()
    person = make_staff(make_role("writer", "messages.send").name)
    mailing = draft(by, send_when="at", send_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), every_days=1)
    mailings.ask(mailing, by=by)
    mailing.staff_id, mailing.asked_by, person.active = person.id, person.name, False
    db.session.commit()
    clock.now = datetime(2026, 11, 23, 9, 1, tzinfo=UTC)
    job.run()
    assert mailing.state == MailingState.FAILED and mailing.error
    assert db.session.scalar(select(Message.id)) is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"by_mail": False}, "by_mail"),
        ({"subject": ""}, "subject"),
        ({"body": ""}, "body"),
        ({"body": "{{ nobody.knows }}"}, "body"),
        ({"by_text": True, "text_body": "a" * 1601}, "text_body"),
        ({"category": "unheard-of"}, "category"),
        ({"every_days": 999}, "every_days"),
        ({"send_when": "at"}, "send_at"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"template": "gone"}, "template"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(app: Flask, by: Actor, values: dict[str, Any], field: str) -> None:
    shop()
    mailing = draft(by, **values)
    with pytest.raises(mailings.WrongMailing) as refused:
        mailings.ask(mailing, by=by)
    assert list(refused.value.errors) == [field]


def test_the_rules_ask_for_the_right_themselves(app: Flask, by: Actor) -> None:
    shop()
    mailing = draft(by)
    nobody = Actor("Nobody", by.at, by.today)
    for rule in (mailings.ask, mailings.stop, mailings.again, mailings.discard):
        with pytest.raises(NotAllowed):
            rule(mailing, by=nobody)
    with pytest.raises(NotAllowed):
        mailings.begin(by=nobody, customers=select(Customer.id))
    with pytest.raises(NotAllowed):
        mailings.change(mailing, {"legal_notice": True}, by=Actor("A", by.at, by.today, frozenset({"messages.send"})))
