"""Your account: own details, own password, own sessions, and nobody else's."""

from __future__ import annotations

import re

import pytest
from signing_in import PASSWORD, make_staff, sign_in
from sqlalchemy import func, select

from billing.sign_in import TRIES_PER_ACCOUNT
from models import AuditEvent, Staff, WebSession, db

NEW = "a new and longer password"


def change(client, current=PASSWORD, password=NEW, repeat=NEW):
    data = {"current": current, "password": password, "repeat": repeat}
    return client.post("/admin/account/password", data=data)


def is_in(client) -> bool:
    return client.get("/admin/account/").status_code == 200


def sessions_of(person) -> list[int]:
    return list(db.session.scalars(select(WebSession.id).where(WebSession.staff_id == person.id)))


def test_details_are_saved_and_written_down(client):
    person = sign_in(client, "viewer")
    data = {"name": " Maeve  Brennan ", "language": "de", "theme": "light", "role_id": "1", "email": "x@y.example"}
    assert client.post("/admin/account/details", data=data).status_code == 302
    db.session.expire_all()
    assert (person.name, person.language, person.role.name) == ("Maeve Brennan", "de", "viewer")
    assert person.email == "viewer@staff.example"
    event = db.session.scalar(select(AuditEvent).where(AuditEvent.verb == "staff.details_changed"))
    assert (event.before, event.after) == (
        {"name": "Viewer", "language": ""},
        {"name": "Maeve Brennan", "language": "de"},
    )


@pytest.mark.parametrize("data", [{"name": " "}, {"name": "x" * 201}, {"name": "x", "language": "tlh"}])
def test_wrong_details_are_said_and_not_saved(client, data):
    person = sign_in(client, "viewer")
    answer = client.post("/admin/account/details", data={"language": "", "theme": "auto", **data})
    assert answer.status_code == 400
    assert "1 field needs a look." in answer.text
    db.session.expire_all()
    assert person.name == "Viewer"


def test_a_new_password_ends_every_other_session_and_renews_this_one(client):
    person = sign_in(client)
    elsewhere = client.application.test_client()
    sign_in(elsewhere)
    kept, before = client.get_cookie("tillbook").value, set(sessions_of(person))
    assert change(client).status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)
    assert len(sessions_of(person)) == 1
    assert not before & set(sessions_of(person)) or client.get_cookie("tillbook").value != kept
    client.set_cookie("tillbook", kept)
    assert not is_in(client)
    sign_in(client, password=NEW)
    assert db.session.scalar(select(func.count()).where(AuditEvent.verb == "staff.password_changed")) == 1


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"current": "wrong"}, "current", "This is not your current password."),
        ({"current": ""}, "current", "Type the password you have now."),
        ({"password": "short", "repeat": "short"}, "password", "Too short."),
        ({"password": "iloveyou1", "repeat": "iloveyou1"}, "password", "Too easy to guess"),
        ({"password": "owner@staff.example", "repeat": "owner@staff.example"}, "password", "your own name or e-mail"),
        ({"repeat": "something else"}, "repeat", "The two are not the same."),
    ],
)
def test_a_refused_password_changes_nothing(client, values, field, says):
    person = sign_in(client)
    before = person.password_hash
    answer = change(client, **values)
    assert answer.status_code == 400
    assert says in answer.text.split(f'id="{field}-about"', 1)[1].split("</p>", 1)[0]
    db.session.expire_all()
    assert person.password_hash == before
    assert is_in(client)


def test_the_current_password_cannot_be_guessed_here_either(client):
    sign_in(client)
    for _ in range(TRIES_PER_ACCOUNT):
        assert "not your current password" in change(client, current="wrong").text
    assert "Too many wrong tries." in change(client).text


def test_one_session_can_be_ended_from_another(client):
    person = sign_in(client)
    elsewhere = client.application.test_client()
    sign_in(elsewhere)
    page = client.get("/admin/account/").text
    (other,) = re.findall('name="session" value="([0-9]+)"', page)
    assert client.post("/admin/account/sessions/end", data={"session": other}).status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)
    assert len(sessions_of(person)) == 1


def test_signing_out_everywhere_else(client):
    sign_in(client)
    others = [client.application.test_client() for _ in range(2)]
    for other in others:
        sign_in(other)
    client.post("/admin/account/sessions/end-others")
    assert is_in(client)
    assert not any(is_in(other) for other in others)


def test_somebody_elses_session_is_out_of_reach(client):
    elsewhere = client.application.test_client()
    stranger = sign_in(elsewhere, "viewer")
    sign_in(client)
    (theirs,) = sessions_of(stranger)
    client.post("/admin/account/sessions/end", data={"session": str(theirs)})
    assert is_in(elsewhere)


@pytest.mark.parametrize("session", ["", "x", "-1", "1e0", "١", "9" * 30])
def test_an_odd_session_number_is_refused(client, session):
    sign_in(client)
    assert client.post("/admin/account/sessions/end", data={"session": session}).status_code == 400


def test_nobody_signed_in_gets_nothing(client):
    make_staff()
    for path in ("details", "password", "sessions/end", "sessions/end-others"):
        answer = client.post(f"/admin/account/{path}", data={"name": "x", "session": "1"})
        assert (answer.status_code, answer.location) == (302, "/admin/sign-in"), path
    assert db.session.scalar(select(Staff.name)) == "Owner"
