"""Which exchange rate counts: the customer's, its group's, the table's; turned, or over the euro, exactly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from factories import add, make_customer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statements import spoken

from billing.fx import Exchange, FxTable, NoExchangeRate
from models import CustomerGroup, FxRate, db

ON = date(2026, 11, 20)


def rate(base: str, quote: str, value: str, on: date = ON, **more: object) -> FxRate:
    return add(FxRate(base=base, quote=quote, rate=Decimal(value), on=on, **{"source": "ECB", **more}))


def asked(base: str, quote: str, on: date = ON, **who: int | None) -> Exchange:
    return FxTable().exchange(base, quote, on, **who)


def test_the_customers_then_the_groups_then_the_tables(app):
    group = add(CustomerGroup(name="Wholesale"))
    customer = make_customer(group_id=group.id)
    rate("USD", "EUR", "0.9")
    who = {"customer_id": customer.id, "group_id": group.id}
    assert asked("USD", "EUR", **who).rate == Decimal("0.9")
    rate("EUR", "USD", "1.25", group_id=group.id, source="Agreed")
    assert asked("USD", "EUR", **who) == Exchange(Decimal("0.8"), "Agreed 2026-11-20", ON)
    rate("USD", "EUR", "0.75", date(2020, 1, 1), customer_id=customer.id, source="Contract")
    assert asked("USD", "EUR", **who).rate == Decimal("0.75")
    assert asked("USD", "EUR").rate == Decimal("0.9")
    assert asked("USD", "EUR", group_id=group.id).rate == Decimal("0.8")


def test_the_newest_counts_whichever_way_round_it_is_written(app):
    rate("USD", "EUR", "0.5", date(2024, 1, 1), source="By hand")
    rate("EUR", "USD", "1.25", date(2026, 11, 19))
    assert asked("USD", "EUR").rate == Decimal("0.8")
    assert asked("USD", "EUR", date(2025, 1, 1)) == Exchange(Decimal("0.5"), "By hand 2024-01-01", date(2024, 1, 1))
    with pytest.raises(NoExchangeRate, match="USD to EUR for 2023"):
        asked("USD", "EUR", date(2023, 1, 1))


def test_two_other_currencies_go_over_the_euro_with_the_older_day(app):
    rate("EUR", "USD", "1.1172")
    rate("EUR", "GBP", "0.8338", date(2026, 11, 18))
    found = asked("USD", "GBP")
    assert found == Exchange(Decimal("0.7463301110"), "ECB 2026-11-18, over EUR", date(2026, 11, 18))
    assert found.is_older_than(1, ON) and not found.is_older_than(2, ON) and not found.is_older_than(0, ON)
    rate("USD", "GBP", "0.75", date(2026, 11, 1), source="Agreed")
    assert asked("USD", "GBP").source == "Agreed 2026-11-01"
    with pytest.raises(NoExchangeRate):
        asked("USD", "CHF")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals("0.0001", "50000", places=5), st.decimals("0.0001", "50000", places=5))
def test_cross_rates_are_rounded_once(app, dollar, pound):
    db.session.rollback()
    rate("EUR", "USD", str(dollar))
    rate("EUR", "GBP", str(pound))
    exact = Fraction(pound) / Fraction(dollar)
    assert abs(Fraction(asked("USD", "GBP").rate) - exact) <= Fraction(1, 2 * 10**10) or exact < Fraction(1, 10**10)
    db.session.rollback()


def test_a_long_source_still_fits_a_document(app):
    rate("EUR", "USD", "1.1", source="x" * 60)
    rate("EUR", "GBP", "0.8", source="x" * 60)
    assert len(asked("USD", "EUR").source) == len(asked("USD", "GBP").source) == 60


def test_daily_rates_of_years_cost_no_more_than_one(app):
    for n in range(200):
        rate("EUR", "USD", "1.1", date.fromordinal(ON.toordinal() - n))
    db.session.commit()
    table = FxTable()
    with spoken() as seen:
        for n in range(50):
            table.exchange("USD", "EUR", ON, customer_id=n, group_id=n)
    assert len([text for text in seen if "fx_rate" in text]) == 3
