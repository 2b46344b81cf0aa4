"""What the lists around customers share: counts, a page for each entry, archiving; and contract types, the plainest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, g, redirect, request
from flask_admin import expose
from flask_admin.form import BaseForm
from flask_babel import format_number
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.around import AroundPart
from admin.base import StaffView
from admin.cells import pill, tone
from admin.doors import told
from admin.links import list_url
from admin.rights import Open
from billing import own_lists
from models import Customer
from web.forms import choices, stripped
from web.permissions import actor

COLOURS = [
    ("", _l("None")), ("blue", _l("Blue")), ("teal", _l("Teal")), ("green", _l("Green")), ("olive", _l("Olive")),
    ("amber", _l("Amber")), ("orange", _l("Orange")), ("red", _l("Red")), ("pink", _l("Pink")),
    ("purple", _l("Purple")), ("slate", _l("Slate")),
]  # fmt: skip
PERHAPS = [("", _l("As the company")), ("1", _l("Yes")), ("0", _l("No"))]


def line(label: Any, longest: int, about: Any = "", *more: Any) -> StringField:
    return StringField(label, [Length(max=longest), *more], description=about, filters=[stripped])


def lines(label: Any, about: Any = "") -> TextAreaField:
    return TextAreaField(label, description=about)


def colours(about: Any) -> RadioField:
    return RadioField(_l("Colour"), choices=choices(COLOURS), default="", description=about)


def yes_no_or_none(text: Any) -> bool | None:
    """What a select over PERHAPS holds."""
    if isinstance(text, bool) or text is None:
        return text
    return None if text == "" else text == "1"


class NameForm(BaseForm):
    name = line(_l("Name"), 120, "", InputRequired(_l("Type a name.")))

    def values(self) -> dict[str, Any]:
        return {field.short_name: field.data for field in self}


class OwnList(AroundPart, StaffView):
    """A list of own_lists.FIELDS: entries are given to customers, and archived while some have them."""

    can_create = can_edit = can_delete = can_view_details = Open("settings.edit")
    list_template = "admin/around/list.html"
    details_template = "admin/around/page.html"
    create_template = edit_template = "admin/around/form.html"
    form = NameForm
    form_columns: Sequence[str] = ("name",)
    column_list: Any = ("name", "customers")
    column_details_list = ("id",)  # the page is our own
    column_labels = {"name": _l("Name"), "description": _l("Description"), "colour": _l("Colour"),
                     "customers": _l("Customers"), "archived_on": _l("Status")}  # fmt: skip
    column_sortable_list: Any = ("name",)
    column_default_sort: Any = "name"
    column_filters: Any = ("name",)
    column_link = "name"
    column_numeric = ("customers",)
    column_phone = {"name": "title", "description": "sub", "customers": "end"}
    customer_filter = ""  # the customers' filter that finds those of an entry, such as group_is
    create_label, save_label = _l("Add"), _l("Save")
    empty_title = _l("Nothing here yet")
    empty_text = _l("Add one, and customers can be given it.")

    # How many customers

    def rows_shown(self, rows: list[Any]) -> None:
        g.own_list_counts = self.counts([row.id for row in rows]) if rows else {}

    def counts(self, ids: list[int]) -> dict[int, int]:
        return own_lists.counts(self.model, ids)

    def cell_value(self, row: Any, key: str) -> Any:
        if key == "customers":
            n = g.own_list_counts.get(row.id, 0)
            return Markup('<span class="muted">0</span>') if not n else format_number(n)
        if key == "name":
            mark = pill("", _("Archived")) if getattr(row, "archived_on", None) else ""
            return (
                Markup("{} {}").format(tone(getattr(row, "colour", ""), row.name), mark)
                if mark
                else tone(getattr(row, "colour", ""), row.name)
            )
        return super().cell_value(row, key)

    def customers_url(self, row: Any) -> str:
        value = row.name if self.customer_filter.startswith("tag") else row.id
        return list_url(Customer, **{self.customer_filter: value}) if self.customer_filter else ""

    # Its page

    @expose("/details/")
    def details_view(self) -> Any:
        row = self._found(self.can_view_details)
        page = {"model": row, "count": self.counts([row.id]).get(row.id, 0), "customers_url": self.customers_url(row)}
        return self._render(self.details_template, **page, facts=self.facts(row), **self.shown_besides(row))

    def facts(self, row: Any) -> list[tuple[Any, Any]]:
        """(words, value) of the card of details; nothing prints a dash."""
        return [(_("Name"), row.name)]

    def shown_besides(self, row: Any) -> dict[str, Any]:
        return {}

    @expose("/archive/", methods=("POST",))
    def archive_view(self) -> Any:
        row = self._found(self.can_edit)
        if not hasattr(row, "archived_on"):
            abort(404)
        away = request.form.get("to") == "archived"
        words = _("%(name)s archived", name=row.name) if away else _("%(name)s brought back", name=row.name)
        told(lambda: self.put_away(row) if away else self.bring_back(row), words)
        return redirect(self.row_url(row))

    def put_away(self, row: Any) -> None:
        own_lists.archive(row, by=actor())

    def bring_back(self, row: Any) -> None:
        own_lists.restore(row, by=actor())

    # What is done with it

    def create(self, form: Any) -> Any:
        return own_lists.create(self.model, form.values(), by=actor())

    def update(self, form: Any, row: Any) -> None:
        own_lists.change(row, form.values(), by=actor())

    def delete(self, row: Any) -> None:
        own_lists.delete(row, by=actor())

    def delete_effects(self, row: Any) -> list[tuple[str, str, str]]:
        n = self.counts([row.id]).get(row.id, 0)
        if not n:
            return [*super().delete_effects(row), ("ok", "users", _("No customer has it."))]
        return [("warn", "users", _("Customers have it: %(n)s. It stays until none has.", n=format_number(n))),
                ("ok", "archive", _("Archive it instead: those who have it keep it, nobody new gets it."))]  # fmt: skip


class ContractTypeForm(NameForm):
    description = line(_l("Description"), 300, _l("For you and your colleagues."))


class ContractTypeView(OwnList):
    about = _l("Words of your own for the kind of contract, such as “12 months” or “Rolling”.")
    form = ContractTypeForm
    form_columns = ("name", "description")
    column_list = ("name", "description", "customers")
    customer_filter = "contract_is"
    create_label, save_label = _l("Add contract type"), _l("Save contract type")
    empty_title = _l("No contract types yet")
    empty_text = _l("Name the kinds of contract you make, and each customer can be given one.")

    def facts(self, row: Any) -> list[tuple[Any, Any]]:
        return [(_("Name"), row.name), (_("Description"), row.description)]


class EndReasonView(OwnList):
    details_template = "admin/around/reason.html"
    about = _l("Words of your own for why services end, such as “Moved away” or “Too expensive”; counted here.")
    form = ContractTypeForm
    form_columns = ("name", "description")
    column_list = ("name", "description", "customers")
    column_labels = {**OwnList.column_labels, "customers": _l("Services ended for it")}
    create_label, save_label = _l("Add reason"), _l("Save reason")
    empty_title = _l("No reasons yet")
    empty_text = _l("Name why customers leave; whoever ends a service chooses one, and you see which come how often.")

    def facts(self, row: Any) -> list[tuple[Any, Any]]:
        return [(_("Name"), row.name), (_("Description"), row.description)]

    def delete_effects(self, row: Any) -> list[tuple[str, str, str]]:
        n = self.counts([row.id]).get(row.id, 0)
        if not n:
            return [("bad", "trash-2", _("%(name)s is removed for good.", name=str(row)))]
        return [("warn", "server", _("Services ended for it: %(n)s. It stays.", n=format_number(n))),
                ("ok", "archive", _("Archive it instead: nobody chooses it any more."))]  # fmt: skip
