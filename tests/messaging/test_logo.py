"""A mail begins with the picture of whoever writes it, which travels in the mail itself."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from pathlib import Path

import pytest
from delivering import run, serving
from flask import Flask
from mailing import issue, queue
from sample_invoice import logo

from billing.actor import Actor
from messaging import brands, compose
from messaging.outbox import queue_message
from models import Company, Customer, Message, Project, db

PNG = base64.b64decode(logo()["data"])
JPEG = b"\xff\xd8\xff\xe0 a picture"


def sent(app: Flask, folder: Path) -> list[EmailMessage]:
    db.session.commit()
    with serving(app, folder) as server:
        run()
    return server.mails()


def pictures(mail: EmailMessage) -> list[tuple[str, bytes]]:
    return [(each.get_content_type(), each.get_content()) for each in mail.walk() if each["Content-ID"] == "<logo>"]


def write_to(customer: Customer, by: Actor) -> None:
    queue_message("Hello", "Hello\n\nyou", [customer.email], kind="news", about=customer.id, by=by, customer=customer)


def test_an_invoice_comes_with_the_logo_and_its_pdf(app: Flask, tmp_path: Path) -> None:
    invoice = issue()
    db.session.get_one(Company, 1).logo = PNG
    queue(app, invoice)
    (mail,) = sent(app, tmp_path)
    assert pictures(mail) == [("image/png", PNG)]
    html = mail.get_body(("related", "html")).as_string()
    assert 'src=3D"cid:logo"' in html or 'src="cid:logo"' in html
    assert 'alt=3D"Harbour Fibre' in html or 'alt="Harbour Fibre' in html
    assert [each.get_content_type() for each in mail.iter_attachments()] == ["application/pdf"]
    assert "cid:" not in mail.get_body(("plain",)).get_content()


def test_a_brand_has_its_own(app: Flask, by: Actor, tmp_path: Path) -> None:
    mine, other = issue().customer, issue().customer
    db.session.get_one(Company, 1).logo = PNG
    mine.project = Project(name="North", logo=JPEG)
    write_to(mine, by)
    write_to(other, by)
    first, second = sent(app, tmp_path)
    assert (pictures(first), pictures(second)) == ([("image/jpeg", JPEG)], [("image/png", PNG)])
    assert 'alt="North"' in first.get_body(("html",)).get_content()


@pytest.mark.parametrize("picture", [None, b"GIF89a", PNG + b"\0" * brands.LARGEST_LOGO])
def test_without_one_the_name_stands_there(app: Flask, by: Actor, tmp_path: Path, picture: bytes | None) -> None:
    """Nor with one that would make every mail heavy, or that mail programs do not show."""
    customer = issue().customer
    db.session.get_one(Company, 1).logo = picture
    write_to(customer, by)
    (mail,) = sent(app, tmp_path)
    html = mail.get_body(("html",)).get_content()
    assert pictures(mail) == [] and "<img" not in html
    assert '<p class="from">Harbour</p>' in html
    assert mail.get_content_type() == "multipart/alternative"


def test_a_page_shows_it_too(app: Flask, by: Actor) -> None:
    """There are no parts of a mail to find it in."""
    customer = issue().customer
    db.session.get_one(Company, 1).logo = PNG
    write_to(customer, by)
    content = compose.by_hand(db.session.query(Message).one(), customer, by.at)
    assert (content.logo, "cid:" in content.html_to_show) == (PNG, False)
    assert f'src="data:image/png;base64,{logo()["data"]}"' in content.html_to_show
