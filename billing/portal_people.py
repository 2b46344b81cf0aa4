"""A customer's owner lets others into the portal, and a person takes another address to sign in with.

Both lead to the rules of portal_users; here is what a customer's own people may do of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select

from models import BillingError, Customer, Message, PortalAccess, PortalRight, PortalUser, db

from . import audit, company, portal_links, portal_users
from .actor import Actor, NotAllowed
from .contact_details import email_address
from .portal_rights import OWNERS, acting_for

PERMISSION = "customers.edit"
ADDED = "portal_added"
"""Kind of the mail to somebody who signs in already and now reaches a further customer."""
MOST_INVITED, WITHIN = 20, timedelta(days=1)


class EmailTaken(BillingError):
    """Somebody else signs in with this address."""


class AskedTooOften(BillingError):
    """So many mails are not sent in so short a time."""


class NotNeeded(BillingError):
    """They have what would be sent to them."""


def managing(customer: Customer, *, by: Actor) -> Actor:
    """`by` with what letting people in and out takes. Raises NotAllowed for whoever is no owner of this customer, for
    staff in the customer's view, and where the settings keep it to the staff."""
    if by.real_staff_id is not None:
        raise NotAllowed("Only the customer does this here. You can do it on the customer's page in the panel.")
    if not company.value("portal_logins"):
        raise NotAllowed("Logins are not changed here. Write to us, and we change them for you.")
    return acting_for(customer, OWNERS, PERMISSION, by=by)


def invite(
    customer: Customer, email: str, *, name: str = "", right: PortalRight = PortalRight.OWNER, by: Actor
) -> tuple[PortalAccess, bool]:
    """Let somebody act for the customer; whether they need a link to choose a password. Who is known here already is
    asked first, and their name is not told until they accept. `by` comes from `managing`.

    Raises AskedTooOften, and what `portal_users.add` raises. Flushes.
    """
    check_invitations(customer, by=by)
    return portal_users.add(customer, email, name=name, right=right, asked=True, by=by)


def check_invitations(customer: Customer, *, by: Actor) -> None:
    """Raises AskedTooOften once so many mails of this kind went out within a day."""
    sent = select(func.count(Message.id)).where(
        Message.customer_id == customer.id, Message.kind.in_((portal_links.WELCOME, ADDED)),
        Message.created_at > by.at - WITHIN,
    )  # fmt: skip
    if (db.session.scalar(sent) or 0) >= MOST_INVITED:
        raise AskedTooOften(f"{MOST_INVITED} invitations were sent today already. Go on tomorrow.")


def check_new_email(user: PortalUser, email: str, *, by: Actor) -> str:
    """The address in the form it is kept, if the person may ask for a link to it. Whether somebody has it already is
    told only to whoever opens that link. Raises InvalidContact, AskedTooOften, EmailTaken, NotAllowed."""
    _check_own(user, by)
    found = email_address(email)
    if found == user.email:
        raise EmailTaken("You sign in with this address already.")
    if not portal_links.may_reset(user, by.at, portal_links.EMAIL):
        raise AskedTooOften("Three mails were sent within the hour. Wait a little, then ask again.")
    if not portal_links.may_confirm_today(user, by.at):
        raise AskedTooOften(f"{portal_links.MOST_A_DAY} mails were sent within a day. Ask again tomorrow.")
    return found


def change_email(user: PortalUser, email: str, *, by: Actor) -> str:
    """The person signs in with the address that a link proved; all other links to them are dead. Returns the old
    address. Raises EmailTaken, NotAllowed. Flushes."""
    _check_own(user, by)
    if portal_users.by_email(email) is not None:
        raise EmailTaken("There is a login with this address already. Sign in with that one, or ask us for help.")
    old, user.email = user.email, email
    portal_links.forget(user, by.at)
    about: Sequence[PortalAccess | PortalUser] = portal_users.accesses(user) or [user]
    for thing in about:
        audit.record(by, "portal_user.email_changed", thing, before={"email": old}, after={"email": email})
    db.session.flush()
    return old


def _check_own(user: PortalUser, by: Actor) -> None:
    if by.portal_user_id != user.id or by.real_staff_id is not None:
        raise NotAllowed("Only the person themselves changes this.")
