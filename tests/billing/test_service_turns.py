"""Waiting, coming back, trying, going to somebody else, and editing one customer's copy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_package, make_service
from flask import Flask
from servicing import at, bill, covered, day, lines, well
from sqlalchemy import select

from billing import (
    charges,
    customers,
    endings,
    merging,
    payments,
    reactivations,
    service_edits,
    service_pauses,
    service_rows,
    service_transfers,
    service_trials,
    services,
    settings,
)
from billing.actor import Actor
from billing.charges import Terms
from billing.endings import Wanted
from billing.pending import activate
from billing.prices import InvalidTerms
from billing.service_edits import OwnOption, copy_of
from billing.service_life import NotNow
from billing.service_terms import InvalidService
from billing.service_transfers import CannotTransfer, NeedsPrice
from models import (
    AuditEvent,
    Charge,
    Discount,
    DiscountUse,
    Invoice,
    Money,
    PaymentMethod,
    Renewal,
    Service,
    ServiceChange,
    WaitsFor,
    db,
)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def start(by: Actor, **values: object) -> Service:
    make_company()
    return services.start(make_customer(), make_package(3000), **{"start": by.today, "by": by, **values})  # type: ignore[arg-type]


def state(service: Service) -> tuple[object, ...]:
    db.session.refresh(service)
    return str(service.status), service.started_on, service.next_renewal_on, service.anchor_day


def pay(on: date, clock: Clock) -> None:
    by = at(clock, on)
    invoice = db.session.scalars(select(Invoice)).one()
    payments.record(invoice.customer, invoice.open, method="bank", received_on=on, invoices=[invoice], by=by)


def test_bills_begin_when_it_is_activated(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 10)), waits_for=WaitsFor.ACTIVATION)
    bill(day(11, 10))
    assert lines() == [] and service.customer.service_count == 0 and well(clock)
    assert activate([service, service], by=at(clock, day(11, 22))) == [service]
    assert state(service) == ("active", day(11, 22), day(11, 22), 22) and service.customer.service_count == 1
    assert activate([service], by=at(clock, day(11, 22))) == []
    bill(day(11, 22))
    assert lines() == [(day(11, 22), day(12, 22), 3000)] and well(clock)


def test_what_is_paid_first_begins_with_the_payment(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 10)), waits_for=WaitsFor.PAYMENT)
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.issued_on, invoice.open_minor) == (day(11, 10), 3000)
    assert state(service)[0] == "pending" and well(clock)
    pay(day(11, 22), clock)
    assert state(service) == ("active", day(11, 22), day(12, 22), 22), "a whole month from the payment on"
    assert covered(service) == [(day(11, 22), day(12, 22))] and service.customer.service_count == 1 and well(clock)
    kinds = select(ServiceChange.kind).where(ServiceChange.service_id == service.id).order_by(ServiceChange.id)
    assert list(db.session.scalars(kinds)) == ["start", "activate"]


def test_paid_before_its_start_it_waits_for_that_day(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 10)), start=day(12, 1), waits_for=WaitsFor.PAYMENT)
    pay(day(11, 12), clock)
    assert state(service) == ("active", day(12, 1), day(1, 1, 2027), 1) and well(clock)


def test_a_short_first_period_that_is_paid_first_keeps_its_days(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 11)), waits_for=WaitsFor.PAYMENT, anchor_day=1)
    pay(day(11, 21), clock)
    assert state(service) == ("active", day(11, 21), day(12, 11), 1) and well(clock)


def test_nothing_to_pay_begins_at_once(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 10))
    assert start(by, waits_for=WaitsFor.PAYMENT, free=True).status == "active"
    free = make_customer(payment_method=PaymentMethod.FREE)
    assert services.start(free, make_package(), start=by.today, waits_for=WaitsFor.PAYMENT, by=by).status == "active"
    with pytest.raises(InvalidService, match="paid first"):
        services.start(free, make_package(), start=by.today, waits_for=WaitsFor.PAYMENT, trial_days=3, by=by)
    assert well(clock)


def test_a_service_comes_back_and_is_billed_from_then(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 1)))
    charges.add_charge(service.billing_group, "Router", eur("5"), starts_on=day(11, 1), months=1, service=service,
                       by=at(clock, day(11, 1)))  # fmt: skip
    bill(day(11, 1))
    services.cancel(service, day(11, 20), "Moved", by=at(clock, day(11, 20)))
    by = at(clock, day(12, 11))
    for wrong in (day(11, 19), day(12, 12)):
        with pytest.raises(NotNow):
            reactivations.foresee(service, wrong, by=by)
    foreseen = reactivations.foresee(service, day(12, 11), by=by)
    assert (foreseen.next_renewal_on, foreseen.paid_days, foreseen.unbilled) == (day(12, 11), 0, 10)
    reactivations.reactivate(service, day(12, 11), by=by)
    assert (service.status, service.ends_on, service.customer.service_count) == ("active", None, 1)
    assert db.session.scalars(select(Charge.next_on)).one() == day(1, 1, 2027)
    bill(day(12, 11))
    assert lines()[2:] == [(day(12, 11), day(1, 1, 2027), 2032)] and well(clock)


def its_charge(clock: Clock, **terms: object) -> Charge:
    """Billed beside a service since 1 November, each month."""
    service = start(at(clock, day(11, 1)))
    known = {"starts_on": day(11, 1), "months": 1, "service": service, "by": at(clock, day(11, 1))}
    charge = charges.add_charge(service.billing_group, "Router", eur("30"), **{**known, **terms})  # type: ignore[arg-type]
    bill(day(11, 1))
    return charge


def billed(charge: Charge) -> list[tuple[date, date]]:
    rows = select(Renewal.period_start, Renewal.period_end).where(Renewal.charge_id == charge.id, ~Renewal.void)
    return [tuple(row) for row in db.session.execute(rows.order_by(Renewal.period_start))]


def test_a_charge_keeps_the_end_of_its_own_when_its_service_ends_and_comes_back(app: Flask, clock: Clock) -> None:
    charge = its_charge(clock, ends_on=day(12, 21), proratable=True)
    service = charge_of(charge)
    services.cancel(service, day(11, 16), "", by=at(clock, day(11, 16)))
    assert charge.ends_on == day(11, 16)
    foreseen = reactivations.foresee(service, day(12, 11), by=at(clock, day(12, 11)))
    assert list(foreseen.charges) == [charge]
    reactivations.reactivate(service, day(12, 11), by=at(clock, day(12, 11)))
    assert (charge.ends_on, charge.own_end_on, charge.ends_with_service) == (day(12, 21), None, False)
    bill(day(12, 11))
    assert billed(charge)[1:] == [(day(12, 11), day(12, 21))] and charge.next_on is None and well(clock)


def test_a_charge_whose_own_end_is_over_does_not_come_back(app: Flask, clock: Clock) -> None:
    charge = its_charge(clock, ends_on=day(11, 21))
    service = charge_of(charge)
    services.cancel(service, day(11, 16), "", by=at(clock, day(11, 16)))
    by = at(clock, day(12, 1))
    assert list(reactivations.foresee(service, day(12, 1), by=by).charges) == []
    reactivations.reactivate(service, day(12, 1), by=by)
    bill(day(12, 1))
    assert (charge.ends_on, charge.next_on, len(billed(charge))) == (day(11, 21), None, 1) and well(clock)


def test_no_day_of_a_charge_is_billed_again_when_the_end_of_its_service_is_removed(app: Flask, clock: Clock) -> None:
    """It was billed up to its own end before the service had one; what is not shared out, for its whole month."""
    charge = its_charge(clock, ends_on=day(11, 21), proratable=True)
    service = charge_of(charge)
    services.cancel(service, day(11, 16), "", by=at(clock, day(11, 2)))
    reactivations.remove_end(service, by=at(clock, day(11, 3)))
    assert (charge.ends_on, charge.next_on) == (day(11, 21), None)
    services.cancel(service, day(12, 11), "", by=at(clock, day(11, 3)))
    whole = charges.add_charge(service.billing_group, "Licence", eur("9"), starts_on=day(11, 3), months=1, anchor_day=1,
                               service=service, by=at(clock, day(11, 3)))  # fmt: skip
    services.cancel(service, day(11, 11), "", by=at(clock, day(11, 3)))
    bill(day(11, 3))
    reactivations.remove_end(service, by=at(clock, day(11, 4)))
    assert billed(whole) == [(day(11, 3), day(11, 11))] and whole.next_on == day(12, 1) and well(clock)


def test_charges_go_along_when_the_end_of_their_service_moves(app: Flask, clock: Clock) -> None:
    charge = its_charge(clock, starts_on=day(11, 10), ends_on=day(12, 21))
    service = charge_of(charge)
    for last, ends in ((day(11, 20), day(11, 20)), (day(12, 10), day(12, 10)), (day(11, 5), day(11, 10)),
                       (day(1, 5, 2027), day(12, 21))):  # fmt: skip
        services.cancel(service, last, "", by=at(clock, day(11, 2)))
        assert charge.ends_on == ends
    assert not charge.ends_with_service and charge.next_on == day(11, 10) and well(clock)
    charge.own_end_on = day(12, 31)
    assert not well(clock)


@pytest.mark.parametrize("where", ["nowhere", "other", "other customer"])
def test_a_charge_that_leaves_its_service_keeps_the_end_it_has_then(app: Flask, clock: Clock, where: str) -> None:
    charge = its_charge(clock)
    service, by = charge_of(charge), at(clock, day(11, 2))
    services.cancel(service, ends := day(12, 16) if where != "other customer" else day(11, 16), "", by=by)
    assert charge.ends_with_service
    if where == "other customer":  # nothing more of it is billed, and it stays
        charge.next_on = None
        service_transfers.transfer(service, services.main_group(make_customer()), by=by)
    else:
        terms = {name: getattr(charge, name) for name in Terms.__dataclass_fields__}
        other = services.start(service.customer, make_package(), start=by.today, by=by) if where == "other" else None
        charges.edit_charge(charge, Terms(**terms), charge.billing_group, other, by=by)
    assert (charge.ends_with_service, charge.own_end_on, charge.ends_on) == (False, None, ends) and well(clock)


def charge_of(charge: Charge) -> Service:
    return db.session.get_one(Service, charge.service_id)


def test_days_that_are_paid_are_not_billed_again_when_it_comes_back(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 1)))
    bill(day(11, 1))
    services.cancel(service, day(11, 10), "", by=at(clock, day(11, 10)))
    reactivations.reactivate(service, day(11, 15), by=at(clock, day(11, 15)))
    assert state(service) == ("active", day(11, 1), day(12, 1), 1) and well(clock)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("paused", [True, False])
def test_days_kept_while_it_was_away_are_kept_when_it_ends_and_comes_back(app, clock, at_once, paused) -> None:
    service = start(at(clock, day(11, 1)))
    bill(day(11, 1))
    settings.change({"bill_suspended_days": False}, by=at(clock, day(11, 16)))
    if paused:
        service_pauses.pause(service, day(11, 16), None, "", by=at(clock, day(11, 16)))
    else:
        services.suspend([service], by=at(clock, day(11, 16)))
    services.cancel(service, day(12, 20), "", by=at(clock, day(12, 20) if at_once else day(11, 20)))
    bill(day(12, 20))
    by = at(clock, day(12, 25))
    foreseen = reactivations.foresee(service, day(12, 25), by=by)
    assert (foreseen.next_renewal_on, foreseen.paid_days) == (day(1, 4, 2027), 10), "five of fifteen lie before"
    reactivations.reactivate(service, day(12, 25), by=by)
    bill(day(1, 4, 2027))
    assert [line[0] for line in lines()] == [day(11, 1), day(1, 4, 2027)] and well(clock)


def test_days_given_back_while_it_was_away_are_not_billed_when_it_comes_back(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 1)))
    bill(day(11, 1))
    service_pauses.pause(service, day(11, 16), None, "", by=at(clock, day(11, 16)))
    by = at(clock, day(12, 20))
    endings.carry_out(service.customer, [service], Wanted(day(12, 20), credit=True, bill=True), seen="", by=by)
    assert reactivations.foresee(service, day(12, 20), by=by).next_renewal_on == day(12, 20)
    reactivations.reactivate(service, day(12, 20), by=by)
    bill(day(12, 20))
    assert [one for one in lines() if one[2] > 0][2:] == [(day(12, 20), day(1, 1, 2027), 1161)] and well(clock)


def test_an_end_moved_or_removed_leaves_no_day_unbilled(app: Flask, clock: Clock) -> None:
    service = start(at(clock, day(11, 1)))
    services.cancel(service, day(11, 16), "", by=at(clock, day(11, 1)))
    bill(day(11, 1))
    services.cancel(service, day(11, 21), "", by=at(clock, day(11, 2)))
    bill(day(11, 16))
    reactivations.remove_end(service, by=at(clock, day(11, 17)))
    bill(day(11, 21))
    assert lines() == [
        (day(11, 1), day(11, 16), 1500), (day(11, 16), day(11, 21), 500), (day(11, 21), day(12, 1), 1000),
    ]  # fmt: skip
    assert well(clock)
    with pytest.raises(NotNow):
        reactivations.remove_end(service, by=at(clock, day(11, 21)))


def test_a_trial_is_made_longer_or_ends_now(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service = start(by, trial_days=14, setup_fee=eur("10"))
    assert service_trials.in_trial(service, by.today)
    service_trials.extend(service, day(12, 1), by=by)
    assert (service.billed_from, service.anchor_day, service.trial_days) == (day(12, 1), 1, 30) and well(clock)
    service_trials.end_now(service, by=at(clock, day(11, 20)))
    bill(day(11, 20))
    assert lines() == [(day(11, 20), day(12, 20), 3000), (None, None, 1000)] and well(clock)
    with pytest.raises(NotNow, match="not in a trial"):
        service_trials.extend(service, day(12, 24), by=at(clock, day(11, 21)))


def test_a_service_goes_to_another_customer_now(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service, other = start(by), make_customer(name="Quay Ltd")
    old = service.customer
    charges.add_charge(service.billing_group, "Router", eur("5"), starts_on=day(12, 1), months=1, service=service,
                       by=by)  # fmt: skip
    bill(day(11, 1))
    group = services.main_group(other)
    service_transfers.transfer(service, group, by=at(clock, day(11, 10)))
    assert (service.customer, service.billing_group, old.service_count, other.service_count) == (other, group, 0, 1)
    bill(day(12, 1))
    owners = db.session.scalars(select(Invoice.customer_id).order_by(Invoice.id)).all()
    assert owners == [old.id, other.id] and [line[2] for line in lines()] == [3000, 3000, 500]
    told = select(AuditEvent.customer_id).where(AuditEvent.verb == "service.transferred").order_by(AuditEvent.id)
    assert list(db.session.scalars(told)) == [old.id, other.id] and well(clock)


def test_what_was_agreed_to_come_off_it_goes_along(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service, other = start(by), make_customer(name="Quay Ltd")
    known = {"reason": "Agreed", "audience": "customer", "customer_id": service.customer_id, "starts_on": day(11, 1)}
    for values in (
        {"name": "Half", "service_id": service.id, "percent": 50, "bills": 2},
        {"name": "Over", "service_id": service.id, "percent": 60, "bills": 1, "priority": 1},
        {"name": "Stays", "percent": 10, "priority": 1},
    ):
        add(Discount(**known, **values))
    bill(day(11, 1))
    assert [line[2] for line in lines()] == [1500]
    uses = db.session.scalars(select(Discount.name).join(DiscountUse, DiscountUse.discount_id == Discount.id)).all()
    assert uses == ["Half"]
    foreseen = service_transfers.foresee(service, services.main_group(other))
    assert [one.name for one in foreseen.discounts] == ["Half", "Over"]
    service_transfers.transfer(service, services.main_group(other), by=at(clock, day(11, 10)))
    moved = select(Discount.name, Discount.bills).where(Discount.customer_id == other.id).order_by(Discount.name)
    assert [tuple(row) for row in db.session.execute(moved)] == [("Half", 1), ("Over", 1)]
    bill(day(12, 1))
    bill(day(1, 1, 2027))
    assert [line[2] for line in lines()] == [1500, 1500, 1200] and well(clock)


def test_a_service_goes_with_its_next_renewal(app: Flask, clock: Clock) -> None:
    service, other = start(at(clock, day(11, 1))), make_customer()
    old = service.customer
    bill(day(11, 1))
    service_transfers.transfer(service, services.main_group(other), at_renewal=True, by=at(clock, day(11, 10)))
    assert service.customer == old and well(clock)
    with pytest.raises(CannotTransfer, match="already"):
        service_transfers.transfer(service, services.main_group(other), by=at(clock, day(11, 10)))
    clock.set(day(12, 1))
    bill(day(12, 1))
    assert service.customer == other and service.transfer_on is None and well(clock)
    assert db.session.scalars(select(Invoice.customer_id).order_by(Invoice.id)).all() == [old.id, other.id]


def test_who_cannot_take_it_any_more_does_not_stop_the_run(app: Flask, clock: Clock) -> None:
    service, other = start(at(clock, day(11, 1))), make_customer()
    bill(day(11, 1))
    service_transfers.transfer(service, services.main_group(other), at_renewal=True, by=at(clock, day(11, 10)))
    other.status = "archived"
    bill(day(12, 1))
    assert service.customer != other and len(lines()) == 2 and service.transfer_on is None
    assert service.changes[-1].kind == "transfer_unset"


def test_another_currency_needs_a_price(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service, group = start(by), make_group(make_customer(currency="USD"))
    with pytest.raises(NeedsPrice):
        service_transfers.transfer(service, group, by=by)
    service_transfers.transfer(service, group, price=Money.of("35", "USD"), by=by)
    assert (service.currency, service.price_minor) == ("USD", 3500)
    with pytest.raises(CannotTransfer, match="has it already"):
        service_transfers.transfer(service, group, by=by)


def test_the_copy_changes_and_the_catalogue_does_not(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service = start(by)
    bill(day(11, 1))
    copy = copy_of(service)
    wanted = replace(
        copy, description="Quay 7", price=eur("25"), anchor_day=15, external_source="hub", external_id="7",
        options=[OwnOption(eur("2"), name="Addresses", quantity=Decimal(3))], price_reason="Loyal since 2019",
        billing_group=make_group(service.customer),
    )  # fmt: skip
    with pytest.raises(service_rows.ChangedSince):
        service_edits.edit(service, wanted, version=service.version + 1, by=by)
    service_edits.edit(service, wanted, version=service.version, by=by)
    assert service.package.prices[0].price_minor == 3000
    change = service.changes[-1]
    assert (change.kind, change.after["reason"]) == ("edit", "Loyal since 2019")
    assert (change.before["options"], change.after["options"]) == ("", "Addresses × 3 (2.00 EUR)")
    bill(day(12, 1))
    # Half a month, to the new renewal day.
    assert lines()[1:] == [(day(12, 1), day(12, 15), 1167), (day(12, 1), day(12, 15), 280)]
    assert state(service)[2] == day(12, 15) and well(clock)


def test_what_the_copy_cannot_be(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service = start(by)
    copy, other = copy_of(service), make_service(service.customer, external_source="hub", external_id="7")
    alien = OwnOption(eur("1"), option=None, name="", quantity=Decimal(1))
    for wrong, error in (
        ({"price": eur("25")}, Exception),
        ({"price": Money.of("25", "USD"), "price_reason": "x"}, InvalidService),
        ({"anchor_day": 32}, InvalidTerms),
        ({"external_source": "hub", "external_id": "7"}, InvalidService),
        ({"external_source": "hub"}, InvalidService),
        ({"options": [alien]}, Exception),
        ({"billing_group": make_group(make_customer())}, Exception),
    ):
        with pytest.raises(error), db.session.begin_nested():
            service_edits.edit(service, replace(copy, **wrong), version=service.version, by=by)  # type: ignore[arg-type]
    services.cancel(other, by.today, "", by=by)
    with pytest.raises(InvalidService, match="ended"):
        service_edits.edit(other, copy_of(other), version=other.version, by=by)


def test_who_becomes_one_customer_keeps_what_was_to_go_between_them(app: Flask, clock: Clock) -> None:
    by = at(clock, day(11, 1))
    service, other = start(by), make_customer()
    bill(day(11, 1))
    service_transfers.transfer(service, services.main_group(other), at_renewal=True, by=at(clock, day(11, 2)))
    with pytest.raises(customers.HasHistory, match="on their way"):
        customers.delete(other, by=by)
    merging.merge(service.customer, other, by=at(clock, day(11, 3)))
    db.session.refresh(service)
    assert service.transfer_on is None and well(clock)
