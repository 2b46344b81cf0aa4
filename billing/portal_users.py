"""Logins of customers: who may act for a customer in the portal, how far, and the links that let them set a password.

A login belongs to a person and may reach several customers; its access to one customer is a row of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import contains_eager, joinedload

from models import (
    BillingError,
    Customer,
    CustomerStatus,
    PortalAccess,
    PortalRight,
    PortalUser,
    WebSession,
    db,
)
from models.writing import insert_now

from . import audit
from .actor import Actor, NotAllowed
from .contact_details import email_address
from .customers import has_username
from .texts import one_line

MOST = 50
"""Logins of one customer."""


class LastOwner(BillingError):
    """Somebody has to be able to manage the account."""


class FirstUser(BillingError):
    """The login the account began with stays, as long as the customer decides."""


class KeptOut(BillingError):
    """Staff keep this login out, so it is theirs to let it in again."""


class HasAccess(BillingError):
    """The person reaches this customer already."""


class TooMany(BillingError):
    """A customer has only so many logins."""


def of(customer: Customer) -> list[PortalAccess]:
    """The customer's logins, the first one first, each with its person."""
    theirs = select(PortalAccess).where(PortalAccess.customer_id == customer.id).order_by(PortalAccess.id)
    return list(db.session.scalars(theirs.options(joinedload(PortalAccess.portal_user)).limit(MOST)))


def by_email(email: str) -> PortalUser | None:
    """The person with this address, however it is spelt; None if there is none."""
    return db.session.scalar(select(PortalUser).where(PortalUser.email == email.strip().lower().replace("\0", "")))


def add(
    customer: Customer,
    email: str,
    *,
    name: str = "",
    right: PortalRight = PortalRight.OWNER,
    password_hash: str = "",
    first: bool = False,
    nobody: bool = False,
    asked: bool = False,
    by: Actor,
) -> tuple[PortalAccess, bool]:
    """Let somebody act for the customer; whether their login is new. A login with a password keeps name and password.
    `asked`: somebody who is known here already is asked first, and keeps the name they have.

    Without a `password_hash` a new login has no password until one is set by link. `first`: the customer was made just
    now, so nobody reaches it yet; `nobody`: it was just looked up that no login has the address. Raises HasAccess,
    TooMany, InvalidContact, InvalidText, NotAllowed.
    """
    by.require("customers.edit")
    email = email_address(email)
    name = one_line(name, 200, "The name", empty=True) or customer.contact_name or customer.name
    user = None if nobody else by_email(email)
    there = [] if first else of(customer)
    if user and any(access.portal_user_id == user.id for access in there):
        raise HasAccess(f"{email} reaches {customer.name} already.")
    if len(there) >= MOST:
        raise TooMany(f"A customer has {MOST} logins at the most. Remove one first.")
    new = user is None or not user.password_hash
    waits = asked and user is not None and is_known(user)
    theirs = {"name": name[:200], "password_hash": password_hash, "language": customer.language}
    if user is None:
        user = PortalUser(email=email, **theirs)
        insert_now(user)
    elif new and not waits:
        for column, value in theirs.items():
            setattr(user, column, value)
    access = PortalAccess(portal_user_id=user.id, customer_id=customer.id, right=PortalRight(right))
    access.accepted = not waits
    insert_now(access)
    db.session.expire(user, ["accesses"])
    audit.record(by, "portal_access.added", access, after={"email": email, "right": str(access.right)})
    return access, new


def change_right(access: PortalAccess, right: PortalRight, *, by: Actor) -> None:
    """What they may do for this customer from now on. Raises LastOwner; FirstUser when a customer wants to take the
    account from the login it began with; NotAllowed. Flushes."""
    _may_manage(access, by)
    right = PortalRight(right)
    if right == access.right:
        return
    if right != PortalRight.OWNER:
        _keep_an_owner(access)
        _keep_the_first(access, "The first login of an account stays its owner here. Ask us to change it.", by)
    before, access.right = access.right, right
    audit.record(by, "portal_access.right_changed", access, before={"right": str(before)}, after={"right": str(right)})
    db.session.flush()


def disable(access: PortalAccess, *, by: Actor) -> None:
    """Keep them from this customer, at once; their other customers stay. Raises LastOwner, FirstUser, NotAllowed.
    Flushes."""
    _may_manage(access, by)
    if access.active:
        _keep_an_owner(access)
        _keep_the_first(access, "The first login of an account cannot be kept out here. Ask us to do it.", by)
        _set_active(access, False, "portal_access.disabled", by)


