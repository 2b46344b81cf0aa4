"""Deciding orders, one or many: whose they are, and the mails that go out then. Rules: billing.order_deciding."""

from __future__ import annotations

from sqlalchemy import or_, select

from admin.customers.new_customer import base_url
from billing import orders
from messaging import order_mail
from models import BillingError, Customer, CustomerStatus, Order, PortalAccess, PortalUser, db
from web.permissions import actor

MOST_OFFERED = 6
LOGIN = {"same": True, "apart": False}
"""What the page asks of an order whose address signs in here already: whether that person reaches the new customer."""


def approve(order: Order, customer: Customer | None = None, login: bool | None = None) -> None:
    """Accept it and queue the mail that says so. Commits nothing."""
    by = actor()
    done = orders.approve(order, customer=customer, login=login, by=by)
    order_mail.after_deciding(done, base_url=base_url(), by=by)


def refuse(order: Order, reason: str) -> None:
    """Turn it down and queue the mail that says so. Commits nothing."""
    by = actor()
    order_mail.after_deciding(orders.refuse(order, reason, by=by), base_url=base_url(), by=by)


def same_email(order: Order) -> list[Customer]:
    """Customers that the order may be of: those with its e-mail address, or that a login with it reaches, unless it was
    ordered signed in."""
    if order.customer_id:
        return []
    theirs = select(PortalAccess.customer_id).join(PortalAccess.portal_user)
    theirs = theirs.where(PortalUser.email == order.email.lower())
    same = or_(Customer.email == order.email, Customer.id.in_(theirs))
    same = select(Customer).where(same, Customer.status != CustomerStatus.ARCHIVED)
    return list(db.session.scalars(same.order_by(Customer.id).limit(MOST_OFFERED)))


def check_clear(order: Order) -> None:
    """Raises BillingError where a person has to say whose order it is."""
    known = same_email(order)
    if known:
        raise BillingError(
            f"{known[0].name} has this e-mail address already. Approve it on its page, and say whose it is."
        )
    if orders.login_of(order):
        raise BillingError(f"{order.email} signs in here already. Approve it on its page, and say whose it is.")
