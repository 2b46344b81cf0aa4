"""Charges in the panel: adding, changing, ending one or many, deleting, and the bill that would come of it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from documents import press, rows_of, text_of
from factories import make_company, make_customer, make_group, make_service
from flask import Flask
from money import eur
from signing_in import Browser, make_role, sign_in
from sqlalchemy import select

from billing.actor import Actor
from billing.charges import add_charge
from jobs import renewals
from models import BillingGroup, Charge, Customer, db

DECEMBER = date(2026, 12, 1)
ADDED = {
    "description": "Router", "price": "4.90", "quantity": "2", "unit": "months", "every": "1",
    "starts_on": "2026-12-01",
    "ends_on": "", "anchor_day": "", "service": "0", "tax_category": "S", "proratable": "y",
}  # fmt: skip


@pytest.fixture
def panel(app: Flask, client: Browser) -> Browser:
    make_company()
    db.session.commit()
    sign_in(client)
    return client


@pytest.fixture
def group(panel: Browser) -> BillingGroup:
    customer = make_customer(name="Doyle")
    found = make_group(customer)
    make_service(customer, price_minor=3000, billing_group_id=found.id)
    db.session.commit()
    return found


def sent(client: Browser, url: str, **data: Any) -> Any:
    page = client.get(url)
    token = re.search(r'name="form_token" value="([^"]+)"', page.text)[1]
    return client.post(url, data={"form_token": token, **data})


def charges() -> list[Charge]:
    db.session.expire_all()
    return list(db.session.scalars(select(Charge).order_by(Charge.id)))


def test_a_charge_is_previewed_and_added(panel: Browser, group: BillingGroup) -> None:
    url = f"/admin/charge/new/?customer={group.customer_id}"
    looked = sent(panel, url, **ADDED, billing_group=group.id, preview="1")
    text = text_of(looked.text)
    assert "Router 1 Dec 2026 – 31 Dec 2026 2 €9.80" in text and "Total €39.80" in text
    assert charges() == [] and 'value="4.90"' in looked.text
    assert sent(panel, url, **ADDED, billing_group=group.id).status_code == 302
    (charge,) = charges()
    assert (charge.price, charge.months, charge.proratable, charge.next_on) == (eur("4.90"), 1, True, DECEMBER)


def test_money_paid_in_advance_is_told_wherever_it_stands(panel: Browser, group: BillingGroup) -> None:
    url = f"/admin/charge/new/?customer={group.customer_id}"
    again = {**ADDED, "price": "-50", "quantity": "1", "billing_group": group.id}
    assert "comes once" in sent(panel, url, **again).text
    once = {name: value for name, value in again.items() if name != "proratable"}
    sent(panel, url, **{**once, "unit": "once", "every": "", "starts_on": "2026-11-01"})
    (charge,) = charges()
    assert charge.left_minor == 5000
    (row,) = rows_of(panel.get("/admin/charge/?flt0_still_is=prepaid").text)
    assert "€50.00 left" in row and "Next bill" in row
    page = text_of(panel.get(f"/admin/customer/details/?id={group.customer_id}&tab=services").text)
    assert "€50.00 left" in page
    bill = text_of(panel.get(f"/admin/charge/next-bill/?group={group.id}").text)
    assert "20.00 EUR left for the next bill" in bill and "Total €0.00" in bill


def test_what_is_billed_keeps_its_rhythm(panel: Browser, group: BillingGroup, by: Actor) -> None:
    charge = add_charge(group, "Router", eur("5"), starts_on=DECEMBER, months=1, by=by)
    db.session.commit()
    renewals.run(DECEMBER)
    url = f"/admin/charge/edit/?id={charge.id}"
    page = panel.get(url).text
    assert re.search(r'<input[^>]*disabled[^>]*name="starts_on"|<input[^>]*name="starts_on"[^>]*disabled', page)
    kept = {"description": "Better router", "price": "7", "quantity": "1", "ends_on": "2027-03-01", "service": "0"}
    forged = {"starts_on": "2026-01-01", "unit": "once", "every": "9"}
    data = {**kept, "billing_group": group.id, "tax_category": "S"}
    assert sent(panel, url, **data, **forged).status_code == 302
    (changed,) = charges()
    assert (changed.price, changed.description, changed.months) == (eur("7"), "Better router", 1)
    assert (changed.starts_on, changed.next_on, changed.ends_on) == (DECEMBER, date(2027, 1, 1), date(2027, 3, 1))


def test_one_is_deleted_only_before_it_is_billed(panel: Browser, group: BillingGroup, by: Actor) -> None:
    billed = add_charge(group, "Billed", eur("5"), starts_on=DECEMBER, months=1, by=by)
    unbilled = add_charge(group, "Unbilled", eur("5"), starts_on=date(2027, 1, 1), by=by)
    db.session.commit()
    renewals.run(DECEMBER)
    assert "cannot be deleted" in panel.get(f"/admin/charge/delete/confirm/?id={billed.id}").text
    panel.post("/admin/charge/delete/", data={"id": billed.id})
    panel.post("/admin/charge/delete/", data={"id": unbilled.id})
    assert [one.description for one in charges()] == ["Billed"]


def test_many_are_ended_on_a_day(panel: Browser, group: BillingGroup, by: Actor) -> None:
    for name in ("One", "Two", "Three"):
        add_charge(group, name, eur("5"), starts_on=DECEMBER, months=1, by=by)
    db.session.commit()
    page = panel.get("/admin/charge/").text
    ids = [one.id for one in charges()]
    asked = press(panel, "/admin/charge/", "end", page, rowid=ids[:2])
    assert "End 2 charges" in asked.text and all(one.ends_on is None for one in charges())
    wrong = press(panel, "/admin/charge/", "end", page, rowid=ids[:2], sure="1", on="soon")
    assert "year-month-day" in wrong.text
    press(panel, "/admin/charge/", "end", page, rowid=ids[:2], sure="1", on="2026-11-22")
    assert [one.next_on for one in charges()] == [None, None, DECEMBER]


def test_who_may_only_look_and_strange_ids(client: Browser, by: Actor) -> None:
    make_company()
    customer: Customer = make_customer()
    charge = add_charge(make_group(customer), "Router", eur("5"), starts_on=DECEMBER, by=by)
    sign_in(client, role=make_role("Looks", "services.view", "customers.view").name)
    assert "Preview" not in client.get("/admin/charge/").text
    for url in (f"edit/?id={charge.id}", f"end/?id={charge.id}", f"new/?customer={customer.id}"):
        assert client.post(f"/admin/charge/{url}", data=ADDED).status_code == 404
    assert client.post("/admin/charge/action/", data={"action": "end", "rowid": charge.id}).status_code == 404
    assert client.get("/admin/charge/next-bill/?group=999999").status_code == 404
    assert client.get("/admin/charge/next-bill/").status_code == 404
    assert len(charges()) == 1
