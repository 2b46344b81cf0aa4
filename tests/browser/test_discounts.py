"""A discount is written while its words follow, a code of it is given in for a customer, and its page says who wins."""

from __future__ import annotations

from decimal import Decimal

from factories import make_company, make_customer, make_package, make_service
from flask import Flask
from playwright.sync_api import Page, expect

from billing import discounts
from billing.actor import Actor
from models import db


def test_from_the_form_to_the_customers_page(app: Flask, owner: Page, by: Actor) -> None:
    make_company()
    customer = make_customer(name="Ann Byrne")
    make_service(customer, make_package(name="Fibre"), price_minor=2000, description="Quay 1")
    discounts.create({"name": "Autumn", "percent": Decimal(10)}, by=by)
    db.session.commit()
    owner.goto("/admin/discounts/")
    owner.get_by_role("link", name="Add discount").first.click()
    owner.wait_for_url("**/admin/discounts/new/**")
    expect(owner.locator("#group_id")).to_be_hidden()
    owner.fill("#name", "Welcome")
    owner.fill("#percent", "50")
    owner.fill("#priority", "200")
    owner.check("#needs_code")
    says = owner.locator("#trial")
    expect(says).to_contain_text("50% off every package for every customer, with a code.")
    expect(says).to_contain_text("Autumn gives way: higher priority.")
    owner.select_option("#kind", "amount")
    expect(owner.locator("#percent")).to_be_hidden()
    owner.fill("#amounts-0-amount", "7.50")
    expect(says).to_contain_text("€7.50 off every package")
    owner.get_by_role("button", name="Save discount").last.click()
    owner.wait_for_url("**/admin/discounts/details/**")
    owner.fill("#code", "welcome-26")
    owner.get_by_role("button", name="Make codes").click()
    expect(owner.locator("#codes")).to_contain_text("WELCOME26")
    owner.goto(f"/admin/customer/details/?id={customer.id}&tab=services")
    card = owner.locator("#card-discounts")
    expect(card).to_contain_text("Autumn")
    card.get_by_label("Code").fill("Welcome 26")
    card.get_by_role("button", name="Give code in").click()
    expect(card).to_contain_text("€7.50")
    expect(card).to_contain_text("Welcome: higher priority")
