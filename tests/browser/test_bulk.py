"""Many customers at once in a browser: all that match, watched while it goes on, and taken back."""

from __future__ import annotations

from datetime import timedelta

from factories import make_company, make_customer
from playwright.sync_api import Page, expect
from sqlalchemy import select

from billing import bulk, runs
from jobs import bulk as job
from models import Customer, Lease, db

MANY = bulk.AT_ONCE + 5


def disabled() -> int:
    found = db.session.query(Customer).filter_by(status="disabled").count()
    db.session.rollback()
    return found


def test_all_that_match_are_disabled_watched_and_taken_back(owner: Page, clock) -> None:
    make_company()
    for i in range(MANY):
        make_customer(name=f"Shop {i}", country="DE")
    make_customer(name="Elsewhere", country="IE")
    db.session.add(Lease(name=runs.SCHEDULER, owner="x:1:2", fence=1, expires_at=clock() + timedelta(minutes=1)))
    db.session.commit()
    owner.goto("/admin/customer/?flt0_country_is=DE")
    owner.locator("input[name=rowid]").first.check()
    owner.get_by_role("button", name=f"Select all {MANY} that match").click()
    owner.locator(".selbar").get_by_role("button", name="Disable", exact=True).click()
    owner.get_by_role("button", name=f"Disable {MANY} customers").click()
    expect(owner.get_by_text("Waiting to begin")).to_be_visible()
    assert disabled() == 0
    job.run()
    expect(owner.get_by_text(f"{MANY} of {MANY}")).to_be_visible()
    expect(owner.get_by_text("Finished", exact=True)).to_be_visible()
    assert disabled() == MANY
    owner.get_by_role("button", name=f"Undo for {MANY} customers").click()
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Undo: Disable")
    job.run()
    expect(owner.get_by_text("Finished", exact=True)).to_be_visible()
    assert disabled() == 0


def test_what_one_says_to_set_is_ticked_and_undone_from_the_toast(owner: Page) -> None:
    make_company()
    make_customer(name="Anna"), make_customer(name="Bob")
    db.session.commit()
    owner.goto("/admin/customer/")
    owner.get_by_label("Select all rows on this page").check()
    owner.locator(".selbar").get_by_role("button", name="Edit", exact=True).click()
    owner.get_by_label("Country: set to").select_option(label="Germany")
    expect(owner.get_by_role("checkbox", name="Country")).to_be_checked()
    expect(owner.get_by_role("checkbox", name="Language")).not_to_be_checked()
    owner.get_by_role("button", name="Change 2 customers").click()
    expect(owner.locator(".toast")).to_contain_text("2 customers changed")
    owner.get_by_role("button", name="Undo").click()
    expect(owner.locator(".toast")).to_contain_text("2 customers as before")
    assert set(db.session.scalars(select(Customer.country))) == {"IE"}
    db.session.rollback()


def test_an_icon_of_a_row_changes_its_status(owner: Page) -> None:
    make_company()
    make_customer(name="Anna"), make_customer(name="Bob")
    db.session.commit()
    owner.goto("/admin/customer/")
    owner.get_by_label("Select Bob").check()
    owner.get_by_role("row", name="Anna").get_by_role("button", name="More").click()
    owner.get_by_role("menuitem", name="Disable").click()
    expect(owner.locator("tr", has_text="Anna").locator(".pill")).to_have_text("Disabled")
    expect(owner.locator("tr", has_text="Bob").locator(".pill")).to_have_text("Active")
