"""Logins of a customer: somebody can always manage the account, and every change leaves its trace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import make_customer
from sqlalchemy import select

from billing import portal_users
from billing.actor import Actor, NotAllowed
from billing.portal_users import FirstUser, HasAccess, LastOwner
from models import AuditEvent, PortalRight, PortalUser, WebSession, db


@pytest.fixture
def customer(app):
    return make_customer(name="Lindqvist", username="Anna.L")


def let_in(customer, by, email="anna@m.example", right=PortalRight.OWNER):
    return portal_users.add(customer, email, right=right, password_hash="$argon2id$x", by=by)[0]


def test_a_known_login_reaches_one_more_customer_and_keeps_its_password(customer, by):
    access = let_in(customer, by)
    again, is_new = portal_users.add(make_customer(), "ANNA@m.example", name="Other", password_hash="y", by=by)
    assert (again.portal_user_id, is_new) == (access.portal_user_id, False)
    assert (access.portal_user.password_hash, access.portal_user.name) == ("$argon2id$x", "Lindqvist")
    with pytest.raises(HasAccess):
        let_in(customer, by)


def test_the_last_owner_stays(customer, by):
    owner, tech = let_in(customer, by), let_in(customer, by, "tech@m.example", PortalRight.TECHNICAL)
    for rule in (
        lambda: portal_users.remove(owner, by=by),
        lambda: portal_users.disable(owner, by=by),
        lambda: portal_users.change_right(owner, PortalRight.BILLING, by=by),
    ):
        with pytest.raises(LastOwner):
            rule()
    portal_users.change_right(tech, PortalRight.OWNER, by=by)
    portal_users.change_right(owner, PortalRight.BILLING, by=by)
    with pytest.raises(LastOwner):
        portal_users.disable(tech, by=by)


def test_the_first_login_is_not_removed_by_the_customer_themselves(customer, by):
    first, second = let_in(customer, by), let_in(customer, by, "b@m.example")
    theirs = replace(by, portal_user_id=second.portal_user_id)
    with pytest.raises(FirstUser):
        portal_users.remove(first, by=theirs)
    portal_users.remove(first, by=by)
    assert [a.id for a in portal_users.of(customer)] == [second.id]


def test_who_is_removed_everywhere_is_out_and_comes_back_anew(customer, by):
    let_in(customer, by, "b@m.example")
    access = let_in(customer, by)
    user = access.portal_user
    row = WebSession(token_hash="0" * 64, portal_user_id=user.id, started_at=by.at, seen_at=by.at, confirmed_at=by.at)
    db.session.add(row)
    db.session.flush()
    portal_users.remove(access, by=by)
    assert user.password_hash == "" and db.session.query(WebSession).count() == 0
    again, is_new = portal_users.add(customer, "anna@m.example", by=by)
    assert is_new and again.portal_user_id == user.id and db.session.query(PortalUser).count() == 2


def test_a_user_name_stands_for_the_first_owner(customer, by):
    let_in(customer, by, "tech@m.example", PortalRight.TECHNICAL)
    let_in(customer, by)
    assert portal_users.login_of(" anna.l ") == "anna@m.example"
    for typed in ("nobody", "", "anna@x", "a" * 65, "\0"):
        assert portal_users.login_of(typed) == typed.replace("\0", "")


def test_only_the_person_or_the_system_sets_a_password(customer, by):
    user = let_in(customer, by).portal_user
    staff = Actor("Staff", by.at, by.today, frozenset({"customers.edit"}), staff_id=1)
    with pytest.raises(NotAllowed):
        portal_users.set_password(user, "$argon2id$y", by=staff)
    portal_users.set_password(user, "$argon2id$y", by=Actor("Anna", by.at, by.today, portal_user_id=user.id))
    assert user.password_hash == "$argon2id$y"


def test_everything_is_written_down_and_needs_the_permission(customer, by):
    access = let_in(customer, by)
    let_in(customer, by, "b@m.example")
    portal_users.disable(access, by=by), portal_users.enable(access, by=by)
    portal_users.change_right(access, PortalRight.READ_ONLY, by=by), portal_users.remove(access, by=by)
    query = select(AuditEvent.verb).where(AuditEvent.customer_id == customer.id).order_by(AuditEvent.id)
    found = [verb.removeprefix("portal_access.") for verb in db.session.scalars(query)]
    assert found == ["added", "added", "disabled", "enabled", "right_changed", "removed"]
    nobody = Actor("Nobody", by.at, by.today)
    with pytest.raises(NotAllowed):
        let_in(customer, nobody, "c@m.example")
    for rule in (portal_users.disable, portal_users.enable, portal_users.remove):
        with pytest.raises(NotAllowed):
            rule(access, by=nobody)
