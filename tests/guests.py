"""Portal users for tests: let in without hashing a password, and signed in without the sign-in page."""

from __future__ import annotations

from dataclasses import replace

from signing_in import Browser

from billing import portal_users
from billing.actor import Actor
from models import Customer, PortalAccess, PortalRight, PortalUser, db
from web.proving import enter


def let_in(
    customer: Customer, by: Actor, email: str = "anna@m.example", right: PortalRight = PortalRight.OWNER
) -> PortalAccess:
    """A login of the customer, with a password that nobody knows."""
    name = email.partition("@")[0].title()
    return portal_users.add(customer, email, name=name, right=right, password_hash="$argon2id$x", by=by)[0]


def sign_in_guest(client: Browser, access: PortalAccess) -> Browser:
    """The browser in which the access's person is signed in."""
    number = access.portal_user_id
    with client.visiting("/portal/sign-in", method="POST"):
        enter(db.session.get_one(PortalUser, number))
        db.session.commit()
    return client


def as_guest(access: PortalAccess, by: Actor) -> Actor:
    """The person as the rules know them: without any permission."""
    user = access.portal_user
    return replace(by, name=str(user), permissions=frozenset(), staff_id=None, portal_user_id=user.id)
