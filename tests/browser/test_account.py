"""A customer's account by hand: paid on, given, paid out, stated and mailed; a prepayment on its way into a bill."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer, make_group, make_invoice, make_service
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from models import Charge, CreditOutflow, Customer, Delivery, db


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company(email="office@harbour.example")
    found = make_customer(name="Doyle & Sons")
    make_service(found, price_minor=3000, billing_group_id=make_group(found, name="Main").id)
    make_invoice(found, 5000)
    db.session.commit()
    return found


def count(model: type) -> int:
    """How many there are by now, without keeping a transaction open."""
    found = db.session.scalar(select(func.count()).select_from(model))
    db.session.rollback()
    return int(found or 0)


def test_money_goes_on_the_account_and_out_of_it(owner: Page, customer: Customer) -> None:
    owner.goto(f"/admin/customer/details/?id={customer.id}&tab=payments")
    account = owner.locator("#card-account")
    account.get_by_role("link", name="Top up").click()
    owner.get_by_label("Amount").fill("80")
    owner.get_by_role("button", name="Top up the account").click()
    expect(owner.locator(".toast")).to_contain_text("topped up by €80.00")
    account.get_by_role("link", name="Pay out").click()
    owner.get_by_label("Amount").fill("90")
    owner.get_by_role("button", name="Pay out credit").click()
    expect(owner.locator(".field .error")).to_contain_text("€80.00 can be paid out")
    owner.get_by_label("Amount").fill("30")
    owner.get_by_role("button", name="Pay out credit").click()
    expect(owner.locator(".toast")).to_contain_text("€30.00 paid out")
    expect(account).to_contain_text("€50.00")
    assert count(CreditOutflow) == 1
    account.get_by_role("link", name="Statement").click()
    expect(owner.locator(".sheet")).to_contain_text("Credit paid out: Top-up")
    owner.get_by_role("link", name="What is still owed").click()
    expect(owner.locator(".sheet")).to_contain_text("Still to pay")
    owner.get_by_role("button", name="Mail statement").click()
    expect(owner.locator(".toast")).to_contain_text("on its way")
    assert count(Delivery) == 1


def test_a_prepayment_is_seen_on_the_next_bill_before_it_is_added(owner: Page, customer: Customer) -> None:
    owner.goto(f"/admin/charge/new/?customer={customer.id}")
    owner.get_by_label("What for").fill("Paid at the fair")
    owner.get_by_label("Price of one").fill("-50")
    owner.get_by_label("From", exact=True).fill("2026-11-01")
    owner.get_by_role("button", name="Preview next bill").click()
    bill = owner.locator("#next-bill")
    expect(bill).to_contain_text("20.00 EUR left for the next bill")
    expect(owner.get_by_label("What for")).to_have_value("Paid at the fair")
    assert count(Charge) == 0
    owner.get_by_role("button", name="Add charge").click()
    expect(owner.locator("#card-charges")).to_contain_text("€50.00 left")
    owner.locator("#card-groups").get_by_role("link", name="Next bill").click()
    expect(bill).to_contain_text("Paid at the fair")