def enable(access: PortalAccess, *, by: Actor) -> None:
    """Let them reach this customer again. Raises NotAllowed. Flushes."""
    _may_manage(access, by)
    if not access.active:
        _set_active(access, True, "portal_access.enabled", by)


def remove(access: PortalAccess, *, by: Actor) -> None:
    """Take the access away; a login that reaches no customer any more loses its password and sessions.

    Raises LastOwner; FirstUser when a customer wants to remove the login the account began with, KeptOut when one that
    staff keep out, as it could be invited anew; NotAllowed.
    """
    _may_manage(access, by)
    if by.portal_user_id is not None and not access.active:
        raise KeptOut("We keep this login out. Ask us to remove it.")
    _keep_an_owner(access)
    _keep_the_first(access, "The first login of an account cannot be removed here. Ask us to do it.", by)
    _take_out(access, "portal_access.removed", by)


def accept(access: PortalAccess, *, by: Actor) -> None:
    """The person takes the invitation: the customer stands among theirs from now on. Raises NotAllowed. Flushes."""
    access = _theirs_now(access, by)
    if not access.accepted:
        access.accepted = True
        audit.record(by, "portal_access.accepted", access, after={"right": str(access.right)})
        db.session.flush()


def decline(access: PortalAccess, *, by: Actor) -> None:
    """The person does not want it; a customer may ask them anew. Raises NotAllowed. Flushes."""
    access = _theirs_now(access, by)
    if not access.accepted:
        _take_out(access, "portal_access.declined", by)


def invitations(user: PortalUser) -> list[PortalAccess]:
    """What the person was asked to accept and has not answered, each with its customer, the oldest first."""
    mine = _open(user).where(~PortalAccess.accepted).order_by(PortalAccess.id)
    return list(db.session.scalars(mine.limit(MOST)))


def invitation(user: PortalUser, customer: Customer) -> PortalAccess | None:
    """That to this customer, if the person has not answered it."""
    theirs = PortalAccess.portal_user_id == user.id, PortalAccess.customer_id == customer.id
    return db.session.scalar(select(PortalAccess).where(*theirs, ~PortalAccess.accepted))


def login_of(typed: str) -> str:
    """The e-mail to sign in with: what was typed, or of a customer's user name that of the customer's first owner."""
    typed = typed.strip().replace("\0", "")
    if not typed or "@" in typed or len(typed) > 64:
        return typed
    owner = (
        select(PortalUser.email)
        .join(PortalAccess, PortalAccess.portal_user_id == PortalUser.id)
        .join(Customer, Customer.id == PortalAccess.customer_id)
        .where(has_username(typed), PortalAccess.right == PortalRight.OWNER, PortalAccess.active, PortalUser.active)
        .where(PortalAccess.accepted)
    )
    return db.session.scalar(owner.order_by(PortalAccess.id).limit(1)) or typed


def accesses(user: PortalUser, *, at: int | None = None, limit: int = MOST) -> list[PortalAccess]:
    """What the person may reach now, each with its customer: customers that are active, by name; the one with the id
    `at` in front, if it is among them. Invitations that wait for an answer are not."""
    query, here = _open(user).where(PortalAccess.accepted), PortalAccess.customer_id == at
    query = query.order_by(here.desc()) if at is not None else query
    return list(db.session.scalars(query.order_by(Customer.name, Customer.id).limit(limit)))


def reachable(user: PortalUser) -> Select[PortalAccess]:
    """All of these, for a list of one's own."""
    return _open(user).where(PortalAccess.accepted)


def may_come(user: PortalUser) -> bool:
    """Whether there is anything for the person here: a customer they reach, or an invitation."""
    return db.session.scalar(_open(user).with_only_columns(PortalAccess.id).limit(1)) is not None


def _open(user: PortalUser) -> Select[PortalAccess]:
    mine = select(PortalAccess).join(PortalAccess.customer).options(contains_eager(PortalAccess.customer))
    open_now = PortalAccess.active & (Customer.status == CustomerStatus.ACTIVE)
    return mine.where(PortalAccess.portal_user_id == user.id, open_now)


