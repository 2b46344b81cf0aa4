"""Writing and issuing invoices in tests, and what the books and the doctor say of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from billing import doctor, drafts, invoices
from billing.actor import Actor
from billing.doctor import Scope
from billing.document_lines import LineInput, read_quantity
from billing.drafts import Content
from billing.money import UnitPrice
from models import Customer, Invoice, LedgerEntry, db


def line(price: str = "100", quantity: str = "1", **values: Any) -> LineInput:
    return LineInput("Work", UnitPrice.of(price, "EUR"), read_quantity(quantity), **values)


def draft_of(customer: Customer, by: Actor, *lines: LineInput, **content: Any) -> Invoice:
    draft = drafts.begin(customer, by=by)
    return drafts.write(draft, Content(lines=lines or (line(),), **content), version=draft.version, by=by)


def issued(customer: Customer, by: Actor, *lines: LineInput, send: bool = True, **content: Any) -> Invoice:
    return invoices.issue(draft_of(customer, by, *lines, **content), send=send, by=by)


def books(customer: Customer) -> dict[str, int]:
    """What each account of the customer comes to, those at nought left out."""
    sums = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor)).where(LedgerEntry.customer_id == customer.id)
    rows = db.session.execute(sums.group_by(LedgerEntry.account))
    return {account.value: int(minor) for account, minor in rows if minor}


def findings(by: Actor) -> list[str]:
    db.session.commit()
    return [str(finding) for finding in doctor.examine(Scope(at=by.at))]
