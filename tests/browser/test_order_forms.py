"""A form is built, seen as customers see it, opened, copied to the clipboard's field, and closed."""

from __future__ import annotations

import pytest
from factories import make_company, make_package
from flask import Flask
from playwright.sync_api import Page, expect

from models import FormState, OrderForm, db


@pytest.mark.database("sqlite")
def test_a_form_is_built_seen_opened_and_closed(app: Flask, owner: Page) -> None:
    make_company()
    make_package(3490, name="Fibre 100")
    db.session.commit()
    owner.goto("/admin/order-forms/")
    owner.get_by_role("link", name="Add order form").first.click()
    owner.wait_for_url("**/admin/order-forms/new/**")
    owner.fill("#name", "Fibre for shops")
    owner.fill("#title", "Order fibre for your shop")
    owner.select_option("#new_package", label="Fibre 100")
    owner.get_by_role("button", name="Add package").click()
    expect(owner.get_by_role("group", name="Fibre 100", exact=True)).to_contain_text("€34.90 a month")
    expect(owner.locator("#name")).to_have_value("Fibre for shops")
    page = owner.frame_locator("iframe")  # what is not saved yet
    expect(page.get_by_role("heading", name="Order fibre for your shop")).to_be_visible()
    expect(page.locator("#order-sums")).to_contain_text("€34.90")
    owner.get_by_label("Country: Needed").check()
    expect(page.get_by_text("Country")).to_be_visible()
    owner.fill("#title", "Fibre for you")
    expect(page.get_by_role("heading", name="Fibre for you")).to_be_visible()
    expect(page.locator("#order-send button")).to_be_disabled()
    owner.get_by_role("button", name="Save and go on").click()
    owner.wait_for_url("**/admin/order-forms/edit/**")
    expect(page.get_by_role("heading", name="Fibre for you")).to_be_visible()
    owner.get_by_role("button", name="Save order form").last.click()
    owner.wait_for_url("**/admin/order-forms/details/**")
    expect(owner.get_by_label("Link", exact=True)).to_have_value(
        f"{owner.url.split('/admin')[0]}/order/fibre-for-shops"
    )
    owner.get_by_role("button", name="Open", exact=True).click()
    expect(owner.locator("h1 + .pill")).to_have_text("Open")
    owner.get_by_role("button", name="Close", exact=True).click()
    expect(owner.locator("h1 + .pill")).to_have_text("Closed")
    expect(owner.frame_locator("iframe").get_by_text("takes no orders now")).to_be_visible()
    db.session.rollback()
    assert db.session.query(OrderForm).one().state is FormState.CLOSED
