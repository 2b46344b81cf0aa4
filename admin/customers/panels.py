"""What the page of a customer shows of other subjects: figures in two statements, and the newest rows of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import g
from sqlalchemy import Select, and_, case, func, select, union_all
from sqlalchemy.orm import joinedload, undefer

from models import (
    AuditEvent,
    BillingGroup,
    Charge,
    Credit,
    Customer,
    Delivery,
    FxRate,
    Invoice,
    InvoiceState,
    Message,
    Money,
    Note,
    Order,
    Payment,
    Quote,
    Service,
    ServiceStatus,
    Staff,
    Termination,
    TerminationState,
    customer_salesperson,
    db,
)

NEWEST = 20
CAP = 1000  # tabs say "1,000+" above it


@dataclass(frozen=True)
class Glance:
    """The figures above the tabs."""

    open: Money
    open_count: int
    overdue: Money
    overdue_count: int
    oldest_due: date | None
    next_renewal: date | None
    counts: dict[str, int]
    leaving: tuple[int, date] | None  # the termination whose day is to come, and that day


def glance(customer: Customer, today: date, tabs: dict[str, Any]) -> Glance:
    """The figures, and by the name of its tab how many rows the customer has of each model."""
    late = Invoice.due_on < today
    owed = (Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED, Invoice.open_minor > 0)
    figures = select(
        func.coalesce(func.sum(Invoice.open_minor), 0),
        func.count(Invoice.id),
        func.coalesce(func.sum(case((late, Invoice.open_minor), else_=0)), 0),
        func.coalesce(func.sum(case((late, 1), else_=0)), 0),
        func.min(Invoice.due_on),
    ).where(Invoice.customer_id == customer.id, *owed)
    total, n, overdue, n_overdue, oldest = db.session.execute(figures).one()
    counts, following, leaving = _counts(customer, tabs)
    currency = customer.currency
    sums = Money(int(total), currency), n, Money(int(overdue), currency), int(n_overdue)
    return Glance(*sums, oldest, following, counts, leaving)


def _counts(customer: Customer, tabs: dict[str, Any]) -> tuple[dict[str, int], date | None, Any]:
    capped = [_capped(model, customer) for model in tabs.values()]
    running = Service.customer_id == customer.id, Service.status == ServiceStatus.ACTIVE
    following = select(func.min(Service.next_renewal_on)).where(*running).scalar_subquery()
    scheduled = Termination.customer_id == customer.id, Termination.state == TerminationState.SCHEDULED
    leaving = [select(column).where(*scheduled).scalar_subquery() for column in (Termination.id, Termination.on)]
    *counts, day, number, last = db.session.execute(select(*capped, following, *leaving)).one()
    return dict(zip(tabs, counts, strict=True)), day, (number, last) if number and last else None


def _capped(model: Any, customer: Customer) -> Any:
    there = [model.customer_id == customer.id, *([Note.deleted_at.is_(None)] if model is Note else [])]
    some = select(model.id).where(*there).limit(CAP + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def load(customer: Customer) -> None:
    """What head and cards read of the customer's own row and the small tables it names, in one statement; and the
    order that it came by, if it did (`first_order`)."""
    names = (Customer.group, Customer.project, Customer.reseller, Customer.contract_type)
    wanted = select(Customer).where(Customer.id == customer.id)
    first = select(func.min(Order.id)).where(Order.customer_id == customer.id).scalar_subquery()
    wanted = wanted.options(*map(joinedload, names), undefer(Customer.identity_number))
    g.customer_order = db.session.execute(wanted.add_columns(first)).one()[1]


def first_order(customer: Customer) -> int | None:
    """The id of the oldest order of the customer whose page is made."""
    return g.get("customer_order")


def orders(customer: Customer) -> list[Order]:
    return list(db.session.scalars(_newest(Order, customer, NEWEST)))


def _newest(model: Any, customer: Customer, n: int) -> Select[Any]:
    return select(model).where(model.customer_id == customer.id).order_by(model.id.desc()).limit(n)


def services(customer: Customer, n: int = NEWEST) -> list[Service]:
    """Running ones first, then the newest."""
    mine = select(Service.id).where(Service.customer_id == customer.id).order_by(Service.id.desc()).limit(n)
    # Each status by its own stretch of the index, however many services there are.
    some = union_all(*(select(mine.where(Service.status == one).subquery().c.id) for one in ServiceStatus))
    ended = (Service.status == ServiceStatus.CANCELLED).asc()
    query = select(Service).where(Service.id.in_(some)).order_by(ended, Service.id.desc()).limit(n)
    return list(db.session.scalars(query.options(joinedload(Service.package), joinedload(Service.billing_group))))


def charges(customer: Customer) -> list[Charge]:
    """What is still to be billed beside the packages."""
    query = _newest(Charge, customer, NEWEST).where(Charge.next_on.is_not(None))
    return list(db.session.scalars(query.options(joinedload(Charge.billing_group))))


def invoices(customer: Customer, n: int = NEWEST) -> list[Invoice]:
    return list(db.session.scalars(_newest(Invoice, customer, n)))


def quotes(customer: Customer) -> list[Quote]:
    return list(db.session.scalars(_newest(Quote, customer, NEWEST)))


def payments(customer: Customer) -> list[Payment]:
    return list(db.session.scalars(_newest(Payment, customer, NEWEST)))


def credits(customer: Customer) -> list[Credit]:
    return list(db.session.scalars(_newest(Credit, customer, NEWEST)))


def messages(customer: Customer) -> list[Delivery]:
    """What went to the customer and its contacts, also of messages that went to many."""
    about = joinedload(Delivery.message, innerjoin=True).load_only(Message.kind, Message.subject)
    number = about.joinedload(Message.invoice).load_only(Invoice.number)
    return list(db.session.scalars(_newest(Delivery, customer, NEWEST).options(number)))


def salespeople(customer: Customer) -> str:
    """Their names, as they stand beside each other."""
    theirs = customer_salesperson.c.customer_id == customer.id
    query = select(Staff.name).join(customer_salesperson, customer_salesperson.c.staff_id == Staff.id).where(theirs)
    return ", ".join(db.session.scalars(query.order_by(Staff.name)))


def groups(customer: Customer) -> list[BillingGroup]:
    query = select(BillingGroup).where(BillingGroup.customer_id == customer.id).order_by(BillingGroup.id)
    return list(db.session.scalars(query.options(joinedload(BillingGroup.payer)).limit(50)))


def notes(customer: Customer, before: int | None, n: int = NEWEST) -> list[Note]:
    """Notes before the one with that id, the newest first; one more than `n` if there are more."""
    query = select(Note).where(Note.customer_id == customer.id, Note.deleted_at.is_(None))
    if before is not None:
        query = query.where(Note.id < before)
    return list(db.session.scalars(query.order_by(Note.id.desc()).limit(n + 1)))


def pinned(customer: Customer) -> list[Note]:
    there = Note.customer_id == customer.id, Note.deleted_at.is_(None)
    query = select(Note).where(*there, Note.pinned).order_by(Note.id.desc())
    return list(db.session.scalars(query.limit(5)))


def events(customer: Customer, kinds: Sequence[str], before: int | None, n: int = NEWEST) -> list[AuditEvent]:
    """Events about these kinds of records (any, if none is named) before the one with that id, the newest first; one
    more than `n` if there are more."""
    mine = AuditEvent.customer_id == customer.id, *([AuditEvent.id < before] if before is not None else [])
    # Each kind by its own stretch of the index: a rare one is found as quickly as a common one.
    each = [
        select(AuditEvent.id).where(*mine, AuditEvent.object_type == kind).order_by(AuditEvent.id.desc()).limit(n + 1)
        for kind in kinds
    ]
    some = union_all(*(select(one.subquery().c.id) for one in each)) if each else None
    query = select(AuditEvent).where(AuditEvent.id.in_(some) if some is not None else and_(*mine))
    names = joinedload(AuditEvent.real_staff).load_only(Staff.name)
    return list(db.session.scalars(query.options(names).order_by(AuditEvent.id.desc()).limit(n + 1)))


def rates(customer: Customer) -> list[FxRate]:
    """Exchange rates of the customer's own, the newest first."""
    query = select(FxRate).where(FxRate.customer_id == customer.id).order_by(FxRate.on.desc(), FxRate.id.desc())
    return list(db.session.scalars(query.limit(NEWEST)))
