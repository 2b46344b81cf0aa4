"""What the page of a customer shows of other subjects: figures in two statements, and the newest rows of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import joinedload, selectinload

from models import (
    AuditEvent,
    BillingGroup,
    Charge,
    Credit,
    Customer,
    Invoice,
    InvoiceState,
    Message,
    Money,
    Note,
    Payment,
    Service,
    ServiceStatus,
    Staff,
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
    counts, following = _counts(customer, tabs)
    currency = customer.currency
    sums = Money(int(total), currency), n, Money(int(overdue), currency), int(n_overdue)
    return Glance(*sums, oldest, following, counts)


def _counts(customer: Customer, tabs: dict[str, Any]) -> tuple[dict[str, int], date | None]:
    capped = [_capped(model, customer) for model in tabs.values()]
    running = Service.customer_id == customer.id, Service.status == ServiceStatus.ACTIVE
    following = select(func.min(Service.next_renewal_on)).where(*running).scalar_subquery()
    *counts, day = db.session.execute(select(*capped, following)).one()
    return dict(zip(tabs, counts, strict=True)), day


def _capped(model: Any, customer: Customer) -> Any:
    some = select(model.id).where(model.customer_id == customer.id).limit(CAP + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _newest(model: Any, customer: Customer, n: int) -> Select[Any]:
    return select(model).where(model.customer_id == customer.id).order_by(model.id.desc()).limit(n)


def services(customer: Customer, n: int = NEWEST) -> list[Service]:
    """Running ones first, then the newest."""
    ended = (Service.status == ServiceStatus.CANCELLED).asc()
    query = select(Service).where(Service.customer_id == customer.id).order_by(ended, Service.id.desc()).limit(n)
    return list(db.session.scalars(query.options(joinedload(Service.package), joinedload(Service.billing_group))))


def charges(customer: Customer) -> list[Charge]:
    """What is still to be billed beside the packages."""
    query = _newest(Charge, customer, NEWEST).where(Charge.next_on.is_not(None))
    return list(db.session.scalars(query.options(joinedload(Charge.billing_group))))


def invoices(customer: Customer, n: int = NEWEST) -> list[Invoice]:
    return list(db.session.scalars(_newest(Invoice, customer, n)))


def payments(customer: Customer) -> list[Payment]:
    return list(db.session.scalars(_newest(Payment, customer, NEWEST)))


def credits(customer: Customer) -> list[Credit]:
    return list(db.session.scalars(_newest(Credit, customer, NEWEST)))


def messages(customer: Customer) -> list[Message]:
    return list(db.session.scalars(_newest(Message, customer, NEWEST).options(selectinload(Message.deliveries))))


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
    query = select(Note).where(Note.customer_id == customer.id)
    if before is not None:
        query = query.where(Note.id < before)
    return list(db.session.scalars(query.order_by(Note.id.desc()).limit(n + 1)))


def pinned(customer: Customer) -> list[Note]:
    query = select(Note).where(Note.customer_id == customer.id, Note.pinned).order_by(Note.id.desc())
    return list(db.session.scalars(query.limit(5)))


def history(customer: Customer, before: int | None, n: int = NEWEST) -> list[AuditEvent]:
    """Events before the one with that id, the newest first; one more than `n` if there are more."""
    query = select(AuditEvent).where(AuditEvent.customer_id == customer.id)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    return list(db.session.scalars(query.order_by(AuditEvent.id.desc()).limit(n + 1)))
