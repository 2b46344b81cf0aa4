"""The next bill, looked at beforehand: what a run then makes, and nothing is kept of the look."""

from __future__ import annotations

from datetime import date
from typing import Any

from factories import make_company, make_customer, make_group, make_service, make_tax_rate
from flask import Flask
from money import eur
from sqlalchemy import func, select

from billing import charges, credits, next_bills
from billing.actor import Actor
from jobs import renewals
from models import BillingGroup, Charge, Invoice, InvoiceLine, db

DECEMBER = date(2026, 12, 1)


def group(by: Actor) -> BillingGroup:
    make_company()
    make_tax_rate("IE", "23")
    customer = make_customer()
    found = make_group(customer)
    make_service(customer, price_minor=3000, billing_group_id=found.id)
    charges.add_charge(found, "In advance", -eur("10"), starts_on=date(2026, 11, 1), by=by)
    credits.grant(customer, eur("5"), reason="Outage", on=by.today, by=by)
    return found


def test_it_is_what_the_run_makes(app: Flask, by: Actor) -> None:
    found = group(by)
    bill = next_bills.next_bill(found, by.today)
    shown = [(line.description, line.amount) for line in bill.lines], bill.amount, bill.still_due
    assert bill.day == DECEMBER and shown[1:] == (eur("24.60"), 1960)
    db.session.commit()
    renewals.run(DECEMBER)
    invoice = db.session.scalars(select(Invoice)).one()
    assert shown == ([(line.description, line.amount) for line in invoice.lines], invoice.total, invoice.open_minor)


def test_nothing_due_is_no_bill_and_a_late_one_is_told(app: Flask, by: Actor) -> None:
    customer = make_customer()
    empty = make_group(customer)
    assert next_bills.next_bill(empty, by.today) is None
    make_service(customer, billing_group_id=empty.id, next_renewal_on=date(2024, 1, 1), billed_from=date(2024, 1, 1))
    bill = next_bills.next_bill(empty, by.today)
    assert "over a year ago" in bill.reason


def test_trying_keeps_nothing(app: Flask, by: Actor) -> None:
    found = group(by)
    counted: Any = select(func.count()).select_from(Charge)
    before = db.session.scalar(counted)

    def add() -> None:
        charges.add_charge(found, "Router", eur("5"), starts_on=DECEMBER, by=by)

    bill = next_bills.tried(add, lambda: next_bills.next_bill(found, by.today))
    assert [line.amount for line in bill.lines] == [eur("30"), eur("5"), eur("-10")]
    assert (
        db.session.scalar(counted) == before and db.session.scalar(select(func.count()).select_from(InvoiceLine)) == 0
    )
