"""Pauses: days that are not billed, and paid days that are not lost."""

from __future__ import annotations

from fractions import Fraction

import pytest
from conftest import Clock
from factories import make_company, make_customer, make_package, make_service
from flask import Flask
from servicing import at, bill, covered, day, lines, well
from sqlalchemy import select

from billing import doctor, package_changes, service_pauses, service_transfers, services
from billing.package_changes import Wanted
from billing.service_pauses import InvalidPause
from billing.unused import unused
from models import Renewal, Service, ServiceChange, ServiceStatus, SuspendedFor, db


def found_by_doctor(clock: Clock) -> set[str]:
    db.session.flush()
    return {finding.code for finding in doctor.examine(doctor.Scope(clock()))}


@pytest.fixture
def service(app: Flask, clock: Clock) -> Service:
    """A monthly one at 31.00, billed from 1 November on."""
    make_company()
    clock.set(day(11, 1))
    made = make_service(make_customer(), price_minor=3100, billed_from=day(11, 1), next_renewal_on=day(11, 1))
    made.started_on = day(11, 1)
    bill(day(11, 1))
    return made


def test_paid_days_follow_after_the_pause(service: Service, clock: Clock) -> None:
    by = at(clock, day(11, 15))
    service_pauses.pause(service, day(11, 15), None, "Travelling", by=by)
    assert (service.status, service.suspended_for, service.suspended_on) == ("suspended", "pause", day(11, 15))
    assert service.customer.service_count == 0
    bill(day(12, 20))
    assert lines() == [(day(11, 1), day(12, 1), 3100)], "nothing is billed meanwhile"
    assert service_pauses.resume([service], by=at(clock, day(1, 15, 2027))) == [service]
    # 16 days were paid: 15 to 30 November.
    assert (service.status, service.next_renewal_on) == ("active", day(1, 31, 2027))
    assert covered(service) == [(day(11, 1), day(11, 15)), (day(1, 15, 2027), day(1, 31, 2027))]
    bill(day(2, 1, 2027))
    assert lines()[1:] == [(day(1, 31, 2027), day(2, 1, 2027), 100), (day(2, 1, 2027), day(3, 1, 2027), 3100)]
    assert service.customer.service_count == 1 and well(clock)


def test_a_pause_to_come_is_billed_up_to_its_first_day_and_ends_by_itself(service: Service, clock: Clock) -> None:
    by = at(clock, day(11, 20))
    assert service_pauses.foresee(service, day(12, 11), day(1, 21, 2027)).paid_days == 0
    service_pauses.pause(service, day(12, 11), day(1, 21, 2027), "", by=by)
    assert service.status == ServiceStatus.ACTIVE
    bill(day(12, 1))
    assert lines()[1:] == [(day(12, 1), day(12, 11), 1000)]
    clock.set(day(12, 11))
    bill(day(12, 11))
    assert (service.status, service.suspended_for) == ("suspended", SuspendedFor.PAUSE) and well(clock)
    clock.set(day(1, 21, 2027))
    bill(day(1, 21, 2027))
    assert service.status == ServiceStatus.ACTIVE and service.paused_from is None
    assert lines()[2:] == [(day(1, 21, 2027), day(2, 1, 2027), 1100)]
    assert well(clock)


def test_a_run_that_was_off_comes_to_the_same(service: Service, clock: Clock) -> None:
    service_pauses.pause(service, day(12, 11), day(1, 21, 2027), "", by=at(clock, day(11, 20)))
    clock.set(day(2, 3, 2027))
    bill(day(2, 3, 2027))
    assert lines()[1:] == [
        (day(12, 1), day(12, 11), 1000),
        (day(1, 21, 2027), day(2, 1, 2027), 1100),
        (day(2, 1, 2027), day(3, 1, 2027), 3100),
    ]
    assert service.paused_from is None and well(clock)
    kinds = select(ServiceChange.kind).where(ServiceChange.service_id == service.id).order_by(ServiceChange.id)
    assert list(db.session.scalars(kinds)) == ["pause_set", "pause", "resume"]


def test_a_pause_behind_us_is_settled_at_once(service: Service, clock: Clock) -> None:
    service_pauses.pause(service, day(11, 5), day(11, 10), "", by=at(clock, day(11, 20)))
    assert (service.status, service.next_renewal_on) == ("active", day(12, 6)) and well(clock)


def test_a_pause_from_the_first_day_of_a_period(service: Service, clock: Clock) -> None:
    service_pauses.pause(service, day(11, 1), day(12, 1), "", by=at(clock, day(11, 1)))
    service_pauses.resume([service], by=at(clock, day(12, 1)))
    assert covered(service) == [(day(12, 1), day(12, 31))] and well(clock)


