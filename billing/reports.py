"""Figures about the business: what was billed, what recurs, who owes. Each is one grouped query in one currency.

Days are calendar days in the business's time zone; buckets are months (``2026-11``) or days (``2026-11-22``).
Where `customer` is given, only what belongs to the customer with that id counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, select, type_coerce

from models import (
    Customer,
    CustomerStatus,
    Invoice,
    InvoiceState,
    Payment,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)

from .money import Money, round_half_away

DAYS_A_YEAR = Fraction(36525, 100)
QUANTITY = 10**6  # how ServiceOption.quantity is stored


@dataclass(frozen=True, slots=True)
class Age:
    """Open invoices that are so many days late; `first` and `last` are days late, None where there is no end."""

    first: int | None
    last: int | None
    invoices: int
    open: Money


AGES: tuple[tuple[int | None, int | None], ...] = ((None, 0), (1, 14), (15, 30), (31, 60), (61, None))


def months_back(until: date, count: int) -> list[str]:
    """The last `count` months up to the one of `until`, oldest first."""
    at = until.year * 12 + until.month - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(at - count + 1, at + 1)]


def days_back(until: date, count: int) -> list[str]:
    """The last `count` days up to `until`, oldest first."""
    return [(until - timedelta(days=n)).isoformat() for n in range(count - 1, -1, -1)]


def _bucket(day: Any, width: int) -> ColumnElement[str]:
    """The first `width` letters of a day's ISO form: 7 for its month, 10 for the day itself."""
    if db.session.get_bind().dialect.name == "postgresql":
        return func.to_char(day, "YYYY-MM" if width == 7 else "YYYY-MM-DD")
    return func.substr(day, 1, width)


def _first_day(buckets: Sequence[str]) -> date:
    return date.fromisoformat(buckets[0] if len(buckets[0]) == 10 else f"{buckets[0]}-01")


