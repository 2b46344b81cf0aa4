"""A group with its colour, and a field of the shop's own, from the settings to a customer and its list."""

from __future__ import annotations

from factories import make_company
from playwright.sync_api import Page, expect

from models import Customer, CustomField, db


def test_a_group_with_a_colour_is_seen_on_its_customer(owner: Page) -> None:
    make_company()
    db.session.commit()
    owner.goto("/admin/around/")
    owner.get_by_role("link", name="Add group").click()
    owner.get_by_label("Name", exact=True).fill("Irish")
    owner.locator(".swatch", has_text="Teal").click()
    owner.get_by_label("Days to pay").fill("30")
    owner.get_by_label("Put customers into it by conditions").check()
    owner.get_by_label("About").select_option("country")
    expect(owner.get_by_label("Value", exact=True)).to_have_attribute("list", "known-country")
    owner.get_by_label("Value", exact=True).fill("IE")
    owner.get_by_role("button", name="Save group").last.click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Irish")
    expect(owner.get_by_text("Country is Ireland")).to_be_visible()
    owner.goto("/admin/customer/new/")
    owner.get_by_label("Name", exact=True).fill("Anna")
    owner.get_by_label("E-mail").fill("anna@mail.example")
    owner.get_by_role("button", name="Create customer").click()
    expect(owner.locator(".group-mark.tone-teal").first).to_have_text("Irish")
    owner.get_by_role("link", name="Billing settings").click()
    expect(owner.locator("#card-paying")).to_contain_text("30 from the group Irish")


def test_a_field_of_the_shops_own_on_form_list_and_filter(owner: Page) -> None:
    make_company()
    db.session.commit()
    owner.goto("/admin/custom-fields/new/")
    owner.get_by_label("Name").fill("Heard of us")
    owner.get_by_label("What it holds").select_option("choice")
    owner.get_by_label("Choices").fill("Friend\nAdvert")
    owner.get_by_label("Column of the list").check()
    owner.get_by_role("button", name="Save field").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Heard of us")
    for name, how in (("Anna", "Friend"), ("Bob", "Advert")):
        owner.goto("/admin/customer/new/")
        owner.get_by_label("Name", exact=True).fill(name)
        owner.get_by_label("E-mail").fill(f"{name.lower()}@mail.example")
        owner.get_by_label("Heard of us").select_option(how)
        owner.get_by_role("button", name="Create customer").click()
        expect(owner.get_by_role("heading", level=1)).to_have_text(name)
    owner.goto("/admin/customer/")
    expect(owner.locator("tr", has_text="Anna")).to_contain_text("Friend")
    owner.goto("/admin/customer/?edit=own_heard_of_us")
    owner.locator("#flt-val").select_option("Advert")
    owner.get_by_role("button", name="Apply").click()
    expect(owner.locator("tbody tr")).to_have_count(1)
    expect(owner.locator("tbody")).to_contain_text("Bob")
    owner.get_by_role("link", name="Bob", exact=True).click()
    card = owner.locator("#own_fields")
    card.get_by_role("link", name="Edit").click()
    card.get_by_label("Heard of us").select_option("Friend")
    card.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Friend")
    assert db.session.query(Customer).count() == 2 and db.session.query(CustomField).count() == 1
    db.session.rollback()
