"""When the next daily run comes, how far away a day may lie, and the way back for accounts set aside."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from factories import add, make_company, make_customer, make_group, make_service
from flask import Flask
from sqlalchemy import select

from billing.actor import Actor, NotAllowed
from billing.runs import WrongDay, check_day, next_automatic, release
from jobs import renewals
from models import AuditEvent, BillingGroup, Invoice, JobDay, db

TODAY = date(2026, 11, 22)
DECEMBER = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("hour_utc", "done_on", "expected"),
    [
        (0, None, "2026-11-22T02:00+01:00"),  # 01:00 in Paris
        (1, None, "2026-11-23T02:00+01:00"),  # 02:00: a new installation begins at the next hour that comes
        (0, date(2026, 11, 22), "2026-11-23T02:00+01:00"),  # the clock was put back after the run
        (9, date(2026, 11, 22), "2026-11-23T02:00+01:00"),
        (9, date(2026, 11, 21), "2026-11-22T10:00+01:00"),  # late: now
        (23, date(2026, 11, 22), "2026-11-23T02:00+01:00"),  # already the 23rd in Paris, 00:00
    ],
)
def test_the_next_run_comes_at_its_hour_in_the_business_zone(app: Flask, hour_utc, done_on, expected) -> None:
    company = make_company(timezone="Europe/Paris")
    if done_on:
        add(JobDay(name="renewals", done_on=done_on))
    at = datetime(2026, 11, 22, hour_utc, tzinfo=UTC)
    found = next_automatic(at, company)
    assert found.isoformat(timespec="minutes") == expected
    company.renewals_on = False
    assert next_automatic(at, company) is None


def test_days_more_than_three_years_away_are_refused() -> None:
    for day in (date(2029, 11, 22), date(2023, 11, 22), TODAY):
        check_day(day, TODAY)
    for day in (date(2029, 11, 24), date(2023, 11, 20), date.max, date.min):
        with pytest.raises(WrongDay, match="within three years"):
            check_day(day, TODAY)


def test_a_bill_set_aside_as_absurd_is_billed_once_a_person_said_so(app: Flask, by: Actor) -> None:
    make_company()
    group = make_group(make_customer(), usual_minor=100)
    make_service(group.customer, price_minor=5000, billing_group_id=group.id)
    db.session.commit()
    renewals.run(DECEMBER)
    db.session.refresh(group)
    assert "50 times" in group.parked_reason and group.parked_minor == 5000
    renewals.run(DECEMBER)
    assert not db.session.scalar(select(Invoice.id))
    assert release([group], by) == 1 and release([group], by) == 0
    db.session.commit()
    renewals.run(DECEMBER)
    db.session.refresh(group)
    assert (group.parked_at, group.parked_reason, group.parked_minor, group.usual_minor) == (None, "", None, 5000)
    assert db.session.scalar(select(Invoice.total_minor)) == 5000
    traces = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "billing_group.released")).all()
    assert [(trace.object_id, trace.customer_id) for trace in traces] == [(group.id, group.customer_id)]


def test_what_could_not_be_reckoned_has_no_amount(app: Flask) -> None:
    make_company()
    make_service(make_customer(), currency="USD")
    db.session.commit()
    renewals.run(DECEMBER)
    assert db.session.execute(select(BillingGroup.parked_minor)).all() == [(None,)]


def test_only_who_may_start_runs_lets_accounts_go(app: Flask, by: Actor) -> None:
    group = make_group(make_customer(), parked_at=by.at)
    with pytest.raises(NotAllowed):
        release([group], Actor(name="Sam", at=by.at, today=by.today))
    assert group.parked_at
