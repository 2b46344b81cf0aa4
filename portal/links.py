"""The link in a mail that lets somebody choose a password.

Looking at it uses nothing up, because mail scanners look first. The token leaves the address at once: it waits in the
browser's signed cookie, and no page that carries it tells another one where the reader came from.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Response, flash, make_response, redirect, render_template, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from billing import portal_links, portal_users
from models import PortalUser, db
from web import second_step, sessions
from web.entering import own_hands
from web.forms import GoodPassword, Same
from web.permissions import actor
from web.proving import passwords

from .pages import pages
from .sign_in import HOME

KEPT = "set_password"


class ChooseForm(FlaskForm):
    password = PasswordField(_l("New password"), description=_l("8 characters or more."))
    repeat = PasswordField(_l("Repeat password"), [Same("password")])

    def __init__(self, user: PortalUser) -> None:
        super().__init__()
        self.password.validators = [
            InputRequired(_("Choose a password.")),
            GoodPassword(person=lambda: user),
        ]


@pages.get("/set-password/<token>")
@own_hands
def follow(token: str) -> Response:
    if portal_links.find(token, sessions.now()) is None:
        return _dead()
    session[KEPT] = token
    return _untold(redirect(url_for("portal.choose"), 303))  # type: ignore[arg-type]


@pages.get("/set-password")
@own_hands
def choose() -> Response:
    user = portal_links.find(str(session.get(KEPT, "")), sessions.now())
    return _untold(make_response(_form(ChooseForm(user), user))) if user else _dead()


@pages.post("/set-password")
@own_hands
def set_password() -> Response:
    token = str(session.get(KEPT, ""))
    user = portal_links.find(token, sessions.now())
    if user is None:
        return _dead()
    form = ChooseForm(user)
    if not form.validate_on_submit():
        return _untold(make_response(_form(form, user), 400))
    db.session.rollback()  # no password is hashed inside a transaction
    hashed = passwords().hash(form.password.data)
    user = portal_links.use(token, sessions.now())
    if user is None:
        db.session.rollback()
        return _dead()
    by = replace(actor(), name=str(user), permissions=frozenset(), staff_id=None, portal_user_id=user.id)
    portal_users.set_password(user, hashed, by=by)
    if not portal_users.may_come(user):
        session.clear()
        db.session.commit()
        flash(_("Your password is set. The account is closed for now; ask us to open it."), "info")
        return _untold(redirect(url_for("portal.sign_in")))  # type: ignore[arg-type]
    answer = second_step.come_in(user, HOME)
    db.session.commit()
    return _untold(answer)  # type: ignore[arg-type]


def _form(form: ChooseForm, user: PortalUser) -> str:
    return render_template("portal/set_password.html", form=form, user=user)


def _dead() -> Response:
    """One page for every link that does not work: used, run out, replaced, mistyped or never made."""
    session.pop(KEPT, None)
    return _untold(make_response(render_template("portal/dead_link.html"), 404))


def _untold(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
