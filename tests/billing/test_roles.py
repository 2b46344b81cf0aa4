"""Own roles: nobody grants, or reaches, more than they have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from signing_in import make_role, make_staff
from sqlalchemy import func, select

from billing import roles, staff
from billing.actor import NotAllowed
from models import AuditEvent, Role, WebSession, db


def limited(by):
    return replace(by, permissions=frozenset({"staff.edit", "customers.view"}))


def test_a_role_is_made_and_changed_with_a_trace(by):
    role = roles.create(" Front desk ", ["customers.view"], by)
    assert (role.name, role.builtin, role.permissions) == ("Front desk", False, ["customers.view"])
    roles.change(role, "Front desk", ["customers.view", "customers.edit"], by)
    assert staff.permissions_of(role) == {"customers.view", "customers.edit"}
    assert list(db.session.scalars(select(AuditEvent.verb).order_by(AuditEvent.id))) == ["role.created", "role.changed"]


def test_nobody_grants_what_they_do_not_have(by):
    with pytest.raises(NotAllowed):
        roles.create("More", ["payments.edit"], limited(by))
    strong = roles.create("Strong", ["payments.edit"], by)
    with pytest.raises(NotAllowed):
        roles.change(strong, "Strong", ["customers.view"], limited(by))
    with pytest.raises(NotAllowed):
        roles.delete(strong, limited(by))
    with pytest.raises(NotAllowed):
        roles.create("Any", ["customers.view"], replace(by, permissions=frozenset({"customers.view"})))


@pytest.mark.parametrize(("name", "permissions"), [("Owner", ["customers.view"]), ("X", ["root"]), ("X", [])])
def test_refused(by, name, permissions):
    staff.ensure_roles()
    with pytest.raises(roles.RoleRefused):
        roles.create(name, permissions, by)


def test_built_in_roles_stay(by):
    role = staff.role_named("viewer")
    for do in (lambda: roles.change(role, "Looker", ["customers.view"], by), lambda: roles.delete(role, by)):
        with pytest.raises(roles.RoleRefused):
            do()


def test_whoever_has_the_role_is_signed_out_when_it_changes(by):
    make_role("Desk", "customers.view")
    person = make_staff("Desk", email="desk@shop.example")
    moments = {"started_at": by.at, "seen_at": by.at, "confirmed_at": by.at}
    db.session.add(WebSession(token_hash="x", staff_id=person.id, **moments))
    roles.change(person.role, "Reception", ["customers.view"], by)
    assert db.session.scalar(select(func.count(WebSession.id))) == 1
    roles.change(person.role, "Reception", ["invoices.view"], by)
    assert db.session.scalar(select(func.count(WebSession.id))) == 0


def test_a_role_somebody_has_is_kept(by):
    make_role("Desk", "customers.view")
    person = make_staff("Desk", email="desk@shop.example")
    with pytest.raises(roles.RoleRefused):
        roles.delete(person.role, by)
    empty = roles.create("Empty", ["customers.view"], by)
    roles.delete(empty, by)
    assert db.session.scalar(select(Role).where(Role.name == "Empty")) is None
