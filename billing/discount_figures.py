"""What a discount means for the business: whom it touches, what it takes off a month, what it took off so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, literal_column, or_, select, type_coerce

from models import (
    Coupon,
    CouponUse,
    Customer,
    CustomerStatus,
    Discount,
    DiscountCovers,
    DiscountKind,
    DiscountUse,
    Invoice,
    InvoiceState,
    Money,
    PaymentMethod,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)

from .discount_table import offer_of_row
from .money import round_half_away
from .reports import DAYS_A_YEAR, QUANTITY


@dataclass(frozen=True, slots=True)
class Touched:
    """The running services a discount is for, and what it takes off them a month if no other one wins: per currency
    (what they come to now, what comes off)."""

    services: int
    customers: int
    a_month: tuple[tuple[Money, Money], ...]


def touched_services(discount: Discount) -> tuple[ColumnElement[bool], ...]:
    """What is true of the running services that the discount is for, with Customer joined. Which days and how often
    it applies is left out; of a discount by code, only who has given one in is touched."""
    offer = offer_of_row(discount)
    where: list[ColumnElement[bool]] = [
        Service.status == ServiceStatus.ACTIVE,
        Service.free.is_(False),
        Customer.status == CustomerStatus.ACTIVE,
        Customer.payment_method != PaymentMethod.FREE,
    ]
    for value, column in (
        (offer.group_id, Customer.group_id),
        (offer.customer_id, Service.customer_id),
        (offer.project_id, Customer.project_id),
    ):
        if value is not None:
            where.append(column == value)
    if offer.packages:
        where.append(Service.package_id.in_(sorted(offer.packages)))
    if offer.months or offer.days:
        where += [Service.months == offer.months, Service.days == offer.days]
    if discount.service_from:
        where.append(Service.started_on >= discount.service_from)
    if discount.service_until:
        where.append(Service.started_on <= discount.service_until)
    if offer.kind is not DiscountKind.PERCENT:
        where.append(Service.currency.in_([currency for currency, _minor in offer.amounts]))
    if offer.needs_code:
        where.append(_code_given(discount.id))
    return tuple(where)


def touched(discount: Discount) -> Touched:
    """Two statements, whatever the number of services."""
    where = touched_services(discount)
    joined = select(func.count(), func.count(Service.customer_id.distinct())).join(
        Customer, Customer.id == Service.customer_id
    )
    services, customers = db.session.execute(joined.where(*where)).one()
    if not services or discount.covers is DiscountCovers.SETUP:
        return Touched(services, customers, ())
    options = (
        select(func.sum(ServiceOption.price_minor * type_coerce(ServiceOption.quantity, BigInteger)))
        .where(ServiceOption.service_id == Service.id, ServiceOption.price_minor != 0)
        .correlate(Service)
        .scalar_subquery()
    )
    price = type_coerce(Service.price_minor, BigInteger)
    rows = db.session.execute(
        select(
            Service.currency, Service.months, Service.days, func.sum(price), func.sum(_off(discount, price)),
            func.sum(options),
        )
        .join(Customer, Customer.id == Service.customer_id)
        .where(*where)
        .group_by(Service.currency, Service.months, Service.days)
    )  # fmt: skip
    now: dict[str, Fraction] = defaultdict(Fraction)
    off: dict[str, Fraction] = defaultdict(Fraction)
    percent = Fraction(discount.percent or 0) / 100
    for currency, months, days, whole, less, extra in rows:
        share = Fraction(1, months) if months else DAYS_A_YEAR / (12 * days)
        further = Fraction(int(extra or 0), QUANTITY)
        now[currency] += (int(whole) + further) * share
        if discount.kind is DiscountKind.PERCENT:
            off[currency] += (int(whole) + further) * percent * share
        else:
            off[currency] += int(less or 0) * share
    sums = [(Money(round_half_away(now[code]), code), Money(round_half_away(off[code]), code)) for code in sorted(now)]
    return Touched(services, customers, tuple(sums))


def _off(discount: Discount, price: Any) -> Any:
    """What an amount or a special price takes off each service; nothing that is a percentage."""
    if discount.kind is DiscountKind.PERCENT:
        return literal_column("0")
    cases = []
    for amount in discount.amounts:
        mine, minor = Service.currency == amount.currency, amount.amount_minor
        if discount.kind is DiscountKind.AMOUNT:
            cases += [(mine & (price <= minor), price), (mine, minor)]
        else:
            cases += [(mine & (price <= minor), 0), (mine, price - minor)]
    return case(*cases, else_=0)


def _code_given(discount_id: int) -> ColumnElement[bool]:
    given = (
        select(CouponUse.id)
        .join(Coupon, Coupon.id == CouponUse.coupon_id)
        .where(
            Coupon.discount_id == discount_id,
            CouponUse.customer_id == Service.customer_id,
            ~CouponUse.once,
            or_(CouponUse.service_id.is_(None), CouponUse.service_id == Service.id),
            or_(
                CouponUse.service_id.is_not(None),
                ~Coupon.new_services_only,
                Service.started_on >= CouponUse.given_on,
            ),
        )
    )
    return given.correlate(Service).exists()


@dataclass(frozen=True, slots=True)
class TakenOff:
    """What a discount took off so far, per currency; invoices that were made void are left out."""

    bills: int
    customers: int
    amounts: tuple[Money, ...]


def taken_off(discount: Discount) -> TakenOff:
    """One statement over its uses."""
    rows = db.session.execute(
        select(
            DiscountUse.currency, func.count(), func.count(DiscountUse.customer_id.distinct()),
            func.sum(DiscountUse.amount_minor),
        )
        .outerjoin(Invoice, Invoice.id == DiscountUse.invoice_id)
        .where(
            DiscountUse.discount_id == discount.id,
            or_(Invoice.id.is_(None), Invoice.state != InvoiceState.VOID),
        )
        .group_by(DiscountUse.currency)
        .order_by(DiscountUse.currency)
    ).all()  # fmt: skip
    return TakenOff(
        sum(row[1] for row in rows), sum(row[2] for row in rows), tuple(Money(int(row[3]), row[0]) for row in rows)
    )
