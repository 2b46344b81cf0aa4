"""The next bill, looked at beforehand: what a run then makes, and nothing is kept of the look."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from changing import DAY, at, changed, documents, price_for, priced, renewed, running
from conftest import Clock
from factories import make_company, make_customer, make_group, make_service, make_tax_rate
from flask import Flask
from money import eur
from sqlalchemy import func, select

from billing import charges, credits, next_bills
from billing.actor import Actor
from jobs import renewals
from models import BillingGroup, ChangeWhen, Charge, Invoice, InvoiceLine, db

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


@pytest.mark.parametrize(
    ("asked", "months", "on"),
    [(ChangeWhen.RENEWAL, 1, DECEMBER), (ChangeWhen.ON, 1, date(2026, 11, 21)), (ChangeWhen.ON, 3, date(2026, 11, 21)),
     (ChangeWhen.ON, 1, DECEMBER)],
)  # fmt: skip
def test_a_change_that_is_put_down_tells_the_next_bill(app, clock, asked: ChangeWhen, months: int, on: date) -> None:
    service = running(clock)
    by, plus = at(clock, DAY), price_for(priced("Plus", "60"), "150", 3)
    wanted = {"when": asked, "on": on if asked is ChangeWhen.ON else None, "months": months}
    change = changed(service, plus, by, **wanted)
    told = next_bills.as_changed(service, change, by=by)
    shown = told.next_on, told.next_amount
    for day in sorted({on, told.next_on}):
        renewed(clock, day)
    made = documents(service)[-1]
    assert shown == (made.issued_on, made.total) and shown[0] >= DECEMBER


def test_a_change_behind_the_next_bill_or_that_cannot_be_made_tells_nothing(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, plus = at(clock, DAY), priced("Plus", "60")
    change = changed(service, plus, by, when=ChangeWhen.ON, on=date(2026, 12, 2))
    assert next_bills.as_changed(service, change, by=by) is None
    change.on = DECEMBER
    assert next_bills.as_changed(service, change, by=by)
    plus.archived = True
    assert next_bills.as_changed(service, change, by=by) is None
    plus.archived, service.paused_from = False, DAY
    assert next_bills.as_changed(service, change, by=by) is None


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
