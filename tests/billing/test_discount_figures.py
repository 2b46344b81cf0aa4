"""What a discount means: whom it touches, what it takes off a month, which others it meets, what it took off."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from factories import add, make_company, make_customer, make_package, make_service
from flask import Flask
from statements import spoken

from billing import coupons, discounts
from billing.actor import Actor
from billing.discount_figures import taken_off, touched
from billing.discount_meetings import meetings, standings
from billing.money import Money
from jobs import renewals
from models import CustomerGroup, Discount, Invoice, PaymentMethod, Project, ServiceOption, db

TODAY = date(2026, 11, 22)
DECEMBER = date(2026, 12, 1)


def make(by: Actor, share: str = "10", **given: Any) -> Discount:
    packages, amounts = given.pop("packages", ()), given.pop("amounts", ())
    known: dict[str, Any] = {"name": f"Of {share}", "percent": Decimal(share)}
    return discounts.create({**known, **given}, packages=packages, amounts=amounts, by=by)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def test_whom_it_touches_and_what_it_does_to_a_month(app: Flask, by: Actor) -> None:
    fibre = make_package()
    ann, ben = make_customer(), make_customer(group_id=add(CustomerGroup(name="Schools")).id)
    monthly = make_service(ann, fibre, price_minor=2000)
    add(ServiceOption(service_id=monthly.id, name="IP", currency="EUR", price_minor=300, quantity=Decimal(2)))
    make_service(ann, price_minor=12_000, months=12)
    make_service(ben, fibre, price_minor=1000)
    make_service(make_customer(currency="USD"), fibre, currency="USD", price_minor=500)
    make_service(make_customer(payment_method=PaymentMethod.FREE), fibre)
    make_service(ben, fibre, free=True)
    make_service(ben, fibre, status="cancelled")
    every = touched(make(by))
    assert (every.services, every.customers) == (4, 3)
    assert every.a_month == ((eur(4600), eur(460)), (Money(500, "USD"), Money(50, "USD")))
    assert touched(make(by, months=12)).a_month == ((eur(1000), eur(100)),)
    assert touched(make(by, audience="group", group_id=ben.group_id)).a_month == ((eur(1000), eur(100)),)
    off = {"kind": "amount", "target": "packages", "packages": [fibre.id], "amounts": [eur(1500)]}
    found = touched(make(by, **off))
    assert (found.services, found.a_month) == (2, ((eur(3600), eur(2500)),)), "at most the price, not off options"
    special = touched(make(by, **{**off, "kind": "special"}))
    assert special.a_month == ((eur(3600), eur(500)),), "never dearer than agreed"
    assert touched(make(by, covers="setup")).a_month == ()


def test_of_a_discount_by_code_only_who_gave_it_in_is_touched(app: Flask, by: Actor) -> None:
    ann, ben = make_customer(), make_customer()
    make_service(ann)
    one = make_service(ben)
    make_service(ben)
    discount = make(by, needs_code=True)
    coupon = coupons.create(discount, "CODE", most_per_customer=None, by=by)
    assert touched(discount).services == 0
    coupons.redeem("CODE", ben, service=one, by=by)
    coupons.redeem(coupon.code, ann, by=by)
    assert (touched(discount).services, touched(discount).customers) == (2, 2)


def test_whom_it_meets_and_who_wins(app: Flask, by: Actor) -> None:
    fibre, radio = make_package(), make_package()
    schools, shops = add(CustomerGroup(name="Schools")), add(CustomerGroup(name="Shops"))
    ann = make_customer(group_id=schools.id)
    mine = make(by, audience="group", group_id=schools.id)
    expected = {
        make(by, priority=101).id: (True, "priority"),
        make(by).id: (False, "audience"),
        make(by, audience="customer", customer_id=ann.id).id: (True, "audience"),
        make(by, audience="group", group_id=schools.id, target="packages", packages=[radio.id]).id: (True, "target"),
        make(by, "9", audience="group", group_id=schools.id).id: (False, "larger"),
        make(by, "10", audience="group", group_id=schools.id).id: (False, "older"),
        make(by, audience="group", group_id=schools.id, kind="amount", amounts=[eur(1)]).id: (False, "larger"),
    }
    make(by, audience="group", group_id=shops.id)
    make(by, audience="customer", customer_id=make_customer().id)
    make(by, last_on=date(2026, 11, 1))
    make(by, active=False)
    make(by, covers="setup")
    assert {m.other.id: (m.wins, m.why) for m in meetings(mine, TODAY)} == expected
    assert [m.wins for m in meetings(mine, TODAY)] == sorted((w for w, _why in expected.values()), reverse=True)
    own = make(by, target="packages", packages=[fibre.id], months=1, starts_on=DECEMBER)
    apart = [
        make(by, target="packages", packages=[radio.id]),
        make(by, months=12),
        make(by, last_on=date(2026, 11, 30)),
    ]
    found = {m.other.id for m in meetings(own, TODAY)}
    assert not found & {discount.id for discount in apart} and mine.id in found
    brand = make(by, target="project", project_id=add(Project(name="A")).id)
    other = make(by, target="project", project_id=add(Project(name="B")).id)
    assert other.id not in {m.other.id for m in meetings(brand, TODAY)}


def test_why_the_winner_wins_for_a_service(app: Flask, by: Actor) -> None:
    group = add(CustomerGroup(name="Schools"))
    customer = make_customer(group_id=group.id)
    service, other = make_service(customer, price_minor=1000), make_service(customer, months=12, price_minor=900)
    best = make(by, "5", priority=200)
    ours = make(by, "20", audience="group", group_id=group.id)
    dear = make(by, kind="special", amounts=[eur(5000)], priority=900)
    make(by, "99", months=6)
    make(by, "99", starts_on=DECEMBER)
    db.session.flush()
    with spoken() as said:
        found = standings(customer, [service, other], TODAY)
    assert len(said) <= 8
    assert [(s.offer.id, s.off, s.wins, s.why) for s in found[service.id]] == [
        (best.id, eur(50), True, ""),
        (ours.id, eur(200), False, "priority"),
        (dear.id, eur(0), False, "nothing"),
    ]
    assert found[other.id][0].off == eur(45)
    assert standings(make_customer(), [], TODAY) == {}


def test_what_it_took_off(app: Flask, by: Actor) -> None:
    make_company()
    for _ in range(2):
        make_service(make_customer())
    discount = make(by)
    db.session.commit()
    renewals.run(DECEMBER)
    renewals.run(date(2027, 1, 1))
    found = taken_off(discount)
    assert (found.bills, found.customers, found.amounts) == (4, 2, (eur(400),))
    invoice = db.session.query(Invoice).first()
    assert invoice is not None
    invoice.state, invoice.open_minor = "void", 0
    db.session.flush()
    assert taken_off(discount).amounts == (eur(300),)
