"""Settings in a browser: one box finds a setting, jumps to it and shows it; a default comes back; a tax is tried."""

from __future__ import annotations

import re
from datetime import date

from factories import make_company, make_tax_rate
from playwright.sync_api import Page, expect

from models import Company, db


def stored() -> Company:
    """The company as it is by now."""
    db.session.rollback()
    return db.session.get(Company, 1)


def test_a_setting_is_found_by_its_words_changed_and_put_back(owner: Page) -> None:
    make_company(payment_days=30)
    db.session.commit()
    owner.goto("/admin/settings/")
    owner.get_by_label("Find a setting").fill("days to pay")
    owner.get_by_label("Find a setting").press("Enter")
    owner.wait_for_url(re.compile("#at-payment_days$"))
    field = owner.locator("#at-payment_days")
    expect(field).to_be_in_viewport()
    expect(field).to_contain_text("Default: 14 days.")
    assert "none" not in field.evaluate("each => getComputedStyle(each).outlineStyle")
    owner.get_by_label("Prefix", exact=True).first.fill("RE")
    owner.get_by_role("button", name=re.compile("Back to default.*Days to pay")).click()
    expect(owner.get_by_label("Days to pay")).to_have_value("14")
    expect(owner.get_by_label("Prefix", exact=True).first).to_have_value("RE")
    assert (stored().payment_days, stored().invoice_prefix) == (30, "INV")
    db.session.rollback()
    owner.get_by_role("button", name="Save settings").last.click()
    expect(owner.get_by_text("Settings saved")).to_be_visible()
    assert (stored().payment_days, stored().invoice_prefix) == (14, "RE")


def test_enter_in_a_field_saves_and_brings_no_default_back(owner: Page) -> None:
    make_company(payment_days=30)
    db.session.commit()
    owner.goto("/admin/settings/invoices/")
    owner.get_by_label("Days to pay").fill("21")
    owner.get_by_label("Days to pay").press("Enter")
    expect(owner.get_by_text("Settings saved")).to_be_visible()
    assert stored().payment_days == 21


def test_which_tax_and_why(owner: Page) -> None:
    make_company()
    make_tax_rate("IE", "23", valid_from=date(2020, 1, 1))
    db.session.commit()
    owner.goto("/admin/settings/tax/trial/")
    owner.get_by_role("button", name="Show the tax").click()
    expect(owner.get_by_role("status").filter(has_text="23%")).to_contain_text("pays its rate on that day")
    owner.get_by_label("Country").select_option("DE")
    owner.get_by_label("Who").select_option("company")
    owner.get_by_label("VAT number").fill("DE136695976")
    owner.get_by_role("button", name="Show the tax").click()
    expect(owner.get_by_role("status").filter(has_text="0%")).to_contain_text("reverse charge")
