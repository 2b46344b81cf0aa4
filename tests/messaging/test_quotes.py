"""The mail that brings a quote: in the reader's words, with its PDF and a link of its own; and none too late."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from delivering import run, serving
from factories import add, make_company, make_customer, make_package
from flask import Flask
from quoting import follows, line, sent_quote, sold

from billing import quote_links, quotes
from billing.actor import Actor
from messaging import previews, quote_document, quote_mail
from messaging.templates import Words
from models import Contact, Customer, Delivery, DeliveryState, LineKind, Quote, QuoteLink, db


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company(name="Harbour", email="office@harbour.example", legal_name="Harbour Ltd")
    anna = make_customer(name="Anna Lindqvist", email="anna@mail.example")
    add(Contact(customer_id=anna.id, name="Carl", email="carl@mail.example"))
    return anna


@pytest.fixture
def quote(customer: Customer, by: Actor) -> Quote:
    return sent_quote(customer, line(), title="New office", by=by)


def send(app: Flask, quote: Quote, folder: Path, by: Actor, *to: str) -> list:  # type: ignore[type-arg]
    quote_mail.queue(quote, to or ["anna@mail.example"], base_url="https://tillbook.example", by=by)
    db.session.commit()
    with serving(app, folder) as server:
        run()
    return server.mails()


def test_each_address_gets_the_pdf_and_a_link_of_its_own(app: Flask, quote: Quote, by: Actor, tmp_path: Path) -> None:
    mails = send(app, quote, tmp_path, by, "anna@mail.example", "CARL@mail.example", "mallory@evil.example")
    assert sorted(mail["To"] for mail in mails) == ["anna@mail.example", "carl@mail.example"]
    links = []
    for mail in mails:
        text = mail.get_body(("plain",)).get_content()
        assert mail["Subject"] == "Quote Q-00001 from Harbour"
        assert "Hello Anna Lindqvist," in text and "New office" in text and "€80.00" in text and "22 Dec 2026" in text
        links += re.findall(r"https://tillbook\.example/portal/quote/(\S+)", text)
        (file,) = mail.iter_attachments()
        assert file.get_filename() == "Q-00001.pdf" and file.get_content().startswith(b"%PDF")
    assert len(set(links)) == 2
    key = app.config["SECRET_KEY"]
    assert {quote_links.find(token, by.today, key=key).quote.id for token in links} == {quote.id}  # type: ignore[union-attr]


def test_the_database_opens_nothing(app: Flask, quote: Quote, by: Actor, tmp_path: Path) -> None:
    (mail,) = send(app, quote, tmp_path, by)
    token = re.search(r"/portal/quote/(\S+)", mail.get_body(("plain",)).get_content())[1]  # type: ignore[index]
    row = db.session.query(QuoteLink).one()
    kept = [getattr(row, column.name) for column in QuoteLink.__table__.columns]
    delivery = db.session.query(Delivery).one()
    assert token not in str(kept) and token not in delivery.sent_text and token not in str(vars(delivery.message))


def test_what_nobody_can_answer_any_more_is_not_sent(app: Flask, quote: Quote, by: Actor, tmp_path: Path) -> None:
    quote_mail.queue(quote, ["anna@mail.example"], base_url="https://tillbook.example", by=by)
    quotes.withdraw(quote, by=by)
    db.session.commit()
    with serving(app, tmp_path) as server:
        assert run() == {"cancelled": 1}
    assert server.mails() == []
    with pytest.raises(quote_mail.NobodyToSendTo):
        quote_mail.queue(quote, ["anna@mail.example"], by=by)


def test_nobody_gets_it_twice_while_it_waits(quote: Quote, by: Actor) -> None:
    for _time in range(2):
        quote_mail.queue(quote, ["anna@mail.example"], base_url="https://tillbook.example", by=by)
    db.session.commit()
    (waiting,) = db.session.query(Delivery).all()
    waiting.state = DeliveryState.SENT
    quote_mail.queue(quote, ["anna@mail.example"], base_url="https://tillbook.example", by=by)
    assert db.session.query(Delivery).count() == 2


def test_only_known_addresses_get_one(quote: Quote, by: Actor) -> None:
    assert quote_mail.addresses(quote) == ["anna@mail.example", "carl@mail.example"]
    for to in ([], ["mallory@evil.example"]):
        with pytest.raises(quote_mail.NobodyToSendTo):
            quote_mail.queue(quote, to, by=by)


def test_the_document_says_what_is_billed_how_often(customer: Customer, by: Actor) -> None:
    fibre = make_package(4500, name="Fibre 500")
    option, ten = follows(fibre, LineKind.OPTION, always=True), {"discount_percent": Decimal(10)}
    items = (
        sold(fibre, months=3, **ten),
        replace(option, line=replace(option.line, **ten)),
        follows(fibre, LineKind.SETUP, "20"),
        line(quantity="55/60"),
    )
    quote = sent_quote(customer, *items, discount_percent=Decimal(5), by=by)
    said = quote_document.document_data(quote)
    assert [one.get("details") for one in said["lines"]] == [
        ["Billed every 3 months", "Discount 10% (€4.50) off the first bill"],
        ["Billed every 3 months", "Discount 10% (€0.50) off every bill"],
        ["Charged once"],
        [],
    ]
    assert [one["quantity"] for one in said["lines"]] == ["1", "1", "1", "55/60"]
    assert said["subtotals"][1]["label"] == "Discount 5%, off the first bill"
    assert said["notes"] == ["From the second period on: €49.50 every 3 months."]
    assert quote.lines[0].kind == LineKind.SERVICE


def test_the_template_is_shown_on_a_quote(customer: Customer, quote: Quote, by: Actor) -> None:
    shown = previews.show(
        "quote", Words("About {{ quote.number }}", "{{ quote.total }} {{ link }}"), customer, at=by.at
    )
    assert shown.said.subject == "About Q-00001" and "€80.00" in shown.said.text and "xxxx" in shown.said.text
