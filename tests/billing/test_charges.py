"""Ending a charge: what is to come stops, what is billed stays."""

from __future__ import annotations

from datetime import date

import pytest
from factories import make_customer, make_group
from sqlalchemy import select

from billing.actor import Actor, NotAllowed
from billing.charges import InvalidCharge, add_charge, end_charge
from billing.prices import InvalidTerms
from models import AuditEvent, CustomerStatus, Money, db

START = date(2026, 12, 1)


@pytest.fixture
def charge(by):
    customer = make_customer()
    return add_charge(make_group(customer), "Backup", Money.of("5", "EUR"), starts_on=START, months=1, by=by)


def test_a_later_end_leaves_what_comes_before_it(charge, by):
    end_charge(charge, date(2027, 3, 1), by=by)
    assert (charge.ends_on, charge.next_on) == (date(2027, 3, 1), START)
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.verb, event.before, event.after) == ("charge.ended", {"ends_on": None}, {"ends_on": "2027-03-01"})


@pytest.mark.parametrize("day", [START, date(2026, 11, 1)])
def test_an_end_by_the_next_bill_stops_it_for_good(charge, by, day):
    end_charge(charge, day, by=by)
    assert (charge.ends_on, charge.next_on) == (START, None)
    with pytest.raises(InvalidCharge, match="Nothing more"):
        end_charge(charge, day, by=by)


def test_an_absurd_day_and_a_missing_right_are_refused(charge, by, clock):
    with pytest.raises(InvalidTerms):
        end_charge(charge, date(2199, 1, 1), by=by)
    with pytest.raises(NotAllowed):
        end_charge(charge, START, by=Actor("Viewer", clock(), clock().date()))
    assert charge.ends_on is None


def test_nothing_is_added_for_an_archived_customer(app, by):
    group = make_group(make_customer(status=CustomerStatus.ARCHIVED))
    with pytest.raises(InvalidCharge, match="is archived"):
        add_charge(group, "Rent", Money(100, "EUR"), starts_on=by.today, by=by)
