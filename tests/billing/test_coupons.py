"""Codes: how they are written, their limits, and that no race gets round them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_package, make_service
from flask import Flask
from sqlalchemy import select

from billing import coupons, customers, discounts
from billing.actor import Actor, NotAllowed
from billing.coupons import CodeRefused, NotRedeemed
from jobs import renewals
from models import AuditEvent, BillingError, Coupon, CouponUse, Customer, Discount, Invoice, PortalUser, Service, db

DECEMBER = date(2026, 12, 1)


def make(by: Actor, **values: Any) -> Discount:
    packages = values.pop("packages", ())
    known = {"name": "Code", "percent": Decimal(50), "needs_code": True}
    return discounts.create({**known, **values}, packages=packages, by=by)


def code(by: Actor, discount: Discount | None = None, **values: Any) -> Coupon:
    return coupons.create(discount or make(by), values.pop("code", "spring-26"), by=by, **values)


def refusal(coupon: Coupon, customer: Customer, by: Actor, **values: Any) -> str:
    with pytest.raises(NotRedeemed) as refused:
        coupons.redeem(coupon.code, customer, by=by, **values)
    return str(refused.value)


def test_a_code_is_the_same_however_it_is_typed(app: Flask, by: Actor) -> None:
    coupon = code(by, code=" spring-26 ")
    assert coupon.code == "SPRING26"
    assert coupons.normalised("ｓｐｒｉｎｇ 2.6") == "SPRING26"
    assert coupons.redeem("Spring 26", make_customer(), by=by).coupon_id == coupon.id
    with pytest.raises(CodeRefused, match="already"):
        code(by, code="SPRING 26")
    for wrong in ("", "ab", "x" * 41, "naïve", "50%"):
        with pytest.raises(CodeRefused):
            code(by, code=wrong)


def test_codes_nobody_can_guess(app: Flask, by: Actor) -> None:
    made = coupons.generate(make(by), 200, prefix="xmas-", by=by)
    assert len({coupon.code for coupon in made}) == 200
    assert all(c.code.startswith("XMAS") and len(c.code) == 12 and c.most_uses == 1 for c in made)
    assert not set("".join(c.code[4:] for c in made)) & set("0O1IL")
    for wrong in ({"count": 0}, {"count": 1001}, {"count": 1, "prefix": "ä"}):
        with pytest.raises(CodeRefused):
            coupons.generate(make(by), wrong.pop("count"), **wrong, by=by)  # type: ignore[arg-type]


def test_a_discount_for_everybody_has_no_codes(app: Flask, by: Actor) -> None:
    with pytest.raises(CodeRefused, match="ask for a code"):
        code(by, make(by, needs_code=False))


def test_its_limits(app: Flask, by: Actor, clock: Any) -> None:
    first, second, third = make_customer(name="Ann"), make_customer(), make_customer()
    coupon = code(by, most_uses=2)
    coupons.redeem(coupon.code, first, by=by)
    assert "Ann has used the code SPRING26" in refusal(coupon, first, by)
    use = coupons.redeem(coupon.code, second, by=by)
    assert "as often as it may be" in refusal(coupon, third, by)
    assert coupon.uses == 2
    coupons.take_back(use, by=by)
    assert coupon.uses == 1
    coupons.redeem(coupon.code, third, by=by)
    later = code(by, code="UNTIL", last_on=by.today)
    tomorrow = replace(by, today=date(2026, 11, 23))
    assert "good until 2026-11-22" in refusal(later, first, tomorrow)
    coupons.redeem(later.code, first, by=by)
    coupons.switch(later, False, by=by)
    assert "not in use any more" in refusal(later, second, by)
    with pytest.raises(NotRedeemed, match="no such code"):
        coupons.redeem("NOTHING", first, by=by)


def test_a_refusal_leaves_the_counter_as_it_was(app: Flask, by: Actor) -> None:
    customer = make_customer()
    coupon = code(by)
    coupons.redeem(coupon.code, customer, by=by)
    refusal(coupon, customer, by)
    db.session.commit()
    assert db.session.scalars(select(Coupon.uses)).one() == 1


def test_whom_and_what_it_is_for(app: Flask, by: Actor) -> None:
    package, customer, other = make_package(), make_customer(), make_customer()
    service, another = make_service(customer, package), make_service(customer)
    coupon = code(by, make(by, target="packages", packages=[package.id]), most_per_customer=None)
    assert "is not for" in refusal(coupon, customer, by, service=another)
    assert "Choose a running service" in refusal(coupon, other, by, service=service)
    coupons.redeem(coupon.code, customer, service=service, by=by)
    assert "in use for that already" in refusal(coupon, customer, by, service=service)
    own = code(by, make(by, audience="customer", customer_id=customer.id), code="OWN")
    assert "is not for" in refusal(own, other, by)


def test_only_for_new_services(app: Flask, by: Actor) -> None:
    make_company()
    customer = make_customer()
    start = {"started_on": DECEMBER, "billed_from": DECEMBER}
    new, old = make_service(customer, **start), make_service(customer)
    coupon = code(by, new_services_only=True, most_per_customer=None)
    assert "new services only" in refusal(coupon, customer, by, service=old)
    coupons.redeem(coupon.code, customer, service=new, by=by)
    db.session.commit()
    renewals.run(DECEMBER)
    another = code(by, code="AGAIN", new_services_only=True)
    assert "new services only" in refusal(another, customer, by, service=new)


def test_a_renewal_takes_it_off_for_whom_it_was_given_in(app: Flask, by: Actor) -> None:
    make_company()
    discount = make(by, bills=1)
    coupon = code(by, discount, most_per_customer=None)
    first, second, third = make_customer(), make_customer(), make_customer()
    whole, one, beside = make_service(first), make_service(second), make_service(second)
    make_service(third)
    coupons.redeem(coupon.code, first, by=by)
    coupons.redeem(coupon.code, second, service=one, by=by)
    db.session.commit()
    renewals.run(DECEMBER)
    found = {line.service_id: line.discount_minor for i in db.session.query(Invoice) for line in i.lines}
    assert (found[whole.id], found[one.id], found[beside.id]) == (500, 500, 0)
    assert sum(found.values()) == 1000
    renewals.run(date(2027, 1, 1))
    assert sum(line.discount_minor for i in db.session.query(Invoice) for line in i.lines) == 1000, "one bill each"


def test_who_may(app: Flask, by: Actor) -> None:
    coupon, customer = code(by), make_customer()
    viewer = replace(by, permissions=frozenset({"discounts.view"}))
    with pytest.raises(NotAllowed):
        coupons.redeem(coupon.code, customer, by=viewer)
    with pytest.raises(NotAllowed):
        code(viewer, coupon.discount, code="MINE")
    with pytest.raises(NotAllowed):
        coupons.generate(coupon.discount, 1, by=viewer)
    login = add(PortalUser(email="ann@mail.example", name="Ann"))
    use = coupons.redeem(coupon.code, customer, by=replace(viewer, portal_user_id=login.id))
    with pytest.raises(NotAllowed):
        coupons.take_back(use, by=viewer)
    verbs = list(db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id)))
    assert verbs == ["discount.created", "coupon.created", "coupon.redeemed"]


def test_a_deleted_customer_leaves_the_code_used(app: Flask, by: Actor) -> None:
    customer = make_customer()
    coupon = code(by, most_uses=1)
    coupons.redeem(coupon.code, customer, service=make_service(customer), by=by)
    customers.delete(customer, by=by)
    db.session.commit()
    db.session.expire_all()
    assert (db.session.query(CouponUse).one().customer_id, coupon.uses) == (None, 1)
    assert "as often" in refusal(coupon, make_customer(), by)


@pytest.mark.parametrize(("limits", "expected"), [({"most_uses": 3}, 3), ({"most_per_customer": 1}, 1)])
def test_of_many_at_once_as_many_come_through_as_may(
    app: Flask, by: Actor, limits: dict[str, int], expected: int
) -> None:
    """Different customers race for the last uses; the services of one customer race for its only one."""
    coupon = code(by, **{"most_per_customer": None, **limits})
    one = make_customer()
    many = [make_customer() if "most_uses" in limits else one for _ in range(8)]
    pairs = [(customer.id, make_service(customer).id) for customer in many]
    word = coupon.code
    db.session.commit()
    start = Barrier(len(pairs))

    def give(pair: tuple[int, int]) -> bool:
        with app.app_context():
            start.wait()
            try:
                customer, service = db.session.get_one(Customer, pair[0]), db.session.get_one(Service, pair[1])
                coupons.redeem(word, customer, service=service, by=by)
                db.session.commit()
            except BillingError:
                db.session.rollback()
                return False
            return True

    with ThreadPoolExecutor(len(pairs)) as pool:
        done = list(pool.map(give, pairs))
    db.session.expire_all()
    assert sum(done) == expected == db.session.query(CouponUse).count() == db.session.scalars(select(Coupon.uses)).one()
