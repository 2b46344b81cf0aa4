"""Changing the currency of an account (F35): only when it is square, all at once, and never mixing two."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from factories import add, make_company, make_customer, make_draft, make_group, make_invoice, make_service
from flask import Flask
from sqlalchemy import func, select, update

from billing import credits, currency_change, doctor, ledger
from billing.actor import NotAllowed
from billing.balances import ChangedMeanwhile
from billing.currency_change import CannotChangeCurrency, How
from billing.doctor import Scope
from billing.fx import NoExchangeRate
from billing.money import Money
from jobs import renewals
from models import Account, AuditEvent, Charge, Customer, FxRate, Invoice, LedgerEntry, ServiceOption, db

ON = date(2026, 11, 22)


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company()
    found = make_customer()
    group = make_group(found, usual_minor=1000)
    service = make_service(found, price_minor=1005, setup_fee_minor=500, billing_group_id=group.id)
    add(ServiceOption(service_id=service.id, name="IP", currency="EUR", price_minor=200))
    make_service(found, price_minor=999, status="cancelled", billing_group_id=group.id)
    known = {"customer_id": found.id, "billing_group_id": group.id, "currency": "EUR", "starts_on": ON}
    add(Charge(**known, description="Rack", price_minor=700, months=1, next_on=date(2026, 12, 1)))
    add(Charge(**known, description="Long ago", price_minor=700, next_on=None))
    add(FxRate(base="EUR", quote="USD", rate=Decimal("1.1172"), on=date(2026, 11, 20), source="ECB"))
    return found


def changed(customer: Customer, by, currency: str = "USD", how: How = How.RECALCULATE):
    seen = currency_change.plan(customer, currency, how, by.today).seen
    return currency_change.change(customer, currency, how, seen=seen, by=by)


def prices(customer: Customer) -> list[str]:
    return [str(each.new) for each in currency_change.plan(customer, "USD", How.RECALCULATE, ON).amounts]


def test_what_is_still_to_be_billed_is_recalculated_at_the_rate_of_the_day(customer, by):
    assert prices(customer) == ["11.23 USD", "5.59 USD", "2.23 USD", "7.82 USD"]
    done = changed(customer, by)
    assert done.exchange and done.exchange.source == "ECB 2026-11-20"
    assert customer.currency == "USD" and currency_change.plan(customer, "EUR", How.KEEP_FIGURES, ON).amounts
    rows = {row.description: (row.currency, row.price_minor) for row in db.session.scalars(select(Charge))}
    assert rows == {"Rack": ("USD", 782), "Long ago": ("EUR", 700)}
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.currency_changed")).one()
    assert event.before == {"currency": "EUR"} and event.after["rate"] == "1.1172"


def test_figures_may_be_kept_where_the_currency_has_room_for_them(customer, by):
    with pytest.raises(CannotChangeCurrency, match="JPY has no decimals"):
        currency_change.plan(customer, "JPY", How.KEEP_FIGURES, ON)
    changed(customer, by, "CHF", How.KEEP_FIGURES)
    service = db.session.scalars(select(Charge).where(Charge.next_on.is_not(None))).one()
    assert (service.currency, service.price_minor) == ("CHF", 700)


def test_the_next_bill_is_in_the_new_currency_and_the_doctor_is_content(customer, by):
    old = make_invoice(customer, 1000)
    ledger.post("payment", customer, ON, {Account.CASH: Money(1000, "EUR"), Account.RECEIVABLE: Money(-1000, "EUR")})
    old.open_minor = 0
    changed(customer, by)
    db.session.commit()
    renewals.run(date(2026, 12, 1))
    invoice = db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one()
    assert (invoice.currency, invoice.total_minor) == ("USD", 1123 + 223 + 559 + 782 - 559)
    assert db.session.get(Customer, customer.id).balance == Money(invoice.total_minor, "USD")
    per_posting = select(func.count(LedgerEntry.currency.distinct())).group_by(LedgerEntry.posting_id)
    assert set(db.session.scalars(per_posting)) == {1}
    assert not [f for f in doctor.examine(Scope(at=by.at)) if f.code in ("I01", "I02", "I92")]


@pytest.mark.parametrize("what", ["open_invoices", "credit", "drafts", "prepaid"])
def test_nothing_changes_while_the_account_is_not_square(customer, by, what):
    seen = currency_change.plan(customer, "USD", How.RECALCULATE, by.today).seen
    if what == "open_invoices":
        make_invoice(customer, 1000)
    elif what == "credit":
        credits.grant(customer, Money(500, "EUR"), reason="Gift", on=ON, by=by)
    elif what == "drafts":
        make_draft(customer)
    else:
        row = db.session.scalars(select(Charge).where(Charge.description == "Long ago")).one()
        row.price_minor, row.left_minor, row.next_on = -700, 300, ON
    db.session.flush()
    assert [each.what for each in currency_change.blockers(customer)] == [what]
    with pytest.raises(CannotChangeCurrency, match="not square"):
        currency_change.change(customer, "USD", How.RECALCULATE, seen=seen, by=by)
    assert customer.currency == "EUR" and {c.currency for c in db.session.scalars(select(Charge))} == {"EUR"}


def test_only_what_was_shown_is_done(customer, by):
    seen = currency_change.plan(customer, "USD", How.RECALCULATE, by.today).seen
    add(FxRate(base="EUR", quote="USD", rate=Decimal("1.2"), on=by.today, source="ECB"))
    with pytest.raises(ChangedMeanwhile):
        currency_change.change(customer, "USD", How.RECALCULATE, seen=seen, by=by)
    with pytest.raises(NotAllowed):
        currency_change.change(customer, "USD", How.RECALCULATE, seen=seen, by=replace(by, permissions=frozenset()))
    for currency in ("EUR", "EURO", ""):
        with pytest.raises(CannotChangeCurrency):
            currency_change.plan(customer, currency, How.RECALCULATE, ON)
    with pytest.raises(NoExchangeRate):
        currency_change.plan(customer, "CHF", How.RECALCULATE, ON)


def test_money_in_the_old_currency_is_refused_afterwards(customer, by):
    changed(customer, by)
    with pytest.raises(ledger.ClosedAccount):
        ledger.post("payment", customer, ON, {Account.CASH: Money(1, "EUR"), Account.RECEIVABLE: Money(-1, "EUR")})
    assert currency_change.blockers(customer) == []


def test_a_payment_that_was_under_way_finds_the_account_changed(customer, by):
    """What somebody else committed meanwhile is seen by the row, not by what this session read before."""
    assert customer.currency == "EUR"
    other = update(Customer).where(Customer.id == customer.id).values(currency="USD")
    db.session.execute(other.execution_options(synchronize_session=False))
    with pytest.raises(ledger.ClosedAccount, match="kept in USD now"):
        ledger.post("payment", customer, ON, {Account.CASH: Money(1, "EUR"), Account.RECEIVABLE: Money(-1, "EUR")})


@pytest.mark.parametrize("table", [Charge, ServiceOption])
def test_the_doctor_finds_what_would_be_billed_in_another_currency(customer, by, table):
    assert not [found for found in doctor.examine(Scope(at=by.at)) if found.code == "I94"]
    db.session.execute(update(table).values(currency="CHF"))
    assert [found.count for found in doctor.examine(Scope(at=by.at)) if found.code == "I94"] == [1]
