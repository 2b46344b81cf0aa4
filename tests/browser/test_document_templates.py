"""A template of documents in a browser: the preview follows, a broken source is refused, an old version comes back."""

from __future__ import annotations

from factories import make_company
from mailing import issue
from playwright.sync_api import Page, expect

from models import DocumentTemplateVersion, db

BASE = "/admin/settings/documents/"


def test_a_template_is_made_previewed_refused_and_restored(owner: Page) -> None:
    make_company(name="Harbour", locale="en")
    issue(customer={"name": "Zoë & Co"})
    db.session.commit()
    owner.goto(BASE)
    owner.get_by_role("link", name="New template Web pages").click()
    owner.get_by_label("Name").fill("Quay")
    owner.get_by_role("button", name="Go on to its look").click()
    page = owner.frame_locator("#preview-page")
    expect(page.get_by_text("Zoë & Co")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Tax")).to_be_visible()
    owner.get_by_role("checkbox", name="Tax", exact=True).uncheck()
    expect(page.get_by_role("columnheader", name="Tax")).to_have_count(0)
    owner.get_by_label("Introduction").fill("Dear {{ buyer }},")
    expect(page.get_by_text("Dear Zoë & Co,")).to_be_visible()
    owner.get_by_role("button", name="Save template").click()
    expect(owner.get_by_role("link", name="Version 2")).to_be_visible()

    owner.get_by_text("Advanced: the source").click()
    owner.get_by_label("Source").fill("<p>{{ number }}</p>\n<script>alert(1)</script>")
    wrong = "Line 2, column 1: <script> cannot be used in a page."
    expect(owner.locator("#preview-trouble")).to_contain_text(wrong)
    owner.get_by_role("button", name="Save template").click()
    expect(owner.locator("#source-about")).to_have_text(wrong)
    owner.get_by_label("Source").fill("<p class='doc-strong'>Only {{ number }}</p>")
    expect(page.locator("p.doc-strong")).to_contain_text("Only INV-")
    owner.get_by_role("button", name="Save template").click()
    owner.get_by_role("link", name="Version 3").click()
    expect(owner.locator(".diff ins").last).to_have_text("+ <p class='doc-strong'>Only {{ number }}</p>")
    owner.go_back()
    owner.get_by_role("button", name="Use it again 2").click()
    expect(page.get_by_text("Dear Zoë & Co,")).to_be_visible()
    assert db.session.query(DocumentTemplateVersion).count() == 4


def test_pages_of_a_document_are_shown_as_they_will_be_printed(owner: Page) -> None:
    make_company(name="Harbour", locale="en")
    invoice = issue(customer={"name": "Zoë & Co"})
    db.session.commit()
    owner.goto(f"{BASE}new?kind=document&start=letter")
    owner.get_by_label("Name").fill("Letter of ours")
    owner.get_by_role("button", name="Go on to its look").click()
    picture = owner.locator("#preview-pages img")
    expect(picture).to_have_count(1)
    expect(owner.locator("#preview-whose")).to_have_text(f"{invoice.number}, Zoë & Co")
    before = picture.get_attribute("src")
    owner.get_by_text("Compact", exact=True).click()
    expect(picture).not_to_have_attribute("src", str(before))
    owner.get_by_label("Colour").fill("#ffee00")
    expect(owner.locator("#preview-hint")).to_contain_text("hard to read")
