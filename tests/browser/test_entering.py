"""From a customer's page into their portal and back to the same page."""

from __future__ import annotations

from factories import make_company, make_customer, make_invoice
from playwright.sync_api import Page, expect

from billing import portal_users
from billing.actor import Actor
from models import db


def test_in_and_back(owner: Page, by: Actor) -> None:
    make_company()
    customer = make_customer(name="Lindqvist Design", email="anna@lindqvist.example")
    portal_users.add(customer, customer.email, name="Anna", by=by)
    make_invoice(customer)
    number = customer.id
    db.session.commit()
    owner.goto("/admin/customer/")
    owner.get_by_role("link", name="Lindqvist Design").first.click()
    owner.get_by_role("button", name="Enter as customer").click()
    expect(owner.get_by_role("region", name="Viewing as a customer")).to_contain_text("Lindqvist Design as Anna does")
    expect(owner.get_by_text("€123.00").first).to_be_visible()
    owner.get_by_role("button", name="Return to panel").click()
    owner.wait_for_url(f"**/admin/customer/details/?id={number}")
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Lindqvist Design")
