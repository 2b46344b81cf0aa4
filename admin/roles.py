"""Roles: what each one may do, in words; the built-in ones to read, the shop's own to change."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from admin.base import StaffView
from admin.cells import RowAction, pill
from admin.doors import once
from admin.rights import Open
from admin.settings_parts import SettingsPart
from billing import roles, staff
from billing.permissions import PERMISSIONS
from models import BillingError, Role
from web.forms import choices, put_error, stripped
from web.permissions import actor, granted


class RoleForm(FlaskForm):
    name = StringField(_l("Name"), [DataRequired(_l("Type a name.")), Length(max=60)], filters=[stripped])
    permissions = SelectMultipleField(
        _l("What it allows"), option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )


class RoleView(SettingsPart, StaffView):
    needs = "staff.edit"
    card = "staff"
    can_create = Open("staff.edit")
    can_edit = Open("staff.edit")
    can_delete = Open("staff.edit")
    list_template = "admin/settings/list.html"
    column_list = ("name", "builtin", "permissions")
    column_labels = {"name": _l("Name"), "builtin": _l("Kind"), "permissions": _l("What it allows")}
    column_sortable_list = ("name", "builtin")
    column_default_sort = "id"
    column_link = "name"
    column_phone = {"name": "title", "permissions": "sub", "builtin": "end"}
    column_formatters = {
        "builtin": lambda view, context, row, name: pill("", _("Built in")) if row.builtin else pill("info", _("Own")),
        "permissions": lambda view, context, row, name: words(row),
    }
    form_columns = ("name",)
    create_label = _l("Add role")

    def row_url(self, row: Role) -> str:
        return f"{self.get_url('.edit_view')}?id={row.id}"

    def row_actions(self) -> list[RowAction]:
        delete = self.get_url(".confirm_delete")
        link = lambda row: None if row.builtin else f"{delete}?id={row.id}"  # noqa: E731
        return [RowAction("trash-2", _("Delete"), link, danger=True)]

    def delete(self, row: Role) -> None:
        roles.delete(row, actor())

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self._form(None)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        return self._form(self._found(True))

    def _form(self, role: Role | None) -> Any:
        form = RoleForm(name=role.name if role else "", permissions=sorted(staff.permissions_of(role)) if role else [])
        form.permissions.choices = choices((name, text) for name, text in PERMISSIONS.items())
        name, status = role.name if role else "", 200
        if request.method == "POST":
            status = 400
            if form.validate() and self._saved(form, role):
                return redirect(self.get_url(".index_view"))
        page = self.render(
            "admin/roles/form.html",
            form=form,
            builtin=bool(role and role.builtin),
            name=name,
            granted=granted(),
            role_id=request.args.get("id", ""),
            return_url=self.get_url(".index_view"),
        )
        return Response(page, status=status)

    def _saved(self, form: RoleForm, role: Role | None) -> bool:
        def do() -> str:
            if role is None:
                roles.create(form.name.data, form.permissions.data, actor())
            else:
                roles.change(role, form.name.data, form.permissions.data, actor())
            return self.get_url(".index_view")

        try:
            once(do)
        except BillingError as refusal:
            put_error(form[getattr(refusal, "field", "permissions")], str(refusal))
            return False
        flash(_("%(name)s saved", name=form.name.data), "toast")
        return True


def words(role: Role) -> str:
    """The permissions as a sentence; everything by one word."""
    held = staff.permissions_of(role)
    if held == PERMISSIONS.keys():
        return _("Everything")
    return ", ".join(text for name, text in PERMISSIONS.items() if name in held)
