"""The catalogue in the browser: a package is written with rows that come and go, and its price changed in bulk."""

from __future__ import annotations

import re

from factories import make_company, make_customer, make_service
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models import NewPrice, Package, db


def test_a_package_is_written_and_its_price_raised_for_running_services(owner: Page) -> None:
    make_company()
    db.session.commit()
    owner.goto("/admin/package/new/")
    owner.get_by_label("Name").fill("Fibre 300")
    owner.locator("[name=prices-0-price]").fill("49")
    owner.locator("button[name=add][value=prices]").click()
    expect(owner.locator("[name=prices-1-period]")).to_be_focused()
    owner.locator("[name=prices-1-period]").fill("year")
    owner.locator("[name=prices-1-price]").fill("490")
    owner.get_by_role("button", name="Add option").click()
    expect(owner.locator("[name=options-0-name]")).to_be_focused()
    owner.locator("[name=options-0-name]").fill("Router")
    expect(owner.locator("[name=options-0-usual]")).to_be_hidden()
    owner.locator("[name=options-0-kind]").select_option("choice")
    expect(owner.locator("[name=options-0-usual]")).to_be_visible()
    owner.locator("[name=options-0-prices-0-value]").fill("Basic")
    owner.locator("[name=options-0-prices-0-price]").fill("5")
    owner.locator("button[name=remove][value=prices-1]").click()
    expect(owner.locator("[name=prices-1-price]")).to_have_count(0)
    owner.get_by_role("button", name="Save package").last.click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Fibre 300")
    expect(owner.get_by_role("cell", name="€49.00 a month")).to_be_visible()
    package = db.session.scalars(select(Package)).one()
    make_service(make_customer(name="Doyle"), package, price_minor=4900)
    db.session.commit()

    owner.goto(f"/admin/price-changes/new/?packages={package.id}")
    owner.get_by_role("textbox", name="Percent").fill("10")
    owner.locator("[name=ending]").select_option("90")
    owner.get_by_label("New sales, and running services at the list price").check()
    owner.get_by_role("button", name="See what it does").click()
    expect(owner.get_by_role("cell", name="€53.90").first).to_be_visible()
    owner.get_by_role("button", name=re.compile("Change 1 list prices? and 1 service")).click()
    expect(owner.get_by_text("In effect")).to_be_visible()
    owner.get_by_role("button", name="Undo").first.click()
    expect(owner.locator("h1 + .pill")).to_have_text("Undone")
    db.session.rollback()
    assert db.session.scalars(select(NewPrice.state)).one() == "undone"
