"""Overdue money by customer and age: what is summed where, and in which order it is looked for.

Every figure comes from the open invoices whose day has passed, by one index that holds all that is added up
(ix_invoice_customer_open): it costs by what is overdue, however many invoices are paid.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, Date, Select, Subquery, and_, bindparam, case, cast, func, select, text

from models import Customer, CustomerGroup, DunningStep, Invoice, Money, Service, ServiceStatus, db
from models.bulk import among

from . import company

AGES: tuple[tuple[int, int | None], ...] = ((1, 30), (31, 60), (61, 90), (91, None))
"""Days late, from and to; the last has no end."""
OPEN = text("invoice.open_minor > 0")
"""In the very words of the index, so that a plan made without knowing the values can use it."""


@dataclass(frozen=True, slots=True)
class Age:
    """What is so many days late: customers that owe some of it, and how much in each currency."""

    first: int
    last: int | None
    customers: int
    sums: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """All that is overdue. The counts are of customers."""

    customers: int
    sums: tuple[Money, ...]
    ages: tuple[Age, ...]
    promised: int
    broken: int
    to_contact: int
    held: int
    letters: int


@dataclass(frozen=True, slots=True)
class Arrears:
    """What one customer owes that is overdue. `next_on` is when the dunning plan looks at it again, for `next_id`: None
    until the next run has looked at any of it, the last day there is when no step is left."""

    overdue: Money
    oldest_on: date
    invoices: int
    promised_on: date | None
    broken_on: date | None
    next_on: date | None
    next_id: int | None
    plan_id: int | None
    suspended: int


def late(today: Callable[[], date]) -> Subquery:
    """One row a customer that owes overdue money, with what it is listed by; `today` is asked when it is carried out.

    Columns: customer_id, overdue_minor, oldest_on, invoices, age_0 … age_3 (minor units by age), promised_on (the
    last promise) and broken_on (the first that has passed).
    """
    now = _day(today, 0)
    edges = [_day(today, last) for _first, last in AGES if last is not None]
    spans = [Invoice.due_on >= edges[0]]
    spans += [
        and_(Invoice.due_on < younger, Invoice.due_on >= older)
        for younger, older in zip(edges, edges[1:], strict=False)
    ]
    spans.append(Invoice.due_on < edges[-1])
    ages = [
        cast(func.sum(case((span, Invoice.open_minor), else_=0)), BigInteger).label(f"age_{place}")
        for place, span in enumerate(spans)
    ]
    return (
        select(
            Invoice.customer_id.label("customer_id"),
            cast(func.sum(Invoice.open_minor), BigInteger).label("overdue_minor"),
            func.min(Invoice.due_on).label("oldest_on"),
            func.count().label("invoices"),
            *ages,
            func.max(Invoice.promised_on).label("promised_on"),
            func.min(case((Invoice.promised_on < now, Invoice.promised_on))).label("broken_on"),
        )
        .where(OPEN, Invoice.due_on < now)
        .group_by(Invoice.customer_id)
        .subquery("late")
    )


def _day(today: Callable[[], date], days: int) -> Any:
    """The day so many days before today."""
    return bindparam(None, callable_=lambda: today() - timedelta(days=days), type_=Date())


def overview(today: date, customer: int | None = None) -> Overview:
    """What is overdue in all, or of one customer, in one statement: a row for each currency."""
    found = late(lambda: today)
    ages = [found.c[f"age_{place}"] for place in range(len(AGES))]
    counts = [
        found.c.promised_on >= today, found.c.broken_on.is_not(None), Customer.contact_on <= today,
        Customer.held_until > today, Customer.id.in_(_letters()),
    ]  # fmt: skip
    rows = db.session.execute(
        select(
            Customer.currency,
            func.count(),
            func.sum(found.c.overdue_minor),
            *(func.sum(age) for age in ages),
            *(func.sum(case((age > 0, 1), else_=0)) for age in ages),
            *(func.sum(case((count, 1), else_=0)) for count in counts),
        )
        .join(found, found.c.customer_id == Customer.id)
        .where(*([] if customer is None else [Customer.id == customer]))
        .group_by(Customer.currency)
        .order_by(Customer.currency)
    ).all()
    n = len(AGES)
    spans = [
        Age(
            *span, sum(row[3 + n + place] for row in rows),
            tuple(Money(int(row[3 + place]), row[0]) for row in rows if row[3 + place]),
        )
        for place, span in enumerate(AGES)
    ]  # fmt: skip
    further = [sum(row[3 + 2 * n + place] for row in rows) for place in range(len(counts))]
    sums = tuple(Money(int(row[2]), row[0]) for row in rows)
    return Overview(sum(row[1] for row in rows), sums, tuple(spans), *further)


def _letters() -> Select[Any]:
    """Customers for whom a plan asks for a letter that nobody has printed yet."""
    return select(DunningStep.customer_id).where(DunningStep.to_print, DunningStep.printed_at.is_(None))


def of(customer_ids: Collection[int], today: date) -> dict[int, Arrears]:
    """What some customers owe that is overdue, in one statement; those who owe nothing are left out."""
    mine = Invoice.customer_id == Customer.id, OPEN, Invoice.due_on < today
    planned = select(Invoice.id).where(*mine, Invoice.dunning_on.is_not(None))
    planned = planned.order_by(Invoice.dunning_on, Invoice.id).limit(1)
    soonest = select(func.min(Invoice.dunning_on)).where(*mine).correlate(Customer).scalar_subquery()
    suspended = select(func.count()).where(
        Service.customer_id == Customer.id, Service.status == ServiceStatus.SUSPENDED
    )
    plan = func.coalesce(Customer.dunning_plan_id, CustomerGroup.dunning_plan_id, company.settings().dunning_plan_id)
    broken = case((Invoice.promised_on < today, Invoice.promised_on))
    rows = db.session.execute(
        select(
            Customer.id, Customer.currency, func.sum(Invoice.open_minor), func.min(Invoice.due_on), func.count(),
            func.max(Invoice.promised_on), func.min(broken), soonest,
            planned.correlate(Customer).scalar_subquery(), plan, suspended.correlate(Customer).scalar_subquery(),
        )
        .join(Invoice, and_(*mine))
        .outerjoin(CustomerGroup, CustomerGroup.id == Customer.group_id)
        .where(among(db.session, Customer.id, customer_ids))
        .group_by(Customer.id, CustomerGroup.id)
    )  # fmt: skip
    return {row[0]: Arrears(Money(int(row[2]), row[1]), *row[3:]) for row in rows}


def invoices_of(customer: Customer, today: date) -> list[Invoice]:
    """The overdue invoices of a customer, the oldest first."""
    mine = Invoice.customer_id == customer.id, OPEN, Invoice.due_on < today
    return list(db.session.scalars(select(Invoice).where(*mine).order_by(Invoice.due_on, Invoice.id)))
