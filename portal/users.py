"""Who else signs in for the customer: its owners let people in, say how far they may go, and take them out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.exceptions import BadRequest
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Length

from billing import company, portal_links, portal_people, portal_users
from billing.actor import Actor
from billing.portal_rights import OWNERS
from messaging import portal_mail
from models import BillingError, PortalAccess, PortalRight, db
from web import form_tokens, params, redirects
from web.entering import own_hands
from web.forms import choices, put_error, stripped
from web.permissions import actor, signed_in_portal_user

from .pages import ID, for_customer, needs, others, pages

RIGHTS = {
    PortalRight.OWNER: (_l("Owner"), _l("Everything, also who else may come in.")),
    PortalRight.BILLING: (_l("Billing"), _l("Services, invoices and payments; not who may come in.")),
    PortalRight.TECHNICAL: (_l("Technical"), _l("Services, without amounts and invoices.")),
    PortalRight.READ_ONLY: (_l("Read only"), _l("Sees services and invoices, and changes nothing.")),
}
NO_BASE = _l("Mails with links cannot be sent at the moment. Write to us.")


class RightForm(FlaskForm):
    right = RadioField(_l("May do"), default=PortalRight.BILLING.value)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.right.choices = choices((right.value, words[0]) for right, words in RIGHTS.items())


class InviteForm(RightForm):
    email = StringField(_l("E-mail"), [InputRequired(_l("Type an e-mail address."))])
    name = StringField(_l("Name"), [InputRequired(_l("Type their name.")), Length(max=200)], filters=[stripped])


@pages.get(f"/<{ID}:customer_id>/users/")
@for_customer
@needs(OWNERS)
def users(access: PortalAccess) -> str:
    found = portal_users.of(access.customer)
    full = len(found) >= portal_users.MOST
    return _render("list", access, logins=found, full=full, most=portal_users.MOST)


@pages.get(f"/<{ID}:customer_id>/users/new")
@for_customer
@needs(OWNERS)
def new_user(access: PortalAccess) -> Any:
    return _render("new", access, form=InviteForm()) if _open() else abort(404)


@pages.post(f"/<{ID}:customer_id>/users/new")
@own_hands
@for_customer
@needs(OWNERS)
def invite(access: PortalAccess) -> Any:
    form, done = InviteForm(), url_for(".users", customer_id=access.customer_id)
    if not _open():
        abort(404)
    if not form.validate_on_submit():
        return _render("new", access, form=form), 400
    customer_id = access.customer_id
    try:
        again = form_tokens.once(params.only(request.form, form_tokens.FIELD), done)
        if again is None:
            _let_in(access, form)
            flash(_("%(email)s is invited. A mail is on its way.", email=(form.email.data or "").strip()), "success")
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        put_error(form.email if not isinstance(refusal, portal_mail.NoAddress) else form.name, str(refusal))
        return _render("new", _mine(customer_id), form=form), 400
    return redirect(done, 303)


def _let_in(access: PortalAccess, form: InviteForm) -> None:
    customer, right = access.customer, PortalRight(form.right.data)
    by = portal_people.managing(customer, by=actor())
    made, new = portal_people.invite(customer, form.email.data or "", name=form.name.data or "", right=right, by=by)
    _send_word(made, new, by)


def _send_word(made: PortalAccess, new: bool, by: Actor) -> None:
    """A link to choose a password, or the question whether they accept."""
    person, customer = made.portal_user, made.customer
    if new:
        portal_mail.queue_link(person, customer, portal_links.WELCOME, base_url=_base(), by=by)
    else:
        answer = f"{_base().rstrip('/')}{url_for('portal.accounts')}"
        portal_mail.ask_to_accept(person, customer, answer=answer, by=by)


@pages.get(f"/<{ID}:customer_id>/users/<{ID}:access_id>")
@for_customer
@needs(OWNERS)
def user(access: PortalAccess, access_id: int) -> str:
    found = _theirs(access, access_id)
    return _render("one", access, login=found, form=RightForm(right=found.right.value))


@pages.post(f"/<{ID}:customer_id>/users/<{ID}:access_id>")
@own_hands
@for_customer
@needs(OWNERS)
def change_user(access: PortalAccess, access_id: int) -> Any:
    found, form = _theirs(access, access_id), RightForm()
    if not form.validate_on_submit():
        return _render("one", access, login=found, form=form), 400
    right = PortalRight(form.right.data)
    by = _managing(access)
    return _done(access, lambda: portal_users.change_right(found, right, by=by), _("Saved: %(who)s.", who=found))


@pages.post(f"/<{ID}:customer_id>/users/<{ID}:access_id>/link")
@own_hands
@for_customer
@needs(OWNERS)
def user_link(access: PortalAccess, access_id: int) -> Any:
    """The mail once more, for somebody who has no password yet or has not accepted."""
    found, by = _theirs(access, access_id), _managing(access)

    def send() -> None:
        new = not found.portal_user.password_hash
        if found.accepted and not new:
            raise portal_people.NotNeeded("They have chosen a password already.")
        portal_people.check_invitations(access.customer, by=by)
        _send_word(found, new, by)

    return _done(access, send, _("A mail to %(email)s is on its way.", email=found.portal_user.email))


@pages.post(f"/<{ID}:customer_id>/users/<{ID}:access_id>/remove")
@own_hands
@for_customer
@needs(OWNERS)
def remove_user(access: PortalAccess, access_id: int) -> Any:
    found, by = _theirs(access, access_id), _managing(access)
    return _done(access, lambda: portal_users.remove(found, by=by), _("%(who)s is taken out.", who=found))


def _done(access: PortalAccess, rule: Callable[[], None], said: str) -> Any:
    """Do it and go back to the list; whoever gave the right away themselves goes home."""
    customer_id, mine = access.customer_id, signed_in_portal_user()
    number = mine.id if mine else None
    try:
        rule()
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(url_for(".users", customer_id=customer_id), 303)
    flash(said, "success")
    still = select(PortalAccess.right).where(PortalAccess.portal_user_id == number)
    owner = db.session.scalar(still.where(PortalAccess.customer_id == customer_id)) == PortalRight.OWNER
    return redirect(url_for(".users", customer_id=customer_id) if owner else url_for(".home"), 303)


def _managing(access: PortalAccess) -> Any:
    return portal_people.managing(access.customer, by=actor())


def _open() -> bool:
    return bool(company.value("portal_logins"))


def _theirs(access: PortalAccess, access_id: int) -> PortalAccess:
    mine = PortalAccess.id == access_id, PortalAccess.customer_id == access.customer_id
    return db.session.scalar(select(PortalAccess).where(*mine)) or abort(404)


def _mine(customer_id: int) -> PortalAccess:
    """The access once more, after a rollback."""
    return next(one for one in others() if one.customer_id == customer_id)


def _base() -> str:
    try:
        return redirects.absolute("")
    except BadRequest:
        raise portal_mail.NoAddress(str(NO_BASE)) from None


def _render(page: str, access: PortalAccess, **values: Any) -> str:
    told = {"customer": access.customer, "others": others(), "mine": access, "rights": RIGHTS, "may_change": _open()}
    return render_template(f"portal/users/{page}.html", **told, **values)
