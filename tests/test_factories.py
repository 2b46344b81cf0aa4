"""What tests stand on stands itself: a made invoice agrees with its lines, taxes and the ledger."""

from __future__ import annotations

from factories import make_customer, make_draft, make_invoice
from flask import Flask
from sqlalchemy import func, select

from models import LedgerEntry, db


def test_a_made_invoice_is_consistent(app: Flask) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 12300, tax_rate="23")
    db.session.commit()
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor, invoice.open_minor) == (
        10000,
        2300,
        12300,
        12300,
    )
    assert [(t.taxable_minor, t.tax_minor) for t in invoice.taxes] == [(10000, 2300)]
    assert invoice.lines[0].unit_price_micro == 123_000_000
    assert (customer.balance_minor, db.session.scalar(select(func.sum(LedgerEntry.amount_minor)))) == (12300, 0)


def test_made_invoices_are_numbered_and_drafts_are_not(app: Flask) -> None:
    customer = make_customer(currency="JPY")
    assert [make_invoice(customer, 500).sequence for _ in range(2)] == [1, 2]
    draft = make_draft(customer, 500)
    db.session.commit()
    assert (draft.number, draft.open_minor, customer.balance_minor) == (None, 0, 1000)
