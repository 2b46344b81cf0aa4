"""The doctor on discounts and codes: nothing to say of a business run by the rules, and each fault by its number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_service, make_tax_rate
from flask import Flask
from sqlalchemy import select, update

from billing import coupons, discounts, doctor
from billing.actor import Actor
from billing.doctor import Scope
from jobs import renewals
from models import Coupon, CouponUse, Customer, Discount, DiscountUse, InvoiceLine, db

DECEMBER = date(2026, 12, 1)


def found(app: Flask) -> list[str]:
    return [finding.code for finding in doctor.examine(Scope(app.clock()))]


@pytest.fixture
def business(app: Flask, by: Actor) -> None:
    """Two months with a percentage, a part of a month, a free month and a code given in."""
    make_company()
    make_tax_rate("IE", "23")
    for price in (1999, 1005, 700):
        make_service(make_customer(), price_minor=price)
    own = make_customer(name="Own")
    make_service(own)
    discounts.create({"name": "Ten", "percent": Decimal("33.3333"), "last_on": date(2027, 1, 10)}, by=by)
    discounts.create(
        {"name": "Own", "percent": Decimal(100), "audience": "customer", "customer_id": own.id, "bills": 1}, by=by
    )
    coded = discounts.create({"name": "Code", "percent": Decimal(50), "needs_code": True, "priority": 200}, by=by)
    coupon = coupons.create(coded, "CODE", most_uses=5, by=by)
    coupons.redeem(coupon.code, db.session.scalars(select(Customer)).first(), by=by)  # type: ignore[arg-type]
    db.session.commit()
    renewals.run(DECEMBER)
    renewals.run(date(2027, 1, 1))
    db.session.expire_all()


def set_(model: Any, **values: Any) -> None:
    """Of the first row that has something of it."""
    wanted = select(model.id)
    if model is InvoiceLine:
        wanted = wanted.where(InvoiceLine.discount_percent.is_not(None))
    if model is DiscountUse:
        wanted = wanted.where(DiscountUse.invoice_id.is_not(None))
    row = db.session.scalars(wanted.order_by(model.id)).first()
    db.session.execute(update(model).where(model.id == row).values(**values))


def test_a_business_run_by_the_rules_has_no_finding(app: Flask, business: None) -> None:
    assert db.session.query(DiscountUse).filter(DiscountUse.invoice_id.is_(None)).count() == 1
    assert db.session.query(InvoiceLine).filter(InvoiceLine.discount_minor > 0).count() >= 6
    assert found(app) == []


@pytest.mark.parametrize(
    ("code", "corrupt"),
    [
        ("I80", lambda: set_(InvoiceLine, discount_percent=Decimal(12))),
        (
            "I80",
            lambda: set_(
                InvoiceLine,
                discount_percent=None,
                discount_minor=InvoiceLine.amount_minor + InvoiceLine.discount_minor + 1,
                amount_minor=-1,
            ),
        ),
        ("I81", lambda: set_(InvoiceLine, discount_id=None)),
        ("I81", lambda: set_(DiscountUse, amount_minor=DiscountUse.amount_minor + 1)),
        ("I81", lambda: db.session.execute(DiscountUse.__table__.delete())),
        ("I81", lambda: set_(DiscountUse, currency="USD")),
        ("I81", lambda: set_(DiscountUse, discount_id=db.session.query(Discount).filter_by(name="Own").one().id)),
        ("I82", lambda: set_(Coupon, uses=0)),
        ("I82", lambda: add(CouponUse(given_on=DECEMBER, **another_use()))),
    ],
)
def test_each_fault_is_found(app: Flask, business: None, code: str, corrupt: Callable[[], Any]) -> None:
    corrupt()
    assert code in found(app)


def another_use() -> dict[str, Any]:
    use = db.session.query(CouponUse).one()
    known = ("coupon_id", "customer_id", "given_at", "given_by")
    return {name: getattr(use, name) for name in known}
