"""Roles: what somebody may do, who the rules are told it was, and what becomes of those who may not."""

from __future__ import annotations

import pytest
from factories import make_company
from flask import jsonify
from signing_in import make_role, make_staff, sign_in

from app import create_app
from billing import staff
from billing.permissions import PERMISSIONS, ROLES
from models import Role, db
from web.permissions import actor, allows, current_portal_user, current_staff, needs


@pytest.fixture
def guarded(app):
    """An app with one page for those who may record payments, and one that tells who asks."""
    config = {name: app.config[name] for name in ("TESTING", "SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "CLOCK")}
    made = create_app({**config, "PASSWORD_COST": 1, "PROXIES": 1})
    made.test_client_class = app.test_client_class

    @made.route("/till", methods=["GET", "POST"])
    @needs("payments.edit")
    def till():
        return "open"

    @made.get("/who")
    def who():
        by = actor()
        facts = {name: str(getattr(by, name)) for name in ("name", "at", "today", "staff_id", "address")}
        return jsonify(
            facts, sorted(by.permissions), bool(current_staff), bool(current_portal_user), allows("audit.view")
        )

    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("role", sorted(ROLES))
def test_each_role_gets_in_where_it_may(guarded, role):
    client = guarded.test_client()
    make_staff()
    person = sign_in(client, role)
    may = "payments.edit" in ROLES[role]
    assert client.get("/till").status_code == (200 if may else 403)
    assert client.post("/till").status_code == (200 if may else 403)
    facts, permissions, is_staff, is_portal, audit = client.get("/who").json
    assert permissions == sorted(ROLES[role])
    assert (is_staff, is_portal, audit) == (True, False, "audit.view" in ROLES[role])
    assert (facts["name"], facts["staff_id"]) == (role.title(), str(person.id))


def test_a_role_of_ones_own_allows_what_it_says_and_nothing_unknown(guarded):
    make_role("Till", "payments.edit", "everything.at_once")
    make_staff()
    client = guarded.test_client()
    sign_in(client, "Till", email="till@staff.example")
    assert client.get("/till").status_code == 200
    assert client.get("/who").json[1] == ["payments.edit"]


def test_a_refusal_is_told_and_logged(guarded, caplog):
    make_staff()
    client = guarded.test_client()
    sign_in(client, "viewer")
    assert "Your role does not include this page" in client.get("/till").text
    (line,) = [r.getMessage() for r in caplog.records if "access refused" in r.getMessage()]
    assert '"permission": "payments.edit"' in line


def test_nobody_is_sent_to_sign_in_and_only_a_look_leads_back(guarded):
    make_staff()
    client = guarded.test_client()
    assert client.get("/till?a=1").location == "/admin/sign-in?next=/till?a%3D1"
    assert client.post("/till").location == "/admin/sign-in"
    facts, permissions, is_staff, is_portal, audit = client.get("/who").json
    assert (facts["name"], permissions, is_staff, is_portal, audit) == ("Visitor", [], False, False, False)


def test_the_actor_has_the_days_of_the_business_and_the_address_of_the_proxy(guarded, clock):
    make_company(timezone="Pacific/Auckland")
    clock.advance(hours=12)
    answer = guarded.test_client().get("/who", headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})
    facts = answer.json[0]
    assert (facts["at"], facts["today"]) == ("2026-11-22 21:30:00+00:00", "2026-11-23")
    assert facts["address"] == "198.51.100.7"


def test_builtin_roles_follow_the_code(app):
    roles = staff.ensure_roles()
    assert set(roles) == set(ROLES)
    roles["viewer"].permissions = list(PERMISSIONS)
    db.session.flush()
    assert staff.permissions_of(roles["viewer"]) == ROLES["viewer"]
    staff.ensure_roles()
    db.session.flush()
    assert set(db.session.get(Role, roles["viewer"].id).permissions) == ROLES["viewer"]


def test_somebody_whose_role_changed_has_the_new_rights_after_signing_in(guarded, by):
    make_staff()
    client = guarded.test_client()
    person = sign_in(client, "billing")
    staff.change_role(person, staff.role_named("viewer"), by)
    assert client.get("/till").status_code == 302
    sign_in(client, email="billing@staff.example")
    assert client.get("/till").status_code == 403
