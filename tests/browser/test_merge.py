"""Two customers made one in the browser: found by search, looked at, turned round, merged."""

from __future__ import annotations

from factories import make_company, make_customer, make_invoice, make_service
from playwright.sync_api import Page, expect

from models import Customer, db


def test_merged_from_the_page_of_one_of_them(owner: Page) -> None:
    make_company()
    kept, gone = make_customer(name="Moran Joinery"), make_customer(name="Moran Joinery Ltd", city="Cork")
    make_service(gone)
    make_invoice(gone)
    db.session.commit()
    kept_id, gone_id = kept.id, gone.id
    owner.goto(f"/admin/customer/details/?id={gone_id}")
    owner.locator(".page-actions summary", has_text="More").click()
    owner.get_by_role("link", name="Merge with another").click()
    owner.get_by_label("The other customer").fill(f"Moran Joinery (No. {kept_id})")
    owner.get_by_role("button", name="Continue").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Merge Moran Joinery into Moran Joinery Ltd?")
    owner.get_by_role("link", name="The other way round").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Merge Moran Joinery Ltd into Moran Joinery?")
    expect(owner.get_by_text("To move: 1 document")).to_be_visible()
    row = owner.get_by_role("row", name="City")
    expect(row.get_by_role("radio").nth(1)).to_be_checked()
    owner.get_by_role("row", name="Name").first.get_by_role("radio").nth(1).check()
    owner.get_by_role("button", name="Merge").click()
    expect(owner.locator(".toast")).to_contain_text("Moran Joinery Ltd merged into this customer")
    expect(owner).to_have_url(f"{owner.url.split('/admin')[0]}/admin/customer/details/?id={kept_id}")
    owner.goto(f"/admin/customer/details/?id={gone_id}")
    owner.get_by_role("link", name=f"Moran Joinery Ltd (No. {kept_id})").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Moran Joinery Ltd")
    db.session.expire_all()
    assert db.session.get(Customer, gone_id).merged_into_id == kept_id
