"""The web page of an invoice in the portal: the chosen look, what is paid by now, and nobody else's."""

from __future__ import annotations

import re

import pytest
from documenting import WEB, make_template
from flask import Flask, current_app
from mailing import issue
from signing_in import PASSWORD, Browser
from statements import spoken

from billing import credit_notes, payments, portal_users
from billing.actor import Actor
from models import Customer, DocumentTemplateVersion, Invoice, InvoiceState, PortalRight, db

HOSTILE = "\"'><img src=x onerror=1><script>alert(1)</script>{{7*7}}"


def login(customer: Customer, by: Actor, email: str = "", right: PortalRight = PortalRight.OWNER) -> None:
    hashed = current_app.extensions["passwords"].hash(PASSWORD)
    portal_users.add(customer, email or customer.email, right=right, password_hash=hashed, by=by)
    db.session.commit()


def enter(client: Browser, name: str) -> None:
    page = client.get("/portal/sign-in").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', page)
    data = {"csrf_token": token[1] if token else "", "login": name, "password": PASSWORD}
    assert client.post("/portal/sign-in", csrf=False, data=data).status_code == 302


@pytest.fixture
def mine(app: Flask, client: Browser, by: Actor) -> Invoice:
    """An invoice of Anna's, who has signed in."""
    invoice = issue(customer={"email": "anna@lindqvist.example"})
    login(invoice.customer, by)
    enter(client, "anna@lindqvist.example")
    return invoice


def url(invoice: Invoice) -> str:
    return f"/portal/{invoice.customer_id}/invoices/{invoice.id}"


def test_an_invoice_is_a_page_in_the_look_chosen_for_its_customer(client: Browser, mine: Invoice, by: Actor) -> None:
    page = client.get(url(mine))
    for words in (mine.number, "Lindqvist Design", "€148.03", "Still to pay", "IE29 AIBK"):
        assert words in page.text
    assert '<article class="doc doc-standard' in page.text and "--doc-accent:#161a23" in page.text
    assert "style-src 'self' 'nonce-" in page.headers["Content-Security-Policy"]
    make_template(
        by, "Green", WEB, accent="#0e8577", qr=True, source="<h2 class='doc-title'>Our page of {{ number }}</h2>"
    )
    mine.customer.web_template = "green"
    db.session.commit()
    page = client.get(url(mine))
    assert f"Our page of {mine.number}</h2>" in page.text and "--doc-accent:#0e8577" in page.text
    assert url(mine) + '"' in client.get("/portal/").text


def test_what_is_paid_by_now_stands_on_it(client: Browser, mine: Invoice) -> None:
    mine.open_minor = 4803
    page = client.get(url(mine)).text
    assert "−€100.00" in page and "€48.03" in page
    mine.open_minor = 0
    page = client.get(url(mine)).text
    assert "IE29 AIBK" not in page and ">Paid<" in page


@pytest.mark.parametrize(("column", "words"), [("written_off_minor", "Nothing to pay"), ("credited_minor", "Credited")])
def test_what_nobody_paid_is_not_called_paid(client: Browser, mine: Invoice, column: str, words: str) -> None:
    mine.open_minor = 0
    setattr(mine, column, mine.total_minor - 4803 if column == "written_off_minor" else mine.total_minor)
    db.session.commit()
    page, paid = client.get(url(mine)).text, column == "written_off_minor"
    assert ("−€48.03" in page) == paid and ("−€100.00" if paid else "−€148.03") in page
    for address in (url(mine), f"/portal/{mine.customer_id}/"):
        page = client.get(address).text
        assert f">{words}</span>" in page and ">Paid</span>" not in page


def test_what_was_paid_stays_paid_when_it_is_taken_back(client: Browser, mine: Invoice, by: Actor) -> None:
    payments.record(mine.customer, mine.total, method="Cash", received_on=by.today, invoices=[mine], by=by)
    credit_notes.credit(mine, None, reason="Returned", by=by)
    db.session.commit()
    page = client.get(url(mine)).text
    said = re.sub(r"(<[^>]*>|\s)+", " ", page)
    for words in ("Paid −€148.03", "Taken back −€148.03", "Kept as your credit €148.03", "Still to pay €0.00"):
        assert words in said


def test_a_payment_code_is_a_picture_of_the_page_itself(client: Browser, mine: Invoice, by: Actor) -> None:
    make_template(by, "Code", WEB, qr=True)
    mine.customer.web_template = "code"
    page = client.get(url(mine)).text
    assert 'src="data:image/png;base64,' in page and "Scan to pay" in page
    assert "doc:code" not in page


def test_the_short_address_leads_to_the_readers_own(client: Browser, mine: Invoice) -> None:
    assert client.get(f"/portal/invoices/{mine.id}").location == url(mine)
    other = issue()
    assert client.get(f"/portal/invoices/{other.id}").status_code == 404


def test_what_is_not_theirs_is_not_there(client: Browser, mine: Invoice, by: Actor) -> None:
    other = issue()
    addresses = [url(other), f"/portal/{mine.customer_id}/invoices/{other.id}", url(mine) + "99"]
    mine.state = InvoiceState.VOID
    for address in [*addresses, url(mine)]:
        assert client.get(address).status_code == 404


def test_a_technical_login_sees_no_page(app: Flask, client: Browser, mine: Invoice, by: Actor) -> None:
    login(mine.customer, by, email="tech@lindqvist.example", right=PortalRight.TECHNICAL)
    tech = app.test_client()
    enter(tech, "tech@lindqvist.example")
    assert (tech.get(url(mine)).status_code, client.get(url(mine)).status_code) == (404, 200)


def test_a_template_that_breaks_gives_way_to_the_shipped_page(client: Browser, mine: Invoice, by: Actor) -> None:
    make_template(by, "Green", WEB, accent="#0e8577", source="<p>{{ number }}</p>")
    db.session.execute(db.update(DocumentTemplateVersion).values(source="{{ nothing.there }}"))
    mine.customer.web_template = "green"
    page = client.get(url(mine))
    assert page.status_code == 200 and "Still to pay" in page.text and "--doc-accent:#0e8577" in page.text


def test_texts_stay_texts(client: Browser, mine: Invoice) -> None:
    for name in ("note", "terms", "po_number"):
        setattr(mine, name, HOSTILE)
    mine.lines[0].description = mine.lines[0].discount_reason = HOSTILE
    page = client.get(url(mine)).text
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("{{7*7}}") >= 3


def test_a_page_takes_few_statements(client: Browser, mine: Invoice) -> None:
    client.get(url(mine))
    with spoken() as asked:
        client.get(url(mine))
    assert len(asked) <= 10, asked
