"""A customer leaves, in a browser: the guide with its live sums, Back and reload; and one service that ends."""

from __future__ import annotations

import re
from datetime import date

import pytest
from factories import make_company, make_customer, make_invoice, make_service
from playwright.sync_api import Page, expect

from models import Customer, Invoice, InvoiceLine, LineKind, Renewal, Service, Termination, db


@pytest.fixture
def leaving(app) -> Service:
    """Billed for November, and to be ended in the middle of it."""
    make_company()
    service = make_service(make_customer(name="Ann Lee"), description="Fibre 500", billed_from=date(2026, 11, 1))
    invoice = make_invoice(service.customer, 1000, billing_group_id=service.billing_group_id)
    line = db.session.query(InvoiceLine).filter_by(invoice_id=invoice.id).one()
    line.kind, line.service_id, line.description = LineKind.SERVICE, service.id, "Fibre 500"
    line.period_start, line.period_end = date(2026, 11, 1), date(2026, 12, 1)
    known = {"service_id": service.id, "billing_group_id": service.billing_group_id, "invoice_id": invoice.id}
    dates = {"period_start": line.period_start, "period_end": line.period_end}
    db.session.add(Renewal(**known, **dates, currency="EUR", amount_minor=1000))
    db.session.commit()
    return service


def test_the_guide(owner: Page, leaving: Service) -> None:
    owner.goto(f"/admin/customer/details/?id={leaving.customer_id}")
    owner.locator("summary", has_text="More").click()
    owner.get_by_role("link", name="Customer leaves").click()
    owner.get_by_label("First day without services").fill("2026-12-11")
    owner.get_by_role("button", name="Go on to the last bill").click()
    expect(owner.get_by_role("heading", name="Last bill")).to_be_visible()
    expect(owner.locator("#effect")).to_contain_text("€3.23")
    owner.get_by_role("link", name="Back").click()
    owner.get_by_label("First day without services").fill("2026-11-25")
    owner.get_by_role("button", name="Go on to the last bill").click()
    expect(owner.get_by_text("Nothing is billed and nothing is given back")).to_be_visible()
    expect(owner.locator("#effect")).to_contain_text("€2.00 (before tax) is billed for days after the end")
    owner.get_by_label("Give back days that are billed after the end").check()
    expect(owner.locator("#effect-tables")).to_contain_text("Unused: Fibre 500")
    expect(owner.locator("#effect")).to_contain_text(re.compile("€2.00 of it lowers INV-\\d+, which is open"))
    owner.reload()
    expect(owner.get_by_label("Give back days that are billed after the end")).to_be_checked()
    owner.get_by_role("button", name="Go on").click()
    owner.get_by_label("Is archived").check()
    expect(owner.locator("#effect")).to_contain_text("the customer is archived")
    owner.get_by_role("button", name="End it and make the last bill").click()
    expect(owner.get_by_text("Day to come")).to_be_visible()
    owner.get_by_role("link", name="Ann Lee").click()
    expect(owner.get_by_text("Leaves: services end on 25 Nov 2026")).to_be_visible()
    db.session.rollback()
    found = db.session.query(Termination).one()
    assert (found.state, found.after, found.credit) == ("scheduled", "archive", True)
    assert db.session.query(Invoice).filter_by(kind="invoice").one().open_minor == 800


def test_one_service_ends_with_what_it_comes_to_beside_the_choice(owner: Page, leaving: Service) -> None:
    owner.goto(f"/admin/service/end/?id={leaving.id}")
    expect(owner.locator("#effect")).to_contain_text("runs on until 30 Nov 2026")
    owner.get_by_label("Today, at once").check()
    expect(owner.locator("#effect")).to_contain_text("ends at once")
    owner.get_by_label("Give back the days that are billed and not used").check()
    expect(owner.locator("#effect-tables")).to_contain_text("9 of 30 days left")
    owner.get_by_role("button", name="End service").click()
    expect(owner.get_by_text("The end of Fibre 500 is set")).to_be_visible()
    db.session.expire_all()
    assert db.session.get_one(Service, leaving.id).status == "cancelled"
    assert db.session.get_one(Customer, leaving.customer_id).service_count == 0
