"""Billing groups: what of a customer goes on one invoice."""

from __future__ import annotations

from sqlalchemy import func, select

from models import BillingError, BillingGroup, Customer, db

from . import audit
from .actor import Actor
from .texts import one_line


class InvalidGroup(BillingError):
    """The customer cannot have this billing group."""


def add(customer: Customer, name: str, *, po_number: str = "", by: Actor) -> BillingGroup:
    """A further billing group: services and charges put in it make an invoice of their own.
    Raises InvalidGroup, InvalidText, NotAllowed."""
    by.require("customers.edit")
    values = _clean(name, po_number)
    _check_name(customer.id, values["name"], None)
    group = BillingGroup(customer_id=customer.id, **values)
    db.session.add(group)
    db.session.flush()
    audit.record(by, "billing_group.created", group, after=values)
    db.session.flush()
    return group


def edit(group: BillingGroup, name: str, *, po_number: str = "", by: Actor) -> BillingGroup:
    """Change name and purchase order number; invoices there are keep theirs.
    Raises InvalidGroup, InvalidText, NotAllowed."""
    by.require("customers.edit")
    values = _clean(name, po_number)
    _check_name(group.customer_id, values["name"], group.id)
    before, after = audit.changes(group, values)
    for field in after:
        setattr(group, field, values[field])
    if after:
        audit.record(by, "billing_group.changed", group, before=before, after=after)
    db.session.flush()
    return group


def _clean(name: str, po_number: str) -> dict[str, str]:
    po_number = one_line(po_number, 60, "The purchase order number", empty=True)
    return {"name": one_line(name, 120, "The name"), "po_number": po_number}


def _check_name(customer_id: int, name: str, own_id: int | None) -> None:
    same = (BillingGroup.customer_id == customer_id, func.lower(BillingGroup.name) == name.lower())
    if db.session.scalar(select(BillingGroup.id).where(*same, BillingGroup.id != (own_id or 0)).limit(1)):
        raise InvalidGroup(f"The customer has a billing group called {name} already. Choose another name.")
