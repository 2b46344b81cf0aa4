"""Roles of the shop's own: named sets of permissions, made by those who have these permissions themselves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from models import FieldError, Role, Staff, db

from . import audit, staff
from .actor import Actor, NotAllowed
from .permissions import PERMISSIONS, ROLES
from .texts import one_line


class RoleRefused(FieldError):
    """A role cannot be like this; `field` names what is wrong."""


def create(name: str, permissions: Iterable[str], by: Actor) -> Role:
    """Make a role. Raises NotAllowed, RoleRefused, InvalidText."""
    granted = _given(permissions, by)
    role = Role(name=_free_name(name), builtin=False, permissions=granted)
    db.session.add(role)
    db.session.flush()
    audit.record(by, "role.created", role, after={"name": role.name, "permissions": ", ".join(granted)})
    return role


def change(role: Role, name: str, permissions: Iterable[str], by: Actor) -> None:
    """Change a role of the shop's own; whoever has it is signed out. Raises NotAllowed, RoleRefused, InvalidText."""
    granted = _given(permissions, by)
    _keep_own(role, by)
    values = {"name": _free_name(name, role), "permissions": granted}
    before = {key: getattr(role, key) for key, new in values.items() if getattr(role, key) != new}
    if not before:
        return
    after = {key: values[key] for key in before}
    role.name, role.permissions = str(values["name"]), granted
    db.session.flush()
    if "permissions" in after:
        for person in db.session.scalars(select(Staff).where(Staff.role_id == role.id)):
            staff.sign_out_everywhere(person)
    audit.record(by, "role.changed", role, before=audit.plain(before), after=audit.plain(after))


def delete(role: Role, by: Actor) -> None:
    """Delete a role that nobody has. Raises NotAllowed, RoleRefused."""
    by.require("staff.edit")
    _keep_own(role, by)
    if db.session.scalar(select(Staff.id).where(Staff.role_id == role.id).limit(1)):
        raise RoleRefused(f"Somebody has the role {role.name}. Give them another one first.")
    audit.record(by, "role.deleted", role, before={"name": role.name, "permissions": ", ".join(role.permissions)})
    db.session.delete(role)
    db.session.flush()


def _given(permissions: Iterable[str], by: Actor) -> list[str]:
    by.require("staff.edit")
    wanted = sorted(set(permissions))
    if not set(wanted) <= PERMISSIONS.keys():
        raise RoleRefused("Choose permissions from the list.", "permissions")
    if not wanted:
        raise RoleRefused("Tick at least one permission.", "permissions")
    if not all(by.may(name) for name in wanted):
        raise NotAllowed("You cannot give a right that you do not have yourself.")
    return wanted


def _keep_own(role: Role, by: Actor) -> None:
    """Built-in roles follow the program; a role with more rights than one's own is out of reach."""
    if role.builtin:
        raise RoleRefused("This role comes with Tillbook and cannot be changed. Make your own instead.")
    if not all(by.may(name) for name in staff.permissions_of(role)):
        raise NotAllowed("You cannot change a role with more rights than your own.")


def _free_name(name: str, role: Role | None = None) -> str:
    name = one_line(name, 60, "The name")
    known = db.session.scalar(select(Role).where(Role.name == name))
    if name.casefold() in ROLES or (known is not None and known is not role):
        raise RoleRefused("There is a role of this name already. Choose another name.")
    return name
