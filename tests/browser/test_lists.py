"""Lists in a real browser: columns chosen and dragged, filters as chips and saved for the team, a file of them."""

from __future__ import annotations

import csv
from pathlib import Path

from factories import make_company, make_customer
from playwright.sync_api import Page, expect

from models import CustomerStatus, SavedList, Tag, db

LIST = "/admin/customer/"


def expect_heads(page: Page, *words: str) -> None:
    """Waits for the list: after a click the page before may still be there."""
    heads = page.locator("thead th:not(.tick):not(.acts)")
    for place, word in enumerate(words):
        expect(heads.nth(place)).to_have_text(word)


def some_customers() -> None:
    make_company()
    make_customer(name="Anna Lindqvist", country="SE"), make_customer(name="Bob Byrne", country="IE")
    db.session.commit()


def test_all_usual_columns_stand_beside_each_other_on_a_small_screen(owner: Page) -> None:
    """Nothing is cut off or scrolls at 1280; the icons after the second are found in a menu at the end of the row."""
    make_company()
    tags = [Tag(name="newsletter"), Tag(name="own router")]
    long = {"phone": "+49 176 04069092", "email": "accounts@tipperarytimber.example", "tags": tags}
    make_customer(name="Tipperary Timber Merchants", status=CustomerStatus.DISABLED, **long)
    db.session.commit()
    owner.set_viewport_size({"width": 1280, "height": 800})
    owner.goto(LIST)
    box = owner.locator(".table-responsive")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.dataset.m)"
    assert set(owner.locator("tbody td:not(.acts)").evaluate_all(cut)) <= {"title", "sub"}
    expect(owner.get_by_role("link", name="Edit")).to_be_visible()
    expect(owner.get_by_role("link", name="Delete")).to_be_hidden()
    owner.get_by_role("button", name="More").click()
    owner.keyboard.press("ArrowUp")
    expect(owner.get_by_role("menuitem", name="Delete")).to_be_focused()
    owner.keyboard.press("Escape")
    expect(owner.get_by_role("menuitem")).to_have_count(0)
    owner.get_by_role("button", name="More").click()
    owner.get_by_role("menuitem", name="Enable").click()
    expect(owner.locator("tbody .pill")).to_have_text("Active")


def test_columns_are_chosen_moved_and_remembered(owner: Page) -> None:
    some_customers()
    owner.goto(LIST)
    owner.get_by_role("link", name="Columns").click()
    for name in ("Phone", "Joined", "Services", "Tags", "Balance"):
        owner.get_by_label(name, exact=True).uncheck()
    owner.get_by_label("Country", exact=True).check()
    owner.get_by_role("button", name="Move E-mail up").focus()
    for _n in range(3):
        owner.keyboard.press("Enter")
    expect(owner.locator(".column-list li").first).to_contain_text("E-mail")
    grip = owner.locator(".column-list li", has_text="Status").locator(".grip")
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), owner.locator(".column-list li").first.bounding_box()
    assert start and end
    owner.mouse.move(start["x"] + 5, start["y"] + 5)
    owner.mouse.down()
    owner.mouse.move(end["x"] + 20, end["y"] + 4, steps=12)
    owner.mouse.up()
    owner.get_by_role("button", name="Show these columns").last.click()
    expect_heads(owner, "Status", "E-mail", "Id", "Name", "Country")
    expect(owner.locator("thead th:not(.tick):not(.acts)")).to_have_count(5)
    owner.reload()
    expect_heads(owner, "Status", "E-mail")
    owner.get_by_role("link", name="Columns").click()
    owner.get_by_role("button", name="Back to standard").click()
    expect_heads(owner, "Id", "Name", "Phone")


def test_a_filter_becomes_a_chip_and_is_saved_for_the_team(owner: Page) -> None:
    some_customers()
    owner.goto(LIST)
    owner.locator("summary", has_text="Add filter").click()
    owner.get_by_placeholder("Which field?").press_sequentially("coun")
    expect(owner.get_by_role("button", name="Tag", exact=True)).to_be_hidden()
    owner.get_by_role("button", name="Country", exact=True).click()
    owner.get_by_label("Country, value").select_option("SE")
    owner.get_by_role("button", name="Apply").click()
    expect(owner.locator(".row-link")).to_have_text(["Anna Lindqvist"])
    owner.locator("summary", has_text="Save filter").click()
    owner.get_by_label("Name", exact=True).fill("Swedes")
    owner.get_by_label("Everybody in the team sees it").check()
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.locator(".views [aria-current]")).to_contain_text("Swedes")
    owner.get_by_role("link", name="Remove filter Country is Sweden").click()
    expect(owner.locator(".row-link")).to_have_count(2)
    owner.get_by_role("link", name="Swedes (shared)").click()
    expect(owner.locator(".row-link")).to_have_count(1)
    owner.get_by_role("link", name="Rename or delete").click()
    owner.get_by_label("Everybody in the team sees it").uncheck()
    owner.get_by_role("button", name="Save", exact=True).click()
    expect(owner.locator(".views [aria-current]")).to_contain_text("Swedes")
    saved = db.session.query(SavedList).one()
    assert not saved.shared and saved.query == "flt0_country_is=SE"
    db.session.rollback()


def test_what_is_shown_arrives_as_a_file(owner: Page) -> None:
    some_customers()
    owner.goto(f"{LIST}?flt0_country_is=IE")
    owner.locator("summary", has_text="Export CSV").click()
    with owner.expect_download() as download:
        owner.get_by_role("link", name="The columns shown here").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    assert head[:3] == ["Id", "Name", "Phone"] and [row[1] for row in rows] == ["Bob Byrne"]
