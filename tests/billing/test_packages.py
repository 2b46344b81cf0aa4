"""The catalogue: what goes in comes out, what is wrong is said, what services have stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_customer, make_service
from flask import Flask
from sqlalchemy import select

from billing import packages
from billing.actor import Actor, NotAllowed
from billing.packages import ChoicePrice, DuplicatePackage, InvalidPackage, Option, Price
from billing.prices import InvalidPrice, InvalidTerms
from billing.texts import InvalidText
from models import AuditEvent, BillingError, Money, OptionKind, OptionPrice, Package, PackagePrice, ServiceOption, db


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def events() -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)))


def fibre(by: Actor, **values: Any) -> Package:
    prices = [Price(eur("29.90"), setup_fee=eur("50.00")), Price(Money.of("30", "USD")), Price(eur("299.00"), 12)]
    options = [
        Option("Router", OptionKind.CHOICE, [ChoicePrice(eur("0.00"), "Basic"), ChoicePrice(eur("4.00"), "Pro")]),
        Option("Static address", OptionKind.YES_NO, [ChoicePrice(eur("5.00"))]),
    ]
    return packages.create("Fibre 500", by=by, **{"prices": prices, "options": options, **values})


def test_a_package_has_prices_and_options(app: Flask, by: Actor) -> None:
    package = fibre(by)
    db.session.commit()
    db.session.expire_all()
    rows = [(p.currency, p.months, p.days, p.price_minor, p.setup_fee_minor) for p in package.prices]
    assert rows == [("EUR", 1, 0, 2990, 5000), ("EUR", 12, 0, 29900, 0), ("USD", 1, 0, 3000, 0)]
    assert [(o.name, o.kind, [(p.value, p.price_minor) for p in o.prices]) for o in package.options] == [
        ("Router", "choice", [("Basic", 0), ("Pro", 400)]),
        ("Static address", "yes_no", [("", 500)]),
    ]
    (event,) = events()
    assert (event.verb, event.object_id) == ("package.created", package.id)
    assert "29.90 EUR a month + 50.00 EUR" in event.after["prices"]


def test_an_edit_replaces_the_price_list_and_says_what_changed(app: Flask, by: Actor) -> None:
    package = fibre(by)
    kept = packages.price_of(package, "EUR", 1, 0).id
    packages.edit(package, {"name": "Fibre 600"}, prices=[Price(eur("31.00")), Price(eur("1.00"), 0, 1)], by=by)
    db.session.commit()
    rows = db.session.scalars(select(PackagePrice).order_by(PackagePrice.id)).all()
    assert [(r.months, r.days, r.price_minor, r.setup_fee_minor) for r in rows] == [(1, 0, 3100, 0), (0, 1, 100, 0)]
    assert rows[0].id == kept
    event = events()[-1]
    assert (event.verb, event.before["name"], event.after["name"]) == ("package.changed", "Fibre 500", "Fibre 600")
    assert event.after["prices"] == "1.00 EUR a day; 31.00 EUR a month"
    assert "options" not in event.after


def test_an_edit_that_changes_nothing_leaves_no_trace(app: Flask, by: Actor) -> None:
    package = fibre(by)
    packages.edit(package, {"name": "Fibre 500", "tax_category": "S"}, by=by)
    assert len(events()) == 1


def test_options_are_replaced_and_stay_on_services(app: Flask, by: Actor) -> None:
    package = fibre(by)
    service = make_service(make_customer(), package)
    had = ServiceOption(service_id=service.id, option_id=package.options[0].id, name="Router", currency="EUR")
    db.session.add(had)
    db.session.flush()
    packages.edit(package, options=[Option("Static address", OptionKind.QUANTITY, [ChoicePrice(eur("6.00"))])], by=by)
    db.session.commit()
    db.session.expire_all()
    assert [(o.name, o.kind, o.position) for o in package.options] == [("Static address", "quantity", 0)]
    assert db.session.scalars(select(OptionPrice.price_minor)).all() == [600]
    assert (had.name, had.option_id) == ("Router", None)


def test_archiving_goes_both_ways_and_counts(app: Flask, by: Actor) -> None:
    one, two = fibre(by), packages.create("DSL", by=by)
    assert packages.archive([one], by=by) == 1
    assert packages.archive([one, two], by=by) == 1
    assert packages.restore([one, two], by=by) == 2
    assert [e.verb for e in events()[2:]] == ["package.archived"] * 2 + ["package.restored"] * 2


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: {"prices": [Price(eur("-1.00"))]}, InvalidPrice, "below zero"),
        (lambda: {"prices": [Price(Money(10**12 + 1, "EUR"))]}, InvalidPrice, "too large"),
        (lambda: {"prices": [Price(eur("1.00"), setup_fee=eur("-1.00"))]}, InvalidPrice, "set-up fee cannot"),
        (lambda: {"prices": [Price(eur("1.00"), setup_fee=Money(1, "USD"))]}, InvalidPackage, "currency of the"),
        (lambda: {"prices": [Price(eur("1.00")), Price(eur("2.00"))]}, InvalidPackage, "twice"),
        (lambda: {"prices": [Price(eur("1.00"), 1, 1)]}, InvalidTerms, "not in both"),
        (lambda: {"prices": [Price(eur("1.00"), 121)]}, InvalidTerms, "at most 120 months"),
        (lambda: {"prices": [Price(eur("1.00"), -1)]}, InvalidTerms, "whole number"),
        (lambda: {"options": [Option("A"), Option("A ")]}, InvalidPackage, "twice"),
        (lambda: {"options": [Option("A", prices=[ChoicePrice(eur("-1.00"))])]}, InvalidPrice, "price of A"),
        (lambda: {"options": [Option("A", prices=[ChoicePrice(eur("1.00"), "x")])]}, InvalidPackage, "choices"),
        (lambda: {"options": [Option("A", prices=[ChoicePrice(eur("1.00"))] * 2)]}, InvalidPackage, "two prices"),
        (lambda: {"options": [Option(" ")]}, InvalidText, "name is missing"),
        (lambda: {"tax_category": "standard"}, InvalidTerms, "capital letters"),
        (lambda: {"description": "x" * 10_001}, InvalidText, "10,000 letters"),
    ],
)
def test_refuses_what_cannot_be_sold(
    app: Flask, by: Actor, make: Callable[[], dict[str, Any]], error: type[BillingError], match: str
) -> None:
    with pytest.raises(error, match=match):
        packages.create("Fibre 1000", by=by, **make())


@pytest.mark.parametrize("name", ["", "x" * 161, "two\nlines"])
def test_refuses_names_that_are_none(app: Flask, by: Actor, name: str) -> None:
    with pytest.raises(InvalidText, match="package's name"):
        packages.create(name, by=by)


def test_two_packages_cannot_share_a_name(app: Flask, by: Actor) -> None:
    fibre(by)
    other = packages.create("DSL", by=by)
    with pytest.raises(DuplicatePackage, match="already"):
        packages.create("FIBRE 500", by=by)
    with pytest.raises(DuplicatePackage):
        packages.edit(other, {"name": "fibre 500"}, by=by)
    with pytest.raises(InvalidPackage, match="no field called archived"):
        packages.edit(other, {"archived": True}, by=by)


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"packages.view"}))
    package = fibre(by)
    for work in (fibre, lambda by: packages.edit(package, {}, by=by), lambda by: packages.archive([package], by=by)):
        with pytest.raises(NotAllowed):
            work(weak)
