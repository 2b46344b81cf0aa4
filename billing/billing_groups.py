"""Billing groups: what of a customer goes on one invoice."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from models import BillingError, BillingGroup, Charge, Customer, Service, ServiceStatus, db

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


def move(things: Sequence[Service | Charge], group: BillingGroup, *, by: Actor) -> int:
    """Bill these services and charges with `group` from their next renewal on; invoices there are stay where they
    are. How many were in another group. Raises InvalidGroup, then none is moved; NotAllowed."""
    by.require("services.edit")
    if any(thing.customer_id != group.customer_id for thing in things):
        raise InvalidGroup("A service or charge of another customer cannot be billed with this one's.")
    moving = [thing for thing in things if thing.billing_group_id != group.id]
    if moving and group.closed_on:
        raise InvalidGroup(f"The billing group {group.name} is closed. Open it again, or choose another one.")
    names = _names(group.customer_id)
    for thing in sorted(moving, key=lambda thing: (thing.__tablename__, thing.id)):
        before, thing.billing_group_id = names[thing.billing_group_id], group.id
        kind = thing.__tablename__
        audit.record(by, f"{kind}.moved", thing, before={"billing_group": before}, after={"billing_group": group.name})
    db.session.flush()
    for thing in moving:
        db.session.expire(thing, ["billing_group"])
    return len(moving)


def close(group: BillingGroup, *, by: Actor) -> None:
    """Use a billing group no more: it keeps its invoices, and nothing new is put in it. The last open one stays, and
    one with running services or charges that are still to be billed. Raises InvalidGroup, NotAllowed."""
    by.require("customers.edit")
    _lock(group.customer_id)
    if group.closed_on:
        return
    if _holds(group):
        raise InvalidGroup(f"{group.name} still has services or charges. Move them to another group first.")
    others = BillingGroup.customer_id == group.customer_id, BillingGroup.id != group.id
    if not db.session.scalar(select(BillingGroup.id).where(*others, BillingGroup.closed_on.is_(None)).limit(1)):
        raise InvalidGroup("A customer has at least one billing group. Add another one before this is closed.")
    group.closed_on = by.today
    audit.record(by, "billing_group.closed", group)
    db.session.flush()


def reopen(group: BillingGroup, *, by: Actor) -> None:
    """Use a closed billing group again. Raises NotAllowed."""
    by.require("customers.edit")
    if group.closed_on:
        group.closed_on = None
        audit.record(by, "billing_group.reopened", group)
        db.session.flush()


def _lock(customer_id: int) -> None:
    """Two people who close one group each would leave none."""
    mine = select(BillingGroup.id).where(BillingGroup.customer_id == customer_id).order_by(BillingGroup.id)
    db.session.execute(mine.with_for_update())


def _holds(group: BillingGroup) -> bool:
    """Whether anything is still billed with this group."""
    running = select(Service.id).where(Service.billing_group_id == group.id, Service.status != ServiceStatus.CANCELLED)
    coming = select(Service.id).where(Service.transfer_group_id == group.id)
    waiting = select(Charge.id).where(Charge.billing_group_id == group.id, Charge.next_on.is_not(None))
    return any(db.session.scalar(query.limit(1)) is not None for query in (running, coming, waiting))


def _names(customer_id: int) -> dict[int, str]:
    mine = select(BillingGroup.id, BillingGroup.name).where(BillingGroup.customer_id == customer_id)
    return {row.id: row.name for row in db.session.execute(mine)}


def _clean(name: str, po_number: str) -> dict[str, str]:
    po_number = one_line(po_number, 60, "The purchase order number", empty=True)
    return {"name": one_line(name, 120, "The name"), "po_number": po_number}


def _check_name(customer_id: int, name: str, own_id: int | None) -> None:
    same = (BillingGroup.customer_id == customer_id, func.lower(BillingGroup.name) == name.lower())
    if db.session.scalar(select(BillingGroup.id).where(*same, BillingGroup.id != (own_id or 0)).limit(1)):
        raise InvalidGroup(f"The customer has a billing group called {name} already. Choose another name.")
