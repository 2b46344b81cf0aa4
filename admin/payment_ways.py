"""Settings, Payments: the ways in which money comes in, with what customers are told about each."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect
from flask_admin import expose
from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.actions import staff_action
from admin.base import StaffView
from admin.cells import RowAction, pill
from admin.doors import told
from admin.fields import WholeField
from admin.filters import StaffFilter
from admin.rights import Open
from admin.settings_parts import SettingsPart
from billing import payment_ways
from models import PaymentMethod, PaymentWay
from web.forms import choices, stripped
from web.permissions import actor

SHOWN_TO = (
    ("", _l("Everybody who is billed")),
    (str(PaymentMethod.INVOICE), _l("Customers who pay by invoice")),
    (str(PaymentMethod.CARD), _l("Customers who pay by card")),
)


class PaymentWayForm(BaseForm):
    name = StringField(
        _l("Name"), [InputRequired(_l("Type a name.")), Length(max=60, message=_l("60 letters are enough."))],
        description=_l("What you call it, such as Bank transfer."), filters=[stripped],
    )  # fmt: skip
    position = WholeField(
        _l("Place in the list"), [InputRequired(_l("Type a number."))], default=100,
        description=_l("Smaller numbers come first."),
    )  # fmt: skip
    instructions = TextAreaField(
        _l("Instructions"),
        description=_l("How to pay so, in your words. Printed on invoices from now on. Empty: nothing is printed."),
    )
    shown_to = SelectField(
        _l("Shown to"), description=_l("Who gets the instructions. How customers pay comes from group or project.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown_to.choices = choices(SHOWN_TO)
        self.shown_to.data = self.shown_to.data or ""

    def values(self) -> dict[str, Any]:
        return {name: self[name].data for name in payment_ways.FIELDS}


class PaymentWayView(SettingsPart, StaffView):
    card = "payments"
    search_words = _l("method bank transfer cash cheque instructions pay")
    can_create = can_edit = can_delete = Open("settings.edit")
    list_template = "admin/payment_ways/list.html"
    form = PaymentWayForm
    form_columns = payment_ways.FIELDS
    form_sections = ((_l("Way to pay"), _l("Payments keep the word they were entered with."), (
        ("name", 8), ("position", 4), ("instructions", 12), ("shown_to", 8),
    )),)  # fmt: skip
    column_list = ("name", "instructions", "shown_to", "archived_on")
    column_labels = {"name": _l("Name"), "instructions": _l("Instructions"), "shown_to": _l("Shown to"),
                     "archived_on": _l("Status")}  # fmt: skip
    column_sortable_list = ("name",)
    column_default_sort = "position"
    column_filters = (StaffFilter(PaymentWay.name, _l("Name"), "is"),)
    column_link = "name"
    column_phone = {"name": "title", "instructions": "sub", "archived_on": "end"}
    column_formatters = {
        "instructions": lambda view, context, row, name: _short(row.instructions),
        "shown_to": lambda view, context, row, name: dict(SHOWN_TO)[row.shown_to or ""] if row.instructions else None,
        "archived_on": lambda view, context, row, name: (
            pill("", _("Archived")) if row.archived_on else pill("ok", _("In use"))
        ),
    }
    create_label, save_label = _l("Add way to pay"), _l("Save way to pay")
    empty_title = _l("No ways to pay of your own yet")
    empty_text = _l("As long as there are none, the usual ones are offered: bank transfer, cash, cheque and so on.")

    def row_url(self, row: PaymentWay) -> str:
        return f"{self.get_url('.edit_view')}?id={row.id}"

    def row_actions(self) -> list[RowAction]:
        delete = self.get_url(".confirm_delete")
        return [
            RowAction("archive", _("Archive"), lambda row: None if row.archived_on else "archive", acts=True),
            RowAction("undo-2", _("Bring back"), lambda row: "restore" if row.archived_on else None, acts=True),
            RowAction("trash-2", _("Delete"), lambda row: f"{delete}?id={row.id}", danger=True),
        ]

    def create(self, form: PaymentWayForm) -> PaymentWay:
        return payment_ways.create(form.values(), by=actor())

    def update(self, form: PaymentWayForm, row: PaymentWay) -> None:
        payment_ways.change(row, form.values(), by=actor())

    def delete(self, row: PaymentWay) -> None:
        payment_ways.delete(row, by=actor())

    def delete_effects(self, row: PaymentWay) -> list[tuple[str, str, str]]:
        return [
            ("bad", "trash-2", _("%(name)s cannot be chosen any more.", name=row.name)),
            ("ok", "credit-card", _("If a payment came by it, it stays; archive it then.")),
            ("ok", "receipt-text", _("Invoices that are issued keep what they say.")),
        ]

    @staff_action("archive", _l("Archive"), permission="settings.edit", icon="archive")
    def archive_action(self, row: PaymentWay) -> None:
        payment_ways.archive(row, by=actor())

    @staff_action("restore", _l("Bring back"), permission="settings.edit", icon="undo-2")
    def restore_action(self, row: PaymentWay) -> None:
        payment_ways.restore(row, by=actor())

    @expose("/usual/", methods=("POST",))
    def usual(self) -> Response:
        added: list[int] = []
        if told(lambda: added.append(payment_ways.add_usual(by=actor()))):
            told(lambda: None, ngettext("%(num)d way added", "%(num)d ways added", added[0]))
        return redirect(self.get_url(".index_view"))


def _short(text: str) -> Any:
    line = " ".join(text.split())
    return Markup('<span class="trunc" title="{}">{}</span>').format(line, line[:80]) if line else None
