"""A customer pays an invoice by card: to the gateway's page, through the bank's question, and back to what is paid."""

from __future__ import annotations

from urllib.parse import urlsplit

from browser.test_accessibility import bring_axe, complaints
from cardserver import taking_cards
from factories import make_company, make_customer, make_invoice
from flask import Flask
from playwright.sync_api import Page, expect
from signing_in import PASSWORD, hashed

from billing import portal_users
from billing.actor import Actor
from integrations.fakes.stripe_server import DECLINED, SECURE
from models import Card, db


def test_a_card_with_three_d_secure_pays_an_invoice(page: Page, app: Flask, address: str, by: Actor) -> None:
    make_company()
    invoice = make_invoice(make_customer(name="Lindqvist Design"))
    portal_users.add(
        invoice.customer, "anna@lindqvist.example", password_hash=hashed(app.extensions["passwords"], PASSWORD), by=by
    )
    number, customer_id = invoice.number, invoice.customer_id
    db.session.commit()
    with taking_cards(app) as stripe:
        app.config["BASE_URL"] = address
        page.goto("/portal/sign-in")
        page.fill("input[name=login]", "anna@lindqvist.example")
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.goto(f"/portal/{customer_id}/pay?invoice={invoice.id}")
        page.get_by_label("Save the card for next time").check()
        page.get_by_role("button", name="Pay €123.00").click()
        page.wait_for_url(f"{stripe.address}/pay/**")
        page.fill("input[name=number]", DECLINED)
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_text("Your card was declined.")).to_be_visible()
        page.fill("input[name=number]", SECURE)
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("heading", name="Confirm with your bank")).to_be_visible()
        page.get_by_role("button", name="Complete").click()
        page.wait_for_url(f"{address}/portal/{customer_id}/card-payments/*?checked=1")
        expect(page.get_by_role("heading", level=1)).to_have_text("Paid, thank you")
        expect(page.get_by_role("link", name=number)).to_be_visible()
        result = urlsplit(page.url).path
        page.goto(f"/portal/{customer_id}/cards")
        expect(page.get_by_text("Visa ···· 3155")).to_be_visible()
        bring_axe(page)
        for path in (f"/portal/{customer_id}/cards", result):
            assert complaints(page, path, by_night=True) == []
    db.session.expire_all()
    assert len(stripe.charges()) == 1 and invoice.open_minor == 0
    assert db.session.query(Card).one().is_default
