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
from billing.tax_countries import EU
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
    assert {rate.rate for rate in shipped if rate.country == "RO" and rate.category == "S"} == {19, 21}


def test_what_differs_is_shown_and_followed_where_one_wants(by):
    finland = rules.Rate("FI", "S", "ALV", Decimal("24"), date(2015, 1, 1))
    row = rules.create(finland, by=by)
    (found,) = [each for each in rules.differences() if each.shipped.country == "FI" and each.ours is row]
    assert (found.shipped.rate, found.shipped.valid_from) == (Decimal("25.5"), date(2024, 9, 1))
    assert rules.follow([found.shipped.key, "FI-Q-2020-01-01"], by=by) == 1
    rows = db.session.scalars(select(TaxRate).order_by(TaxRate.valid_from)).all()
    assert [(r.rate, r.valid_from, r.valid_to) for r in rows] == [
        (24, date(2015, 1, 1), date(2024, 8, 31)),
        (Decimal("25.5"), date(2024, 9, 1), None),
    ]
    assert not [each for each in rules.differences() if each.shipped.country == "FI" and each.shipped.category == "S"]


def test_a_wrong_rate_of_the_same_days_is_changed_and_one_that_lasts_longer_is_cut(by):
    right = rules.create(rules.Rate("DE", "S", "VAT", Decimal(18), date(2025, 1, 1)), by=by)
    long = rules.create(rules.Rate("RO", "S", "TVA", Decimal(21), date(2020, 1, 1)), by=by)
    assert rules.follow(["DE-S-2024-01-01", "RO-S-2024-01-01"], by=by) == 2
    assert (right.rate, right.valid_from, right.source[:19]) == (19, date(2025, 1, 1), "European Commission")
    romania = db.session.scalars(select(TaxRate).where(TaxRate.country == "RO").order_by(TaxRate.valid_from)).all()
    assert [(r.rate, r.valid_from, r.valid_to) for r in romania] == [
        (21, date(2020, 1, 1), date(2023, 12, 31)),
        (19, date(2024, 1, 1), date(2025, 7, 31)),
        (21, date(2025, 8, 1), None),
    ]
    assert long.valid_to == date(2023, 12, 31)
