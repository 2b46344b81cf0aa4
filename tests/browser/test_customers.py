"""From a new customer to a running service and back to nothing, by hand in a browser; and without any script."""

from __future__ import annotations

import re

from factories import make_company, make_customer
from playwright.sync_api import Page, expect

from billing import packages
from billing.actor import Actor
from models import Customer, CustomerStatus, Money, Package, Service, db

PHONE = {"width": 390, "height": 844}


def stored(model: type) -> list:
    """The rows as they are by now, without keeping a transaction open."""
    found = db.session.query(model).order_by(model.id).all()
    db.session.rollback()
    return found


def test_from_a_new_customer_to_a_running_service(owner: Page, by: Actor) -> None:
    make_company()
    packages.create("Fibre 300", prices=[packages.Price(Money.of("49", "EUR"))], by=by)
    db.session.commit()
    owner.goto("/admin/customer/")
    owner.get_by_role("link", name="Add customer").first.click()
    expect(owner.get_by_label("Company name")).to_be_hidden()
    owner.locator(".segmented").get_by_text("Company").click()
    owner.get_by_label("Company name").fill("Lindqvist AB")
    owner.get_by_label("Name", exact=True).fill("Lindqvist Design")
    owner.get_by_label("E-mail").fill("anna@lindqvist")
    owner.get_by_role("button", name="Create customer").click()
    expect(owner.get_by_role("alert")).to_contain_text("1 field needs a look")
    owner.get_by_label("E-mail").fill("anna@lindqvist.example")
    owner.get_by_role("button", name="Create customer").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Lindqvist Design")
    owner.locator(".page-actions").get_by_role("link", name="Start a service").click()
    owner.get_by_label("Package").select_option(label="Fibre 300")
    owner.get_by_role("button", name="Continue").click()
    expect(owner.get_by_label("€49.00 a month")).to_be_checked()
    owner.get_by_role("button", name="Start service").dblclick()
    expect(owner.get_by_role("heading", name="Agreed")).to_be_visible()
    [service], [customer] = stored(Service), stored(Customer)
    assert (service.price_minor, customer.company_name) == (4900, "Lindqvist AB")


def test_a_customer_is_offered_while_one_types(owner: Page, by: Actor) -> None:
    make_company()
    packages.create("Fibre", by=by)
    one = make_customer(name="Lindqvist")
    db.session.commit()
    owner.goto("/admin/service/new/")
    owner.get_by_label("Customer").press_sequentially("lindq")
    offer = owner.locator("#customer-list option")
    expect(offer).to_have_count(1)
    owner.get_by_label("Customer").fill(str(offer.get_attribute("value")))
    owner.get_by_label("Package").select_option(label="Fibre")
    owner.get_by_role("button", name="Continue").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Fibre for Lindqvist")
    assert f"No.+{one.id}" in owner.url


def test_ticked_customers_are_tagged_and_one_is_disabled_and_back(owner: Page) -> None:
    make_company()
    make_customer(name="Anna"), make_customer(name="Bob")
    db.session.commit()
    owner.goto("/admin/customer/")
    owner.get_by_label("Select Anna").check()
    owner.get_by_role("button", name="Tag", exact=True).click()
    owner.get_by_label("Tags").fill("fibre")
    owner.get_by_role("button", name="Tag 1 customer").click()
    expect(owner.locator("tr", has_text="Anna").locator(".tag")).to_have_text("fibre")
    expect(owner.locator("tr", has_text="Bob").locator(".tag")).to_have_count(0)
    owner.get_by_role("link", name="Anna", exact=True).click()
    owner.locator(".page-actions summary", has_text="More").click()
    owner.get_by_role("button", name="Disable").click()
    expect(owner.locator(".page-head .pill")).to_have_text("Disabled")
    owner.get_by_role("button", name="Undo").click()
    expect(owner.locator(".page-head .pill")).to_have_text("Active")
    assert {c.status for c in stored(Customer)} == {CustomerStatus.ACTIVE}


def test_a_list_on_a_phone_is_cards_that_do_not_run_out_of_the_page(owner: Page) -> None:
    make_company()
    customer = make_customer(name="Lindqvist Design and Daughters Limited", balance_minor=123456)
    db.session.commit()
    owner.set_viewport_size(PHONE)
    for path in ("/admin/customer/", f"/admin/customer/details/?id={customer.id}", "/admin/customer/new/"):
        owner.goto(path)
        assert owner.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path


def test_a_package_gets_its_rows_without_scripts(plain: Page) -> None:
    make_company()
    db.session.commit()
    plain.goto("/admin/package/new/")
    plain.get_by_label("Name").fill("Fibre 300")
    rows = plain.locator("[name$='-setup_fee']")
    before = rows.count()
    plain.get_by_role("button", name="Add price").click()
    expect(rows).to_have_count(before + 1)
    expect(plain.get_by_label("Name")).to_have_value("Fibre 300")
    plain.locator(f"[name=prices-{before}-price]").fill("49.50")
    plain.locator(f"[name=prices-{before}-price]").press("Enter")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Fibre 300")
    expect(plain.locator("main")).to_contain_text(re.compile("€49.50 a month"))
    [package] = stored(Package)
    assert package.name == "Fibre 300"
    plain.context.close()
