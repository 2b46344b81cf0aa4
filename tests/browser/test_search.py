"""The search of everything by keyboard, without scripts, and the filter by customer across lists."""

from __future__ import annotations

from factories import make_company, make_customer, make_invoice
from playwright.sync_api import Browser, Page, expect
from signing_in import PASSWORD, make_staff

from models import db


def _shop() -> None:
    make_company()
    for name in ("Anselm Print", "Anton Gear", "Bryony Cafe"):
        make_invoice(make_customer(name=name))
    db.session.commit()


def test_found_and_opened_by_keyboard(owner: Page) -> None:
    _shop()
    owner.goto("/admin/package/")
    owner.keyboard.press("Control+k")
    box = owner.get_by_role("combobox", name="Search everything")
    expect(box).to_be_focused()
    box.fill("ans")
    first = owner.get_by_role("option", name="Anselm Print").first
    expect(first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "hit-0")
    box.fill("customer:an")
    options = owner.get_by_role("listbox", name="Results").get_by_role("option")
    expect(options.filter(has_text="Anton Gear")).to_have_count(1)
    expect(options).to_have_count(2)
    box.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(options.nth(0)).to_have_attribute("aria-selected", "false")
    name = options.nth(1).locator(".found-title").inner_text()
    box.press("Enter")
    expect(owner.get_by_role("heading", level=1)).to_have_text(name)
    owner.keyboard.press("/")
    expect(owner.get_by_role("option", name=name)).to_be_visible()  # opened last
    owner.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_enter_straight_after_typing_opens_the_single_hit(owner: Page) -> None:
    _shop()
    owner.goto("/admin/")
    owner.keyboard.press("Control+k")
    owner.keyboard.type("invoice:3\n")
    expect(owner.get_by_role("heading", level=1)).to_contain_text("INV-00003")


def test_pages_are_found_too(owner: Page) -> None:
    make_company()
    owner.goto("/admin/")
    owner.get_by_role("link", name="Search").click()
    owner.keyboard.type("tax rates")
    expect(owner.get_by_role("option", name="Tax rates").first).to_have_attribute("aria-selected", "true")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("heading", level=1)).to_be_visible()
    assert owner.url.endswith("/admin/tax-rates/")


def test_the_filter_by_customer_stays_across_lists_until_removed(owner: Page) -> None:
    _shop()
    owner.goto("/admin/customer/")
    owner.get_by_role("row", name="Anton Gear").get_by_role("button", name="More").click()
    owner.get_by_role("menuitem", name="Show only this customer").click()
    chip = owner.locator(".only-chip")
    expect(chip).to_contain_text("Anton Gear")
    rows = owner.locator(".model-list tbody tr")
    expect(rows).to_have_count(1)
    for path in ("/admin/invoices/", "/admin/customer/"):
        owner.goto(path)
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Anton Gear")
    owner.goto("/admin/invoices/")
    chip.get_by_role("button", name="Remove filter").click()
    expect(chip).to_have_count(0)
    expect(rows).to_have_count(3)


def test_the_page_of_the_search_works_without_scripts(chromium: Browser, address: str, owner: Page) -> None:
    _shop()
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/admin/sign-in")
    email = make_staff().email
    db.session.commit()
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("an")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Anton Gear")).to_be_visible()
    page.get_by_role("searchbox").fill("customer:bryony")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bryony Cafe")
    context.close()