def change_details(user: PortalUser, *, name: str, language: str, by: Actor) -> None:
    """Change one's own name and language (a locale such as ``de_AT``; empty follows the account). Raises NotAllowed,
    InvalidText. Flushes."""
    if by.portal_user_id != user.id:
        raise NotAllowed("Only the person themselves changes this.")
    before, after = audit.changes(user, {"name": one_line(name, 200, "The name"), "language": language[:12]})
    if after:
        user.name, user.language = after.get("name", user.name), after.get("language", user.language)
        audit.record(by, "portal_user.details_changed", user, before=before, after=after)
        db.session.flush()


def signed_in(user: PortalUser, at: datetime) -> None:
    """Remember when the person last came (aware UTC)."""
    user.last_sign_in_at = at


def set_password(user: PortalUser, password_hash: str, *, by: Actor) -> None:
    """Store a new password and end every session of the person; all links to set one are dead.

    By the person, or by the system once a link has proven who asks. Raises NotAllowed. Flushes.
    """
    if by.permissions is not None and by.portal_user_id != user.id:
        raise NotAllowed("Only the person themselves sets a password.")
    user.password_hash = password_hash
    db.session.flush()
    db.session.execute(delete(WebSession).where(WebSession.portal_user_id == user.id))
    about: Sequence[PortalAccess | PortalUser] = accesses(user) or [user]
    for thing in about:
        audit.record(by, "portal_user.password_set", thing)
    db.session.flush()


def fingerprint(user: PortalUser) -> str:
    """What tells this password from the next one."""
    return hashlib.sha256(f"{user.id}:{user.password_hash}".encode()).hexdigest()


def _may_manage(access: PortalAccess, by: Actor) -> None:
    by.require("customers.edit")


def _set_active(access: PortalAccess, active: bool, verb: str, by: Actor) -> None:
    access.active = active
    audit.record(by, verb, access, before={"active": not active}, after={"active": active})
    db.session.flush()


def _keep_the_first(access: PortalAccess, refusal: str, by: Actor) -> None:
    """Whom an owner let in does not take the account from whom it was opened for; staff may, asked by somebody."""
    first = select(PortalAccess.id).where(PortalAccess.customer_id == access.customer_id).order_by(PortalAccess.id)
    if by.portal_user_id is not None and db.session.scalar(first.limit(1)) == access.id:
        raise FirstUser(refusal)


def is_known(user: PortalUser) -> bool:
    """Whether they sign in here, or somebody else let them in before."""
    other = select(PortalAccess.id).where(PortalAccess.portal_user_id == user.id).limit(1)
    return bool(user.password_hash) or db.session.scalar(other) is not None


def _theirs_now(access: PortalAccess, by: Actor) -> PortalAccess:
    """The invitation as it is now, locked: of two answers at once the first counts."""
    if by.portal_user_id != access.portal_user_id or by.real_staff_id is not None:
        raise NotAllowed("Only the person themselves answers an invitation.")
    mine = select(PortalAccess).where(PortalAccess.id == access.id).with_for_update(of=PortalAccess)
    now = db.session.scalar(mine.execution_options(populate_existing=True))
    if now is None:
        raise NotAllowed("This invitation is not there any more.")
    return now


def _take_out(access: PortalAccess, verb: str, by: Actor) -> None:
    user = access.portal_user
    audit.record(by, verb, access, before={"email": user.email, "right": str(access.right)})
    db.session.delete(access)
    db.session.flush()
    other = select(PortalAccess.id).where(PortalAccess.portal_user_id == user.id).limit(1)
    if db.session.scalar(other) is None:
        # The row stays, because the audit log names it; nobody can sign in with it.
        db.session.execute(delete(WebSession).where(WebSession.portal_user_id == user.id))
        user.password_hash = ""
    db.session.flush()
    db.session.expire(user, ["accesses"])


def _keep_an_owner(access: PortalAccess) -> None:
    """Owners are locked in id order, so that two of them cannot be taken away at the same moment."""
    if access.right != PortalRight.OWNER or not (access.active and access.accepted):
        return
    owner: Any = (PortalAccess.right == PortalRight.OWNER) & PortalAccess.active & PortalAccess.accepted
    owners = select(PortalAccess.id).where(PortalAccess.customer_id == access.customer_id, owner)
    ids = db.session.scalars(owners.order_by(PortalAccess.id).with_for_update(of=PortalAccess)).all()
    if list(ids) == [access.id]:
        raise LastOwner("This is the customer's only owner. Make somebody else an owner first.")
