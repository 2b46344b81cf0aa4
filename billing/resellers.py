"""What the customers of a reseller bring in, each currency for itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, func, select, type_coerce

from models import Customer, Service, ServiceOption, ServiceStatus, db

from .money import Money
from .reports import monthly


@dataclass(frozen=True, slots=True)
class Figures:
    """`recurring` is what running services come to a month before tax; `owed` what is owed, less credit in hand."""

    customers: int
    with_services: int
    recurring: list[Money]
    owed: list[Money]


def figures(reseller_id: int, today: date) -> Figures:
    """Of all customers that came through the reseller, as of `today`."""
    theirs = Customer.reseller_id == reseller_id
    owed = select(Customer.currency, func.count(), func.sum(Customer.balance_minor)).where(theirs)
    rows = db.session.execute(owed.group_by(Customer.currency).order_by(Customer.currency)).all()
    running = select(func.count()).where(theirs, Customer.service_count > 0)
    return Figures(
        sum(n for _currency, n, _minor in rows),
        db.session.scalar(running) or 0,
        _recurring(theirs),
        [Money(int(minor), currency) for currency, _n, minor in rows if minor],
    )


def _recurring(theirs: object) -> list[Money]:
    extra = (
        select(func.sum(ServiceOption.price_minor * type_coerce(ServiceOption.quantity, BigInteger)))
        .where(ServiceOption.service_id == Service.id, ServiceOption.price_minor != 0)
        .correlate(Service)
        .scalar_subquery()
    )
    asked = (
        select(Service.currency, Service.months, Service.days, func.sum(Service.price_minor), func.sum(extra))
        .join(Customer, Customer.id == Service.customer_id)
        .where(theirs, Service.free.is_(False), Service.status == ServiceStatus.ACTIVE)  # type: ignore[arg-type]
        .group_by(Service.currency, Service.months, Service.days)
    )
    return monthly(db.session.execute(asked).all())
