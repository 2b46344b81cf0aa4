"""Entering as a customer: staff see the portal as the customer's people do, for a while, and leave a trace.

Only with its own permission, only a customer, one at a time. What a person must do with their own hands (password,
card, e-mail, second step, answers that bind them) stays locked meanwhile; the portal asks `Actor.real_staff_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from models import BillingError, Customer, CustomerStatus, PortalAccess, PortalRight, PortalUser, Visit, db

from . import audit, company
from .actor import Actor

PERMISSION = "customers.enter"


class CannotEnter(BillingError):
    """There is no such view to be entered."""


def enter(customer: Customer, access: PortalAccess | None = None, *, by: Actor) -> Visit:
    """Begin to see the portal in the place of `access`, one of the customer's logins; without one in the place of
    the first owner, or, where nobody signs in yet, as an owner would see it. It ends by itself after the minutes that
    the settings say. Raises CannotEnter, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    if by.staff_id is None or by.real_staff_id is not None:
        raise CannotEnter("You are in a customer's view already. Return to the panel first.")
    _check(customer, access)
    access = access or _owner(customer)
    visit = Visit(staff_id=by.staff_id, customer_id=customer.id, access_id=access.id if access else None)
    visit.began_at, visit.ends_at = by.at, by.at + timedelta(minutes=company.value("visit_minutes"))
    visit.customer, visit.access = customer, access
    db.session.add(visit)
    audit.record(by, "customer.entered", customer, after={"as": str(access) if access else None})
    db.session.flush()
    return visit


def leave(visit: Visit, *, by: Actor) -> None:
    """Go back to the panel: an open visit ends now. `by` names both, the guest and who was behind it. Flushes."""
    if visit.is_open(by.at):
        visit.ends_at = by.at
    audit.record(by, "customer.left", visit.customer, after={"until": visit.ends_at.isoformat()})
    db.session.flush()


def seen_as(visit: Visit) -> PortalAccess:
    """The login whose view it is; made up, and never stored, where nobody signs in for the customer."""
    if visit.access is not None:
        return visit.access
    customer = visit.customer
    nobody = PortalUser(email=customer.email, name=customer.contact_name or customer.name, language=customer.language)
    return PortalAccess(portal_user=nobody, customer=customer, customer_id=customer.id, right=PortalRight.OWNER)


def holds(visit: Visit) -> bool:
    """Whether what it looks through is still there: the customer is active, and so is the login."""
    access = visit.access
    login = access is None or (access.active and access.portal_user.active)
    return visit.customer.status == CustomerStatus.ACTIVE and login


def shown_to(customer: Customer, limit: int = 5) -> Sequence[Visit]:
    """The newest visits, for the customer to see; none where the settings keep them to the staff."""
    if not company.value("visits_shown"):
        return ()
    newest = select(Visit).where(Visit.customer_id == customer.id).order_by(Visit.id.desc()).limit(limit)
    return db.session.scalars(newest.options(joinedload(Visit.staff))).all()


def _check(customer: Customer, access: PortalAccess | None) -> None:
    if customer.status != CustomerStatus.ACTIVE:
        raise CannotEnter(
            f"{customer.name} is {customer.status}, so nobody sees the portal. Enable the customer first."
        )
    if access is not None and access.customer_id != customer.id:
        raise CannotEnter("This login belongs to another customer.")
    if access is not None and not (access.active and access.portal_user.active):
        raise CannotEnter(f"{access} is kept out of the portal. Let them in again first, or choose somebody else.")
    if access is not None and not access.accepted:
        raise CannotEnter(f"{access} has not accepted the invitation yet. Choose somebody else.")


def _owner(customer: Customer) -> PortalAccess | None:
    """The customer's first login that decides, else the first one."""
    theirs = select(PortalAccess).join(PortalAccess.portal_user)
    theirs = theirs.where(PortalAccess.customer_id == customer.id, PortalAccess.active, PortalUser.active)
    theirs = theirs.where(PortalAccess.accepted)
    decides = (PortalAccess.right == PortalRight.OWNER).desc()
    return db.session.scalars(theirs.order_by(decides, PortalAccess.id).limit(1)).first()
