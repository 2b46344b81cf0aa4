"""Pages of one record: read, add, change, delete. Forms pick values, rules decide, the door commits."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_admin.form import FormOpts
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from admin.cells import RowAction, fact
from models import BillingError

_ADDRESS = re.compile(r"/[\w/-]*(\?[^\s\\]*)?", re.ASCII)


class Records:
    """Mixed into StaffView."""

    # Hooks: a subject whose rules do more than fill columns overrides these and calls its rule.

    def create(self, form: Any) -> Any:
        """Make the record; raise BillingError to refuse (with `.field`, beside that field)."""
        row = self.model()
        form.populate_obj(row)
        self.db_session.add(row)
        return row

    def update(self, form: Any, row: Any) -> None:
        """Change the record, or raise BillingError."""
        form.populate_obj(row)

    def delete(self, row: Any) -> None:
        """Delete the record, or raise BillingError."""
        self.db_session.delete(row)

    def delete_effects(self, row: Any) -> list[tuple[str, str, str]]:
        """What deleting does: (ok, warn, bad or nothing; icon; sentence)."""
        return [("bad", "trash-2", _("%(name)s is removed for good.", name=str(row)))]

    # One commit, at the door

    def create_model(self, form: Any) -> Any:
        return self._commit(lambda: self.create(form), form)

    def update_model(self, form: Any, model: Any) -> bool:
        return self._commit(lambda: self.update(form, model) or True, form)

    def delete_model(self, model: Any) -> bool:
        return self._commit(lambda: self.delete(model) or True)

    def _commit(self, do: Any, form: Any = None) -> Any:
        """The result of `do`, committed; or nothing kept, the reason told, and False."""
        try:
            done = do()
            self.db_session.commit()
        except Exception as error:
            self.db_session.rollback()
            if not self._beside_field(error, form) and not self.handle_view_exception(error):
                raise
            return False
        return done

    def _beside_field(self, error: Exception, form: Any) -> bool:
        name = getattr(error, "field", None)
        if not isinstance(error, BillingError) or form is None or name not in form:
            return False
        form[name].errors = [*form[name].errors, str(error)]
        return True

    def handle_view_exception(self, exc: Exception) -> bool:
        """Refusals become a sentence; anything else stays an error."""
        sentence = self._sentence(exc)
        if sentence:
            flash(sentence, "danger")
        return bool(sentence)

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, BillingError):
            return str(error)
        if isinstance(error, StaleDataError):
            return _("Someone else changed this meanwhile. Nothing was saved. Load it again and repeat your change.")
        if isinstance(error, IntegrityError):
            return _("Nothing was saved: another record has the same value already, or still needs this one.")
        return ""

    # Pages

    @expose("/details/")
    def details_view(self) -> Any:
        row = self._found(self.can_view_details)
        facts = [
            (name, str(row.id) if key == "id" else fact(self.cell_value(row, key)))
            for key, name in self._details_columns
        ]
        return self._render(self.details_template, model=row, facts=facts)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:
            abort(404)
        form = self.create_form()
        if self.validate_form(form):
            row = self.create_model(form)
            if row:
                flash(_("%(name)s added", name=str(row)), "toast")
                return redirect(self._after_create(row))
        return self._render(self.create_template, form=form, form_opts=self._opts(self._form_create_rules))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        row = self._found(self.can_edit)
        name, form = str(row), self.edit_form(obj=row)
        if self.validate_form(form) and self.update_model(form, row):
            flash(_("%(name)s saved", name=str(row)), "toast")
            return redirect(self.row_url(row) or self.back())
        opts = self._opts(self._form_edit_rules)
        return self._render(self.edit_template, model=name, form=form, form_opts=opts)

    @expose("/delete/confirm/")
    def confirm_delete(self) -> Any:
        row = self._found(self.can_delete)
        return self._render("admin/model/confirm_delete.html", model=row, effects=self.delete_effects(row))

    @expose("/delete/", methods=("POST",))
    def delete_view(self) -> Any:
        row = self._found(self.can_delete)
        name = str(row)
        if self.delete_model(row):
            flash(_("%(name)s deleted", name=name), "toast")
        return redirect(self.back())

    def own_row_actions(self) -> list[RowAction]:
        edit, delete = self.get_url(".edit_view"), self.get_url(".confirm_delete")
        out = []
        if self.can_edit:
            out.append(RowAction("pencil", _("Edit"), lambda row: f"{edit}?id={row.id}"))
        if self.can_delete:
            out.append(RowAction("trash-2", _("Delete"), lambda row: f"{delete}?id={row.id}", danger=True))
        return out

    def _found(self, open_: bool) -> Any:
        """The record the address names; 404 if there is none, or not for this person."""
        row = self.get_one(request.values.get("id", "")) if open_ else None
        return row if row is not None else abort(404)

    def _opts(self, rules: Any) -> FormOpts:
        return FormOpts(widget_args=self.form_widget_args, form_rules=rules)

    def _render(self, template: str, **values: Any) -> Any:
        return self.render(template, return_url=self.back(), get_pk_value=self.get_pk_value, **values)

    def _after_create(self, row: Any) -> str:
        if "_add_another" in request.form:
            return self.get_url(".create_view", url=self.back())
        return self.row_url(row) or self.back()

    def back(self) -> str:
        """The list as it was left: what the form remembers, else where the click came from."""
        index = self.get_url(".index_view")
        for address in (request.values.get("url", ""), self._came_from(index)):
            if address.startswith(f"{self.admin.url}/") and _ADDRESS.fullmatch(address):
                return address
        return index

    def _came_from(self, index: str) -> str:
        """The address of this very list, if the click was made there. Only path and query are believed."""
        try:
            came = urlsplit(request.referrer or "")
        except ValueError:
            return ""
        return f"{came.path}?{came.query}" if came.path == index and came.query else ""

    def scaffold_form(self) -> Any:
        """No form without a list of its fields: a new column never shows up in a form by itself."""
        return super().scaffold_form() if self.form_columns or self.form_extra_fields else self.form_base_class
