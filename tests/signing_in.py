"""Signing in from tests, the way a person does."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing import staff
from billing.actor import system
from models import Role, Staff, db

PASSWORD = "correct horse battery staple"


class Browser(FlaskClient):
    """Each request runs in an app context of its own, as in real life: nothing is left over from the last one.

    What the test has written so far is committed first; a test that kept its transaction open would hold the lock
    of SQLite that the request needs. `post` sends the CSRF token of the session unless told otherwise.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        db.session.commit()
        with self.application.app_context():
            return super().open(*args, **kwargs)

    def post(self, *args: Any, csrf: bool = True, **kwargs: Any) -> TestResponse:
        data = kwargs.get("data")
        if csrf and (data is None or isinstance(data, dict)):
            kwargs["data"] = {"csrf_token": self.csrf_token(), **(data or {})}
        return super().post(*args, **kwargs)

    def csrf_token(self) -> str:
        """A token of this browser's session, taken from the page that anybody may see."""
        page = self.get("/admin/account/", follow_redirects=True).text
        return page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


def make_staff(role: str = "owner", password: str = PASSWORD, **values: Any) -> Staff:
    """A member of staff with a built-in role or an own one; made once per e-mail and left as they are."""
    from flask import current_app

    email = values.pop("email", f"{role}@staff.example")
    known = staff.by_email(email)
    if known:
        return known
    by = system(current_app.clock(), current_app.clock().date())  # type: ignore[attr-defined]
    password_hash = current_app.extensions["passwords"].hash(password)
    person = staff.create(email, values.pop("name", role.title()), staff.role_named(role), password_hash, by)
    for name, value in values.items():
        setattr(person, name, value)
    db.session.commit()
    return person


def make_role(name: str, *permissions: str) -> Role:
    """A role of the shop's own."""
    role = Role(name=name, permissions=list(permissions))
    db.session.add(role)
    db.session.commit()
    return role


def sign_in(client: FlaskClient, role: str = "owner", **values: Any) -> Staff:
    """Sign `client` in as staff with `role` (made if needed); returns the person."""
    person = make_staff(role, **values)
    password = values.get("password", PASSWORD)
    answer = client.post("/admin/sign-in", data={"email": person.email, "password": password})
    assert answer.status_code == 302, f"sign-in answered {answer.status_code}"
    return person
