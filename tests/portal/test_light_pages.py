"""Portal pages stay light with much on them: few statements, few bytes, and all of the first load together."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from factories import make_invoice, make_package, make_service
from flask import Flask
from guests import let_in, sign_in_guest
from mailing import issue
from quoting import line, sent_quote
from security.pages import Walk
from signing_in import Browser
from statements import spoken

from billing import credits, payments, top_ups
from billing.actor import Actor
from billing.notes import add_note
from billing.outbox import queue_invoices
from models import Customer, Delivery, DeliveryState, Money, PaymentWay, db

MUCH = 30
STATEMENTS, BYTES, FIRST_LOAD = 10, 40_000, 150_000
OTHERS = {"portal.account", "portal.statement"}


@pytest.fixture
def customer(app: Flask, by: Actor) -> Customer:
    """Somebody with much of everything, and long names."""
    found = issue(customer={"email": "anna@lindqvist.example", "name": "Lindqvist Design and Daughters"}).customer
    long = "A rather long name of something that is sold, as people have them " * 2
    package = make_package(name=long[:120])
    invoices = [make_invoice(found, 4900, due_on=date(2026, 11, 1), seller="{}", buyer="{}") for _n in range(MUCH)]
    for n in range(MUCH):
        make_service(found, package, description=f"{long[:110]} {n}")
        credits.grant(found, Money(1500 + n, "EUR"), reason=f"{long[:90]} {n}", on=by.today, by=by)
        sent_quote(found, line(long[:100]), by=by, title=long[:110])
    for n, invoice in enumerate(invoices[:20]):
        payments.record(found, Money(4900 + n, "EUR"), method="Bank transfer", received_on=by.today, invoices=[invoice],
                        reference=f"{long[:90]} {n}", by=by)  # fmt: skip
    top_ups.top_up(found, Money(5000, "EUR"), method="Cash", received_on=by.today, by=by)
    for n in range(4):
        add_note(found, f"{long} {n}" * 3, shown_to_customer=True, by=by)
    db.session.add_all(PaymentWay(name=f"Way {n}", instructions=long * 2, position=n) for n in range(4))
    queue_invoices([(one.id, found.id, [found.email]) for one in invoices], at=by.at, by="Tillbook")
    for delivery in db.session.query(Delivery):
        delivery.sent_subject, delivery.sent_text = f"Your invoice, {long}", long * 40
        delivery.state, delivery.sent_at = DeliveryState.SENT, by.at + timedelta(minutes=delivery.id % 50)
    return found


def counted(client: Browser, address: str) -> tuple[int, int]:
    with spoken() as seen:
        answer = client.get(address)
    assert answer.status_code == 200, address
    return len(seen), len(answer.data)


def test_every_page_is_light_and_so_is_all_that_the_first_one_loads(
    app: Flask, client: Browser, customer: Customer, by: Actor
) -> None:
    access = let_in(customer, by)
    db.session.commit()
    guest, start = sign_in_guest(client, access), f"/portal/{customer.id}/"
    walk = Walk(guest, (start,), each=1)
    pages = [page.address for page in walk if not page.address.endswith((".pdf", ".csv"))]
    assert len(pages) > 20
    db.session.rollback()
    heavy = {page: found for page in pages if not light(*(found := counted(guest, page)))}
    assert heavy == {}
    text = guest.get(start).text
    loaded = {start, *re.findall(r'(?:href|src)="?(/static/[^"#>]+)', text)}
    style = read(guest, next(url for url in loaded if "tokens.css" in url), "")
    fonts = re.findall(rb'url\("([^")]+inter-latin\.woff2)', style)
    loaded |= {f"/static/look/{name.decode()}" for name in fonts}
    sizes = {url: len(read(guest, url, "gzip")) for url in loaded}
    assert len(fonts) == 1 and len(sizes) >= 6 and sum(sizes.values()) <= FIRST_LOAD, sizes


def read(guest: Browser, url: str, encoding: str) -> bytes:
    with guest.get(url, headers={"Accept-Encoding": encoding}) as answer:
        assert answer.status_code == 200, url
        return bytes(answer.data)


def light(statements: int, size: int) -> bool:
    return statements <= STATEMENTS and size <= BYTES
