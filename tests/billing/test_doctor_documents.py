"""Documents by hand: one corrupted row gives exactly its own finding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from factories import make_company, make_customer, make_tax_rate
from flask import Flask
from invoicing import issued, line
from sqlalchemy import select, update

from billing import content, credit_notes, doctor
from billing.actor import Actor
from billing.credit_notes import Chosen
from billing.doctor import Scope
from billing.money import Money
from models import CreditNote, Invoice, InvoiceLine, InvoiceTax, Series, db

Found = Callable[[], list[str]]
_LINE = InvoiceLine.__table__.alias()
ANOTHERS = select(_LINE.c.id).where(_LINE.c.unit_price_micro == 7_000_000).scalar_subquery()
"""The line of the invoice that nothing was taken back of."""


@pytest.fixture
def found(app: Flask, by: Actor) -> Found:
    """Two invoices with all kinds of lines; a part of the first was taken back, twice."""
    make_company()
    make_tax_rate()
    lines = [line("60", "55/60"), line("20", discount_percent=Decimal(10)), line("30", "3")]
    first = issued(make_customer(), by, *lines, discount=Money.of("4", "EUR"))
    issued(make_customer(), by, line("7"))
    for part in ("10", "20"):
        chosen = [Chosen(first.lines[2].id, amount=Money.of(part, "EUR"))]
        credit_notes.credit(first, chosen, reason="", by=by)
    db.session.commit()

    def examine() -> list[str]:
        db.session.flush()
        findings = doctor.examine(Scope(by.at))
        assert all(one.count and one.samples for one in findings), findings
        return sorted({one.code for one in findings})

    return examine


def change(model: Any, *where: Any, **values: Any) -> None:
    """Write past the rules, into the oldest row that fits, and put its document's fingerprint right."""
    row = db.session.scalars(select(model).where(*where).order_by(model.id)).first()
    table = model.__table__
    db.session.execute(update(table).where(table.c.id == row.id).values(values))
    db.session.expire_all()
    document = db.session.get_one(Invoice, getattr(row, "invoice_id", row.id))
    document.content_hash = content.fingerprint(
        [getattr(document, name) for name in (*content.DOCUMENT, *content.FURTHER_DOCUMENT)],
        [[getattr(one, name) for name in (*content.LINE, *content.FURTHER_LINE)] for one in document.lines],
        [[getattr(one, name) for name in content.TAX] for one in document.taxes],
    )
    db.session.flush()


@pytest.mark.parametrize(
    ("model", "where", "values", "codes"),
    [
        (InvoiceLine, {"quantity_per": 60}, {"quantity_per": 61}, ["I04"]),
        (InvoiceLine, {"discount_minor": 200}, {"discount_minor": 0}, ["I04", "I80"]),
        (InvoiceLine, {"position": 1}, {"document_discount_minor": 999}, ["I04"]),
        (Invoice, {"discount_minor": 400}, {"discount_minor": 500}, ["I04"]),
        (Invoice, {"number": "INV-00002"}, {"issued_on": date(2026, 11, 21)}, ["I15"]),
        (Invoice, {"number": "INV-00002"}, {"issued_on": date(2026, 11, 23)}, ["I19"]),
        (Invoice, {"number": "INV-00001"}, {"credited_minor": 1}, ["I17"]),
        (InvoiceLine, {"unit_price_micro": 10_000_000}, {"original_line_id": ANOTHERS}, ["I17"]),
    ],
)
def test_one_corrupted_row_is_found(
    found: Found, model: Any, where: dict[str, Any], values: dict[str, Any], codes: list[str]
) -> None:
    change(model, *(getattr(model, name) == value for name, value in where.items()), **values)
    assert found() == codes


def test_a_fingerprint_knows_of_discounts_and_fractions(found: Found) -> None:
    for name, value in (("discount_reason", "Because"), ("discount_percent", Decimal(3))):
        row = db.session.scalars(select(InvoiceLine).order_by(InvoiceLine.id)).first()
        assert row
        before = getattr(row, name)
        setattr(row, name, value)
        assert "I16" in found()
        setattr(row, name, before)
    assert found() == []


def test_a_note_that_takes_back_more_tax_than_all_of_it_is_found(found: Found) -> None:
    note = db.session.scalars(select(CreditNote).order_by(CreditNote.id)).first()
    assert note
    change(InvoiceTax, InvoiceTax.invoice_id == note.id, tax_minor=note.tax_minor + 1, taxable_minor=note.net_minor - 1)
    assert found() == ["I04", "I17"]


def test_a_number_that_was_skipped_is_found(found: Found) -> None:
    series = db.session.scalars(select(Series).where(Series.prefix == "CN")).one()
    series.last_number += 1
    assert found() == ["I15"]
