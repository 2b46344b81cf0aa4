"""A customer is added, follows the link of the welcome mail, and sees their page; files are kept and payers merged."""

from __future__ import annotations

import re

from factories import make_company, make_customer
from playwright.sync_api import Page, expect

from billing import payers, portal_users
from billing.actor import Actor
from messaging.compose import letter_for
from models import Delivery, File, Payer, db


def test_from_adding_a_customer_to_their_own_page(owner: Page, by: Actor, app) -> None:
    make_company(email="office@harbour.example")
    make_customer(name="Anna of old", email="anna@lindqvist.example", phone="")
    db.session.commit()
    owner.goto("/admin/customer/new/")
    owner.get_by_label("Name", exact=True).fill("Lindqvist Design")
    owner.get_by_label("E-mail").fill("anna@lindqvist.example")
    owner.get_by_label("Phone").fill("085 01")
    owner.get_by_role("button", name="Generate a password").click()
    made = owner.get_by_label("Password", exact=False).first
    expect(made).to_have_value(re.compile("^.{19}$"))
    expect(owner.get_by_label("Repeat password")).to_have_value(made.input_value())
    owner.get_by_role("button", name="Create customer").click()
    expect(owner.get_by_role("alert")).to_contain_text("Is this the same customer?")
    owner.get_by_role("button", name="Create anyway").click()
    expect(owner.get_by_role("alert").first).to_contain_text("1 field needs a look")
    owner.get_by_label("Phone").fill("085 012 3456")
    owner.get_by_role("button", name="Create customer").click()
    owner.get_by_role("button", name="Create anyway").click()
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Lindqvist Design")
    delivery = db.session.query(Delivery).one()
    link = letter_for(delivery, at=by.at).secret
    db.session.rollback()
    owner.goto(link[link.index("/portal") :])
    owner.get_by_label("New password").fill("a long enough secret")
    owner.get_by_label("Repeat password").fill("a long enough secret")
    owner.get_by_role("button", name="Set password and sign in").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("Lindqvist Design")
    expect(owner.locator("main")).to_contain_text("Nothing due")
    assert owner.url.endswith("/portal/")


def test_files_are_uploaded_and_payers_merged(owner: Page, by: Actor) -> None:
    make_company()
    customer = make_customer(name="Lindqvist")
    portal_users.add(customer, customer.email, by=by)
    for name in ("Stays Ltd", "Goes Ltd"):
        payers.add(customer, {"name": name}, by=by)
    db.session.commit()
    owner.goto(f"/admin/customer/details/?id={customer.id}&tab=files")
    pdf = {"name": "contract.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n%%EOF\n"}
    owner.set_input_files("#files", [pdf, {**pdf, "name": "terms.pdf"}])
    owner.get_by_role("button", name="Upload").click()
    expect(owner.get_by_role("link", name="terms.pdf", exact=True)).to_be_visible()
    owner.goto(f"/admin/customer/details/?id={customer.id}&tab=people")
    owner.get_by_role("link", name="Merge", exact=True).click()
    owner.get_by_role("button", name="Look at the effects").click()
    expect(owner.locator(".effects")).to_contain_text("Goes Ltd is deleted")
    owner.get_by_role("link", name="Back").click()
    owner.get_by_role("button", name="Look at the effects").click()
    owner.get_by_role("button", name="Finish").click()
    expect(owner.locator("#h-payers")).to_be_visible()
    assert [p.name for p in db.session.query(Payer)] == ["Stays Ltd"] and db.session.query(File).count() == 2
    db.session.rollback()
