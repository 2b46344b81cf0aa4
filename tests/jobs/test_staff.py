"""`flask staff create`: one line for what is wrong, the password once for what is right."""

from __future__ import annotations

import pytest
from signing_in import make_role
from sqlalchemy import func, select

from models import AuditEvent, Staff, db


def run(app, *args):
    return app.test_cli_runner().invoke(args=["staff", "create", *args])


def test_the_printed_password_signs_in_and_is_kept_only_as_a_hash(app, client):
    done = run(app, "Maeve@Harbour.example", "--role", "owner", "--name", "Maeve Brennan")
    assert done.exit_code == 0, done.output
    password = done.output.splitlines()[-1]
    person = db.session.scalar(select(Staff))
    assert (person.email, person.name, person.role.name) == ("maeve@harbour.example", "Maeve Brennan", "owner")
    assert person.password_hash.startswith("$argon2id$")
    assert password not in person.password_hash
    answer = client.post("/admin/sign-in", data={"email": "maeve@harbour.example", "password": password})
    assert answer.status_code == 302
    event = db.session.scalar(select(AuditEvent).where(AuditEvent.verb == "staff.created"))
    assert (event.actor, event.after["role"]) == ("Command line", "owner")
    assert password not in str(event.after)


def test_an_own_role_can_be_given(app):
    make_role("Night desk", "customers.view")
    assert run(app, "kim@harbour.example", "--role", "Night desk").exit_code == 0
    assert db.session.scalar(select(Staff)).name == "kim"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["maeve", "--role", "owner"], "This is not an e-mail address."),
        (["maeve@harbour", "--role", "owner"], "The part after @ is not complete."),
        (["a b@harbour.example", "--role", "owner"], "This is not an e-mail address."),
        (["kim@harbour.example", "--role", "king"], "There is no role 'king'. Choose one of: owner, admin,"),
        (["kim@harbour.example"], "Say which role"),
        (["taken@harbour.example", "--role", "viewer"], "on the staff already"),
    ],
)
def test_what_is_wrong_is_one_line_and_adds_nobody(app, args, says):
    assert run(app, "TAKEN@harbour.example", "--role", "owner").exit_code == 0
    refused = run(app, *args)
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: ")
    assert says in refused.output
    assert len(refused.output.strip().splitlines()) == 1
    assert db.session.scalar(select(func.count(Staff.id))) == 1
