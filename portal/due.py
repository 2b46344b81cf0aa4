"""What a customer has to pay: asked once a page, for the menu and for whoever else wants to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import g
from sqlalchemy import ColumnElement, func, select

from models import Customer, Invoice, InvoiceState, Money, db


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be paid, how many invoices that is, and since when the oldest of them is due. Proformas, which ask for
    money before anything is owed, are counted beside."""

    amount: Money
    count: int
    first_due_on: date | None
    proformas: int = 0


def of(customer: Customer) -> Due:
    """Of the invoices that are open, by their index."""
    known: dict[int, Due] = g.setdefault("portal_due", {})
    if customer.id not in known:
        owed = select(func.coalesce(func.sum(Invoice.open_minor), 0), func.count(Invoice.id), func.min(Invoice.due_on))
        row = db.session.execute(owed.add_columns(_asked(customer)).where(*open_ones(customer))).one()
        minor, count, first, proformas = row
        known[customer.id] = Due(Money(int(minor), customer.currency), int(count), first, int(proformas))
    return known[customer.id]


def _asked(customer: Customer) -> ColumnElement[int]:
    """How many proformas nobody has paid."""
    asked = Invoice.__table__.alias("asked")
    mine = asked.c.customer_id == customer.id, asked.c.state == InvoiceState.ISSUED
    waiting = asked.c.kind == "proforma", asked.c.became_id.is_(None)
    return select(func.count()).select_from(asked).where(*mine, *waiting).scalar_subquery()


def open_ones(customer: Customer) -> tuple[object, ...]:
    """The invoices that wait for money."""
    return (
        Invoice.customer_id == customer.id,
        Invoice.state == InvoiceState.ISSUED,
        Invoice.kind == "invoice",
        Invoice.open_minor > 0,
        Invoice.currency == customer.currency,
    )
