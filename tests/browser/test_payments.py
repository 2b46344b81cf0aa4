"""Entering a payment in a browser: the sums follow while one types, and nothing is over without being said."""

from __future__ import annotations

from datetime import date

from factories import make_company, make_customer, make_invoice
from playwright.sync_api import Page, expect

from billing import credits
from billing.actor import Actor
from models import Money, db


def test_the_sums_follow_while_one_types(owner: Page, by: Actor) -> None:
    make_company()
    anna = make_customer(name="Anna Lindqvist")
    first, second = make_invoice(anna, 5000, due_on=date(2026, 11, 10)), make_invoice(anna, 3000)
    credits.grant(anna, Money(500, "EUR"), reason="Outage", on=date(2026, 11, 1), by=by)
    db.session.commit()
    owner.goto(f"/admin/payments/new/?customer={anna.id}")
    on_first, on_second = (owner.get_by_label(f"From this payment on {one}") for one in (first, second))
    owner.get_by_label("Amount", exact=True).fill("60")
    expect(on_first).to_have_value("50.00")
    expect(on_second).to_have_value("10.00")
    expect(owner.get_by_text("All of it is put on invoices.")).to_be_visible()
    owner.get_by_label(f"From credit on {second}").fill("5")
    on_first.fill("20")
    expect(owner.get_by_label("Oldest first")).not_to_be_checked()
    expect(owner.get_by_text("€30.00 is over and becomes credit of the customer.")).to_be_visible()
    owner.get_by_role("button", name="Record payment").click()
    expect(owner.get_by_text("€60.00 recorded for Anna Lindqvist")).to_be_visible()
    expect(owner.get_by_text("€30.00 is credit of the customer.")).to_be_visible()
    db.session.expire_all()
    assert (first.open_minor, second.open_minor, anna.credit_minor) == (3000, 1500, 3000)
    db.session.rollback()
