"""Staff: who works in the panel, with which role; a new password is shown once, to whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from admin.base import StaffView
from admin.cells import RowAction, pill
from admin.doors import once, told
from admin.rights import Open
from admin.settings_parts import SettingsPart
from billing import passwords as secret
from billing import second_step, staff
from models import Role, Staff, WebSession, db
from web.forms import Email, choices, put_error, stripped
from web.permissions import actor, current_staff
from web.proving import passwords

Page = Response | str | tuple[str, int]


class StaffForm(FlaskForm):
    name = StringField(
        _l("Full name"),
        [DataRequired(_l("Type the name.")), Length(max=200)],
        description=_l("How colleagues see the person in the panel and in the history."),
        filters=[stripped],
    )
    email = StringField(
        _l("E-mail"), [InputRequired(_l("Type the e-mail.")), Email()], description=_l("They sign in with it.")
    )
    role = SelectField(_l("Role"), coerce=int, description=_l("What they may see and do; see Roles for the words."))


class StaffListView(SettingsPart, StaffView):
    needs = "staff.edit"
    card = "staff"
    can_create = Open("staff.edit")
    can_view_details = True
    list_template = "admin/settings/list.html"
    column_list = ("name", "email", "role", "active", "last_seen_at")
    column_details_list = ("name", "email")
    column_labels = {"name": _l("Name"), "email": _l("E-mail"), "role": _l("Role"), "active": _l("Status"),
                     "last_seen_at": _l("Last seen")}  # fmt: skip
    column_sortable_list = ("name", "email", ("role", "role.name"), "active", "last_seen_at")
    column_default_sort = "name"
    column_link = "name"
    column_phone = {"name": "title", "email": "sub", "active": "end", "role": "end2"}
    column_filters = ("name", "email", "active")
    column_formatters = {
        "role": lambda view, context, row, name: str(row.role),
        "active": lambda view, context, row, name: pill("ok", _("Active")) if row.active else pill("", _("Disabled")),
    }
    form_columns = ("name", "email")
    create_label = _l("Add a colleague")

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(Staff.role),)

    def row_actions(self) -> list[RowAction]:
        return []

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Page:
        form = StaffForm()
        form.role.choices = choices(_roles())
        if request.method == "GET" or not form.validate():
            return self._form(form, 200 if request.method == "GET" else 400)
        return self._shown_once(lambda hashed: self._created(form, hashed), form)

    def _created(self, form: StaffForm, hashed: str) -> Staff:
        role = db.session.get(Role, form.role.data)
        return staff.create(form.email.data, form.name.data, role, hashed, actor()) if role else abort(404)

    def _form(self, form: StaffForm, status: int) -> Page:
        return self.render("admin/staff/new.html", form=form, return_url=self.get_url(".index_view")), status

    def _shown_once(self, do: Callable[[str], Staff], form: StaffForm | None = None) -> Page:
        """Do it with a new password and answer with that password: it is in no address and no cookie.

        Hashed before the transaction begins that stores it.
        """
        db.session.rollback()
        password = secret.generate()
        hashed = passwords().hash(password)
        done: list[Staff] = []
        try:
            url = once(lambda: self._page_of(done, do(hashed)))
        except (staff.EmailTaken, staff.NotAllowed, staff.InvalidEmail) as refusal:
            if form is None:
                flash(str(refusal), "danger")
                return redirect(self.get_url(".index_view"))
            put_error(form.role if isinstance(refusal, staff.NotAllowed) else form.email, str(refusal))
            return self._form(form, 400)
        if not done:
            return redirect(url)  # the same form sent again: the password was shown then, and only then
        return self.render("admin/staff/password.html", person=done[0], password=password, return_url=url)

    def _page_of(self, done: list[Staff], person: Staff) -> str:
        done.append(person)
        return self.get_url(".details_view", id=person.id)

    @expose("/details/")
    def details_view(self) -> Page:
        person = self._found(True)
        sessions = select(func.count()).select_from(WebSession).where(WebSession.staff_id == person.id)
        return self.render(
            "admin/staff/page.html",
            person=person,
            roles=_roles(),
            sessions=db.session.scalar(sessions),
            permissions=sorted(staff.permissions_of(person.role)),
            myself=person.id == current_staff.id,
            second_step=second_step.of(person),
            return_url=self.get_url(".index_view"),
        )

    @expose("/role", methods=("POST",))
    def role(self) -> Response:
        person, role = self._found(True), db.session.get(Role, _number("role")) or abort(404)
        return self._do(person, lambda: staff.change_role(person, role, actor()), _("Role changed"))

    @expose("/disable", methods=("POST",))
    def disable(self) -> Response:
        person = self._found(True)
        return self._do(person, lambda: staff.disable(person, actor()), _("%(name)s disabled", name=person.name))

    @expose("/enable", methods=("POST",))
    def enable(self) -> Response:
        person = self._found(True)
        return self._do(person, lambda: staff.enable(person, actor()), _("%(name)s enabled", name=person.name))

    @expose("/sign-out", methods=("POST",))
    def sign_out(self) -> Response:
        person = self._found(True)
        return self._do(person, lambda: staff.end_sessions(person, actor()), _("Signed out everywhere"))

    @expose("/second-step/off", methods=("POST",))
    def second_step_off(self) -> Response:
        """For somebody whose phone is gone, recovery codes and all."""
        person = self._found(True)
        return self._do(person, lambda: second_step.turn_off(person, by=actor()), _("Two-step sign-in turned off"))

    @expose("/password", methods=("POST",))
    def password(self) -> Page:
        person_id = self._found(True).id
        return self._shown_once(lambda hashed: _with_password(person_id, hashed))

    def _do(self, person: Staff, rule: Callable[[], None], done: str) -> Response:
        url = self.get_url(".details_view", id=person.id)
        told(rule, done)
        return redirect(url)


def _with_password(person_id: int, hashed: str) -> Staff:
    person = db.session.get(Staff, person_id) or abort(404)
    staff.set_password(person, hashed, actor())
    return person


def _roles() -> list[tuple[int, str]]:
    """All roles; the rule refuses those with more rights than one's own."""
    return [(role.id, role.name) for role in db.session.scalars(select(Role).order_by(~Role.builtin, Role.id))]


def _number(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else abort(404)
