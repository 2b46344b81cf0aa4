"""Who signs in to the portal of the demo company's customers, and what they changed there by themselves.

Nobody has a password: staff enter as them, or send them the welcome mail.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import Select, select

from billing import own_details, portal_people, portal_users, self_service
from billing.actor import Actor
from billing.change_prices import Wanted
from models import (
    Customer,
    CustomerStatus,
    Direction,
    PackageChange,
    PortalAccess,
    PortalRight,
    Service,
    ServiceStatus,
    db,
)

from .diary import Diary, Moment

FIRMS = 4


def plan(diary: Diary, last: date) -> None:
    """Write it down for the weeks up to `last`, the day the story ends on."""
    diary.plan(last - timedelta(days=30), _let_in)
    diary.plan(last - timedelta(days=2), _order_less)


def _let_in(moment: Moment) -> None:
    """An owner for each of some firms, an accountant who looks after two of them, and one who lets a colleague in."""
    by = moment.by("owner")
    firms = list(db.session.scalars(_firms().limit(FIRMS)))
    owners = [portal_users.add(one, one.email, name=one.contact_name, by=by)[0] for one in firms]
    for customer in firms[:2]:
        accountant = {"name": "Orla Fennell", "right": PortalRight.BILLING}
        portal_users.add(customer, "orla@fennell-books.example", **accountant, by=by)
    for access in owners[:1]:
        own = signed_in(access, moment)
        managing = portal_people.managing(access.customer, by=own)
        email = f"it@{access.customer.email.partition('@')[2]}"
        portal_people.invite(access.customer, email, name="IT desk", right=PortalRight.TECHNICAL, by=managing)
        own_details.add_payer(access.customer, {"name": f"{access.customer.name.split()[0]} Holdings"}, by=own)


def _order_less(moment: Moment) -> None:
    """One of them downgrades with the next renewal."""
    owners = select(PortalAccess).where(PortalAccess.right == PortalRight.OWNER).order_by(PortalAccess.id)
    for access in db.session.scalars(owners):
        by = signed_in(access, moment)
        for service in db.session.scalars(_running(access.customer)):
            less = [one for one in self_service.offers(service, by=by) if one.direction == Direction.DOWNGRADE]
            if not less:
                continue
            price = less[-1].prices[0]
            change = self_service.ask(service, Wanted(less[-1].package.id, price.months, price.days), by=by)
            shown = self_service.review(change, by=by)
            if not shown.refusals:
                self_service.carry_out(change, shown.fingerprint, by=by)
                return
            db.session.delete(change)
            db.session.flush()


def signed_in(access: PortalAccess, moment: Moment) -> Actor:
    """The person, signed in to the portal."""
    by, user = moment.by("owner"), access.portal_user
    return replace(by, name=user.name, permissions=frozenset(), staff_id=None, portal_user_id=user.id)


def _firms() -> Select[tuple[Customer]]:
    """Those that came first of the companies that are still there."""
    there = (Customer.status == CustomerStatus.ACTIVE, Customer.contact_name != "", Customer.company_name != "")
    return select(Customer).where(*there, Customer.service_count > 0).order_by(Customer.id)


def _running(customer: Customer) -> Select[tuple[Service]]:
    mine = (Service.customer_id == customer.id, Service.status == ServiceStatus.ACTIVE)
    waits = select(PackageChange.id).where(PackageChange.service_id == Service.id).exists()
    return select(Service).where(*mine, ~waits).order_by(Service.id)
