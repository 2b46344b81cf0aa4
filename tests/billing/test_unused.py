"""What was charged for days that lie ahead, and what of it is left to be given back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from factories import add, make_company, make_customer, make_service, make_tax_rate
from flask import Flask
from invoicing import line
from money import eur

from billing import credit_notes, drafts, invoices
from billing.actor import Actor
from billing.credit_notes import Chosen
from billing.document_lines import Amount, LineInput
from billing.drafts import Content
from billing.money import UnitPrice
from billing.periods import BillingPeriod
from billing.unused import given_back, of_services, unused
from models import Invoice, LineKind, Service, db

NOVEMBER = BillingPeriod(date(2026, 11, 1), date(2026, 12, 1))
DAY = date(2026, 11, 16)


def billed(service: Service, by: Actor, *lines: LineInput) -> Invoice:
    draft = drafts.begin(service.customer, by=by)
    drafts.write(draft, Content(lines=lines), version=draft.version, by=by)
    return invoices.issue(draft, send=False, by=by)


def of(service: Service, price: str = "30", kind: LineKind = LineKind.SERVICE, **values: object) -> LineInput:
    return line(price, kind=kind, period=NOVEMBER, service_id=service.id, **values)


def shop() -> Service:
    make_company()
    make_tax_rate()
    return make_service(make_customer(), price_minor=3000)


def test_half_of_a_month_is_left_of_the_package_and_its_option_at_the_price_charged(app: Flask, by: Actor) -> None:
    service = shop()
    invoice = billed(
        service, by, of(service, discount_percent=Decimal(10)), of(service, "6", LineKind.OPTION), line("99")
    )
    package, option = unused(service, DAY)
    assert (package.amount, package.charged, package.share) == (eur("13.50"), eur("27.00"), Fraction(1, 2))
    assert (option.amount, option.kind, option.document) == (eur("3.00"), LineKind.OPTION, invoice.number)
    assert package.tax.rate == 23 and package.period == BillingPeriod(DAY, NOVEMBER.end)
    assert unused(service, date(2026, 12, 1)) == []


def test_before_its_period_all_of_it_is_left(app: Flask, by: Actor) -> None:
    service = shop()
    billed(service, by, of(service))
    (whole,) = unused(service, date(2026, 10, 1))
    assert (whole.amount, whole.period, whole.share) == (eur("30.00"), NOVEMBER, 1)


def test_an_ordinary_credit_note_lowers_what_every_day_cost(app: Flask, by: Actor) -> None:
    service = shop()
    invoice = billed(service, by, of(service))
    credit_notes.credit(invoice, [Chosen(invoice.lines[0].id, amount=eur("10"))], reason="Outage", by=by)
    (left,) = unused(service, DAY)
    assert (left.charged, left.amount) == (eur("20.00"), eur("10.00"))
    credit_notes.credit(invoice, None, reason="The rest", by=by)
    assert unused(service, DAY) == []


def test_days_given_back_are_not_given_back_again_and_the_days_before_are_still_there(app: Flask, by: Actor) -> None:
    service = shop()
    invoice = billed(service, by, of(service))
    days = BillingPeriod(DAY, NOVEMBER.end)
    back = LineInput(
        "Unused", UnitPrice.of("-30", "EUR"), Amount(Decimal(1), 2), LineKind.UNUSED, period=days,
        service_id=service.id, original_line_id=invoice.lines[0].id,
    )  # fmt: skip
    charge = LineInput("More", UnitPrice.of("60", "EUR"), Amount(Decimal(1), 2), LineKind.SERVICE, period=days,
                       service_id=service.id)  # fmt: skip
    change = billed(service, by, back, charge)
    (more,) = unused(service, DAY)
    assert (more.line_id, more.amount) == (change.lines[1].id, eur("30.00"))
    first, more = unused(service, date(2026, 11, 11))
    assert (first.period, first.amount) == (BillingPeriod(date(2026, 11, 11), DAY), eur("5.00"))
    assert more.amount == eur("30.00")
    invoices.void(change, "Slip", by=by)
    (whole,) = unused(service, DAY)
    assert whole.amount == eur("15.00")


def test_drafts_void_invoices_free_lines_and_other_services_count_for_nothing(app: Flask, by: Actor) -> None:
    service = shop()
    other = make_service(service.customer)
    draft = drafts.begin(service.customer, by=by)
    drafts.write(draft, Content(lines=[of(service)]), version=draft.version, by=by)
    invoices.void(billed(service, by, of(service)), "Slip", by=by)
    billed(service, by, of(other), of(service, "0"))
    found = of_services([service.id, other.id], DAY)
    assert found[service.id] == [] and len(found[other.id]) == 1


def test_a_proforma_that_nobody_has_paid_is_told(app: Flask, by: Actor) -> None:
    make_company(number_when_paid=True)
    service = make_service(make_customer())
    proforma = billed(service, by, of(service))
    assert [one.proforma for one in unused(service, DAY)] == [True]
    invoices.number_proforma(proforma, by=by)
    db.session.commit()
    assert [one.proforma for one in unused(service, DAY)] == [False]


def test_never_more_is_given_back_than_is_left_of_the_line() -> None:
    assert given_back(eur("0.05"), Fraction(1, 2), eur("0.05")) == eur("0.03")
    assert given_back(eur("10"), Fraction(1), eur("4")) == eur("4.00")


def test_nothing_is_left_for_a_service_without_bills(app: Flask) -> None:
    service = add(make_service(make_customer()))
    assert unused(service, DAY) == []


@pytest.mark.database("sqlite")
def test_it_is_found_by_the_lines_of_the_service_however_many_invoices_are_issued(app: Flask) -> None:
    service, said = shop(), []
    driver = db.session.connection().connection.driver_connection
    driver.set_trace_callback(said.append)
    unused(service, DAY)
    driver.set_trace_callback(None)
    plan = " ".join(step[3] for step in driver.execute(f"EXPLAIN QUERY PLAN {said[-1]}"))
    assert "ix_invoice_line_service_id" in plan and "ix_invoice_state" not in plan
    assert "ix_renewal_carries_id" in plan and "SCAN renewal" not in plan
