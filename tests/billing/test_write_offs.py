"""What will not be paid any more: a loss, not a void, and expected again when somebody says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import pytest
from factories import make_customer, make_draft, make_invoice
from flask import Flask
from money import TODAY, booked, eur, well
from sqlalchemy import select

from billing import balances, write_offs
from billing.actor import Actor, NotAllowed
from billing.balances import NotPayable
from billing.write_offs import CannotWriteOff
from models import Account, AuditEvent, Money, WriteOff, db


@pytest.fixture(autouse=True)
def stays_well(app: Flask) -> Iterator[None]:
    yield
    assert well() == []


def test_an_invoice_is_written_off_in_part_and_whole(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    write_offs.write_off(invoice, eur("3.00"), reason="Bank charges", on=date(2026, 11, 20), by=by)
    assert (invoice.open_minor, invoice.written_off_minor, customer.balance_minor) == (700, 300, 700)
    assert booked("write_off") == [{Account.WRITE_OFF: 300, Account.RECEIVABLE: -300}]
    write_offs.write_off(invoice, reason="Moved away", on=TODAY, by=by)
    assert (invoice.open_minor, invoice.written_off_minor, customer.balance_minor) == (0, 1000, 0)
    assert balances.open_invoices(customer) == []
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "invoice.written_off")).first()
    assert (event.object_id, event.after["amount_minor"], event.after["reason"]) == (invoice.id, 300, "Bank charges")


def test_a_write_off_is_taken_back_the_newest_first(app: Flask, by: Actor) -> None:
    invoice = make_invoice(make_customer(), 1000)
    first = write_offs.write_off(invoice, eur("3.00"), reason="Bank charges", on=TODAY, by=by)
    second = write_offs.write_off(invoice, eur("7.00"), reason="Moved away", on=TODAY, by=by)
    write_offs.take_back(invoice, eur("8.00"), reason="Found again", by=by)
    assert (invoice.open_minor, invoice.written_off_minor) == (800, 200)
    rows = db.session.scalars(select(WriteOff).where(WriteOff.undoes_id.is_not(None)).order_by(WriteOff.id)).all()
    assert [(row.undoes_id, row.amount_minor) for row in rows] == [(second.id, -700), (first.id, -100)]
    write_offs.take_back(invoice, reason="Found again", by=by)
    assert (invoice.open_minor, invoice.written_off_minor) == (1000, 0)
    assert sum(p[Account.WRITE_OFF] for p in booked("write_off")) == 0
    db.session.commit()
    with pytest.raises(CannotWriteOff, match="Nothing of"):
        write_offs.take_back(invoice, eur("1.00"), reason="x", by=by)


def test_refuses_what_makes_no_sense(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice, draft = make_invoice(customer, 1000), make_draft(customer)
    db.session.commit()
    for amount, on, match in (
        (eur("10.01"), TODAY, "Only 10.00 EUR"),
        (eur("0.00"), TODAY, "more than zero"),
        (eur("-1.00"), TODAY, "more than zero"),
        (Money(1, "USD"), TODAY, "in EUR"),
        (None, date(2026, 11, 23), "and today"),
        (None, date(2026, 10, 31), "between the invoice's"),
        (None, datetime(2026, 11, 22, 9), "and today"),
    ):
        with pytest.raises(CannotWriteOff, match=match):
            write_offs.write_off(invoice, amount, reason="x", on=on, by=by)
        db.session.rollback()
    with pytest.raises(NotPayable, match="draft"):
        write_offs.write_off(draft, reason="x", on=TODAY, by=by)
    with pytest.raises(CannotWriteOff, match="Nothing of"):
        write_offs.take_back(invoice, eur("1.00"), reason="x", by=by)
    write_offs.write_off(invoice, eur("4.00"), reason="x", on=TODAY, by=by)
    db.session.commit()
    for wrong in ("4.01", "0.00", "-1.00"):
        with pytest.raises(CannotWriteOff, match="4.00 EUR of .* is written off"):
            write_offs.take_back(invoice, eur(wrong), reason="x", by=by)
        db.session.rollback()


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    invoice = make_invoice(make_customer(), 1000)
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.edit", "invoices.edit"}))
    with pytest.raises(NotAllowed):
        write_offs.write_off(invoice, reason="x", on=TODAY, by=weak)
    with pytest.raises(NotAllowed):
        write_offs.take_back(invoice, reason="x", by=weak)
