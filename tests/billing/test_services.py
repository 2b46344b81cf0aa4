"""Starting, ending and pausing services, and what is billed beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from factories import make_customer, make_group, make_package, make_service
from flask import Flask
from sqlalchemy import select

from billing import doctor, packages, pauses, services
from billing.actor import Actor, NotAllowed
from billing.doctor import Scope
from billing.packages import ChoicePrice, Option, Price
from billing.prices import InvalidPrice, InvalidTerms
from billing.services import Chosen, InvalidService, NoPrice
from billing.texts import InvalidText
from models import (
    AuditEvent,
    BillingError,
    BillingGroup,
    Charge,
    Customer,
    CustomerStatus,
    Money,
    OptionKind,
    Package,
    Service,
    ServiceChange,
    ServiceStatus,
    db,
)

TODAY = date(2026, 11, 22)
SOON = date(2026, 12, 15)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def fibre(by: Actor) -> Package:
    prices = [Price(eur("29.90"), setup_fee=eur("50.00")), Price(eur("299.00"), 12), Price(eur("1.00"), 0, 10)]
    router = Option("Router", OptionKind.CHOICE, [ChoicePrice(eur("4.00"), "Pro"), ChoicePrice(eur("0.00"), "Basic")])
    addresses = Option("Addresses", OptionKind.QUANTITY, [ChoicePrice(eur("2.00"))])
    return packages.create("Fibre 500", prices=prices, options=[router, addresses], by=by)


def begin(customer: Customer, package: Package, by: Actor, **values: Any) -> Service:
    return services.start(customer, package, by=by, **{"start": SOON, **values})


def history(service: Service) -> list[tuple[str, date, Any]]:
    rows = db.session.scalars(select(ServiceChange).where(ServiceChange.service_id == service.id)).all()
    return [(row.kind, row.on, row.after) for row in rows]


def test_a_service_starts_at_the_package_price_and_is_not_billed_yet(app: Flask, by: Actor) -> None:
    customer = make_customer()
    service = begin(customer, fibre(by), by)
    db.session.commit()
    assert (service.price, service.setup_fee, service.description) == (eur("29.90"), eur("50.00"), "Fibre 500")
    assert (service.started_on, service.billed_from, service.next_renewal_on) == (SOON, SOON, SOON)
    assert (service.months, service.days, service.anchor_day, service.anchor_month) == (1, 0, 15, None)
    assert (service.status, service.billing_group.name, customer.service_count) == ("active", "Main", 1)
    assert history(service)[0][:2] == ("start", SOON)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "service.started")).one()
    assert (event.customer_id, event.after["price_minor"], event.after["period"]) == (customer.id, 2990, "a month")


def test_agreed_price_own_anchor_and_group(app: Flask, by: Actor) -> None:
    customer = make_customer()
    group = make_group(customer)
    service = begin(
        customer, fibre(by), by, price=eur("19.00"), setup_fee=eur("0.00"), anchor_day=31, billing_group=group
    )
    assert (service.price_minor, service.setup_fee_minor, service.anchor_day) == (1900, 0, 31)
    assert service.billing_group is group


def test_a_yearly_service_keeps_its_month(app: Flask, by: Actor) -> None:
    service = begin(make_customer(), fibre(by), by, months=12)
    assert (service.price_minor, service.anchor_day, service.anchor_month) == (29900, 15, 12)


def test_a_service_by_days(app: Flask, by: Actor) -> None:
    service = begin(make_customer(), fibre(by), by, days=10)
    assert (service.months, service.days, service.price_minor) == (0, 10, 100)


def test_a_service_that_was_billed_elsewhere_before(app: Flask, by: Actor) -> None:
    service = begin(make_customer(), fibre(by), by, start=date(2020, 3, 9), billed_from=date(2026, 12, 1))
    assert (service.started_on, service.next_renewal_on, service.anchor_day) == (
        date(2020, 3, 9),
        date(2026, 12, 1),
        1,
    )


def test_options_cost_what_the_package_says_or_what_was_agreed(app: Flask, by: Actor) -> None:
    package = fibre(by)
    router, addresses = package.options
    chosen = [
        Chosen(router, value="Pro"),
        Chosen(addresses, quantity=Decimal(3), price=eur("1.50")),
        Chosen(name="TV", price=eur("0.00")),
        Chosen(name="Backup"),
    ]
    service = begin(make_customer(), package, by, options=chosen)
    db.session.commit()
    db.session.expire_all()
    rows = [(o.name, o.value, o.quantity, o.price_minor, o.option_id) for o in service.options]
    assert rows == [
        ("Router", "Pro", 1, 400, router.id),
        ("Addresses", "", 3, 150, addresses.id),
        ("TV", "", 1, 0, None),
        ("Backup", "", 1, 0, None),
    ]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda p: {"months": 3}, NoPrice, "Fibre 500 has no price in EUR for 3 months"),
        (lambda p: {"price": Money(1, "USD")}, InvalidPrice, "kept in EUR"),
        (lambda p: {"price": eur("-1.00")}, InvalidPrice, "below zero"),
        (lambda p: {"setup_fee": eur("-1.00")}, InvalidPrice, "set-up fee"),
        (lambda p: {"months": 1, "days": 1}, InvalidTerms, "not in both"),
        (lambda p: {"months": 0}, InvalidTerms, "at least one"),
        (lambda p: {"anchor_day": 32}, InvalidTerms, "1 to 31"),
        (lambda p: {"anchor_day": 0}, InvalidTerms, "1 to 31"),
        (lambda p: {"start": date(2029, 12, 1)}, InvalidTerms, "too far away"),
        (lambda p: {"start": datetime(2026, 12, 1)}, InvalidTerms, "is a day"),
        (lambda p: {"billed_from": date(2026, 12, 14)}, InvalidService, "before it starts"),
        (lambda p: {"options": [Chosen(p.options[0], value="Gold")]}, NoPrice, "Router \\(Gold\\) has no price"),
        (lambda p: {"options": [Chosen(p.options[1], quantity=Decimal(0))]}, InvalidTerms, "quantity"),
        (lambda p: {"options": [Chosen(p.options[1], quantity=Decimal("0.0000001"))]}, InvalidTerms, "six decimals"),
        (lambda p: {"options": [Chosen(make_option())]}, InvalidService, "not an option of Fibre 500"),
        (lambda p: {"options": [Chosen(price=eur("1.00"))]}, InvalidText, "option's name is missing"),
        (lambda p: {"billing_group": make_group(make_customer())}, InvalidService, "another customer"),
    ],
)
def test_refuses_what_cannot_be_billed(
    app: Flask, by: Actor, make: Callable[[Package], dict[str, Any]], error: type[BillingError], match: str
) -> None:
    customer, package = make_customer(), fibre(by)
    with pytest.raises(error, match=match):
        begin(customer, package, by, **make(package))
    db.session.rollback()


def make_option() -> Any:
    from models import PackageOption

    other = make_package()
    other.options.append(PackageOption(name="Other"))
    db.session.flush()
    return other.options[0]


def test_refuses_archived_customers_and_packages(app: Flask, by: Actor) -> None:
    package = fibre(by)
    with pytest.raises(InvalidService, match="is archived"):
        begin(make_customer(status=CustomerStatus.ARCHIVED), package, by)
    package.archived = True
    with pytest.raises(InvalidService, match="not sold any more"):
        begin(make_customer(), package, by)


def test_a_service_cancelled_today_is_over(app: Flask, by: Actor) -> None:
    customer = make_customer()
    service, _ = make_service(customer), make_service(customer)
    services.cancel(service, TODAY, " Moved away ", by=by)
    db.session.commit()
    assert (service.status, service.ends_on, service.cancelled_on) == ("cancelled", TODAY, TODAY)
    assert (service.cancel_reason, customer.service_count) == ("Moved away", 1)
    event = db.session.scalars(select(AuditEvent)).one()
    assert (event.verb, event.before["status"], event.after["status"]) == ("service.cancelled", "active", "cancelled")
    with pytest.raises(InvalidService, match="cancelled on 2026-11-22 already"):
        services.cancel(service, TODAY, "", by=by)


def test_a_service_cancelled_for_later_runs_until_then(app: Flask, by: Actor) -> None:
    customer = make_customer()
    service = make_service(customer)
    services.cancel(service, date(2027, 1, 1), "", by=by)
    services.cancel(service, SOON, "Sooner", by=by)
    assert (service.status, service.ends_on, service.cancelled_on) == ("active", SOON, None)
    assert (customer.service_count, [kind for kind, *_ in history(service)]) == (1, ["cancel", "cancel"])


def test_recurring_charges_end_with_their_service(app: Flask, by: Actor) -> None:
    service = make_service(make_customer())
    group = service.billing_group
    once, again = (
        services.add_charge(group, "Rental", eur("3.00"), starts_on=TODAY, months=months, service=service, by=by)
        for months in (0, 1)
    )
    services.cancel(service, SOON, "", by=by)
    assert (once.ends_on, again.ends_on) == (None, SOON)


def test_refuses_an_end_before_the_start(app: Flask, by: Actor) -> None:
    service = make_service(make_customer(), started_on=TODAY)
    with pytest.raises(InvalidService, match="cannot end before that day"):
        services.cancel(service, date(2026, 11, 21), "", by=by)
    with pytest.raises(InvalidTerms, match="too far away"):
        services.cancel(service, date(2226, 11, 21), "", by=by)


def test_the_daily_run_ends_what_is_due(app: Flask, by: Actor) -> None:
    one, two = make_customer(), make_customer()
    due = [make_service(one, ends_on=TODAY), make_service(one, ends_on=date(2026, 11, 1)), make_service(two)]
    later, gone = make_service(two, ends_on=SOON), make_service(two, ends_on=TODAY, status=ServiceStatus.CANCELLED)
    due[2].ends_on = TODAY
    db.session.commit()
    assert services.end_due(TODAY, by=by) == 3
    db.session.commit()
    assert [(s.status, s.cancelled_on) for s in due] == [("cancelled", s.ends_on) for s in due]
    assert (later.status, gone.cancelled_on, due[0].version) == ("active", None, 2)
    assert (one.service_count, two.service_count) == (0, 1)
    after = {"status": "cancelled", "ends_on": "2026-11-01"}
    assert history(due[1]) == [("end", date(2026, 11, 1), after)]
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(e.verb, e.object_id, e.customer_id) for e in events] == [
        ("service.ended", s.id, s.customer_id) for s in due
    ]
    assert services.end_due(TODAY, by=by) == 0


def test_more_services_end_than_go_in_one_chunk(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.ending.CHUNK", 2)
    customer, package = make_customer(), make_package()
    group = make_group(customer)
    for _ in range(5):
        make_service(customer, package, billing_group_id=group.id, ends_on=TODAY)
    assert services.end_due(TODAY, by=by) == 5
    assert customer.service_count == 0


@pytest.mark.parametrize(
    ("values", "moved_to"),
    [
        ({"next_renewal_on": date(2026, 9, 1)}, date(2026, 12, 1)),
        ({"next_renewal_on": date(2026, 8, 31), "anchor_day": 31}, date(2026, 11, 30)),
        ({"next_renewal_on": date(2026, 11, 1), "months": 3}, date(2027, 2, 1)),
        ({"next_renewal_on": date(2026, 9, 22), "anchor_day": 22}, TODAY),
        ({"next_renewal_on": date(2025, 3, 1), "months": 12, "anchor_month": 3}, date(2027, 3, 1)),
        ({"next_renewal_on": date(2026, 11, 1), "months": 0, "days": 10}, date(2026, 12, 1)),
        ({"next_renewal_on": date(2026, 11, 2), "months": 0, "days": 10}, TODAY),
    ],
)
def test_after_a_pause_a_service_goes_on_in_its_rhythm(
    app: Flask, by: Actor, values: dict[str, Any], moved_to: date
) -> None:
    service = make_service(make_customer(), **values)
    was = service.next_renewal_on
    assert pauses.resume(service.customer, by=by) == 1
    assert service.next_renewal_on == moved_to
    change = db.session.scalars(select(ServiceChange)).one()
    assert (change.kind, change.on, change.before) == ("pause", was, {"next_renewal_on": was.isoformat()})
    assert change.after == {"next_renewal_on": moved_to.isoformat()}


def test_a_pause_leaves_the_rest_alone(app: Flask, by: Actor) -> None:
    customer = make_customer()
    ahead = make_service(customer, next_renewal_on=TODAY)
    gone = make_service(customer, next_renewal_on=date(2026, 5, 1), status=ServiceStatus.CANCELLED)
    noise = make_service(make_customer(), next_renewal_on=date(2026, 5, 1))
    group, past = ahead.billing_group, date(2026, 10, 1)
    once, again = (
        services.add_charge(group, "Rental", eur("3.00"), starts_on=past, months=m, anchor_day=1, by=by) for m in (0, 1)
    )
    assert pauses.resume(customer, by=by) == 0
    assert [s.next_renewal_on for s in (ahead, gone, noise)] == [TODAY, date(2026, 5, 1), date(2026, 5, 1)]
    assert (once.next_on, again.next_on) == (past, date(2026, 12, 1))


def test_a_charge_comes_on_the_first_bill_from_its_day(app: Flask, by: Actor) -> None:
    customer = make_customer()
    group = make_group(customer)
    values = {"quantity": Decimal("2.5"), "ends_on": date(2027, 6, 1), "months": 1, "proratable": True}
    charge = services.add_charge(group, "Rack space", eur("10.00"), starts_on=SOON, by=by, **values)
    db.session.commit()
    charge = db.session.scalars(select(Charge)).one()
    assert (charge.customer_id, charge.next_on, charge.anchor_day, charge.quantity) == (
        customer.id,
        SOON,
        15,
        Decimal("2.5"),
    )
    event = db.session.scalars(select(AuditEvent)).one()
    assert (event.verb, event.customer_id, event.after["price_minor"]) == ("charge.added", customer.id, 1000)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"price": Money(1, "USD")}, "kept in EUR"),
        ({"price": Money(-1, "EUR"), "months": 1}, "below zero"),
        ({"description": " "}, "description is missing"),
        ({"quantity": Decimal("NaN")}, "quantity"),
        ({"quantity": Decimal("1E+400")}, "quantity"),
        ({"months": 1, "days": 1}, "not in both"),
        ({"ends_on": SOON}, "end after it starts"),
        ({"starts_on": date(2036, 1, 1)}, "too far away"),
        ({"tax_category": "s"}, "capital letters"),
        ({"anchor_day": 99}, "1 to 31"),
    ],
)
def test_refuses_charges_that_make_no_sense(app: Flask, by: Actor, values: dict[str, Any], match: str) -> None:
    group = make_group(make_customer())
    known = {"description": "Rack space", "price": eur("10.00"), "starts_on": SOON}
    with pytest.raises(BillingError, match=match):
        services.add_charge(group, by=by, **{**known, **values})
    service = make_service(make_customer())
    with pytest.raises(BillingError, match="another customer"):
        services.add_charge(group, by=by, service=service, **known)


def test_the_main_group_is_made_once(app: Flask) -> None:
    customer = make_customer()
    assert services.main_group(customer) is services.main_group(customer)
    assert db.session.scalars(select(BillingGroup.name)).all() == ["Main"]


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"services.view"}))
    service = make_service(make_customer())
    customer, group = service.customer, service.billing_group
    for work in (
        lambda: begin(customer, service.package, weak),
        lambda: services.cancel(service, TODAY, "", by=weak),
        lambda: services.end_due(TODAY, by=weak),
        lambda: services.add_charge(group, "x", eur("1.00"), starts_on=SOON, by=weak),
        lambda: pauses.resume(customer, by=weak),
    ):
        with pytest.raises(NotAllowed):
            work()


def test_a_suspended_service_was_not_counted_and_is_not_taken_off(app: Flask, by: Actor) -> None:
    customer = make_customer()
    make_service(customer)
    one, two = (make_service(customer, status=ServiceStatus.SUSPENDED) for _ in range(2))
    two.ends_on = TODAY
    services.cancel(one, TODAY, "", by=by)
    services.end_due(TODAY, by=by)
    assert (one.status, two.status, customer.service_count) == ("cancelled", "cancelled", 1)


def test_a_trial_is_free_and_the_first_period_begins_after_it(app: Flask, by: Actor) -> None:
    package = make_package(trial_days=14)
    service = services.start(make_customer(), package, start=date(2026, 12, 10), by=by)
    assert (service.trial_days, service.billed_from, service.anchor_day) == (14, date(2026, 12, 24), 24)
    assert service.next_renewal_on == date(2026, 12, 24)
    own = services.start(make_customer(), package, start=date(2026, 12, 10), trial_days=0, by=by)
    assert own.billed_from == date(2026, 12, 10)
    moved = services.start(make_customer(), package, start=date(2026, 1, 1), billed_from=date(2026, 12, 10), by=by)
    assert (moved.trial_days, moved.billed_from) == (0, date(2026, 12, 10))
    billed = {"billed_from": date(2026, 12, 1), "trial_days": 3}
    for wrong in (billed, {"trial_days": 400}):
        with pytest.raises(InvalidService):
            services.start(make_customer(), package, start=date(2026, 12, 1), **wrong, by=by)
    assert [f.code for f in doctor.examine(Scope(by.at)) if f.code in ("I13", "I18")] == []


def test_options_that_must_be_chosen_are_and_numbers_stay_in_their_bounds(app: Flask, by: Actor) -> None:
    rack = Option("Rack units", OptionKind.QUANTITY, [ChoicePrice(eur("5"))], True, Decimal(2), Decimal(4))
    package = packages.create("Housing", prices=[packages.Price(eur("50"))], options=[rack], by=by)
    begin = {"customer": make_customer(), "package": package, "start": date(2026, 12, 1), "by": by}
    with pytest.raises(services.MissingOption, match="Rack units belongs to Housing"):
        services.start(**begin)
    for number, words in (("1", "at least 2"), ("5", "at most 4")):
        with pytest.raises(InvalidService, match=words):
            services.start(**begin, options=[Chosen(package.options[0], quantity=Decimal(number))])
    service = services.start(**begin, options=[Chosen(package.options[0], quantity=Decimal(3))])
    assert (service.options[0].price_minor, service.options[0].quantity) == (500, 3)
