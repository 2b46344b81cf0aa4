"""Changes of services that were away, are or will be, and of periods that nothing was billed for: what was paid for is
given back once, however often its days moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from changing import (
    DAY,
    DECEMBER,
    at,
    changed,
    documents,
    findings,
    price_for,
    priced,
    renewed,
    reviewed,
    running,
)
from conftest import Clock
from flask import Flask
from money import eur
from sqlalchemy import select

from billing import change_undo, credit_notes, reactivations, service_pauses, services, settings
from billing.credit_notes import Chosen
from billing.unused import unused
from models import ChangeState, ChangeWhen, Renewal, Service, SuspendedFor, db


def on(month: int, day: int) -> date:
    return date(2026, month, day)


def left(service: Service, day: date) -> int:
    """What could be given back from that day on."""
    return sum(one.amount.minor for one in unused(service, day))


def pause(service: Service, clock: Clock, start: date, until: date | None = None) -> None:
    service_pauses.pause(service, start, until, "", by=at(clock, min(start, clock().date()) if until else start))
    db.session.commit()


def resume(service: Service, clock: Clock, day: date) -> None:
    service_pauses.resume([service], by=at(clock, day))
    db.session.commit()


def amounts(change: Any) -> list[str]:
    return [str(line.amount) for line in change.invoice.lines]


# A period that nothing is billed for


def test_a_new_length_that_comes_to_nothing_is_only_written_down_and_paid_by_what_was_left(app, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    rare = priced("Rare", "15", 0, 45)
    assert "up to 2026-12-31" in reviewed(service, rare, by, days=45)[1].reasons[-1]
    change = changed(service, rare, by, days=45)
    assert (change.invoice, service.next_renewal_on) == (None, on(12, 31)) and len(documents(service)) == 1
    assert [left(service, day) for day in (DAY, on(12, 1), on(12, 16), on(12, 31))] == [1500, 1000, 500, 0]
    assert findings(by) == []
    settings.change({"shorter_period_when": "now"}, by=by)
    later = changed(service, priced("Mini", "10"), at(clock, on(12, 16)), months=1)
    assert amounts(later) == ["-5.00 EUR", "10.00 EUR"] and left(service, on(12, 16)) == 1000
    assert findings(at(clock, on(12, 16))) == []


def test_a_record_is_undone_and_a_credit_note_lowers_what_is_left_of_it(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, DAY)
    change = changed(service, priced("Rare", "15", 0, 45), by, days=45)
    change_undo.undo(change, by=by)
    db.session.commit()
    assert service.next_renewal_on == DECEMBER and left(service, DAY) == 1500 and findings(by) == []
    changed(service, price_for(service.package, "15", 0, 60), by, days=60)
    (bill,) = documents(service)
    credit_notes.credit(bill, [Chosen(bill.lines[0].id, amount=eur("10"))], reason="Outage", by=by)
    assert left(service, DAY) == 1000 and left(service, DAY + timedelta(days=30)) == 500


def test_what_is_left_of_two_periods_pays_for_the_new_one_in_parts(app: Flask, clock: Clock) -> None:
    service = running(clock, company={"issue_days_ahead": 10})
    renewed(clock, on(11, 21))
    by = at(clock, on(11, 26))
    assert left(service, on(11, 26)) == 3500
    change = changed(service, priced("Rare", "35", 0, 70), by, days=70)
    assert change.invoice is None and left(service, on(11, 26)) == 3500
    kept = Renewal.carries_id.is_not(None), ~Renewal.void
    assert [(r.period_end - r.period_start).days for r in db.session.scalars(select(Renewal).where(*kept))] == [10, 60]
    assert left(service, on(11, 26) + timedelta(days=40)) == 1500 and findings(by) == []
    change_undo.undo(change, by=by)
    assert left(service, on(11, 26)) == 3500 and findings(by) == []


def test_a_change_whose_invoice_was_taken_back_whole_leaves_what_was_paid_before(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, mini = at(clock, DAY), priced("Mini", "10")
    change = changed(service, priced("Plus", "60"), by)
    credit_notes.credit(change.invoice, None, reason="Slip", by=by)
    assert left(service, DAY) == 1500 and findings(by) == []
    pause(service, clock, DAY)
    resume(service, clock, on(11, 20))
    by = at(clock, on(11, 20))
    down = changed(service, mini, by)
    assert amounts(down) == ["15.00 EUR", "-5.00 EUR"] and down.invoice.lines[0].description == "Unused: Basic"
    change_undo.undo(down, by=by)
    assert left(service, on(11, 20)) == 1500 and findings(by) == []


def test_what_a_credit_note_charged_again_stays_spread_over_a_new_length_behind_a_pause(app, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, on(11, 7))
    settings.change({"shorter_period_when": "now"}, by=by)
    change = changed(service, price_for(service.package, "80", 3), by, months=3)
    credit_notes.credit(change.invoice, None, reason="Slip", by=by)
    assert left(service, on(11, 7)) == 2400
    short = changed(service, price_for(service.package, "24", 0, 48), by, days=48)
    assert (short.invoice, service.next_renewal_on) == (None, on(12, 25))
    pause(service, clock, on(11, 7))
    resume(service, clock, on(11, 12))
    assert [left(service, day) for day in (on(11, 12), on(12, 6), on(12, 29))] == [2400, 1200, 50]
    pause(service, clock, on(11, 24))
    resume(service, clock, on(12, 1))
    assert [left(service, day) for day in (on(12, 1), on(12, 19))] == [1800, 900]
    assert service.next_renewal_on == date(2027, 1, 6) and findings(at(clock, on(12, 1))) == []


def test_what_is_charged_after_a_spread_lies_where_it_was_charged(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, plus = at(clock, on(11, 7)), priced("Plus", "60")
    settings.change({"shorter_period_when": "now"}, by=by)
    changed(service, price_for(service.package, "90", 3), by, months=3)
    changed(service, price_for(service.package, "90", 0, 45), by, days=45)
    by = at(clock, on(11, 10))
    changed(service, plus, by, months=1)
    assert left(service, on(11, 10)) == 6000 and findings(by) == []


def test_days_behind_an_end_that_were_given_back_are_billed_once_it_goes_on(app: Flask, clock: Clock) -> None:
    service = running(clock)
    services.cancel(service, on(11, 21), "", by=at(clock, on(11, 5)))
    by, plus = at(clock, DAY), priced("Plus", "60")
    change = changed(service, plus, by)
    assert amounts(change) == ["15.00 EUR", "-10.00 EUR"] and change.invoice.kind == "credit_note"
    change_undo.undo(change, by=by)
    assert left(service, DAY) == 1500 and findings(by) == []
    reactivations.remove_end(service, by=by)
    assert service.next_renewal_on == DECEMBER
    services.cancel(service, on(11, 21), "", by=by)
    changed(service, plus, by)
    pause(service, clock, DAY)
    resume(service, clock, on(11, 18))
    assert left(service, on(11, 18)) == 1000 and findings(by) == []
    reactivations.remove_end(service, by=at(clock, on(11, 18)))
    renewed(clock, on(11, 23))
    last = documents(service)[-1]
    assert (last.net, last.lines[0].period_start) == (eur("16"), on(11, 23)) and findings(by) == []


# Away


def test_behind_a_pause_the_days_cost_what_the_period_that_paid_them_cost(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, DAY)
    resume(service, clock, on(11, 26))
    by = at(clock, on(11, 28))
    change = changed(service, priced("Plus", "60"), by)
    assert amounts(change) == ["-13.00 EUR", "26.00 EUR"] and service.next_renewal_on == on(12, 11)
    down = changed(service, priced("Mini", "10"), by)
    assert amounts(down) == ["26.00 EUR", "-4.33 EUR"] and down.invoice.total == eur("26.65")
    assert sum(one.open_minor for one in documents(service)) == 3690 + 1599 - 2665
    assert findings(by) == []


def test_days_given_back_between_two_pauses_do_not_come_again(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, on(11, 5))
    resume(service, clock, on(11, 10))
    changed(service, priced("Mini", "10"), at(clock, on(11, 12)))
    kept = left(service, on(11, 14))
    pause(service, clock, on(11, 14))
    resume(service, clock, on(11, 20))
    assert kept == left(service, on(11, 20)) == 733 and findings(at(clock, on(11, 20))) == []


def test_days_moved_twice_and_changed_on_the_day_of_moving_are_all_there(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, on(11, 1))
    resume(service, clock, on(11, 12))
    pause(service, clock, on(11, 12))
    down = changed(service, priced("Mini", "10"), at(clock, on(11, 13)))
    assert amounts(down) == ["30.00 EUR", "-10.00 EUR"]
    resume(service, clock, on(11, 14))
    assert (left(service, on(11, 14)), left(service, on(11, 29))) == (1000, 500)
    assert service.next_renewal_on == on(12, 14) and findings(at(clock, on(11, 14))) == []


def test_days_moved_and_changed_pay_for_a_new_length_on_that_day(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, on(11, 2))
    resume(service, clock, DAY)
    by = at(clock, DAY)
    settings.change({"shorter_period_when": "now"}, by=by)
    changed(service, priced("Plus", "60"), by)
    short = changed(service, priced("Short", "58", 0, 20), by, days=20)
    assert short.invoice is None and service.next_renewal_on == on(12, 6)
    assert [left(service, day) for day in (DAY, on(11, 26), on(12, 6))] == [5800, 2900, 0]
    change_undo.undo(short, by=by)
    assert left(service, on(12, 14)) == 200 and findings(by) == []


def test_days_given_back_behind_their_period_between_two_pauses_do_not_come_again(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, on(11, 20))
    resume(service, clock, on(12, 5))
    changed(service, priced("Mini", "10"), at(clock, on(12, 7)))
    kept = left(service, on(12, 10))
    pause(service, clock, on(12, 10))
    resume(service, clock, on(12, 20))
    assert kept == left(service, on(12, 20)) == 200 and findings(at(clock, on(12, 20))) == []


@pytest.mark.parametrize("day", [DAY, on(11, 20), on(12, 3)])
def test_within_a_pause_all_days_not_used_are_swapped(app: Flask, clock: Clock, day: date) -> None:
    service = running(clock)
    pause(service, clock, DAY)
    by = at(clock, day)
    change = changed(service, priced("Plus", "60"), by)
    assert amounts(change) == ["-15.00 EUR", "30.00 EUR"] and change.invoice.issued_on == day
    assert change.on == day and service_pauses.is_paused(service)
    resume(service, clock, on(12, 6))
    assert (left(service, on(12, 6)), service.next_renewal_on) == (3000, on(12, 21))
    assert left(service, on(12, 20)) == 200 and findings(at(clock, on(12, 6))) == []


def test_a_pause_to_come_stays_and_the_review_says_what_becomes_of_its_days(app: Flask, clock: Clock) -> None:
    service = running(clock)
    pause(service, clock, on(11, 20), on(12, 5))
    by, plus = at(clock, on(11, 10)), priced("Plus", "60")
    _change, review = reviewed(service, plus, by)
    assert [str(line.amount) for line in review.lines] == ["-21.00 EUR", "42.00 EUR"]
    assert review.next_on == on(12, 16) and review.reasons == (
        "Basic has a pause from 2026-11-20 until 2026-12-05. It stays as it is: the 11 days from 2026-11-20 on follow "
        "from 2026-12-05 on, and the next renewal is on 2026-12-16.",
    )
    assert review.next_amount == eur("38.09")  # 16 of 31 days, with tax
    _change, review = reviewed(service, plus, by, when=ChangeWhen.ON, on=on(11, 25))
    assert [str(line.amount) for line in review.lines] == ["-11.00 EUR", "22.00 EUR"]
    assert "swapped for the new package" in review.reasons[-1]
    _change, review = reviewed(service, plus, by, when=ChangeWhen.ON, on=on(12, 10))
    assert [str(line.amount) for line in review.lines] == ["-6.00 EUR", "12.00 EUR"] and review.days_left == 6
    _change, review = reviewed(service, plus, by, when=ChangeWhen.RENEWAL)
    assert (review.on, review.makes) == (on(12, 16), "record")


@pytest.mark.parametrize(("day", "amount"), [(on(11, 25), "22"), (on(12, 10), "12")])
def test_a_change_put_down_for_a_day_in_or_behind_a_pause_comes_as_foreseen(
    app: Flask, clock: Clock, day: date, amount: str
) -> None:
    service = running(clock)
    pause(service, clock, on(11, 20), on(12, 5))
    change = changed(service, priced("Plus", "60"), at(clock, on(11, 10)), when=ChangeWhen.ON, on=day)
    for one in (on(11, 20), on(11, 25), on(12, 5), on(12, 10)):
        renewed(clock, one)
    assert change.state is ChangeState.DONE and change.invoice.issued_on == day
    assert change.invoice.lines[1].amount == eur(amount)
    service = db.session.get_one(Service, service.id)
    assert (service.status, service.next_renewal_on) == ("active", on(12, 16)) and findings(at(clock, day)) == []


SUSPENDED = "Basic is suspended since 2026-11-16 and stays so: a change does not bring it back."


@pytest.mark.parametrize(("billed", "amount"), [(True, "3.33"), (False, "5")])
def test_a_suspended_service_is_changed_and_stays_suspended(app, clock: Clock, billed: bool, amount: str) -> None:
    service = running(clock)
    settings.change({"bill_suspended_days": billed}, by=at(clock, DAY))
    services.suspend([service], why=SuspendedFor.UNPAID, by=at(clock, DAY))
    by, mini = at(clock, on(11, 21)), priced("Mini", "10")
    _change, review = reviewed(service, mini, by)
    assert review.reasons[0].startswith(SUSPENDED) and "overdue" in review.reasons[0] and len(review.reasons) == 2
    change = changed(service, mini, by)
    assert change.invoice.kind == "credit_note" and change.invoice.lines[1].amount == -eur(amount)
    assert (service.status, service.suspended_for) == ("suspended", "unpaid")
    back = at(clock, on(11, 26))
    services.unsuspend([service], by=back)
    db.session.commit()
    assert left(service, on(11, 26)) == (167 if billed else 500) and findings(back) == []


def test_a_suspended_service_that_no_bill_came_for_is_only_written_down(app: Flask, clock: Clock) -> None:
    service = running(clock)
    services.suspend([service], by=at(clock, DAY))
    by = at(clock, on(12, 10))
    change = changed(service, priced("Plus", "60"), by)
    assert change.invoice is None and service.next_renewal_on == DECEMBER
    services.unsuspend([service], by=by)
    renewed(clock, on(12, 10))
    assert documents(service)[-1].net == eur("60") and findings(by) == []
