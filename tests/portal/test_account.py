"""A portal user's own page: what they change themselves, and that nobody else is touched."""

from __future__ import annotations

import pytest
from factories import make_company, make_customer
from signing_in import PASSWORD
from sqlalchemy import func, select

from billing import portal_users
from models import AuditEvent, PortalUser, WebSession, db

ACCOUNT, NEW = "/portal/account", "a long enough secret"


@pytest.fixture
def anna(app, by, client) -> PortalUser:
    """Somebody who is signed in twice."""
    make_company()
    customer = make_customer(name="Lindqvist", email="anna@lindqvist.example")
    hashed = app.extensions["passwords"].hash(PASSWORD)
    access, _new = portal_users.add(customer, customer.email, name="Anna", password_hash=hashed, by=by)
    number = access.portal_user_id
    db.session.commit()
    for browser in (app.test_client(), client):
        enter(browser)
    return db.session.get_one(PortalUser, number)


def token(client, path=ACCOUNT) -> str:
    return client.get(path).text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def enter(browser, password=PASSWORD):
    sent = {"csrf_token": token(browser, "/portal/sign-in"), "login": "anna@lindqvist.example", "password": password}
    return browser.post("/portal/sign-in", data=sent, csrf=False)


def send(client, path, **data):
    return client.post(f"{ACCOUNT}/{path}", data={"csrf_token": token(client), **data}, csrf=False)


def test_name_and_language(client, anna):
    assert send(client, "details", name=" Anna Lindqvist ", language="de").status_code == 302
    db.session.expire_all()
    assert (anna.name, anna.language) == ("Anna Lindqvist", "de")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "portal_user.details_changed")).one()
    assert (event.portal_user_id, event.before["name"]) == (anna.id, "Anna")
    assert send(client, "details", name=" ", language="de").status_code == 400
    assert send(client, "details", name="A", language="xx").status_code == 400


def test_a_new_password_signs_out_everywhere_else(client, anna):
    answer = send(client, "password", current="wrong", password=NEW, repeat=NEW)
    assert answer.status_code == 400
    assert "This is not your current password." in answer.text
    assert send(client, "password", current=PASSWORD, password="short", repeat="short").status_code == 400
    assert send(client, "password", current=PASSWORD, password=NEW, repeat=NEW).status_code == 302
    assert db.session.scalar(select(func.count(WebSession.id))) == 1
    assert client.get(ACCOUNT).status_code == 200
    assert enter(client.application.test_client(), NEW).status_code == 302


def test_sessions_are_shown_and_ended_one_or_all(client, anna):
    ids = db.session.scalars(select(WebSession.id).order_by(WebSession.id)).all()
    assert client.get(ACCOUNT).text.count("last seen") == 2
    send(client, "sessions/end", session="999999")
    assert db.session.scalar(select(func.count(WebSession.id))) == 2
    send(client, "sessions/end", session=str(ids[0]))
    assert db.session.scalars(select(WebSession.id)).all() == ids[1:]
    enter(client.application.test_client())
    send(client, "sessions/end")
    assert db.session.scalars(select(WebSession.id)).all() == ids[1:]
    assert client.get(ACCOUNT).status_code == 200


def test_only_what_the_form_offers_is_taken(client, anna):
    before = anna.email, anna.active, anna.password_hash
    send(client, "details", name="Anna", language="", email="x@example.org", active="", password_hash="x", id="9")
    db.session.expire_all()
    assert (anna.email, anna.active, anna.password_hash) == before
