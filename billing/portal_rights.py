"""What a customer's own people may do for it: asked of their access, never of the page they came from.

The rules know staff by permissions; a portal user has none. `acting_for` gives them those that one rule needs, for
one customer, once their access says that they may. Staff in a customer's view get no more than their own role gives.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import select

from models import Customer, CustomerStatus, PortalAccess, PortalRight, PortalUser, Staff, Visit, db

from .actor import Actor, NotAllowed
from .staff import permissions_of

OWNERS = frozenset({PortalRight.OWNER})
DECIDES = frozenset({PortalRight.OWNER, PortalRight.BILLING})
"""Those who bind the customer where money is concerned."""
SEES_MONEY = frozenset(PortalRight) - {PortalRight.TECHNICAL}
WRITES = frozenset(PortalRight) - {PortalRight.READ_ONLY}
"""Those who change anything at all."""


def acting_for(customer: Customer, rights: Collection[PortalRight], *permissions: str, by: Actor) -> Actor:
    """`by` with these permissions, if their right at this very customer is one of `rights`. Raises NotAllowed."""
    if right_of(customer, by=by) not in rights:
        raise NotAllowed("Your login does not allow this here. Ask an owner of the account.")
    if by.real_staff_id is not None and not set(permissions) <= _of_staff(by.real_staff_id):
        raise NotAllowed("Your own role does not allow this, so you cannot do it in the customer's view either.")
    return replace(by, permissions=frozenset(permissions))


def right_of(customer: Customer, *, by: Actor) -> PortalRight | None:
    """How far they may act for the customer now; None: not at all."""
    if by.real_staff_id is not None and not _looks_in(customer, by):
        return None
    if by.portal_user_id is None:
        return PortalRight.OWNER if by.real_staff_id is not None else None
    mine = select(PortalAccess.right).join(PortalAccess.customer).join(PortalAccess.portal_user)
    mine = mine.where(PortalAccess.portal_user_id == by.portal_user_id, PortalAccess.customer_id == customer.id)
    open_now = (PortalAccess.active, PortalAccess.accepted, PortalUser.active, Customer.status == CustomerStatus.ACTIVE)
    return db.session.scalar(mine.where(*open_now))


def _looks_in(customer: Customer, by: Actor) -> bool:
    """Whether the member of staff is in this customer's view."""
    visit = select(Visit.id).where(Visit.staff_id == by.real_staff_id, Visit.customer_id == customer.id)
    return db.session.scalar(visit.where(Visit.ends_at > by.at).limit(1)) is not None


def _of_staff(staff_id: int) -> frozenset[str]:
    person = db.session.get(Staff, staff_id)
    return permissions_of(person.role) if person and person.active else frozenset()
