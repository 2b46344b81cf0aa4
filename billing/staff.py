"""People who work in the panel: their logins, roles and passwords. Every change of rights ends their sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from models import BillingError, Role, Staff, WebSession, db

from . import audit
from .actor import Actor, NotAllowed
from .permissions import PERMISSIONS, ROLES

OWNER = "owner"


class InvalidEmail(BillingError):
    """What was given is not an e-mail address."""


class EmailTaken(BillingError):
    """Somebody signs in with this e-mail already."""


class UnknownRole(BillingError):
    """There is no role of this name."""


class LastOwner(BillingError):
    """Without an owner nobody could manage the staff."""


def ensure_roles() -> dict[str, Role]:
    """The built-in roles by name, made or brought up to date: they always follow the code."""
    known = {role.name: role for role in db.session.scalars(select(Role))}
    for name, permissions in ROLES.items():
        if name not in known:
            known[name] = Role(name=name, builtin=True, permissions=sorted(permissions))
            db.session.add(known[name])
        elif not known[name].builtin or set(known[name].permissions) != permissions:
            known[name].builtin, known[name].permissions = True, sorted(permissions)
    db.session.flush()
    return {name: known[name] for name in ROLES}


def permissions_of(role: Role) -> frozenset[str]:
    """What the role allows now: a built-in one by the code, an own one by its row; unknown names allow nothing."""
    return ROLES.get(role.name, frozenset()) if role.builtin else frozenset(role.permissions) & PERMISSIONS.keys()


def role_named(name: str) -> Role:
    """Raises UnknownRole, naming the roles there are."""
    builtin = ensure_roles()
    role = builtin.get(name) or db.session.scalar(select(Role).where(Role.name == name))
    if role is None:
        names = ", ".join([*ROLES, *db.session.scalars(select(Role.name).where(~Role.builtin).order_by(Role.name))])
        raise UnknownRole(f"There is no role {name[:60]!r}. Choose one of: {names}.")
    return role


def clean_email(email: str) -> str:
    """The address as it is stored and compared, in small letters. Raises InvalidEmail."""
    email = email.strip().lower()
    name, _, host = email.rpartition("@")
    printable = email.isprintable() and not any(letter.isspace() for letter in email) and "@" not in name
    if not (name and host and printable and len(email) <= 254):
        raise InvalidEmail("This is not an e-mail address. It looks like name@company.example.")
    if "." not in host.strip(".") or ".." in host or host[0] in ".-" or host[-1] in ".-":
        raise InvalidEmail("The part after @ is not complete. It looks like company.example.")
    return email


def by_email(email: str) -> Staff | None:
    """The person with this address, however it is spelt; None if there is none."""
    return db.session.scalar(select(Staff).where(Staff.email == email.strip().lower()))


def create(email: str, name: str, role: Role, password_hash: str, by: Actor) -> Staff:
    """Add somebody to the staff. Raises InvalidEmail, EmailTaken, NotAllowed."""
    may_give(role, by)
    email = clean_email(email)
    if by_email(email):
        raise EmailTaken(f"{email} is on the staff already.")
    name = " ".join(name.split()) or email.partition("@")[0]
    staff = Staff(email=email, name=name[:200], role=role, password_hash=password_hash)
    db.session.add(staff)
    db.session.flush()
    audit.record(by, "staff.created", staff, after={"email": email, "name": staff.name, "role": role.name})
    return staff


def change_role(staff: Staff, role: Role, by: Actor) -> None:
    """Give another role; signs the person out everywhere. Raises NotAllowed, LastOwner."""
    may_give(staff.role, by)
    may_give(role, by)
    if role.name != OWNER:
        _keep_an_owner(staff)
    before = staff.role.name
    staff.role = role
    db.session.flush()
    sign_out_everywhere(staff)
    audit.record(by, "staff.role_changed", staff, before={"role": before}, after={"role": role.name})


def disable(staff: Staff, by: Actor) -> None:
    """Keep the person from signing in, at once. Raises NotAllowed, LastOwner."""
    may_give(staff.role, by)
    _keep_an_owner(staff)
    _set_active(staff, False, "staff.disabled", by)


def enable(staff: Staff, by: Actor) -> None:
    """Let the person sign in again. Raises NotAllowed."""
    may_give(staff.role, by)
    _set_active(staff, True, "staff.enabled", by)


def set_password(staff: Staff, password_hash: str, by: Actor) -> None:
    """Store a new password and end every session, the present one too. Own password, or `staff.edit`."""
    if by.staff_id != staff.id:
        may_give(staff.role, by)
    staff.password_hash = password_hash
    db.session.flush()
    sign_out_everywhere(staff)
    audit.record(by, "staff.password_changed", staff)


def change_details(staff: Staff, by: Actor, *, name: str, language: str) -> None:
    """Change one's own name and language (a locale such as ``de_AT``; empty follows the company)."""
    if by.staff_id != staff.id:
        may_give(staff.role, by)
    values: dict[str, Any] = {"name": " ".join(name.split())[:200] or staff.name, "language": language[:12]}
    before, after = audit.changes(staff, values)
    if after:
        staff.name, staff.language = values["name"], values["language"]
        audit.record(by, "staff.details_changed", staff, before=before, after=after)


def sign_out_everywhere(staff: Staff) -> None:
    """End all sessions of the person."""
    db.session.execute(delete(WebSession).where(WebSession.staff_id == staff.id))


def end_sessions(staff: Staff, by: Actor) -> None:
    """Sign the person out everywhere, leaving a trace. One's own sessions, or `staff.edit`. Raises NotAllowed."""
    if by.staff_id != staff.id:
        may_give(staff.role, by)
    sign_out_everywhere(staff)
    audit.record(by, "staff.session_ended", staff)


def has_owner() -> bool:
    """Whether somebody who can sign in owns this installation."""
    return db.session.scalar(_owners().limit(1)) is not None


def _owners() -> Any:
    return select(Staff.id).join(Role).where(Role.name == OWNER, Staff.active)


def _set_active(staff: Staff, active: bool, verb: str, by: Actor) -> None:
    if staff.active == active:
        return
    staff.active = active
    db.session.flush()
    sign_out_everywhere(staff)
    audit.record(by, verb, staff, before={"active": not active}, after={"active": active})


def may_give(role: Role, by: Actor) -> None:
    """Nobody hands out, or takes away, more than they have."""
    by.require("staff.edit")
    if not all(by.may(permission) for permission in permissions_of(role)):
        raise NotAllowed("You cannot manage somebody with more rights than your own.")


def _keep_an_owner(staff: Staff) -> None:
    """Owners are locked in id order, so that two of them cannot remove each other at the same moment."""
    others = db.session.scalars(_owners().order_by(Staff.id).with_for_update(of=Staff)).all()
    if staff.id in others and len(others) == 1:
        raise LastOwner("This is the only owner. Make somebody else an owner first.")
