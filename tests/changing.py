"""Services that are billed and then changed: words for tests of package changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_package, make_service, make_tax_rate
from flask import current_app
from shop import fresh_shop
from sqlalchemy import select

from billing import doctor, package_changes
from billing.actor import Actor, system
from billing.doctor import Scope
from billing.money import Money
from billing.package_changes import Review, Wanted
from jobs import renewals
from models import ChangeWhen, Customer, Invoice, Package, PackageChange, PackagePrice, Service, db

NOVEMBER, DAY, DECEMBER = date(2026, 11, 1), date(2026, 11, 16), date(2026, 12, 1)


def at(clock: Clock, day: date) -> Actor:
    """The system on that day."""
    clock.set(day)
    return system(clock(), day)


def priced(name: str, price: str, months: int = 1, days: int = 0, currency: str = "EUR", **values: Any) -> Package:
    """A package with one price in major units."""
    package = make_package(name=name, **values)
    db.session.delete(package.prices[0])
    db.session.flush()
    db.session.expire(package)
    return price_for(package, price, months, days, currency)


def price_for(
    package: Package, price: str, months: int = 1, days: int = 0, currency: str = "EUR", fee: str = "0"
) -> Package:
    add(
        PackagePrice(
            package_id=package.id, months=months, days=days, currency=currency,
            price_minor=Money.of(price, currency).minor, setup_fee_minor=Money.of(fee, currency).minor,
        )
    )  # fmt: skip
    db.session.expire(package, ["prices"])
    return package


def running(
    clock: Clock, price: str = "30", *, start: date = NOVEMBER, customer: Customer | None = None, bill: bool = True,
    tax: str = "23", company: dict[str, Any] | None = None, **values: Any,
) -> Service:  # fmt: skip
    """A service of a package Basic that was billed for its first period by a run on its first day."""
    if customer is None:
        make_company(**(company or {}))
        make_tax_rate(rate=tax)
        customer = make_customer(name="Anna")
    months, days = values.get("months", 1), values.get("days", 0)
    basic = priced(values.pop("package_name", "Basic"), price, months, days, values.pop("currency", customer.currency))
    group = make_group(customer)
    known = {
        "started_on": start, "billed_from": start, "next_renewal_on": start, "anchor_day": start.day,
        "anchor_month": start.month if months >= 12 else None, "billing_group_id": group.id,
        "price_minor": basic.prices[0].price_minor, "currency": basic.prices[0].currency,
    }  # fmt: skip
    service = make_service(customer, basic, **{**known, **values})
    db.session.commit()
    if bill:
        renewed(clock, start)
    return db.session.get_one(Service, service.id)


def renewed(clock: Clock, day: date) -> None:
    """The renewals run of that day."""
    at(clock, day)
    renewals.run(day)
    db.session.expire_all()


def reviewed(service: Service, package: Package, by: Actor, **wanted: Any) -> tuple[PackageChange, Review]:
    change = package_changes.begin(service, by=by)
    package_changes.write(change, Wanted(package.id, **wanted), by=by)
    return change, package_changes.review(change, by=by)


def changed(service: Service, package: Package, by: Actor, **wanted: Any) -> PackageChange:
    """Reviewed, carried out as reviewed, and found so."""
    change, review = reviewed(service, package, by, **wanted)
    assert not review.refusals, review.refusals
    change = package_changes.carry_out(change, review.fingerprint, by=by)
    db.session.commit()
    assert made_as_shown(change, review)
    return change


def made_as_shown(change: PackageChange, review: Review) -> bool:
    """Whether the document of a change says what the review said, to the cent, and the service is what it said."""
    document = change.invoice
    if document is None:
        return review.figures is None or review.outcome == "scheduled"
    sign = -1 if document.kind == "credit_note" else 1
    sums = review.totals
    assert sums is not None
    lines = [(line.amount_minor * sign, line.period_start, line.tax_rate) for line in document.lines]
    shown = [(w.amount.minor, w.input.period.start if w.input.period else None, w.tax.rate) for w in review.lines]
    assert lines == shown
    assert document.total_minor * sign == sums.gross.minor and document.net_minor * sign == sums.net.minor
    assert sum(tax.tax_minor for tax in document.taxes) * sign == sums.tax.minor
    return True


def findings(by: Actor) -> list[str]:
    """What the doctor says."""
    db.session.commit()
    return [str(finding) for finding in doctor.examine(Scope(at=by.at))]


def documents(service: Service) -> list[Invoice]:
    mine = select(Invoice).where(Invoice.customer_id == service.customer_id).order_by(Invoice.id)
    return list(db.session.scalars(mine))


def fresh_changes(app: Any) -> None:
    """Three services with changes of every kind to come, with the same ids every time."""
    fresh_shop(app)
    clock = app.clock
    anna = db.session.scalars(select(Customer).order_by(Customer.id)).first()
    assert anna is not None
    plus, mini = priced("Plus", "60"), priced("Mini", "10")
    year = price_for(plus, "600", 12)
    services = [running(clock, customer=anna, package_name=f"Basic {n}", start=NOVEMBER, bill=False) for n in range(4)]
    renewed(clock, NOVEMBER)
    by = at(clock, date(2026, 11, 5))
    wanted = (
        (plus, {"when": "on", "on": DAY}), (mini, {"when": "on", "on": date(2026, 12, 5)}),
        (year, {"when": "on", "on": date(2026, 12, 10), "months": 12}), (mini, {"when": "renewal"}),
    )  # fmt: skip
    for service, (package, terms) in zip(services, wanted, strict=True):
        changed(service, package, by, **{**terms, "when": ChangeWhen(terms["when"])})
    db.session.remove()


def carry_out_shown(change_id: int, seen: str) -> str:
    """In another process: what was shown is carried out."""
    change = db.session.get_one(PackageChange, change_id)
    by = system(current_app.clock(), current_app.clock().date())  # type: ignore[attr-defined]
    state = package_changes.carry_out(change, seen, by=by).state
    db.session.commit()
    return str(state)
