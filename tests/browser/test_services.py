"""The life of a service in a browser: switched off and on again, agreed otherwise, given to somebody else."""

from __future__ import annotations

from datetime import date

from factories import make_company, make_customer, make_package, make_service
from playwright.sync_api import Page, expect

from models import Service, db


def ready() -> Service:
    make_company()
    service = make_service(make_customer(name="Anna Lindqvist"), make_package(name="Fibre 500"))
    service.billed_from = date(2026, 11, 1)
    db.session.commit()
    return service


def test_a_service_is_suspended_and_comes_back(owner: Page) -> None:
    service = ready()
    owner.goto(f"/admin/service/details/?id={service.id}")
    owner.get_by_text("More", exact=True).click()
    owner.get_by_role("link", name="Suspend").click()
    expect(owner.get_by_text("no bill is made for it until it is brought back")).to_be_visible()
    owner.get_by_label("Reason").fill("Misuse of the line")
    owner.get_by_role("button", name="Suspend").click()
    expect(owner.get_by_text("See what happens")).to_have_count(0)
    expect(owner.get_by_text("Suspended by staff since 22 Nov 2026. Misuse of the line.")).to_be_visible()
    owner.get_by_role("link", name="Bring back").click()
    owner.get_by_label("Are not billed").check()
    owner.get_by_role("button", name="Bring back").click()
    expect(owner.get_by_text("Days paid in advance follow from today on")).to_be_visible()
    owner.get_by_role("button", name="Bring back").click()
    expect(owner.get_by_text("Brought back after a suspension")).to_be_visible()
    expect(owner.get_by_text("Active", exact=True)).to_be_visible()


def test_the_copy_is_edited_and_goes_to_another_customer(owner: Page) -> None:
    service, other = ready(), make_customer(name="Quay Ltd")
    db.session.commit()
    owner.goto(f"/admin/service/details/?id={service.id}")
    owner.get_by_role("link", name="Edit").click()
    owner.get_by_label("Price", exact=True).fill("8.50")
    owner.get_by_label("Reason of a new price").fill("Loyal since 2019")
    owner.get_by_label("Renewal day").fill("15")
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("14 of 30 days are charged")).to_be_visible()
    owner.get_by_role("button", name="Save").click()
    expect(owner.get_by_text("Loyal since 2019")).to_be_visible()
    owner.get_by_text("More", exact=True).click()
    owner.get_by_role("link", name="Give to another customer").click()
    owner.get_by_label("Customer", exact=True).fill(str(other.id))
    owner.get_by_role("button", name="Continue").click()
    expect(owner.get_by_text("It belongs to Quay Ltd from today on.")).to_be_visible()
    owner.get_by_role("button", name="Transfer").click()
    expect(owner.get_by_text("Came from another customer")).to_be_visible()
    expect(owner.get_by_role("link", name="Quay Ltd").first).to_be_visible()
