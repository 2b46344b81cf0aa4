"""Mails are written from plain values in a sandbox, in the customer's way of writing, with nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from mailing import issue, queue

from messaging import brands
from messaging.compose import CannotBeWritten, letter_for, sender_address
from messaging.mail_frame import render
from models import Company, Project, db


def test_the_mail_of_an_invoice(app: Flask) -> None:
    (delivery,) = queue(app, issue(customer={"name": "<b>Zoë</b> {{ 7 * 7 }}"}))
    letter = letter_for(delivery, at=app.clock())
    assert letter.subject == "Invoice INV-00001 from Harbour Fibre & Hosting Ltd"
    for text in (letter.text, letter.html):
        assert all(word in text for word in ("INV-00001", "€148.03", "15 Nov 2026", "IE29 AIBK 9311 5212 3456 78"))
    assert "<b>Zoë</b> {{ 7 * 7 }}" in letter.text
    assert "&lt;b&gt;Zoë&lt;/b&gt; {{ 7 * 7 }}" in letter.html
    assert "49" not in letter.html.partition("</style>")[2]
    assert "\n\n\n" not in letter.text.strip()
    assert [a.filename for a in letter.attachments] == ["INV-00001.pdf"]


def test_nothing_is_loaded_from_outside(app: Flask) -> None:
    (delivery,) = queue(app, issue())
    html = letter_for(delivery, at=app.clock()).html
    assert not re.search(r"https?:|//|<img|<link|<script|url\(|@import|style=|\son\w+=", html)


def test_a_settled_invoice_asks_for_nothing(app: Flask) -> None:
    invoice = issue()
    invoice.open_minor = 0
    (delivery,) = queue(app, invoice)
    letter = letter_for(delivery, at=app.clock())
    assert "settled already" in letter.text
    assert "IBAN" not in letter.text + letter.html


def test_without_a_sender_setting_the_company_writes(app: Flask) -> None:
    (delivery,) = queue(app, issue())
    letter = letter_for(delivery, at=app.clock())
    assert (letter.sender, letter.reply_to) == ("office@harbour.example", "billing@harbour.example")
    app.config["MAIL_DEFAULT_SENDER"] = "Harbour <Billing@harbour.example>"
    try:
        letter = letter_for(delivery, at=app.clock())
        assert (letter.sender, letter.reply_to) == ("Billing@harbour.example", "")
    finally:
        app.config["MAIL_DEFAULT_SENDER"] = None
    db.session.get(Company, 1).email = ""
    assert sender_address() == ""


SPITEFUL = [
    "{{ nothing_of_that_name }}",
    "{{ ''.__class__ }}",
    "{{ rows.append(1) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{% for x in range(999999) %}{% endfor %}",
    "{% include '../../app.py' %}",
    "{{ 1 / 0",
    "{{ ''|no_such_filter }}",
]


@pytest.mark.parametrize("source", SPITEFUL)
def test_a_bad_template_says_so_and_reaches_nothing(app: Flask, tmp_path: Path, source: str) -> None:
    (tmp_path / "bad.txt").write_text(source)
    with pytest.raises(CannotBeWritten, match=r"template .* cannot be used"):
        render("bad.txt", {"rows": []}, folder=tmp_path)


def test_the_way_of_writing_is_the_customers(app: Flask) -> None:
    (delivery,) = queue(app, issue(customer={"language": "de"}))
    letter = letter_for(delivery, at=app.clock())
    assert "148,03" in letter.text
    assert '<html lang="en" dir="ltr">' in letter.html  # the words are English until somebody translates them


def test_customers_of_a_brand_are_written_to_in_its_name(app: Flask) -> None:
    invoice = issue()
    brand = Project(name="North", sender_email="post@north.example", email="hi@north.example")
    invoice.customer.project = brand
    db.session.flush()
    (delivery,) = queue(app, invoice)
    letter = letter_for(delivery, at=app.clock())
    assert letter.sender == "post@north.example" and letter.message_id.endswith("@north.example>")
    known = brands.of(invoice.customer)
    assert (known.name, known.email) == ("North", "hi@north.example")
    brand.email = brand.sender_email = ""
    db.session.flush()
    assert letter_for(delivery, at=app.clock()).sender == "office@harbour.example"
    assert brands.of(invoice.customer).email == brands.of(None).email
