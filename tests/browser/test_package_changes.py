"""A package is changed up, put off, changed down, undone, and changed for many at once, as a person does it."""

from __future__ import annotations

import re
from datetime import date

from changing import DAY, at, priced, running
from conftest import Clock
from factories import make_customer, make_service
from playwright.sync_api import Page, expect
from sqlalchemy import select

from jobs import mass_changes, schedule
from models import Invoice, PackageChange, db


def choose(page: Page, customer_id: int, package: str) -> None:
    """From the customer's page to the second step, with the package chosen there."""
    page.goto(f"/admin/customer/details/?id={customer_id}")
    page.locator("#card-some_services").get_by_role("link", name="Change package").click()
    expect(page.get_by_role("heading", name="Which service changes?")).to_be_visible()
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Choose the new package").click()
    page.wait_for_url("**/package/**")
    page.get_by_role("radio", name=re.compile(f"^{package} ")).check()
    expect(page.get_by_role("heading", name="When")).to_be_visible()


def test_up_later_down_and_undone(owner: Page, clock: Clock) -> None:
    service = running(clock)
    priced("Plus", "60"), priced("Mini", "10"), priced("Max", "90")
    at(clock, DAY)
    customer_id = service.customer_id
    db.session.commit()
    page = owner
    # Up: the figures follow the choice, the invoice is what the review said.
    choose(page, customer_id, "Plus")
    expect(page.locator("#change-effect")).to_contain_text("€18.45")
    page.reload()
    expect(page.get_by_role("button", name="Review the change")).to_have_count(0)  # nothing was kept by looking
    page.get_by_role("radio", name=re.compile("^Plus ")).check()
    page.get_by_role("button", name="Review the change").click()
    page.wait_for_url("**/review/**")
    expect(page.get_by_text("€60.00 × 15 of 30 days = €30.00")).to_be_visible()
    page.get_by_role("link", name="Back to new package").click()
    expect(page.get_by_role("radio", name=re.compile("^Plus "))).to_be_checked()
    page.get_by_role("button", name="Review the change").click()
    page.get_by_role("button", name="Generate invoice").dblclick()
    page.wait_for_url("**/service/details/**")
    expect(page.get_by_role("status").filter(has_text="Package changed: INV-")).to_be_visible()
    totals = db.session.scalars(select(Invoice.total_minor).order_by(Invoice.id)).all()
    number = db.session.scalars(select(PackageChange.id)).one()
    db.session.rollback()  # an open transaction would hold the lock of SQLite
    assert totals == [3690, 1845]
    # Undone, as long as it is not paid.
    page.goto(f"/admin/package-changes/details/?id={number}")
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text("is made void: nothing is owed on it then")).to_be_visible()
    page.get_by_role("button", name="Undo change").click()
    expect(page.get_by_text("It was undone: the service went back to what it was.")).to_be_visible()
    # Down: a credit note.
    choose(page, customer_id, "Mini")
    page.get_by_role("button", name="Review the change").click()
    page.get_by_role("button", name="Write credit note").click()
    page.wait_for_url("**/service/details/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mini")
    # Later: it stands on the service, and the job does it on its day.
    choose(page, customer_id, "Max")
    page.get_by_role("radio", name=re.compile("^On another day")).check()
    page.get_by_label("The day", exact=True).fill("2026-11-20")
    page.get_by_role("button", name="Review the change").click()
    page.get_by_role("button", name="Schedule").click()
    page.wait_for_url("**/service/details/**")
    expect(page.get_by_text("Becomes Max on 20 Nov 2026.")).to_be_visible()
    at(clock, date(2026, 11, 20))
    schedule.carry_out(schedule.named("changes"), date(2026, 11, 20))
    db.session.rollback()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Max")


def test_the_same_for_all_services_of_a_package(owner: Page, clock: Clock) -> None:
    service = running(clock)
    other = make_service(make_customer(status="disabled"), service.package)
    priced("Plus", "60")
    at(clock, DAY)
    db.session.commit()
    page = owner
    page.goto(f"/admin/service/?flt0_package_is={service.package_id}")
    for number in (service.id, other.id):
        page.locator(f"input[name=rowid][value='{number}']").check()
    page.get_by_role("button", name="Change package").click()
    page.get_by_label("New package").select_option("Plus")
    page.get_by_role("button", name="See what it does").click()
    page.wait_for_url("**/mass-changes/details/**")
    expect(page.get_by_role("link", name="Cannot be changed 1")).to_be_visible()
    page.get_by_role("button", name="Change 1 service").click()
    expect(page.get_by_role("heading", name="Changing one service after the other")).to_be_visible()
    mass_changes.run()
    db.session.rollback()
    expect(page.get_by_role("link", name="Changed 1", exact=True)).to_be_visible()  # the page comes anew by itself
