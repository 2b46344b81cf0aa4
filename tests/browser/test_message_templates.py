"""A template in a browser: fields are offered, the preview follows, broken words are refused, old ones come back."""

from __future__ import annotations

from factories import make_company
from mailing import issue
from playwright.sync_api import Page, expect

from models import MessageTemplate, TemplateVersion, db

BASE = "/admin/settings/messages/templates"


def test_a_template_is_written_previewed_refused_and_restored(owner: Page) -> None:
    make_company(name="Harbour", locale="en")
    issue(customer={"name": "Zoë & Co"})
    db.session.commit()
    owner.goto("/admin/settings/messages/")
    owner.get_by_role("link", name="Templates").click()
    owner.get_by_role("link", name="New template").first.click()
    owner.get_by_label("Name").fill("Spring offer")
    owner.get_by_label("Category").select_option("news")
    owner.get_by_label("For texts").check()
    owner.get_by_role("button", name="Go on to its words").click()
    owner.get_by_label("Subject").fill("Spring at ")
    owner.get_by_label("Subject").press_sequentially("{{ compa")
    owner.get_by_role("option", name="company.name").click()
    expect(owner.get_by_label("Subject")).to_have_value("Spring at {{ company.name }}")
    words = owner.get_by_label("Words", exact=True)
    words.press_sequentially("Dear **{{ customer.na")
    words.press("Enter")
    words.press_sequentially("**, <b>hi</b>")
    expect(words).to_have_value("Dear **{{ customer.name }}**, <b>hi</b>")
    mail = owner.frame_locator("#preview-mail")
    expect(mail.locator("strong")).to_have_text("Zoë & Co")
    expect(mail.locator("b")).to_have_count(0)
    expect(owner.locator("#preview-subject")).to_have_text("Spring at Harbour")
    expect(owner.locator("#preview-sms")).to_have_text("Dear **Zoë & Co**, <b>hi</b>")
    expect(owner.locator("#preview-segments")).to_contain_text("1 segment")
    owner.get_by_role("button", name="Save words").click()
    expect(owner.get_by_role("link", name="Version 1")).to_be_visible()

    words.fill("Dear\n\n{{ customer.nme }}")
    expect(owner.locator("#preview-trouble")).to_contain_text("Line 3")
    owner.get_by_role("button", name="Save words").click()
    expect(owner.locator("#body-about")).to_have_text(
        "Line 3: There is no field “customer.nme”. Is it “customer.name”?"
    )
    expect(words).to_have_value("Dear\n\n{{ customer.nme }}")
    words.fill("Good bye {{ customer.name }}")
    owner.get_by_role("button", name="Save words").click()
    owner.get_by_role("link", name="Version 2").click()
    expect(owner.locator(".diff ins")).to_have_text("+ Good bye {{ customer.name }}")
    owner.go_back()
    owner.get_by_role("button", name="Say this again 1").click()
    expect(owner.get_by_label("Words", exact=True)).to_have_value("Dear **{{ customer.name }}**, <b>hi</b>")
    assert db.session.query(TemplateVersion).count() == 3 and db.session.query(MessageTemplate).count() == 1
