"""Who of a customer signs in to the portal: let in, changed, shut out, and given a link to choose a password."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired

from admin.doors import once, told
from billing import portal_links, portal_users, second_step
from messaging import portal_mail
from models import Customer, PortalAccess, PortalRight, db
from web import params
from web.forms import choices
from web.permissions import actor

from .new_customer import base_url

RIGHTS = [
    (PortalRight.OWNER, _l("Owner: everything")),
    (PortalRight.BILLING, _l("Billing: services and invoices")),
    (PortalRight.TECHNICAL, _l("Technical: services, no amounts")),
    (PortalRight.READ_ONLY, _l("Read only")),
]


class LoginForm(FlaskForm):
    email = StringField(_l("E-mail"), description=_l("They sign in with it. Somebody who signs in already gets this "
                                                     "customer beside their others."))  # fmt: skip
    name = StringField(_l("Name"))
    right = SelectField(_l("May do"), default=PortalRight.OWNER)
    welcome = BooleanField(_l("Send the welcome mail"), default=True)

    def __init__(self, access: PortalAccess | None = None) -> None:
        super().__init__(obj=access)
        self.right.choices = choices((str(right), words) for right, words in RIGHTS)
        if access is not None:
            del self.email, self.name, self.welcome
        else:
            self.email.validators = [InputRequired(_("Type an e-mail address."))]


def logins(customer: Customer) -> dict[str, Any]:
    found = portal_users.of(customer)
    on = second_step.those_with([access.portal_user_id for access in found])
    return {"logins": found, "rights": dict(RIGHTS), "second_step": on}


class LoginDoors:
    """Mixed into CustomerView, beside PageDoors."""

    @expose("/login/", methods=("GET", "POST"))
    def login_view(self) -> Any:
        """Let somebody in, or change what one of them may do."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        access = self._own(PortalAccess, "access", customer)  # type: ignore[attr-defined]
        form, back = LoginForm(access), self._to(customer, "people")  # type: ignore[attr-defined]

        def keep() -> None:
            if access:
                portal_users.change_right(access, form.right.data, by=actor())
            else:
                self._let_in(customer, form)

        done = self._sent(form, keep, back, _("Login saved"))  # type: ignore[attr-defined]
        page = {"form": form, "customer": customer, "access": access, "back": back}
        return done or self.render("admin/customers/login.html", **page)  # type: ignore[attr-defined]

    def _let_in(self, customer: Customer, form: LoginForm) -> None:
        by, data = actor(), {"name": form.name.data or "", "right": form.right.data}
        access, is_new = portal_users.add(customer, form.email.data or "", **data, by=by)
        if is_new and form.welcome.data:
            self._welcome(access, customer)

    def _welcome(self, access: PortalAccess, customer: Customer) -> None:
        told_by = {"base_url": self._links_begin(), "by": actor()}
        portal_mail.queue_link(access.portal_user, customer, portal_links.WELCOME, **told_by)

    def _links_begin(self) -> str:
        base = base_url()
        if not base:
            raise portal_mail.NoAddress(_("BASE_URL is not set, so the link would lead nowhere."))
        return base

    @expose("/login/change/", methods=("POST",))
    def change_login_view(self) -> Any:
        customer: Customer = self._open()  # type: ignore[attr-defined]
        access = self._own(PortalAccess, "access", customer) or abort(404)  # type: ignore[attr-defined]
        who, by = access.portal_user.email, actor()
        rules = {
            "disable": (lambda: portal_users.disable(access, by=by), _("%(who)s is kept out", who=who)),
            "enable": (lambda: portal_users.enable(access, by=by), _("%(who)s may come in again", who=who)),
            "remove": (lambda: portal_users.remove(access, by=by), _("%(who)s removed", who=who)),
            "second_step_off": (
                lambda: second_step.turn_off(access.portal_user, by=by),
                _("%(who)s signs in with the password alone", who=who),
            ),
            "welcome": (lambda: self._welcome(access, customer), _("A mail to %(who)s is on its way", who=who)),
        }
        rule, words = rules.get(params.only(request.form, "do")) or abort(404)
        told(rule, words)
        return redirect(self._to(customer, "people"))  # type: ignore[attr-defined]

    @expose("/login/link/", methods=("POST",))
    def login_link_view(self) -> Any:
        """A link to hand over oneself: in no address and no cookie, shown this once."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        access = self._own(PortalAccess, "access", customer) or abort(404)  # type: ignore[attr-defined]
        back, made = self._to(customer, "people"), []  # type: ignore[attr-defined]

        def make() -> str:
            base = self._links_begin()
            made.append(portal_mail.new_link(access.portal_user, base_url=base, at_customer=customer, by=actor()))
            return back

        try:
            once(make)
        except portal_mail.NoAddress as refusal:
            flash(str(refusal), "danger")
        if not made:
            return redirect(back)
        page = {"customer": customer, "access": access, "link": made[0], "back": back}
        days = portal_links.LIFE[portal_links.WELCOME].days
        db.session.rollback()
        return self.render("admin/customers/login_link.html", **page, days=days)  # type: ignore[attr-defined]
