"""Importing customers and setting places in a browser, with scripts and without."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import make_company, make_customer
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from jobs import imports, lease
from models import Customer, db

TABLE = """Client ID,First Name,Last Name,Company Name,Email,Address 1,City,Postcode,Country,Status
7,Ann,Byrne,,ann@mail.example,1 Quay,Cork,T12,Ireland,Active
8,Bob,Díaz,,bob.mail.example,2 Quay,Cork,T12,Ireland,Closed
9,Cleo,Fox,Fox Ltd,cleo@mail.example,3 Quay,Cork,T12,Ireland,Inactive
"""


@pytest.fixture
def scheduler(app: Any) -> Iterator[Any]:
    """Somebody who says that he does the unattended work; the test does it."""
    make_company()
    db.session.commit()
    held = lease.acquire("scheduler", timedelta(days=1))
    yield imports
    db.session.rollback()
    lease.release(held)  # type: ignore[arg-type]


def names() -> list[str]:
    db.session.rollback()
    found = list(db.session.scalars(select(Customer.name).order_by(Customer.name)))
    db.session.rollback()
    return found


def upload(page: Page, path: Path) -> None:
    page.goto("/admin/imports/new/")
    page.set_input_files("input[type=file]", str(path))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it read rightly?")
    page.get_by_role("button", name="Go on to the columns").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What are the columns?")


def test_from_the_list_through_wrong_lines_to_customers(owner: Page, scheduler: Any, tmp_path: Path) -> None:
    path = tmp_path / "whmcs.csv"
    path.write_text(TABLE)
    owner.goto("/admin/customer/")
    owner.locator("main").get_by_role("link", name="Import", exact=False).first.click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Import customers")
    upload(owner, path)
    expect(owner.locator("main")).to_contain_text("This looks like an export of WHMCS.")
    expect(owner.get_by_label("Closed means")).to_have_value("archived")
    owner.reload()  # the draft is kept on the server
    owner.get_by_role("button", name="Check 3 lines").last.click()
    expect(owner.locator("#h-live")).to_have_text("Checking every line")
    scheduler.run()
    expect(owner.locator("main")).to_contain_text("Nothing has been saved.")
    expect(owner.locator(".faults tbody tr")).to_contain_text("“bob.mail.example” is not an e-mail address.")
    owner.get_by_role("button", name="Import 2 customers").click()
    expect(owner.locator("#h-live")).to_have_text("Importing")
    scheduler.run()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Imported")
    assert names() == ["Ann Byrne", "Cleo Fox"]
    with owner.expect_download() as download:
        owner.get_by_role("link", name="Download wrong lines").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert rows[0][0] == "What is wrong" and rows[1][5] == "bob.mail.example"
    rows[1][5] = "bob@mail.example"
    with (tmp_path / "mended.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    upload(owner, tmp_path / "mended.csv")
    owner.get_by_role("button", name="Check 1 line").last.click()
    expect(owner.locator("#h-live")).to_be_visible()
    scheduler.run()
    owner.get_by_role("button", name="Import 1 customer").click()
    expect(owner.locator("#h-live")).to_be_visible()
    scheduler.run()
    owner.get_by_role("link", name="Show these customers").click()
    expect(owner.locator(".model-list tbody tr")).to_have_count(1)
    expect(owner.locator(".model-list tbody tr")).to_contain_text("Bob Díaz")
    assert names() == ["Ann Byrne", "Bob Díaz", "Cleo Fox"]


def test_all_of_it_works_without_scripts(plain: Page, scheduler: Any, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("bob.mail", "bob@mail"))
    upload(plain, path)
    plain.get_by_role("button", name="Check 3 lines").last.click()
    expect(plain.locator("#h-live")).to_have_text("Checking every line")
    scheduler.run()
    plain.reload()
    plain.get_by_role("button", name="Import 3 customers").click()
    expect(plain.locator("#h-live")).to_have_text("Importing")
    scheduler.run()
    plain.reload()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Imported")
    assert names() == ["Ann Byrne", "Bob Díaz", "Cleo Fox"]
    number = db.session.scalar(select(func.min(Customer.id)))
    db.session.rollback()
    plain.goto(f"/admin/customer/location/?id={number}&q=")
    plain.get_by_label("City").fill("galw")
    plain.get_by_role("button", name="Search", exact=True).last.click()
    plain.get_by_role("button", name="Set Galway").click()
    expect(plain.locator("#location")).to_contain_text("° N")


def test_a_place_is_searched_set_typed_and_removed(owner: Page, scheduler: Any) -> None:
    one = make_customer(name="Lindqvist", city="Cork", country="IE")
    db.session.commit()
    owner.goto(f"/admin/customer/details/?id={one.id}")
    expect(owner.locator("#location")).to_contain_text("Approximate: the middle of Cork, by the address.")
    expect(owner.locator(".place-map .marker")).to_be_visible()
    owner.get_by_role("link", name="Set place").click()
    owner.get_by_label("City").fill("Galw")
    owner.get_by_label("City").press("Enter")
    owner.get_by_role("button", name="Set Galway").click()
    expect(owner.locator("#location")).to_contain_text(re.compile(r"53\.\d+° N, 9\.\d+° W"))
    owner.get_by_role("link", name="Country", exact=True).click()
    expect(owner.locator("#location [aria-current]")).to_have_text("Country")
    owner.locator("#location").get_by_role("link", name="Change").click()
    owner.get_by_label("Latitude").fill("51° 53' 53\" N")
    owner.get_by_label("Longitude").fill("8,4706 W")
    owner.get_by_role("button", name="Set this place").click()
    expect(owner.locator("#location")).to_contain_text("51.89806° N, 8.47060° W")
    owner.locator("#location").get_by_role("link", name="Change").click()
    owner.get_by_role("button", name="Remove the place").click()
    expect(owner.locator("#location")).to_contain_text("Approximate")
