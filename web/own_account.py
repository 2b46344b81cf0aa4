"""What "Your account" of both faces has in common: the password, and the names of browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from billing import sign_in
from models import PortalUser, Staff, db

from . import sessions
from .forms import GoodPassword, Same, put_error
from .permissions import actor, signed_in_portal_user, signed_in_staff
from .proving import passwords, prove

# Marks in a user agent, the more special one first: everybody calls himself Safari.
BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)  # fmt: skip


def myself() -> Staff | PortalUser:
    """Whoever is signed in."""
    person = signed_in_staff() or signed_in_portal_user()
    assert person is not None
    return person


class PasswordForm(FlaskForm):
    current = PasswordField(_l("Current password"), [InputRequired(_l("Type the password you have now."))])
    password = PasswordField(_l("New password"), [InputRequired(_l("Choose a password.")), GoodPassword(person=myself)])
    repeat = PasswordField(_l("Repeat new password"), [Same("password")])


def change_password(form: PasswordForm, store: Callable[..., None]) -> bool:
    """Store the new password if the current one is right, with a new session for this browser and none elsewhere.

    The new one is hashed before the transaction begins that stores it; `store` takes the person, the hash and `by`.
    """
    kind, email = type(myself()), myself().email
    db.session.rollback()
    password_hash = passwords().hash(form.password.data)
    try:
        person: Any = prove(kind, email, form.current.data)
    except sign_in.TooManyTries as refusal:
        put_error(form.current, str(refusal))
        return False
    if person is None:
        put_error(form.current, _("This is not your current password."))
        return False
    store(person, password_hash, by=actor())
    sessions.start(person)
    return True


def browser_name(user_agent: str) -> str:
    """``Firefox on Linux``: what its owner calls it."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or user_agent[:40] or _("Unknown browser")
