"""The figures of the dashboard, each against a case small enough to add up by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from factories import add, make_customer, make_draft, make_invoice, make_service
from flask import Flask

from billing import payments, reports
from billing.actor import Actor
from billing.money import Money
from models import ServiceOption, db

TODAY = date(2026, 11, 22)


def euro(minor: int) -> Money:
    return Money(minor, "EUR")


def issued(day: date, minor: int, **values: object) -> object:
    customer = values.pop("customer", None) or make_customer()
    return make_invoice(customer, minor, issued_on=day, **values)


def test_months_and_days_end_with_today() -> None:
    assert reports.months_back(date(2026, 2, 3), 3) == ["2025-12", "2026-01", "2026-02"]
    assert reports.days_back(date(2026, 3, 1), 2) == ["2026-02-28", "2026-03-01"]


def test_revenue_is_billed_and_still_open_by_day_of_issue(app: Flask, by: Actor) -> None:
    issued(date(2026, 9, 30), 700)
    paid = issued(date(2026, 10, 1), 1000)
    issued(date(2026, 10, 31), 500)
    issued(date(2026, 10, 5), 900, customer=make_customer(currency="USD"))
    make_draft(make_customer(), 400)
    payments.record(paid.customer, euro(300), method="transfer", received_on=TODAY, invoices=[paid], by=by)
    months = reports.months_back(TODAY, 2)
    assert reports.revenue(months, "EUR") == [(euro(1500), euro(1200)), (euro(0), euro(0))]
    assert reports.revenue(["2026-10-01", "2026-10-02"], "EUR")[0] == (euro(1000), euro(700))
    assert reports.collected(date(2026, 11, 1), TODAY, "EUR") == euro(300)
    assert reports.collected(date(2026, 11, 1), date(2026, 11, 21), "EUR") == euro(0)
    assert reports.other_currencies("EUR") == [Money(900, "USD")]


def test_recurring_revenue_counts_every_rhythm_by_the_month(app: Flask) -> None:
    start = date(2026, 1, 1)
    make_service(make_customer(), price_minor=1000, started_on=start)
    quarterly = make_service(make_customer(), price_minor=1000, months=3, started_on=date(2026, 6, 1))
    add(ServiceOption(service_id=quarterly.id, name="x", currency="EUR", price_minor=200, quantity=Decimal("1.5")))
    make_service(make_customer(), price_minor=12000, months=12, started_on=start, ends_on=date(2026, 7, 1))
    make_service(make_customer(), price_minor=700, months=0, days=7, started_on=start)
    make_service(make_customer(), price_minor=5000, free=True, started_on=start)
    make_service(make_customer(currency="USD"), price_minor=9000, started_on=start)
    db.session.commit()
    weekly = Decimal(700) * Decimal("365.25") / 84
    may, june, july = reports.recurring([date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 31)], "EUR")
    assert may == euro(round(2000 + weekly))
    assert june == euro(round(2000 + weekly + Decimal(1300) / 3))
    assert july == euro(round(1000 + weekly + Decimal(1300) / 3))


def test_customers_are_won_when_they_register_and_lost_with_their_last_service(app: Flask) -> None:
    make_customer(registered_on=date(2026, 10, 2))
    stays, goes = make_customer(), make_customer()
    make_service(stays)
    make_service(stays, status="cancelled", cancelled_on=date(2026, 11, 3))
    for ended in (date(2026, 9, 3), date(2026, 11, 5)):
        make_service(goes, status="cancelled", cancelled_on=ended)
    db.session.commit()
    assert reports.won_and_lost(reports.months_back(TODAY, 3)) == [(0, 0), (1, 0), (0, 1)]
    assert reports.active_customers() == 1


def test_what_is_owed_falls_into_ages_by_the_days_it_is_late(app: Flask) -> None:
    twice = make_customer()
    for late in (-3, 0, 1, 14, 15, 30, 31, 60, 61, 400):
        due = TODAY - timedelta(days=late)
        customer = twice if late in (1, 14) else make_customer()
        issued(date(2025, 1, 1), 100, customer=customer, due_on=due)
    ages = reports.owed_by_age(TODAY, "EUR")
    assert [(age.invoices, age.open.minor) for age in ages] == [(2, 200)] * 5
