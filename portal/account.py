"""A portal user's own page: name and language, password, second step, where they are signed in, and who looked in."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from billing import audit, portal_users, second_step, visits
from models import Customer, Money, PortalAccess, PortalRight, PortalUser, db
from web import languages, params, sessions
from web.entering import own_hands
from web.forms import choices, stripped
from web.own_account import PasswordForm, browser_name, change_password
from web.permissions import actor, signed_in_portal_user

from . import account_email
from .pages import ID, for_customer, others, pages


class DetailsForm(FlaskForm):
    name = StringField(_l("Name"), [DataRequired(_l("Type your name.")), Length(max=200)], filters=[stripped])
    language = SelectField(_l("Language and formats"))


@pages.get("/account")
@pages.get(f"/<{ID}:customer_id>/account")
@for_customer
def account(access: PortalAccess) -> str:
    return _page(access)


@pages.post("/account/details")
@own_hands
@for_customer
def account_details(access: PortalAccess) -> Any:
    form = _details(_myself())
    if not form.validate_on_submit():
        return _page(access, details=form), 400
    portal_users.change_details(_myself(), name=form.name.data or "", language=form.language.data or "", by=actor())
    db.session.commit()
    return _done(_("Your details are saved."))


@pages.post("/account/password")
@own_hands
@for_customer
def account_password(access: PortalAccess) -> Any:
    form = PasswordForm()
    if not (form.validate_on_submit() and change_password(form, portal_users.set_password)):
        return _page(access, password=form), 400
    db.session.commit()
    return _done(_("Your password is changed. You were signed out everywhere else."))


@pages.post("/account/sessions/end")
@own_hands
@for_customer
def end_session(access: PortalAccess) -> Any:
    """One of the others, or all of them."""
    person, wanted = _myself(), request.form.get("session", "")
    if wanted:
        ended = sessions.end(params.number(request.form, "session"), person)
    else:
        ended = bool(sessions.end_others(person, keep=current_user.row))
    if ended:
        audit.record(actor(), "portal_user.session_ended", person)
    db.session.commit()
    return _done(_("That browser is signed out.") if wanted else _("You are signed out everywhere else."))


def _myself() -> PortalUser:
    person = signed_in_portal_user()
    assert person is not None
    return person


def _details(person: PortalUser) -> DetailsForm:
    form = DetailsForm(name=person.name, language=person.language)
    form.language.choices = choices([("", _("As the account")), *languages.choices()])
    return form


def _done(said: str) -> Any:
    flash(said, "success")
    return redirect(url_for("portal.account"))


def customer_of(customer_id: int) -> Customer:
    """The customer the person is at, read once more."""
    return next(one.customer for one in others() if one.customer_id == customer_id)


def again(customer_id: int, **forms: Any) -> str:
    """The page with a form that was refused."""
    return _page(next(one for one in others() if one.customer_id == customer_id), **forms)


def _page(
    access: PortalAccess, details: DetailsForm | None = None, password: PasswordForm | None = None, email: Any = None
) -> str:
    entered = getattr(current_user, "visit", None) is not None
    person = _myself()
    return render_template(
        "portal/account.html",
        customer=access.customer,
        others=others(),
        entered=entered,
        details=details or _details(person),
        password=password or PasswordForm(formdata=None),
        email=email or account_email.EmailForm(formdata=None),
        example_day=actor().today,
        example_amount=Money(123450, access.customer.currency),
        second_step=None if entered else second_step.of(person),
        sessions=() if entered else sessions.of(person),
        this_session=current_user.row,
        browser_name=browser_name,
        visits=visits.shown_to(access.customer) if access.right == PortalRight.OWNER else (),
    )
