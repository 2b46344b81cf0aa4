"""Changes of many prices: foreseen to the cent, decided as shown, billed from the next renewal on, taken back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_group, make_package, make_service, make_tax_rate
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing import bulk, new_prices, packages, price_changes, price_preview
from billing.actor import Actor, NotAllowed
from billing.price_changes import ChangedSincePreview, InvalidChange, Plan
from billing.price_rule import How, InvalidRule, PriceRule, Rounding
from billing.prices import InvalidPrice, InvalidTerms
from jobs import renewals
from models import (
    AuditEvent,
    InvoiceLine,
    Money,
    NewPrice,
    NewPriceState,
    OptionPrice,
    Package,
    PackageOption,
    PackagePrice,
    PriceChange,
    PricePart,
    Service,
    ServiceChange,
    ServiceOption,
    ServiceStatus,
    db,
)

TODAY, DECEMBER = date(2026, 11, 22), date(2026, 12, 1)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def percent(text: str, **more: Any) -> PriceRule:
    return PriceRule(How.PERCENT, Decimal(text), **more)


def decide(plan: Plan, by: Actor) -> PriceChange:
    change = price_changes.decide(plan, seen=price_changes.preview(plan, by).fingerprint, by=by)
    if change.bulk_action:
        bulk.do_now(change.bulk_action, by=by)
    db.session.commit()
    return change


def waiting() -> list[tuple[int, int, int]]:
    rows = select(NewPrice).where(NewPrice.state == NewPriceState.WAITING).order_by(NewPrice.service_id, NewPrice.id)
    return [(row.service_id, row.old_minor, row.new_minor) for row in db.session.scalars(rows)]


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (percent("10"), "49.95", "54.95"),  # 54.945 rounds away from zero
        (percent("-10"), "0.05", "0.05"),  # 0.045 as well
        (percent("10", rounding=Rounding.DOWN), "49.95", "54.94"),
        (percent("10", ending="90"), "49.00", "53.90"),
        (percent("10", ending="99", rounding=Rounding.UP), "49.90", "54.99"),
        (percent("10", ending="99", rounding=Rounding.DOWN), "49.99", "53.99"),
        (percent("10", ending="90", rounding=Rounding.DOWN), "0.50", "0.90"),  # there is nothing below
        (percent("10", ending="00"), "45.00", "50.00"),  # halves go up
        (percent("-100", ending="99"), "45.00", "0.00"),
        (PriceRule(How.AMOUNT, amount=eur("-2"), currency="EUR"), "49.00", "47.00"),
        (PriceRule(How.PRICE, amount=eur("55"), currency="EUR", period=(1, 0)), "49.00", "55.00"),
    ],
)
def test_a_rule_gives_the_new_price(rule: PriceRule, old: str, new: str) -> None:
    assert rule.new(eur(old)) == eur(new)
    assert PriceRule.read(rule.plain()) == rule


def test_endings_are_of_the_currency() -> None:
    assert percent("10", ending="99").new(Money(5700, "JPY")) == Money(6270, "JPY")
    assert percent("10", ending="90").new(Money.of("5.000", "KWD")) == Money.of("4.900", "KWD") + Money.of("1", "KWD")


@given(
    st.integers(0, 10**7), st.integers(-100, 300), st.sampled_from(["", "00", "90", "99"]), st.sampled_from(Rounding)
)
def test_rounding_goes_its_way_and_never_further_than_a_step(minor: int, by: int, ending: str, way: Rounding) -> None:
    if not by:
        return
    exact, new = minor * (100 + by), percent(str(by), ending=ending, rounding=way).new(Money(minor, "EUR")).minor * 100
    step = 10_000 if ending else 100
    assert abs(new - exact) <= step and new >= 0
    if way is Rounding.UP:
        assert new >= exact
    if way is Rounding.DOWN and exact >= step:
        assert new <= exact


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (PriceRule(How.PERCENT), "percent"),
        (percent("0"), "percent"),
        (percent("-101"), "percent"),
        (PriceRule(How.AMOUNT), "amount"),
        (PriceRule(How.AMOUNT, amount=eur("0"), currency="EUR"), "amount"),
        (PriceRule(How.AMOUNT, amount=eur("1")), "currency"),
        (PriceRule(How.PRICE, amount=eur("1"), currency="EUR"), "period"),
        (percent("5", ending="42"), "ending"),
    ],
)
def test_a_rule_that_says_too_little_is_told_at_its_field(rule: PriceRule, field: str) -> None:
    with pytest.raises(InvalidRule) as refusal:
        rule.check()
    assert refusal.value.field == field


def test_a_preview_counts_whom_it_touches_and_what_that_is_a_month(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    db.session.add(PackagePrice(package_id=package.id, currency="EUR", months=12, price_minor=12000))
    one, two = make_customer(), make_customer()
    for customer in (one, one, two):
        make_service(customer, package)
    make_service(two, package, price_minor=12000, months=12)
    make_service(two, package, price_minor=800)  # agreed
    for left_out in ({"free": True}, {"status": ServiceStatus.CANCELLED}, {"ends_on": DECEMBER}):
        make_service(two, package, **left_out)
    make_service(two)  # another package
    plan = Plan([package.id], percent("10"), TODAY, running=True)
    shown = price_changes.preview(plan, by)
    assert [(one.months, one.new.minor) for one in shown.listed] == [(1, 1100), (12, 13200)]
    assert (shown.services, shown.customers) == (4, 2)
    assert (shown.before["EUR"], shown.after["EUR"]) == (eur("40.00"), eur("44.00"))
    agreed = price_changes.preview(Plan([package.id], percent("10"), TODAY, running=True, agreed=True), by)
    assert (agreed.services, agreed.after["EUR"]) == (5, eur("52.80"))
    assert [one.new.minor for one in price_preview.all_services(plan, at_once=2)] == [1100, 1100, 1100, 13200]
    alone = price_changes.preview(Plan([package.id], percent("10"), TODAY), by)
    assert (alone.services, alone.before, len(alone.listed)) == (0, {}, 2)


def test_running_services_pay_the_new_price_from_their_next_renewal_on(app: Flask, by: Actor) -> None:
    make_company()
    package = make_package(1000)
    service = make_service(make_customer(), package)
    change = decide(Plan([package.id], percent("10"), TODAY, running=True), by)
    assert packages.price_of(package, "EUR", 1, 0).price_minor == 1100
    assert service.price_minor == 1000 and waiting() == [(service.id, 1000, 1100)]
    renewals.run(DECEMBER, dry_run=True)
    assert db.session.get(Service, service.id).price_minor == 1000
    renewals.run(DECEMBER)
    db.session.expire_all()
    line = db.session.scalars(select(InvoiceLine)).one()
    assert (line.amount_minor, service.price_minor, waiting()) == (1100, 1100, [])
    event = db.session.scalars(select(ServiceChange).where(ServiceChange.kind == "price")).one()
    assert (event.before["price_minor"], event.after["price_minor"], event.on) == (1000, 1100, DECEMBER)
    assert new_prices.counts(change) == {NewPriceState.BILLED: 1}


def test_days_missed_are_caught_up_at_the_price_of_each_day(app: Flask, by: Actor) -> None:
    make_company()
    package = make_package(1000)
    service = make_service(make_customer(), package)
    change = decide(Plan([package.id], percent("10"), date(2027, 1, 15), running=True), by)
    assert packages.price_of(package, "EUR", 1, 0).price_minor == 1000
    assert price_changes.begin_due(date(2027, 1, 14), by=by) == 0
    assert price_changes.begin_due(date(2027, 1, 15), by=by) == 1
    db.session.commit()
    renewals.run(date(2027, 3, 1))
    db.session.expire_all()
    lines = db.session.scalars(select(InvoiceLine.amount_minor).order_by(InvoiceLine.period_start)).all()
    assert lines == [1000, 1000, 1100, 1100]
    assert (service.price_minor, change.state) == (1100, "in_effect")
    assert packages.price_of(package, "EUR", 1, 0).price_minor == 1100


def test_what_is_sold_before_the_day_follows_when_it_comes(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    decide(Plan([package.id], percent("10"), date(2027, 1, 15), running=True), by)
    later = make_service(make_customer(), package)
    price_changes.begin_due(date(2027, 1, 15), by=by)
    assert waiting() == [(later.id, 1000, 1100)]


def test_a_change_is_undone_where_nothing_was_billed_yet(app: Flask, by: Actor) -> None:
    make_company()
    make_tax_rate()
    package = make_package(1000)
    first, second = make_customer(), make_customer()
    make_service(first, package)
    later = make_service(second, package, next_renewal_on=date(2026, 12, 20), anchor_day=20)
    change = decide(Plan([package.id], percent("10"), TODAY, running=True), by)
    renewals.run(DECEMBER)
    left, action = price_changes.undo(change, by=by)
    assert left == [] and action is not None
    bulk.do_now(action, by=by)
    db.session.commit()
    assert packages.price_of(package, "EUR", 1, 0).price_minor == 1000
    assert new_prices.counts(change) == {NewPriceState.BILLED: 1, NewPriceState.UNDONE: 1}
    renewals.run(date(2026, 12, 20))
    assert db.session.get(Service, later.id).price_minor == 1000
    with pytest.raises(InvalidChange, match="undone already"):
        price_changes.undo(change, by=by)


def test_an_undo_leaves_list_prices_that_were_changed_since(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    change = decide(Plan([package.id], percent("10"), TODAY), by)
    packages.edit(package, prices=[packages.Price(eur("20"))], by=by)
    left, action = price_changes.undo(change, by=by)
    assert (left, action) == ([f"{package.name} 20.00 EUR"], None)
    assert packages.price_of(package, "EUR", 1, 0).price_minor == 2000


EVERYTHING = (PricePart.PACKAGE, PricePart.OPTION, PricePart.SETUP)


def make_rich_package() -> Package:
    """10.00 a month with 50.00 to set up; a plan for 0.00 or 4.00, and seats at 2.00 each."""
    package = make_package(1000)
    db.session.scalars(select(PackagePrice).where(PackagePrice.package_id == package.id)).one().setup_fee_minor = 5000
    for name, kind, prices in (("Plan", "choice", {"Small": 0, "Large": 400}), ("Seats", "quantity", {"": 200})):
        option = add(PackageOption(package_id=package.id, name=name, kind=kind))
        for value, minor in prices.items():
            add(OptionPrice(option_id=option.id, value=value, currency="EUR", price_minor=minor))
    db.session.commit()
    return package


def with_options(service: Service, **more: tuple[str, str, int]) -> Service:
    """name -> (value, quantity, price in minor units)."""
    for option in service.package.options:
        if option.name in more:
            value, quantity, minor = more[option.name]
            known = {"option_id": option.id, "name": option.name, "value": value, "quantity": Decimal(quantity)}
            add(ServiceOption(service_id=service.id, currency="EUR", price_minor=minor, **known))
    db.session.commit()
    return service


def catalogue(package: Package) -> dict[str, int]:
    db.session.expire_all()
    found = {"price": package.prices[0].price_minor, "setup": package.prices[0].setup_fee_minor}
    return found | {f"{o.name} {p.value}".strip(): p.price_minor for o in package.options for p in o.prices}


def test_options_and_set_up_fees_change_with_the_package_and_come_back(app: Flask, by: Actor) -> None:
    make_company()
    package = make_rich_package()
    service = with_options(make_service(make_customer(), package), Plan=("Large", "1", 400), Seats=("", "2.5", 200))
    agreed = with_options(make_service(make_customer(), package, price_minor=900), Seats=("", "1", 150))
    plan = Plan([package.id], percent("10"), TODAY, running=True, parts=EVERYTHING)
    shown = price_changes.preview(plan, by)
    named = [(one.part.value, one.option, one.value, one.old.minor, one.new.minor) for one in shown.listed]
    assert named == [
        ("package", "", "", 1000, 1100), ("option", "Plan", "Large", 400, 440), ("option", "Seats", "", 200, 220),
        ("setup", "", "", 5000, 5500),
    ]  # fmt: skip
    assert (shown.services, shown.customers) == (1, 1)
    assert (shown.before["EUR"], shown.after["EUR"]) == (eur("19.00"), eur("20.90"))
    (row,) = price_preview.services(plan)
    assert (row.old, row.new, row.changed_options) == (eur("19.00"), eur("20.90"), ("Plan", "Seats"))
    before = catalogue(package)
    change = decide(plan, by)
    assert catalogue(package) == {"price": 1100, "setup": 5500, "Plan Small": 0, "Plan Large": 440, "Seats": 220}
    assert [(number, old, new) for number, old, new in waiting()] == [
        (service.id, 1000, 1100), (service.id, 400, 440), (service.id, 200, 220),
    ]  # fmt: skip
    assert new_prices.counts(change) == {NewPriceState.WAITING: 1}
    renewals.run(DECEMBER)
    amounts = select(InvoiceLine.amount_minor).where(InvoiceLine.service_id == service.id).order_by(InvoiceLine.id)
    assert db.session.scalars(amounts).all() == [1100, 440, 550]
    theirs = select(InvoiceLine.amount_minor).where(InvoiceLine.service_id == agreed.id).order_by(InvoiceLine.id)
    assert db.session.scalars(theirs).all() == [900, 150]
    assert [option.price_minor for option in service.options] == [440, 220]
    renewals.run(date(2027, 1, 1))
    assert db.session.scalars(amounts).all() == [1100, 440, 550] * 2
    left, _action = price_changes.undo(change, by=by)
    assert (left, catalogue(package)) == ([], before)


def test_only_options_change_and_are_taken_back_before_they_are_billed(app: Flask, by: Actor) -> None:
    make_company()
    package = make_rich_package()
    one = with_options(make_service(make_customer(), package), Seats=("", "3", 200))
    other = with_options(make_service(make_customer(), package), Seats=("", "1", 170))
    make_service(make_customer(), package)
    rule = PriceRule(How.AMOUNT, amount=eur("1"), currency="EUR")
    listed = Plan([package.id], rule, TODAY, running=True, parts=[PricePart.OPTION])
    assert price_changes.preview(listed, by).services == 1
    plan = Plan([package.id], rule, TODAY, running=True, agreed=True, parts=[PricePart.OPTION])
    shown = price_changes.preview(plan, by)
    assert (shown.services, shown.before["EUR"], shown.after["EUR"]) == (2, eur("7.70"), eur("11.70"))
    change = decide(plan, by)
    assert waiting() == [(one.id, 200, 300), (other.id, 170, 270)]
    _left, action = price_changes.undo(change, by=by)
    assert action is not None
    bulk.do_now(action, by=by)
    db.session.commit()
    renewals.run(DECEMBER)
    lines = select(InvoiceLine.amount_minor).where(InvoiceLine.kind == "option").order_by(InvoiceLine.service_id)
    assert db.session.scalars(lines).all() == [600, 170]
    assert catalogue(package)["Seats"] == 200


def test_a_new_price_is_for_packages_or_for_set_up_fees(app: Flask, by: Actor) -> None:
    package = make_rich_package()
    rule = PriceRule(How.PRICE, amount=eur("25"), currency="EUR", period=(1, 0))
    for parts in ([], [PricePart.OPTION], [PricePart.PACKAGE, PricePart.SETUP]):
        with pytest.raises(InvalidRule) as refused:
            price_changes.preview(Plan([package.id], rule, TODAY, parts=parts), by)
        assert refused.value.field == "parts"
    decide(Plan([package.id], rule, TODAY, running=True, parts=[PricePart.SETUP]), by)
    assert catalogue(package) == {"price": 1000, "setup": 2500, "Plan Small": 0, "Plan Large": 400, "Seats": 200}


def test_what_is_decided_is_what_was_shown(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    make_service(make_customer(), package)
    plan = Plan([package.id], percent("10"), TODAY, running=True)
    seen = price_changes.preview(plan, by).fingerprint
    make_service(make_customer(), package)
    with pytest.raises(ChangedSincePreview):
        price_changes.decide(plan, seen=seen, by=by)
    decide(plan, by)
    with pytest.raises(ChangedSincePreview):  # somebody else has just done it
        price_changes.decide(plan, seen=seen, by=by)


def test_a_service_has_one_change_waiting_at_a_time(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    make_service(make_customer(), package)
    decide(Plan([package.id], percent("10"), DECEMBER, running=True), by)
    again = price_changes.preview(Plan([package.id], percent("5"), DECEMBER, running=True), by)
    assert again.services == 0


@pytest.mark.parametrize(
    ("more", "error", "match"),
    [
        ({"packages": []}, InvalidChange, "at least one"),
        ({"packages": range(501)}, InvalidChange, "At most 500"),
        ({"from_on": date(2026, 11, 21)}, InvalidChange, "today"),
        ({"from_on": date(2036, 11, 21)}, InvalidTerms, "too far"),
        ({"rule": PriceRule(How.AMOUNT, amount=eur("-11"), currency="EUR")}, InvalidPrice, "below zero"),
    ],
)
def test_refuses_what_cannot_be(app: Flask, by: Actor, more: dict[str, Any], error: type, match: str) -> None:
    values = {"packages": [make_package(1000).id], "rule": percent("10"), "from_on": TODAY, **more}
    with pytest.raises(error, match=match):
        price_changes.preview(Plan(**values), by)


def test_needs_the_rights_and_leaves_a_trace(app: Flask, by: Actor) -> None:
    package = make_package(1000)
    make_service(make_customer(), package, billing_group_id=make_group(make_customer()).id)
    seller = Actor("Vic", by.at, by.today, frozenset({"packages.edit"}))
    plan = Plan([package.id], percent("10"), TODAY, running=True)
    for who, what in ((Actor("Pat", by.at, by.today), Plan([package.id], percent("10"), TODAY)), (seller, plan)):
        with pytest.raises(NotAllowed):
            price_changes.decide(what, seen="", by=who)
    change = decide(plan, by)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "price_change.decided")).one()
    assert event.object_id == change.id and event.after["services"] == 1
