"""Whether a customer is billed: active, disabled for a while, or archived for good. Sets of customers; one is a set."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select, update

from models import BillingError, Customer, CustomerStatus, Delivery, DeliveryState, Service, db

from . import audit
from .actor import Actor
from .ending import running
from .pauses import resume


class HasActiveServices(BillingError):
    """A customer with running services cannot be put away."""


class Merged(BillingError):
    """Everything of this customer is another one's: there is nothing to bring back."""


def disable(customers: Iterable[Customer], *, by: Actor) -> int:
    """No bills and no sign-in for these customers until they are enabled again; everything is kept.

    How many were active before. Raises NotAllowed.
    """
    by.require("customers.edit")
    return _set([c for c in customers if c.status == CustomerStatus.ACTIVE], CustomerStatus.DISABLED, "disabled", by)


def enable(customers: Iterable[Customer], *, by: Actor) -> int:
    """Bill disabled or archived customers again, from the next renewal date that is today or later: the time in
    between is never billed (see pauses.resume). How many were not active before. Raises Merged, NotAllowed.
    """
    by.require("customers.edit")
    chosen = [c for c in customers if c.status != CustomerStatus.ACTIVE]
    for customer in chosen:
        if customer.merged_into_id is not None:
            raise Merged(f"{customer.name} was merged into another customer. Everything is kept there.")
    for customer in sorted(chosen, key=lambda c: c.id):
        resume(customer, by=by)
    return _set(chosen, CustomerStatus.ACTIVE, "enabled", by)


def archive(customers: Iterable[Customer], *, by: Actor) -> int:
    """Put customers away who have no running service; mail still waiting for them is not sent.

    How many were not archived before. Raises HasActiveServices (then none is changed), NotAllowed.
    """
    by.require("customers.delete")
    chosen = [c for c in customers if c.status != CustomerStatus.ARCHIVED]
    for customer in chosen:
        if db.session.scalar(select(Service.id).where(Service.customer_id == customer.id, running()).limit(1)):
            raise HasActiveServices(f"{customer.name} still has running services. End them first, then archive.")
    for customer in chosen:
        _call_off(customer)
    return _set(chosen, CustomerStatus.ARCHIVED, "archived", by)


def _set(customers: list[Customer], status: CustomerStatus, verb: str, by: Actor) -> int:
    for customer in sorted(customers, key=lambda c: c.id):
        before, customer.status = customer.status, status
        customer.archived_on = by.today if status == CustomerStatus.ARCHIVED else None
        audit.record(by, f"customer.{verb}", customer, before={"status": str(before)}, after={"status": str(status)})
    db.session.flush()
    return len(customers)


def _call_off(customer: Customer) -> None:
    waiting = update(Delivery).where(Delivery.customer_id == customer.id, Delivery.state == DeliveryState.QUEUED)
    called_off = waiting.values(state=DeliveryState.CANCELLED, error="The customer was archived before it was sent.")
    db.session.execute(called_off.execution_options(synchronize_session="fetch"))
