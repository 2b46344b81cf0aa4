"""Ticking what to pay shows the new sum and code at once."""

from __future__ import annotations

import re

from factories import make_company, make_customer, make_invoice
from flask import Flask, current_app
from playwright.sync_api import Page, expect
from signing_in import PASSWORD

from billing import portal_users
from billing.actor import Actor
from models import db


def test_ticking_changes_the_sum_without_leaving_the_page(app: Flask, page: Page, by: Actor) -> None:
    make_company(bank_details="IBAN: IE29 AIBK 9311 5212 3456 78")
    customer = make_customer(email="anna@lindqvist.example")
    hashed = current_app.extensions["passwords"].hash(PASSWORD)
    portal_users.add(customer, customer.email, name="Anna", password_hash=hashed, by=by)
    number = str([make_invoice(customer, minor).number for minor in (12300, 4900)][0])
    db.session.commit()
    page.goto("/portal/sign-in")
    page.fill("#login", customer.email)
    db.session.rollback()
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/portal/")
    page.get_by_role("link", name="Pay €172.00").click()
    page.wait_for_url("**/pay")
    code = page.get_by_role("img", name=re.compile("Payment code"))
    expect(code).to_have_attribute("alt", re.compile("€172.00"))
    page.get_by_label(number).uncheck()
    expect(code).to_have_attribute("alt", re.compile("€49.00"))
    expect(page).to_have_url(re.compile(r"chosen=1&invoice=\d+$"))
    expect(page.locator("#pay-how")).not_to_contain_text(number)