def _of(column: Any, customer: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if customer is None else (column == customer,)


def revenue(buckets: Sequence[str], currency: str, customer: int | None = None) -> list[tuple[Money, Money]]:
    """(billed, of it still open) per bucket, by the day of issue. Gross, void documents left out."""
    key = _bucket(Invoice.issued_on, len(buckets[0]))
    rows = db.session.execute(
        select(key, func.sum(Invoice.total_minor), func.sum(Invoice.open_minor))
        .where(
            Invoice.issued_on >= _first_day(buckets),
            Invoice.state == InvoiceState.ISSUED,
            Invoice.kind == "invoice",
            Invoice.currency == currency,
            *_of(Invoice.customer_id, customer),
        )
        .group_by(key)
    )
    found = {name: (Money(int(total), currency), Money(int(still), currency)) for name, total, still in rows}
    nothing = (Money(0, currency), Money(0, currency))
    return [found.get(bucket, nothing) for bucket in buckets]


def collected(first: date, until: date, currency: str, customer: int | None = None) -> Money:
    """What came in from `first` to `until`, both days included, less what went back."""
    total = db.session.scalar(
        select(func.sum(Payment.amount_minor - Payment.refunded_minor)).where(
            Payment.received_on >= first,
            Payment.received_on <= until,
            Payment.currency == currency,
            *_of(Payment.customer_id, customer),
        )
    )
    return Money(int(total or 0), currency)


def recurring(days: Sequence[date], currency: str, customer: int | None = None) -> list[Money]:
    """What all services that run on each of these days come to a month, rounded once at the end.

    A price for n months counts as an n-th of it; one for n days as 365.25 ÷ 12 ÷ n of it. Free services and
    pending ones count nothing; tax is not in it.
    """
    ended = func.coalesce(Service.cancelled_on, Service.ends_on)
    from_to = _bucket(Service.started_on, 10), _bucket(ended, 10)
    options = (
        select(func.sum(ServiceOption.price_minor * type_coerce(ServiceOption.quantity, BigInteger)))
        .where(ServiceOption.service_id == Service.id, ServiceOption.price_minor != 0)
        .correlate(Service)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(*from_to, Service.months, Service.days, func.sum(Service.price_minor), func.sum(options))
        .where(
            Service.currency == currency,
            Service.free.is_(False),
            Service.status != ServiceStatus.PENDING,
            *_of(Service.customer_id, customer),
        )
        .group_by(*from_to, Service.months, Service.days)
    ).all()
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for started, over, months, every, price, extra in rows:
        part = _a_month(months, every, price, extra)
        sums[started] += part
        if over is not None:
            sums[over] -= part
    steps = sorted(sums.items())
    return [
        Money(round_half_away(sum((m for day, m in steps if day <= at.isoformat()), Fraction())), currency)
        for at in days
    ]


def _a_month(months: int, days: int, price: Any, extra: Any) -> Fraction:
    minor = Fraction(int(price)) + Fraction(int(extra or 0), QUANTITY)
    return minor / months if months else minor * DAYS_A_YEAR / (12 * days)


def monthly(rows: Sequence[Any]) -> list[Money]:
    """What prices come to a month, per currency, rounded once. A row is (currency, months, days, sum of the prices,
    sum of the options' prices × stored quantity)."""
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for currency, months, days, price, extra in rows:
        sums[currency] += _a_month(months, days, price, extra)
    return [Money(round_half_away(sums[currency]), currency) for currency in sorted(sums)]


def won_and_lost(buckets: Sequence[str], customer: int | None = None) -> list[tuple[int, int]]:
    """Customers registered, and customers whose last service ended, per bucket."""
    width, first = len(buckets[0]), _first_day(buckets)
    registered = _bucket(Customer.registered_on, width)
    won = db.session.execute(
        select(registered, func.count())
        .where(Customer.registered_on >= first, *_of(Customer.id, customer))
        .group_by(registered)
    )
    last = func.max(Service.cancelled_on).label("last")
    gone = (
        select(last)
        .join(Customer, Customer.id == Service.customer_id)
        .where(Customer.service_count == 0, *_of(Customer.id, customer))
        .group_by(Service.customer_id)
        .having(last >= first)
        .subquery()
    )
    ended = _bucket(gone.c.last, width)
    lost = db.session.execute(select(ended, func.count()).group_by(ended))
    came = Counter({bucket: count for bucket, count in won})  # noqa: C416  # rows, not tuples
    went = Counter({bucket: count for bucket, count in lost})  # noqa: C416
    return [(came[bucket], went[bucket]) for bucket in buckets]


def active_customers(customer: int | None = None) -> int:
    """Customers that may be billed and have a running service."""
    active = Customer.status == CustomerStatus.ACTIVE, Customer.service_count > 0
    return db.session.scalar(select(func.count()).where(*active, *_of(Customer.id, customer))) or 0


def owed_by_age(today: date, currency: str, customer: int | None = None) -> list[Age]:
    """All open invoices by how many days late they are on `today`."""
    edges = [today - timedelta(days=last) for _, last in AGES if last is not None]
    age = case(*((Invoice.due_on >= edge, place) for place, edge in enumerate(edges)), else_=len(edges))
    rows = db.session.execute(
        select(age, func.count(), func.sum(Invoice.open_minor))
        .where(
            Invoice.open_minor > 0,
            Invoice.state == InvoiceState.ISSUED,
            Invoice.currency == currency,
            *_of(Invoice.customer_id, customer),
        )
        .group_by(age)
    )
    found = {place: (count, int(minor)) for place, count, minor in rows}
    return [Age(*span, *_counted(found.get(place, (0, 0)), currency)) for place, span in enumerate(AGES)]


def _counted(row: tuple[int, int], currency: str) -> tuple[int, Money]:
    return row[0], Money(row[1], currency)


def other_currencies(currency: str, customer: int | None = None) -> list[Money]:
    """What is open in every other currency; currencies are never added up."""
    rows = db.session.execute(
        select(Invoice.currency, func.sum(Invoice.open_minor))
        .where(
            Invoice.open_minor > 0,
            Invoice.state == InvoiceState.ISSUED,
            Invoice.currency != currency,
            *_of(Invoice.customer_id, customer),
        )
        .group_by(Invoice.currency)
        .order_by(Invoice.currency)
    )
    return [Money(int(minor), code) for code, minor in rows]
