"""A bank's file in the browser: its columns are found, sure lines booked at once, one put on a customer by hand."""

from __future__ import annotations

from factories import make_company, make_customer, make_invoice
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models import Payment, db

FILE = (
    "Kontonummer:;DE02\n\nBuchungstag;Auftraggeber;IBAN;Verwendungszweck;Betrag\n"
    "20.11.2026;Müller;DE01;Rechnung INV-00001;49,00\n21.11.2026;Frau Neu;DE02;Danke;5,00\n"
)


def test_a_statement_is_read_in_and_booked(owner: Page) -> None:
    make_company()
    make_invoice(make_customer(name="Doyle"), 4900)
    make_customer(name="Anna Lindqvist")
    db.session.commit()
    owner.goto("/admin/bank-statements/new/")
    file = {"name": "bank.csv", "mimeType": "text/csv", "buffer": FILE.encode("cp1252")}
    owner.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    owner.get_by_role("button", name="Upload").click()
    expect(owner.locator("#delimiter")).to_have_value(";")
    owner.locator("#column-1").select_option("name")
    owner.get_by_role("button", name="Read in 2 lines").click()
    owner.get_by_role("button", name="Book 1 sure one").click()
    expect(owner.get_by_text("1 line booked")).to_be_visible()
    owner.get_by_role("link", name="Decide about €5.00").click()
    owner.get_by_label("Customer").fill("lindq")
    owner.get_by_role("button", name="Choose this customer").click()
    owner.get_by_role("button", name="Book €5.00 for Anna Lindqvist").click()
    expect(owner.get_by_text("€5.00 booked for Anna Lindqvist")).to_be_visible()
    expect(owner.get_by_text("Booked").first).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(select(Payment.amount_minor).order_by(Payment.id)).all() == [4900, 500]
