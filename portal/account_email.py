"""Another address to sign in with: asked for with the password, taken once the link in the mail to it is followed.

Looking at the link uses nothing up, because mail scanners look first; the token waits in the browser's signed cookie.
Nobody has to be signed in for it, as the mail may be read elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.exceptions import BadRequest
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from billing import portal_links, portal_people, portal_users
from billing.sign_in import TooManyTries
from messaging import portal_mail
from models import BillingError, PortalAccess, PortalUser, db
from web import redirects, sessions
from web.entering import own_hands
from web.forms import put_error, stripped
from web.permissions import actor, signed_in_portal_user
from web.proving import prove

from . import account
from .pages import for_customer, pages

KEPT = "confirm_email"


class EmailForm(FlaskForm):
    email = StringField(_l("New address"), [InputRequired(_l("Type the new address."))], filters=[stripped])
    proof = PasswordField(_l("Your password"), [InputRequired(_l("Type the password you have now."))])


@pages.post("/account/email")
@own_hands
@for_customer
def account_email(access: PortalAccess) -> Any:
    form, customer_id = EmailForm(), access.customer_id
    if not (form.validate_on_submit() and _asked(form, customer_id)):
        db.session.rollback()
        return account.again(customer_id, email=form), 400
    db.session.commit()
    said = _("A mail with a link is on its way to %(email)s. Until you follow it, all stays as it is.",
             email=form.email.data)  # fmt: skip
    flash(said, "success")
    return redirect(url_for("portal.account"))


def _asked(form: EmailForm, customer_id: int) -> bool:
    """Queue the link, if the password is right and the address can be one."""
    person = signed_in_portal_user()
    assert person is not None
    try:
        proven = prove(PortalUser, person.email, form.proof.data or "")
        if proven is None:
            put_error(form.proof, _("This is not your password."))
            return False
        customer = account.customer_of(customer_id)
        portal_mail.ask_to_confirm(
            proven, customer, form.email.data or "", base_url=redirects.absolute(""), by=actor()
        )  # fmt: skip
    except TooManyTries as refusal:
        put_error(form.proof, str(refusal))
    except BadRequest:
        put_error(form.email, _("Mails with links cannot be sent at the moment. Write to us."))
    except BillingError as refusal:
        put_error(form.email, str(refusal))
    else:
        return True
    return False


@pages.get("/confirm-email/<token>")
@own_hands
def follow_email(token: str) -> Response:
    if portal_links.confirms(token, sessions.now()) is None:
        return _dead()
    session[KEPT] = token
    return _untold(redirect(url_for("portal.confirm_email"), 303))


@pages.get("/confirm-email")
@own_hands
def confirm_email() -> Response:
    found = portal_links.confirms(str(session.get(KEPT, "")), sessions.now())
    if found is None:
        return _dead()
    user, email = found
    return _untold(render_template("portal/confirm_email.html", user=user, email=email, problem=""))


@pages.post("/confirm-email")
@own_hands
def take_email() -> Response:
    token = str(session.get(KEPT, ""))
    found = portal_links.confirms(token, sessions.now())
    user = portal_links.use(token, sessions.now(), {portal_links.EMAIL}) if found else None
    if found is None or user is None:
        db.session.rollback()
        return _dead()
    email, name, signed_in = found[1], str(user), signed_in_portal_user()
    by = replace(actor(), name=name, permissions=frozenset(), staff_id=None, portal_user_id=user.id)
    try:
        old = portal_people.change_email(user, email, by=by)
    except portal_people.EmailTaken as refusal:
        db.session.rollback()
        page = render_template("portal/confirm_email.html", user=user, email=email, problem=str(refusal))
        return _untold(make_response(page, 409))
    mine = portal_users.accesses(user)
    if mine:
        portal_mail.tell_changed(user, mine[0].customer, old, by=by)
    here = signed_in is not None and signed_in.id == user.id
    sessions.end_others(user, keep=current_user.row if here else None)
    session.pop(KEPT, None)
    db.session.commit()
    flash(_("You sign in with %(email)s from now on.", email=email), "success")
    return _untold(redirect(url_for("portal.account" if here else "portal.sign_in"), 303))


def _dead() -> Response:
    """One page for every link that does not work: used, run out, replaced, mistyped or never made."""
    session.pop(KEPT, None)
    return _untold(make_response(render_template("portal/dead_link.html", asked_in="portal.account"), 404))


def _untold(answer: Any) -> Response:
    response = make_response(answer)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
