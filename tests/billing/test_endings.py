"""Ending services: credit for unused days, a last bill for what no bill came for, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from changing import at, changed, priced, renewed, running
from conftest import Clock
from factories import add, make_service
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from servicing import covered, well
from sqlalchemy import select

from billing import credits, endings, invoices, own_lists, payments, reactivations, service_pauses, services
from billing.actor import Actor
from billing.endings import Wanted
from billing.money import Money
from models import (
    BillingGroup,
    ChangeWhen,
    Charge,
    Credit,
    CreditNote,
    EndReason,
    Invoice,
    InvoiceLine,
    LineKind,
    Service,
    ServiceStatus,
    db,
)

NOV, DEC = date(2026, 11, 1), date(2026, 12, 1)
MIDDLE = date(2026, 11, 16)


def end(service: Service, by: Actor, on: date = MIDDLE, **wanted: object) -> endings.Done:
    """Reviewed, confirmed and carried out."""
    asked = Wanted(on, **{"credit": True, "bill": True, **wanted})  # type: ignore[arg-type]
    shown = endings.review(service.customer, [service], asked, by=by)
    done = endings.carry_out(service.customer, [service], asked, seen=shown.fingerprint, by=by)
    db.session.commit()
    return done


def paid(invoice: Invoice, by: Actor) -> None:
    payments.record(
        invoice.customer, invoice.open, method="Bank transfer", received_on=by.today, invoices=[invoice], by=by
    )


def test_unpaid_days_are_taken_off_the_open_invoice(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    invoice = db.session.query(Invoice).one()
    assert invoice.open == Money.of("36.90", "EUR")
    end(service, by)
    note = db.session.query(CreditNote).one()
    line = note.lines[0]
    assert (line.kind, line.amount_minor, line.period_start, line.period_end) == (LineKind.UNUSED, 1500, MIDDLE, DEC)
    assert (invoice.open_minor, invoice.credited_minor, db.session.query(Credit).count()) == (1845, 1845, 0)
    assert (service.status, service.cancelled_on) == (ServiceStatus.CANCELLED, MIDDLE)
    assert covered(service) == [(NOV, MIDDLE)] and well(clock)


def test_paid_days_become_credit(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    paid(db.session.query(Invoice).one(), by)
    assert end(service, by).to_credit == Money.of("18.45", "EUR")
    assert service.customer.credit_minor == 1845 and well(clock)


def test_the_review_names_the_change_of_package_that_is_not_reached(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by, plus = at(clock, MIDDLE), priced("Plus", "60")
    changed(service, plus, by, when=ChangeWhen.ON, on=MIDDLE + timedelta(days=5))
    ends = {day: endings.review(service.customer, [service], Wanted(day), by=by) for day in (MIDDLE, DEC)}
    assert ends[MIDDLE].not_reached == (("Basic", "Plus", MIDDLE + timedelta(days=5)),)
    assert not ends[DEC].not_reached


def test_without_credit_it_stays_billed_and_the_review_says_so(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    shown = endings.review(service.customer, [service], Wanted(MIDDLE), by=by)
    assert shown.stays_billed == (("Basic", Money.of("15", "EUR")),) and not shown.notes
    end(service, by, credit=False)
    assert db.session.query(CreditNote).count() == 0 and covered(service) == [(NOV, DEC)] and well(clock)


def test_days_that_no_bill_has_come_for_are_billed(app: Flask, clock: Clock) -> None:
    """The run was off: November and nine days of December stand on one bill, and credit in hand pays first."""
    service = running(clock, bill=False)
    by = at(clock, date(2026, 12, 10))
    credits.grant(service.customer, Money.of("5", "EUR"), reason="Sorry", on=by.today, by=by)
    db.session.commit()
    end(service, by, date(2026, 12, 10))
    invoice = db.session.query(Invoice).one()
    assert [line.amount_minor for line in invoice.lines] == [3000, 871]
    assert invoice.total_minor == 3871 + 890 and invoice.open_minor == invoice.total_minor - 500
    assert covered(service) == [(NOV, DEC), (DEC, date(2026, 12, 10))] and well(clock)
    renewed(clock, date(2026, 12, 11))
    assert db.session.query(Invoice).count() == 1


def test_a_day_ahead_is_billed_to_at_once_and_not_again(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    stop = date(2026, 12, 11)
    end(service, by, stop)
    assert (service.status, service.ends_on) == (ServiceStatus.ACTIVE, stop)
    assert [i.lines[0].amount_minor for i in db.session.query(Invoice).order_by(Invoice.id)] == [3000, 968]
    for day in (DEC, stop, date(2027, 1, 1)):
        renewed(clock, day)
    assert db.session.query(Invoice).count() == 2 and well(clock)
    assert db.session.get_one(Service, service.id).status == ServiceStatus.CANCELLED


def test_a_later_withdrawal_bills_from_there(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    end(service, by, date(2026, 11, 21))
    assert covered(service) == [(NOV, date(2026, 11, 21))]
    assert reactivations.billed_from_without_end(service) == date(2026, 11, 21)
    reactivations.remove_end(db.session.get_one(Service, service.id), by=by)
    db.session.commit()
    renewed(clock, date(2026, 11, 21))
    assert covered(service) == [(NOV, date(2026, 11, 21)), (date(2026, 11, 21), DEC)] and well(clock)


def test_charges_and_prepayments_stand_on_the_last_bill(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    group = service.billing_group
    add(charge(service, group, "Router", 500, starts_on=date(2027, 1, 5), next_on=date(2027, 1, 5)))
    add(charge(service, group, "Backup", 300, months=1, starts_on=DEC, next_on=DEC, proratable=True))
    prepaid = add(charge(service, group, "Deposit", -700, left_minor=700, starts_on=NOV, next_on=NOV))
    db.session.commit()
    end(service, by, date(2026, 12, 11), credit=False, whole=True)
    (bill,) = db.session.query(Invoice).filter(Invoice.id > 0).order_by(Invoice.id.desc()).limit(1)
    assert {line.description: line.amount_minor for line in bill.lines} == {
        "Basic": 968, "Router": 500, "Backup": 97, "Deposit": -700,
    }  # fmt: skip
    assert db.session.get_one(Charge, prepaid.id).left_minor == 0
    assert {one.next_on for one in db.session.query(Charge)} == {None}


def test_charges_billed_ahead_are_given_back_with_the_service(app: Flask, clock: Clock) -> None:
    """15 of 30 days of the backup; the licence is owed for the month it has begun; the router was owed once."""
    service = running(clock, bill=False)
    group = service.billing_group
    known = {"starts_on": NOV, "next_on": NOV, "months": 1}
    backup = add(charge(service, group, "Backup", 601, proratable=True, **known))
    licence = add(charge(service, group, "Licence", 400, **known))
    own = add(charge(service, group, "Own", 900, proratable=True, service_id=None, **known))
    add(charge(service, group, "Router", 500, starts_on=NOV, next_on=NOV))
    renewed(clock, NOV)
    by = at(clock, MIDDLE)
    shown = endings.review(service.customer, [service], Wanted(MIDDLE, credit=True), by=by)
    assert shown.stays_billed == (("Licence", Money.of("2", "EUR")),)
    end(service, by)
    note = db.session.query(CreditNote).one()
    assert [(line.description, line.amount_minor, line.period_start, line.period_end) for line in note.lines] == [
        ("Unused: Basic", 1500, MIDDLE, DEC), ("Unused: Backup", 301, MIDDLE, DEC),
    ]  # fmt: skip
    db.session.expire_all()
    assert (backup.ends_on, backup.next_on, licence.next_on, own.ends_on) == (MIDDLE, MIDDLE, DEC, None)
    assert note.total == shown.credited and well(clock)
    assert not endings.review(service.customer, [service], Wanted(MIDDLE, credit=True), by=by).notes
    back = date(2026, 11, 21)
    reactivations.reactivate(service, back, by=at(clock, back))
    db.session.commit()
    renewed(clock, back)
    last = db.session.query(Invoice).order_by(Invoice.id.desc()).first()
    assert last and [line.amount_minor for line in last.lines] == [1000, 200] and well(clock)


def test_later_periods_of_what_is_not_prorated_are_given_back_whole(app: Flask, clock: Clock) -> None:
    service = running(clock)
    known = {"starts_on": NOV, "next_on": NOV, "days": 10}
    licence = add(charge(service, service.billing_group, "Licence", 400, **known))
    for day in (NOV, date(2026, 11, 11), date(2026, 11, 21)):
        renewed(clock, day)
    by = at(clock, MIDDLE)
    done = end(service, by, date(2026, 11, 20))
    note = db.session.get_one(CreditNote, done.credit_notes[0])
    assert [line.amount_minor for line in note.lines] == [1100, 400]
    reactivations.remove_end(service, by=by)
    db.session.commit()
    db.session.refresh(licence)
    assert (licence.next_on, licence.ends_on) == (date(2026, 11, 21), None) and well(clock)


def charge(service: Service, group: BillingGroup, name: str, minor: int, **values: object) -> Charge:
    known = {"customer_id": service.customer_id, "billing_group_id": group.id, "currency": "EUR"}
    own = {"service_id": service.id} if minor > 0 else {}
    return Charge(description=name, price_minor=minor, **{**known, **own, **values})


def test_what_changed_since_is_shown_afresh(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    asked = Wanted(MIDDLE, credit=True, bill=True)
    seen = endings.review(service.customer, [service], asked, by=by).fingerprint
    paid(db.session.query(Invoice).one(), by)
    with pytest.raises(endings.ChangedSince) as raised:
        endings.carry_out(service.customer, [service], asked, seen=seen, by=by)
    assert raised.value.review.to_credit == Money.of("18.45", "EUR")


def test_what_stands_against_it(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    with pytest.raises(endings.EndingRefused):
        endings.carry_out(service.customer, [service], Wanted(date(2026, 1, 1)), seen="", by=by)
    assert endings.review(service.customer, [service], Wanted(MIDDLE, credit=True), by=by).refusals == ()
    support = replace(by, permissions=frozenset({"services.edit"}))
    assert (
        "credit notes"
        in endings.review(service.customer, [service], Wanted(MIDDLE, credit=True), by=support).refusals[0]
    )
    early = endings.review(service.customer, [service], Wanted(date(2026, 1, 1)), by=by)
    assert "started on" in early.refusals[0]
    far = endings.review(service.customer, [service], Wanted(date(9999, 12, 31)), by=by)
    assert "Check the year" in far.refusals[0]


def test_all_taken_back_leaves_nothing_to_give(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    invoices.void(db.session.query(Invoice).one(), "Wrong", by=by)
    db.session.commit()
    assert endings.review(service.customer, [service], Wanted(MIDDLE, credit=True), by=by).notes == ()


def test_reasons_of_ones_own(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    moves = own_lists.create(EndReason, {"name": "Moves away"}, by=by)
    services.cancel(service, MIDDLE, "To Spain", reason_id=moves.id, by=by)
    assert service.changes[-1].after["reason"] == "Moves away, To Spain"
    assert own_lists.counts(EndReason, [moves.id]) == {moves.id: 1}
    with pytest.raises(own_lists.InUse):
        own_lists.delete(moves, by=by)
    with pytest.raises(services.InvalidService):
        services.cancel(make_service(service.customer), MIDDLE, "", reason_id=999_999, by=by)


FIRST = date(2026, 1, 1)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(
    start=st.integers(0, 300), run=st.integers(0, 420), stop=st.integers(0, 200), price=st.integers(1, 99_999),
    anchor=st.sampled_from([0, 28, 29, 30, 31]), months=st.sampled_from([1, 2, 3, 6]), credit=st.booleans(),
)  # fmt: skip
def test_what_was_billed_less_what_was_given_back_is_the_days_used(
    app: Flask, clock: Clock, start: int, run: int, stop: int, price: int, anchor: int, months: int, credit: bool
) -> None:
    """Whatever was billed before, by how many bills: in the end each day used was paid once, within the rounding."""
    begun = FIRST + timedelta(days=start)
    service = running(
        clock, str(Decimal(price).scaleb(-2)), start=begun, bill=False, months=months,
        **({"anchor_day": anchor} if anchor else {}),
    )  # fmt: skip
    billed = begun + timedelta(days=run)
    renewed(clock, billed)
    by, ends = at(clock, billed), begun + timedelta(days=stop)
    service = db.session.get_one(Service, service.id)
    try:
        end(service, by, ends, credit=credit)
        wanted = used(service, ends if credit else max(ends, billed_to(service)))
        rows = db.session.execute(select(InvoiceLine.amount_minor, Invoice.kind).join(Invoice)).all()
        came_to = sum(-minor if kind == "credit_note" else minor for minor, kind in rows)
        assert abs(came_to - wanted) <= Fraction(len(rows), 2)
        assert well(clock)
    finally:
        from conftest import empty_all_tables

        db.session.remove()
        empty_all_tables()


def billed_to(service: Service) -> date:
    return max((last for _first, last in covered(service)), default=service.billed_from)


def used(service: Service, until: date) -> Fraction:
    """Price × days used ÷ days of the full period, period by period."""
    from billing.renewals.bill import period_from

    total, day = Fraction(0), service.billed_from
    while day < until:
        period, whole = period_from(day, service.months, service.days, service.anchor_day, service.anchor_month)
        last = min(period.end, until)
        total += Fraction(service.price_minor * (last - day).days, whole.days)
        day = period.end
    return total


def test_days_of_a_pause_are_given_back_and_never_billed(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    paid(db.session.query(Invoice).one(), by)
    service_pauses.pause(service, MIDDLE, None, "", by=by)
    db.session.commit()
    by = at(clock, date(2026, 12, 20))
    done = end(service, by, date(2026, 12, 20))
    assert (done.to_credit, done.invoices) == (Money.of("18.45", "EUR"), ())
    assert covered(service) == [(NOV, MIDDLE)] and well(clock)


def test_an_end_beyond_a_pause_is_not_reckoned_across_it(app: Flask, clock: Clock) -> None:
    service = running(clock)
    by = at(clock, MIDDLE)
    service_pauses.pause(service, date(2026, 11, 20), date(2026, 11, 25), "", by=by)
    asked = Wanted(date(2026, 11, 27), credit=True)
    assert "Call it off first" in endings.review(service.customer, [service], asked, by=by).refusals[0]
    assert not endings.review(service.customer, [service], replace(asked, on=date(2026, 11, 19)), by=by).refusals
    service_pauses.turn(date(2026, 11, 20), by=at(clock, date(2026, 11, 20)))
    by = at(clock, date(2026, 11, 21))
    assert "Resume it first" in endings.review(service.customer, [service], asked, by=by).refusals[0]
    assert not endings.review(service.customer, [service], replace(asked, credit=False), by=by).refusals
