"""One message to many: each address once, nobody who should not get it, stopped when asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer
from flask import Flask
from mailserver import mail_server
from sqlalchemy import select
from texting import NUMBERS, texted
from texting import run as run_texts

from billing import opt_outs
from billing.actor import Actor, NotAllowed
from jobs import deliveries
from messaging import mass
from messaging.mass import Draft
from models import AuditEvent, Channel, Contact, Customer, CustomerStatus, Delivery, TextPrice, db

ALL = select(Customer.id)
EMAIL, SMS = Channel.EMAIL, Channel.SMS


def news(**values: Any) -> Draft:
    return Draft(**{"customers": ALL, "subject": "Spring", "body": "Hello", "category": "news", **values})


def people(by: Actor) -> dict[str, Customer]:
    make_company(name="Harbour", email="office@harbour.example", locale="en", timezone="Europe/Dublin")
    made = {
        "ann": make_customer(email="ann@mail.example", phone="086 123 4501", language="de"),
        "twin": make_customer(email="ANN@mail.example", phone="+353861234501", language="de_AT"),
        "bob": make_customer(email="bob@mail.example", phone="086 123 4502"),
        "none": make_customer(email=" ", phone=""),
        "gone": make_customer(email="gone@mail.example", phone="+14155550100", email_state="bounced"),
        "off": make_customer(email="off@mail.example", phone="086 123 4503", status=CustomerStatus.DISABLED),
        "out": make_customer(email="out@mail.example", phone="086 123 4504"),
        "bad": make_customer(email="bad@mail.example", phone="12345", phone_state="invalid"),
    }
    for channel in Channel:
        opt_outs.add(channel, customer=made["out"], category="news", source="staff", by=by)
    opt_outs.add(SMS, address=NUMBERS[2], source="stop", by=by)
    opt_outs.add(EMAIL, address="bad@mail.example", source="link", category="offers", by=by)
    db.session.commit()
    return made


def test_who_gets_a_mail_and_who_not_and_why(app: Flask, by: Actor) -> None:
    made = people(by)
    counted = mass.tally(news())[EMAIL]
    assert (counted.going, counted.left_out) == (
        3, {"no_address": 1, "bounced": 1, "disabled": 1, "opted_out": 1, "twice": 1},
    )  # fmt: skip
    lines = mass.recipients(news(), EMAIL, limit=5) + mass.recipients(news(), EMAIL, after=(made["gone"].id, 0))
    assert {line.customer_id: line.reason for line in lines} == {
        made["ann"].id: "", made["twin"].id: "twice", made["bob"].id: "", made["none"].id: "no_address",
        made["gone"].id: "bounced", made["off"].id: "disabled", made["out"].id: "opted_out", made["bad"].id: "",
    }  # fmt: skip
    essential = mass.tally(news(category="notice"))[EMAIL]
    assert (essential.going, essential.left_out) == (5, {"no_address": 1, "disabled": 1, "twice": 1})
    assert mass.tally(news(category="offers"))[EMAIL].left_out["opted_out"] == 1
    assert mass.tally(news(language="de"))[EMAIL].going == 1
    assert mass.tally(news(customers=ALL.where(Customer.id == made["bob"].id)))[EMAIL].going == 1


def test_who_gets_a_text_and_what_it_costs(app: Flask, by: Actor) -> None:
    people(by)
    add(TextPrice(prefix="+353", price_micro=75_000))
    counted = mass.tally(news(channels=(SMS,), body="a" * 161))[SMS]
    assert (counted.going, counted.segments, counted.cost_micro, counted.currency) == (1, 2, 150_000, "EUR")
    assert counted.left_out == {
        "no_address": 1, "twice": 1, "country": 1, "disabled": 1, "opted_out": 2, "wrong_number": 1,
    }  # fmt: skip
    legal = mass.tally(news(channels=(SMS,), legal_notice=True))[SMS]
    assert (legal.going, legal.left_out["opted_out"]) == (2, 1)  # the number that said STOP gets nothing


def test_a_number_is_told_twice_on_every_page_of_the_recipients(app: Flask, by: Actor) -> None:
    make_company(timezone="Europe/Dublin")
    for name in ("Ann", "Bob", "Cleo"):
        make_customer(name=name, phone="086 123 4501", phone_e164="+353861234501")
    pages, after = [], (0, 0)
    for _page in range(3):
        [line] = mass.recipients(news(channels=(SMS,)), SMS, after=after, limit=1)
        pages, after = [*pages, line.reason], (line.customer_id, 0)
    assert pages == ["", "twice", "twice"]


def test_contacts_who_want_news_get_a_copy(app: Flask, by: Actor) -> None:
    made = people(by)
    for email, wants in (("carl@mail.example", True), ("dora@mail.example", False), ("bob@mail.example", True)):
        add(Contact(customer_id=made["bob"].id, name=email, email=email, gets_news=wants))
    eve = add(Contact(customer_id=made["bob"].id, name="Eve", email="eve@mail.example", gets_news=True))
    opt_outs.add(EMAIL, contact=eve, category="news", source="staff", by=by)
    message = mass.queue(news(with_contacts=True), by=by)
    got = sorted(db.session.scalars(select(Delivery.address).where(Delivery.message_id == message.id)))
    assert got == ["ann@mail.example", "bad@mail.example", "bob@mail.example", "carl@mail.example"]


def test_it_is_queued_once_audited_and_sent(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    people(by)
    message = mass.queue(news(channels=(EMAIL, SMS), reply_to="desk@harbour.example"), by=by)
    db.session.commit()
    assert mass.progress(message) == mass.Progress({"queued": 4}, 0, 4)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "message.queued")).one()
    assert (event.after["mails"], event.after["texts"]) == (3, 1)
    db.session.rollback()
    with mail_server(tmp_path) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        assert deliveries.run()["sent"] == 3
        app.config["MAIL_SERVER"] = ""
    assert {mail["Reply-To"] for mail in server.mails()} == {"desk@harbour.example"}
    assert mass.progress(message).done == 3
    assert run_texts()["waiting"] == 1


def test_it_leaves_when_it_should(app: Flask, by: Actor, clock: Clock) -> None:
    people(by)
    assert mass.tonight(clock()) == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    message = mass.queue(news(send_at=mass.tonight(clock())), by=by)
    assert {d.next_try_at for d in message.deliveries} == {datetime(2026, 11, 23, 2, 0, tzinfo=UTC)}


def test_stopped_while_it_runs(app: Flask, by: Actor, clock: Clock, tmp_path: Path) -> None:
    """What is reserved by a worker at that moment does not leave either."""
    from messaging import compose, deliver

    people(by)
    message = mass.queue(news(), by=by)
    db.session.commit()
    first, second, _third = deliver.claim(9, worker="w", by=by)
    letter = compose.letter_for(db.session.get_one(Delivery, first), at=by.at)
    deliver.begin(first, letter, worker="w", by=by)
    db.session.commit()
    assert mass.stop(message, by=by) == 2
    db.session.commit()
    assert deliver.begin(second, letter, worker="w", by=by) is None
    with pytest.raises(compose.NotNeeded):
        compose.letter_for(db.session.get_one(Delivery, second), at=by.at)
    assert mass.progress(message).states == {"sending": 1, "cancelled": 2}
    assert mass.stop(message, by=by) == 0


def test_only_those_may_who_may(app: Flask, by: Actor, clock: Clock) -> None:
    people(by)
    nobody = Actor("Vera", clock(), clock().date())
    clerk = Actor("Carl", clock(), clock().date(), permissions=frozenset({"messages.send"}))
    for draft, who in ((news(), nobody), (news(legal_notice=True), clerk)):
        with pytest.raises(NotAllowed):
            mass.queue(draft, by=who)
    message = mass.queue(news(), by=clerk)
    with pytest.raises(NotAllowed):
        mass.stop(message, by=nobody)


@pytest.mark.parametrize(
    "values",
    [
        {"subject": " "},
        {"body": ""},
        {"subject": "x\nBcc: y@z.example"},
        {"subject": "x" * 301},
        {"channels": ()},
        {"channels": (SMS,), "body": ""},
        {"channels": (SMS,), "body": "x" * 1601},
        {"customers": ALL.where(Customer.id == -1)},
    ],
)
def test_what_cannot_be_sent(app: Flask, by: Actor, values: dict[str, Any]) -> None:
    people(by)
    with pytest.raises(mass.CannotSend):
        mass.queue(news(**values), by=by)
    db.session.rollback()
    assert db.session.query(Delivery).count() == 0


def test_many_texts_go_in_chunks(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mass, "CHUNK", 7)
    for number in NUMBERS[:30]:
        texted(number)
    message = mass.queue(news(channels=(SMS,)), by=by)
    assert mass.progress(message).total == 30
    assert len(mass.recipients(news(channels=(SMS,)), SMS, limit=10)) == 10


def test_a_new_address_is_tried_again(app: Flask, by: Actor) -> None:
    gone = people(by)["gone"]
    gone.email = "new@mail.example"
    db.session.flush()
    assert gone.email_state == ""
