"""Fields of the shop's own: made, arranged, archived, and deleted with what that does."""

from __future__ import annotations

from typing import Any

from flask_admin.form import BaseForm
from flask_babel import format_number, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import WholeField
from admin.own_lists import OwnList, line
from billing import custom_fields
from models import CustomField, FieldKind
from web.forms import choices
from web.permissions import actor

KINDS = {
    FieldKind.TEXT: _l("Text"), FieldKind.LONG_TEXT: _l("Long text"), FieldKind.CHOICE: _l("Choice"),
    FieldKind.DATE: _l("Date"), FieldKind.NUMBER: _l("Number"), FieldKind.YES_NO: _l("Yes or no"),
}  # fmt: skip


class CustomFieldForm(BaseForm):
    name = line(_l("Name"), 80, _l("As it stands on forms and pages."), InputRequired(_l("Type a name.")))
    kind = SelectField(_l("What it holds"), description=_l("Cannot be changed once the field is there."))
    choices = TextAreaField(_l("Choices"), description=_l("One on each line; for a field that is a choice."))
    key = line(_l("Key"), 40, _l("Its name in files, such as loyalty_no. Empty: made of the name. Never changes."))
    help = line(_l("Help"), 200, _l("One sentence below the field."))
    required = BooleanField(_l("Needed"), description=_l("A customer cannot be added without it."))
    on_list = BooleanField(_l("Column of the list of customers"))
    position = WholeField(_l("Place"), default=100, description=_l("Lower numbers come first."))

    def __init__(self, *args: Any, obj: CustomField | None = None, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **kwargs)
        self.kind.choices = choices([(str(kind), word) for kind, word in KINDS.items()])
        self.field = obj
        if obj is not None:
            for name in ("kind", "key"):
                self[name].data = getattr(obj, name)
                self[name].render_kw = {"disabled": True}
            self.key.description = _("Its name in files. Never changes.")
            if not isinstance(self.choices.data, str):
                self.choices.data = "\n".join(obj.choices)

    def values(self) -> dict[str, Any]:
        kept = ("kind", "key") if self.field is not None else ()
        found = {field.short_name: field.data for field in self if field.short_name not in kept}
        found["choices"] = (self.choices.data or "").splitlines()
        if found["position"] is None:
            found["position"] = 100
        return found


class CustomFieldView(OwnList):
    about = _l("What else you want to know about each customer: a text, choice, date, number, or yes or no.")
    form = CustomFieldForm
    form_sections = (
        (_l("Field"), _l("What it is called, and what is written into it."), (
            ("name", 6), ("kind", 6), ("choices", 12), ("key", 6), ("help", 12),
        )),
        (_l("Where"), _l("Every field stands on the customer's form and page, in filters and in files."), (
            ("required", 12), ("on_list", 12), ("position", 4),
        )),
    )  # fmt: skip
    column_list = ("position", "name", "kind", "key", "required", "on_list", "customers")
    column_labels = {**OwnList.column_labels, "kind": _l("Holds"), "key": _l("Key"), "required": _l("Needed"),
                     "on_list": _l("On the list"), "position": _l("Place"), "customers": _l("Filled in")}  # fmt: skip
    column_sortable_list = ("name", "position")
    column_default_sort = "position"
    column_numeric = ("position", "customers")
    column_phone = {"name": "title", "kind": "sub", "customers": "end"}
    details_template = "admin/around/custom_field.html"
    create_label, save_label = _l("Add field"), _l("Save field")
    empty_title = _l("No fields of your own yet")
    empty_text = _l("Add what you want to know about customers and Tillbook does not ask.")

    def counts(self, ids: list[int]) -> dict[int, int]:
        return custom_fields.counts(ids)

    def cell_value(self, row: CustomField, key: str) -> Any:
        return KINDS[row.kind] if key == "kind" else super().cell_value(row, key)

    def facts(self, row: CustomField) -> list[tuple[Any, Any]]:
        return [(_("Holds"), KINDS[row.kind]), (_("Key"), row.key), (_("Help"), row.help),
                (_("Needed"), _("Yes") if row.required else _("No")),
                (_("Column of the list"), _("Yes") if row.on_list else _("No")),
                *([(_("Choices"), ", ".join(row.choices))] if row.choices else [])]  # fmt: skip

    def create(self, form: CustomFieldForm) -> CustomField:
        return custom_fields.create(form.values(), by=actor())

    def update(self, form: CustomFieldForm, row: CustomField) -> None:
        custom_fields.change(row, form.values(), by=actor())

    def put_away(self, row: CustomField) -> None:
        custom_fields.archive(row, by=actor())

    def bring_back(self, row: CustomField) -> None:
        custom_fields.restore(row, by=actor())

    def delete(self, row: CustomField) -> None:
        custom_fields.remove(row, by=actor())

    def delete_effects(self, row: CustomField) -> list[tuple[str, str, str]]:
        n = custom_fields.count(row)
        words = ngettext("What %(n)s customer has in it is removed for good.",
                         "What %(n)s customers have in it is removed for good.", n, n=format_number(n))  # fmt: skip
        return [
            ("bad", "trash-2", words) if n else ("ok", "users", _("No customer has anything in it.")),
            ("warn", "funnel", _("Filters, rules of groups and import files that use it no longer find anybody.")),
            ("ok", "archive", _("Archive it instead, and it only leaves forms, pages and lists.")),
        ]
