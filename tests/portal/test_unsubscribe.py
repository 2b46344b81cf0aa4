"""One click ends a kind of mail; looking at the link ends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clock
from factories import make_company, make_customer
from flask import Flask
from itsdangerous import URLSafeSerializer
from mailserver import mail_server
from signing_in import Browser
from snapshot import snapshot

from billing.actor import Actor
from jobs import deliveries
from messaging.outbox import queue_message
from models import Channel, Delivery, OptOut, db


@pytest.fixture
def base(app: Flask) -> Iterator[str]:
    app.config["BASE_URL"] = "https://bills.example"
    yield app.config["BASE_URL"]
    app.config["BASE_URL"] = ""


def news(by: Actor, about: str, *, essential: bool = False, to: str = "ann@mail.example") -> Delivery:
    if not db.session.get(__import__("models").Company, 1):
        make_company(name="Harbour", email="office@harbour.example", locale="en")
    customer = make_customer(email=to)
    message = queue_message(
        "Spring", "Hello", [to], kind="news", about=about, by=by, customer=customer, essential=essential,
        category="" if essential else "news",
    )  # fmt: skip
    assert message
    db.session.commit()
    delivery = message.deliveries[0]
    db.session.rollback()
    return delivery


def sent_mails(app: Flask, folder: Path) -> list:
    with mail_server(folder) as server:
        app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=server.port)
        deliveries.run()
        app.config["MAIL_SERVER"] = ""
        return server.mails()


def test_one_click_of_the_mail_program(app: Flask, client: Browser, by: Actor, base: str, tmp_path: Path) -> None:
    news(by, "spring")
    news(by, "bill", essential=True)
    mails = {mail["List-Unsubscribe"] is not None: mail for mail in sent_mails(app, tmp_path / "one")}
    assert mails[False]["List-Unsubscribe-Post"] is None  # nobody opts out of what is essential
    mail = mails[True]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>").replace(base, "")
    before = snapshot()
    page = client.get(link)
    assert (page.status_code, "ann@mail.example" in page.text, "News and offers" in page.text) == (200, True, True)
    assert snapshot() == before
    answer = client.post(link, data={"List-Unsubscribe": "One-Click"}, csrf=False)
    assert answer.status_code == 303
    (row,) = db.session.query(OptOut)
    assert (row.channel, row.who, row.category, row.source) == (
        Channel.EMAIL, "address:ann@mail.example", "news", "link",
    )  # fmt: skip
    client.post(link, data={"List-Unsubscribe": "One-Click"}, csrf=False)
    assert db.session.query(OptOut).count() == 1
    news(by, "summer")
    news(by, "next bill", essential=True)
    assert len(sent_mails(app, tmp_path / "two")) == 1
    assert "Get them again" in client.get(link).text
    client.post(link, data={"want": "again"}, csrf=False)
    assert db.session.query(OptOut).count() == 0


def test_a_link_is_for_this_mail_and_not_for_ever(
    app: Flask, client: Browser, by: Actor, clock: Clock, base: str
) -> None:
    from messaging import unsubscribe

    delivery, other, bill = news(by, "a"), news(by, "b", to="bob@mail.example"), news(by, "c", essential=True)
    token = unsubscribe.token_for(delivery, at=clock())
    assert unsubscribe.read(token, at=clock()).id == delivery.id
    foreign = URLSafeSerializer(app.config["SECRET_KEY"], salt="set-password").dumps([delivery.id, "2099-01-01"])
    wrong = URLSafeSerializer(app.config["SECRET_KEY"], salt="unsubscribe").dumps("x")
    of_bill = unsubscribe.token_for(bill, at=clock())
    for bad in (token[:-1] + ("A" if token[-1] != "A" else "B"), foreign, wrong, of_bill, "x", "." * 300):
        assert client.get(f"/unsubscribe/{bad}").status_code == 404
        assert client.post(f"/unsubscribe/{bad}", csrf=False).status_code == 404
    assert unsubscribe.read(token, at=clock() + timedelta(days=729)) is not None
    assert unsubscribe.read(token, at=clock() + timedelta(days=731)) is None
    assert db.session.query(OptOut).count() == 0
    assert other.id != delivery.id
