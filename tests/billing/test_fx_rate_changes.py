"""Exchange rates: added and taken away, each with a trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from factories import make_customer
from sqlalchemy import select

from billing import fx_rate_changes as rules
from billing.actor import NotAllowed
from billing.fx import FxTable, NoExchangeRate
from models import AuditEvent, db

ON = date(2026, 11, 1)
RATE = rules.Rate("USD", "EUR", Decimal("0.9223"), ON, "European Central Bank")


def test_what_is_added_is_used_and_the_customers_own_wins(by):
    customer = make_customer()
    rules.create(RATE, by=by)
    rules.create(replace(RATE, rate=Decimal("0.9"), source="Agreed", customer_id=customer.id), by=by)
    table = FxTable()
    assert table.exchange("USD", "EUR", ON).rate == Decimal("0.9223")
    assert table.exchange("USD", "EUR", ON, customer_id=customer.id).source == "Agreed 2026-11-01"


def test_taken_away_with_a_trace(by):
    rules.delete(rules.create(RATE, by=by), by=by)
    with pytest.raises(NoExchangeRate):
        FxTable().exchange("USD", "EUR", ON)
    assert set(db.session.scalars(select(AuditEvent.verb))) == {"fx_rate.created", "fx_rate.deleted"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("base", "USX"), ("quote", "USD"), ("rate", Decimal(0)), ("rate", Decimal("1e9")), ("rate", Decimal("1e-11")),
     ("customer_id", 999), ("group_id", 999)],
)  # fmt: skip
def test_wrong_values(by, field, value):
    with pytest.raises(rules.FxRateRefused) as caught:
        rules.create(replace(RATE, **{field: value}), by=by)
    assert caught.value.field == field


def test_one_rate_a_day_and_only_by_those_who_may(by):
    rules.create(RATE, by=by)
    with pytest.raises(rules.FxRateRefused):
        rules.create(replace(RATE, rate=Decimal(1)), by=by)
    with pytest.raises(NotAllowed):
        rules.create(RATE, by=replace(by, permissions=frozenset()))


def test_a_rate_that_ended_leaves_the_day_to_the_wider_one(by):
    customer = make_customer()
    rules.create(RATE, by=by)
    own = rules.create(replace(RATE, rate=Decimal("0.9"), source="Agreed", customer_id=customer.id), by=by)
    rules.end(own, date(2026, 11, 10), by=by)
    table = FxTable()
    days = [table.exchange("USD", "EUR", date(2026, 11, day), customer_id=customer.id).rate for day in (9, 10)]
    assert days == [Decimal("0.9"), Decimal("0.9223")]
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "fx_rate.ended")).one()
    assert (event.customer_id, event.after) == (customer.id, {"ends_on": "2026-11-10"})
    with pytest.raises(rules.FxRateRefused, match="later day"):
        rules.end(own, ON, by=by)
