"""Signing in from tests. The forms people sign in with have their own tests (web, portal, browser)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from flask import current_app, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

from billing import staff
from billing.actor import system
from billing.passwords import Passwords
from models import Role, Staff, db
from web.proving import enter

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
        """A token of this browser's session, as it stands in every form that this browser is shown."""
        with self.visiting("/admin/account/"):
            return generate_csrf()

    @contextmanager
    def visiting(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """Do in the block what a page at that address would do, for this browser and with its session."""
        db.session.commit()
        with self.application.app_context():
            context = self.application.test_request_context(*args, environ_base=self.environ_base, **kwargs)
            self._add_cookies_to_wsgi(context.request.environ)
            with context:
                yield
                answer = self.application.response_class()
                self.application.session_interface.save_session(self.application, session, answer)
        self._update_cookies_from_response("localhost", "/", answer.headers.getlist("Set-Cookie"))


def make_staff(role: str = "owner", password: str = PASSWORD, **values: Any) -> Staff:
    """A member of staff with a built-in role or an own one; made once per e-mail and left as they are."""
    email = values.pop("email", f"{role}@staff.example")
    known = staff.by_email(email)
    if known:
        return known
    by = system(current_app.clock(), current_app.clock().date())  # type: ignore[attr-defined]
    password_hash = hashed(current_app.extensions["passwords"], password)
    person = staff.create(email, values.pop("name", role.title()), staff.role_named(role), password_hash, by)
    for name, value in values.items():
        setattr(person, name, value)
    db.session.commit()
    return person


@cache
def hashed(passwords: Passwords, password: str) -> str:
    """A real hash of the password, made once a run."""
    return passwords.hash(password)


def make_role(name: str, *permissions: str) -> Role:
    """A role of the shop's own."""
    role = Role(name=name, permissions=list(permissions))
    db.session.add(role)
    db.session.commit()
    return role


def sign_in(client: Browser, role: str = "owner", **values: Any) -> Staff:
    """Sign `client` in as staff with `role` (made if needed); returns the person."""
    person = make_staff(role, **values)
    assert person.active
    number = person.id
    with client.visiting("/admin/sign-in", method="POST"):
        enter(db.session.get_one(Staff, number))
        db.session.commit()
    return person
