"""The worklist in a browser: an overdue customer is called, promises to pay, and is reminded."""

from __future__ import annotations

import re
from datetime import timedelta

from factories import make_company, make_customer, make_invoice
from flask import Flask
from playwright.sync_api import Page, expect

from billing import company
from models import db


def test_a_customer_is_called_promises_and_is_reminded(owner: Page, app: Flask) -> None:
    make_company(email="office@harbour.example")
    today = company.day_of(app.clock())  # type: ignore[attr-defined]
    for name, days in (("Anna Lind", 40), ("Bo Berg", 5)):
        due = today - timedelta(days=days)
        make_invoice(make_customer(name=name, email="a@mail.example"), issued_on=due, due_on=due)
    db.session.commit()
    owner.goto("/admin/collections/")
    expect(owner.locator(".stat")).to_have_count(5)
    owner.locator("a.stat").filter(has_text="31 to 60 days late").click()
    expect(owner).to_have_url(re.compile("flt0_age_is=1"))
    expect(owner.locator("tbody tr")).to_have_count(1)
    owner.get_by_role("link", name="Anna Lind").click()

    owner.get_by_label("What was said").fill("Will pay on Friday")
    owner.get_by_role("button", name="Note it").click()
    expect(owner.get_by_text("Will pay on Friday")).to_be_visible()
    owner.get_by_label("Paid by").fill((today + timedelta(days=5)).isoformat())
    owner.get_by_role("button", name="Note promise").click()
    expect(owner.locator("h1 + .pill, h1 ~ .pill").filter(has_text="By ")).to_be_visible()
    owner.get_by_role("button", name="Remind now").click()
    expect(owner.get_by_text("A reminder for Anna Lind waits to be sent")).to_be_visible()

    owner.goto("/admin/collections/?flt0_promise_is=open")
    expect(owner.locator("tbody tr")).to_have_count(1)