def test_a_pause_called_off_leaves_no_trace_on_bills(service: Service, clock: Clock) -> None:
    by = at(clock, day(11, 20))
    service_pauses.pause(service, day(12, 11), None, "", by=by)
    bill(day(12, 1))
    service_pauses.call_off(service, by=at(clock, day(12, 5)))
    bill(day(12, 11))
    assert lines()[1:] == [(day(12, 1), day(12, 11), 1000), (day(12, 11), day(1, 1, 2027), 2100)]
    assert well(clock)


def test_what_cannot_be_paused(service: Service, clock: Clock) -> None:
    by = at(clock, day(11, 20))
    for start, until in ((day(10, 1), None), (day(11, 20), day(11, 20))):
        with pytest.raises(InvalidPause):
            service_pauses.pause(service, start, until, "", by=by)
    with pytest.raises(InvalidPause, match="no pause to come"):
        service_pauses.call_off(service, by=by)
    service_pauses.pause(service, day(12, 1), None, "", by=by)
    with pytest.raises(InvalidPause, match="already"):
        service_pauses.pause(service, day(12, 5), None, "", by=by)


@pytest.mark.parametrize("billed", [True, False])
def test_days_while_suspended_are_billed_or_not(service: Service, clock: Clock, billed: bool) -> None:
    services.suspend([service], by=at(clock, day(11, 21)))
    bill(day(12, 10))
    services.unsuspend([service], billed=billed, by=at(clock, day(12, 10)))
    assert service.next_renewal_on == (day(12, 1) if billed else day(12, 20))
    bill(day(12, 20))
    assert lines()[1:] == [(day(12, 1), day(1, 1, 2027), 3100)] if billed else [(day(12, 20), day(1, 1, 2027), 1200)]
    assert well(clock)


def test_days_before_the_suspension_are_still_billed(app: Flask, clock: Clock) -> None:
    make_company()
    clock.set(day(11, 1))
    service = make_service(make_customer(), price_minor=3000, billed_from=day(11, 1), next_renewal_on=day(11, 1))
    services.suspend([service], by=at(clock, day(11, 11)))
    services.unsuspend([service], billed=False, by=at(clock, day(11, 21)))
    bill(day(11, 21))
    assert lines() == [(day(11, 1), day(11, 11), 1000), (day(11, 21), day(12, 1), 1000)]
    assert well(clock) and service.paused_from is None


def test_days_that_were_moved_are_what_is_left_for_a_change_of_package(service: Service, clock: Clock) -> None:
    service_pauses.pause(service, day(11, 15), None, "", by=at(clock, day(11, 15)))
    service_pauses.resume([service], by=at(clock, day(1, 15, 2027)))
    (left,) = unused(service, day(1, 20, 2027))
    # Eleven of the sixteen days moved; 31.00 were paid for the thirty of November.
    assert (left.period.start, left.period.end, left.share) == (day(1, 20, 2027), day(1, 31, 2027), Fraction(11, 30))
    plus, by = make_package(6200), at(clock, day(1, 20, 2027))
    change = package_changes.begin(service, by=by)
    package_changes.write(change, Wanted(package_id=plus.id, months=1, days=0), by=by)
    package_changes.carry_out(change, seen=package_changes.review(change, by=by).fingerprint, by=by)
    assert [line.amount_minor for line in change.invoice.lines] == [-1137, 2273]
    assert service.next_renewal_on == day(1, 31, 2027) and well(clock)


def test_the_doctor_sees_moved_days_that_were_not_paid_by_the_service(service: Service, clock: Clock) -> None:
    service_pauses.pause(service, day(11, 15), None, "", by=at(clock, day(11, 15)))
    service_pauses.resume([service], by=at(clock, day(1, 15, 2027)))
    moved = db.session.scalars(select(Renewal).where(Renewal.carries_id.is_not(None))).one()
    assert well(clock)
    moved.amount_minor = 100
    assert found_by_doctor(clock) >= {"I48"}
    moved.amount_minor, moved.carries_days, paid_by = 0, 32, moved.carries_id
    assert found_by_doctor(clock) >= {"I48"}, "more days than there were paid"
    moved.carries_days = None
    other = make_service(make_customer(), billed_from=day(11, 1), next_renewal_on=day(11, 1))
    db.session.get_one(Renewal, paid_by).service_id = other.id
    assert found_by_doctor(clock) >= {"I48"}


def test_what_another_customer_paid_is_not_given_to_the_new_one(service: Service, clock: Clock) -> None:
    assert len(unused(service, day(11, 15))) == 1
    group = services.main_group(make_customer())
    service_transfers.transfer(service, group, by=at(clock, day(11, 15)))
    assert unused(service, day(11, 15)) == []
