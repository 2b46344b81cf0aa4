"""The doctor on changes of package: nothing to say of what the rules did, and each fault by its number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from changing import DAY, at, changed, findings, price_for, priced, running
from conftest import Clock
from factories import make_customer
from flask import Flask
from sqlalchemy import select, update

from billing import doctor
from billing.doctor import Scope
from models import (
    ChangeState,
    CreditNotePart,
    Invoice,
    InvoiceLine,
    LineKind,
    Money,
    PackageChange,
    Renewal,
    Service,
    db,
)


@pytest.fixture
def business(app: Flask, clock: Clock) -> None:
    """One up, down again, and on to a year: an invoice, a credit note for two invoices, a new period."""
    service = running(clock)
    changed(service, priced("Plus", "60"), at(clock, DAY))
    mini = priced("Mini", "10")
    changed(service, mini, at(clock, date(2026, 11, 20)))
    by = at(clock, date(2026, 11, 22))
    changed(service, price_for(mini, "100", 12), by, months=12)
    assert findings(by) == []


def set_(model: Any, *where: Any, **values: Any) -> None:
    row = db.session.scalars(select(model.id).where(*where).order_by(model.id)).first()
    assert row is not None
    db.session.execute(update(model).where(model.id == row).values(**values))


def somebody() -> int:
    return int(make_customer().id)


FAULTS: list[tuple[str, Callable[[], None]]] = [
    ("I12", lambda: set_(Renewal, Renewal.cut_on.is_not(None), cut_on=date(2026, 10, 1))),
    ("I12", lambda: set_(Renewal, Renewal.cut_on.is_not(None), cut_on=None)),
    ("I12", lambda: set_(InvoiceLine, InvoiceLine.kind == LineKind.UNUSED, period_start=date(2026, 10, 1))),
    ("I12", lambda: set_(InvoiceLine, InvoiceLine.kind == LineKind.UNUSED, service_id=None)),
    ("I05", lambda: set_(CreditNotePart, amount_minor=1)),
    ("I17", lambda: set_(CreditNotePart, amount_minor=10**9)),
    ("I17", lambda: set_(CreditNotePart, currency="USD")),
    ("I17", lambda: set_(InvoiceLine, InvoiceLine.kind == LineKind.UNUSED, amount_minor=-(10**6))),
    ("I18", lambda: set_(Service, anchored_on=None, anchor_day=5)),
    ("I96", lambda: set_(PackageChange, invoice_id=None, state=ChangeState.WAITING)),
    ("I96", lambda: set_(PackageChange, fingerprint="")),
    ("I96", lambda: set_(PackageChange, after=None)),
    ("I96", lambda: set_(PackageChange, state=ChangeState.UNDONE)),
    ("I96", lambda: set_(PackageChange, customer_id=somebody())),
    ("I96", lambda: set_(PackageChange, state=ChangeState.SCHEDULED)),
]


def test_every_fault_is_found(app: Flask, business: None) -> None:
    for place, (code, harm) in enumerate(FAULTS):
        harm()
        found = [finding.code for finding in doctor.examine(Scope(app.clock()))]
        assert code in found, (place, code, found)
        db.session.rollback()


def test_a_note_for_several_invoices_shares_out_what_they_leave(app: Flask, business: None) -> None:
    """The newest open invoice first; nothing is left over while one is open."""
    note = db.session.scalars(select(Invoice).where(Invoice.kind == "credit_note")).one()
    parts = db.session.scalars(select(CreditNotePart).order_by(CreditNotePart.invoice_id)).all()
    assert sum((part.amount for part in parts), Money.zero("EUR")) <= note.total
    assert {part.credit_note_id for part in parts} == {note.id}
