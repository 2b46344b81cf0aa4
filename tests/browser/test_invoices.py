"""An invoice is typed, follows the hand with its figures, is issued, and a part of it is taken back."""

from __future__ import annotations

from factories import make_company, make_customer, make_package, make_tax_rate
from playwright.sync_api import Page, expect

from models import Invoice, db


def test_from_the_first_line_to_a_credit_note(owner: Page) -> None:
    make_company()
    make_tax_rate()
    make_package(4500, name="Fibre 500")
    anna = make_customer(name="Anna Lindqvist")
    db.session.commit()
    owner.goto(f"/admin/invoices/new/?customer={anna.id}")
    owner.get_by_role("button", name="Write the invoice").click()
    owner.wait_for_url("**/edit/**")
    first = owner.locator("[data-line]").first
    first.get_by_label("Description").fill("Cabling")
    first.get_by_label("Quantity").fill("55/60")
    first.get_by_label("Price").fill("80")
    expect(first.locator("[data-amount]")).to_have_text("€73.33")
    first.get_by_label("Price").press("Enter")
    expect(owner.locator("[data-line]")).to_have_count(2)
    expect(owner.locator("#lines-1-description")).to_be_focused()
    owner.keyboard.type("Router")
    second = owner.locator("[data-line]").nth(1)
    second.get_by_label("Price").fill("20")
    second.get_by_label("Discount", exact=True).fill("10%")
    expect(second.locator("[data-amount]")).to_have_text("€18.00")
    second.get_by_label("Price").press("Alt+ArrowUp")
    expect(owner.locator("#lines-0-description")).to_have_value("Router")
    expect(owner.locator("#lines-0-description")).to_be_focused()
    owner.get_by_label("From the catalogue").select_option("Fibre 500")
    owner.get_by_role("button", name="Add to the lines").click()
    expect(owner.locator("[data-line]")).to_have_count(3)
    expect(owner.locator("#lines-totals")).to_contain_text("€167.69")
    expect(owner.locator(".draft-state")).to_contain_text("Draft saved")
    owner.get_by_role("button", name="Save and issue").click()
    owner.wait_for_url("**/issue/**")
    owner.get_by_role("button", name="Issue invoice").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("INV-00001")
    owner.get_by_text("More", exact=True).click()
    owner.get_by_role("link", name="Credit note", exact=True).click()
    owner.get_by_label("Some of it").check()
    owner.get_by_label("Amount taken back").nth(1).fill("10")
    owner.get_by_role("button", name="Work it out").click()
    owner.get_by_role("button", name="Write credit note over €12.30").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("CN-00001")
    db.session.expire_all()
    assert [one.total_minor for one in db.session.query(Invoice).order_by(Invoice.id)] == [16769, 1230]
