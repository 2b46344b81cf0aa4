"""Tax rates: one per country, category and day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from billing import tax_rate_changes as rules
from billing.actor import NotAllowed
from billing.countries import COUNTRIES
from billing.tax_rates import EU
from models import AuditEvent, TaxRate, db

IE = rules.Rate("IE", "S", "VAT", Decimal("23"), date(2020, 1, 1), date(2026, 12, 31))


def test_windows_may_touch_but_not_overlap(by):
    rules.create(IE, by=by)
    rules.create(replace(IE, rate=Decimal("23.5"), valid_from=date(2027, 1, 1), valid_to=None), by=by)
    rules.create(replace(IE, category="R"), by=by)
    for start, end in (
        (date(2026, 12, 31), date(2026, 12, 31)), (date(2019, 1, 1), date(2020, 1, 1)), (date(2019, 1, 1), None),
        (date(2030, 1, 1), date(2030, 1, 1)),
    ):  # fmt: skip
        with pytest.raises(rules.TaxRateRefused) as caught:
            rules.create(replace(IE, valid_from=start, valid_to=end), by=by)
        assert caught.value.field == "valid_from"
    rules.create(replace(IE, valid_from=date(2019, 1, 1), valid_to=date(2019, 12, 31)), by=by)


def test_a_rate_ends_with_a_trace(by):
    row = rules.create(replace(IE, valid_to=None), by=by)
    rules.change(row, IE, by=by)
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.verb, event.before, event.after) == (
        "tax_rate.changed",
        {"valid_to": None},
        {"valid_to": "2026-12-31"},
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("country", "XX"), ("category", "Q"), ("rate", Decimal("-1")), ("rate", Decimal("100.1")),
     ("rate", Decimal("1.23456")), ("valid_to", date(2019, 1, 1))],
)  # fmt: skip
def test_wrong_values(by, field, value):
    with pytest.raises(rules.TaxRateRefused) as caught:
        rules.create(replace(IE, **{field: value}), by=by)
    assert caught.value.field == field


def test_needs_the_right(by):
    for do in (lambda by: rules.create(IE, by=by), lambda by: rules.add_starting(by=by)):
        with pytest.raises(NotAllowed):
            do(replace(by, permissions=frozenset()))


def test_starting_rates_leave_what_is_there(by):
    rules.create(IE, by=by)
    shipped = rules.starting_rates()
    assert {rate.country for rate in shipped} == EU | {"GB", "CH", "NO"} <= COUNTRIES
    assert rules.add_starting(by=by) == len(shipped) - 1
    assert rules.add_starting(by=by) == 0
    assert db.session.scalar(select(func.count(TaxRate.id))) == len(shipped)
