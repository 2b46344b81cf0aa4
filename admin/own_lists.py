"""Groups, tags, resellers, contract types and projects: five small lists, changed by one rule."""

from __future__ import annotations

from typing import Any

from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin.base import StaffView
from admin.fields import WholeField
from admin.rights import Open
from admin.settings_parts import SettingsPart
from billing import own_lists
from web import formatters
from web.forms import choices, stripped
from web.permissions import actor
from web.setup import countries, currencies


def _line(label: Any, longest: int, about: Any = "", *more: Any) -> StringField:
    return StringField(label, [Length(max=longest), *more], description=about, filters=[stripped])


class NameForm(BaseForm):
    name = _line(_l("Name"), 120, "", InputRequired(_l("Type a name.")))

    def values(self) -> dict[str, Any]:
        return {field.short_name: field.data for field in self}


class GroupForm(NameForm):
    colour = _line(_l("Colour"), 7, _l("As #rrggbb, such as #2f6fdf. Marks the group in lists. Default: none."))
    payment_days = WholeField(_l("Days to pay"), description=_l("Default: as the company. A customer's own wins."))
    never_suspend = BooleanField(_l("Never suspend"), description=_l("Services go on while invoices are overdue."))


class ResellerForm(NameForm):
    email = _line(_l("E-mail"), 254)
    phone = _line(_l("Phone"), 40)


class ProjectForm(NameForm):
    legal_name = _line(_l("Legal name"), 200, _l("Stands on invoices. Default: the company's."))
    email = _line(_l("E-mail"), 254, _l("Default: the company's."))
    tax_id = _line(_l("Tax number"), 40, _l("Default: the company's."))
    currency = SelectField(_l("Currency"), description=_l("For new customers of the project. Default: the company's."))
    street = _line(_l("Street"), 200)
    street2 = _line(_l("Street, second line"), 200)
    postal_code = _line(_l("Postal code"), 24)
    city = _line(_l("City"), 120)
    region = _line(_l("Region"), 120)
    country = SelectField(_l("Country"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reader, nothing = formatters.locale(), ("", _("As the company"))
        self.currency.choices = choices([nothing, *currencies(reader)])
        self.country.choices = choices([nothing, *countries(reader)])


class OwnList(SettingsPart, StaffView):
    can_create = can_edit = can_delete = Open("settings.edit")
    list_template = "admin/settings/list.html"
    form = NameForm
    form_columns = ("name",)
    column_list: Any = ("name",)
    column_labels = {"name": _l("Name"), "colour": _l("Colour"), "payment_days": _l("Days to pay"),
                     "never_suspend": _l("Never suspend"), "email": _l("E-mail"), "phone": _l("Phone"),
                     "legal_name": _l("Legal name"), "currency": _l("Currency")}  # fmt: skip
    column_sortable_list = ("name",)
    column_default_sort = "name"
    column_filters = ("name",)
    column_link = "name"
    column_phone = {"name": "title"}
    create_label, save_label = _l("Add"), _l("Save")
    empty_title = _l("Nothing here yet")
    empty_text = _l("Add one, and customers can be given it.")

    def row_url(self, row: Any) -> str:
        return f"{self.get_url('.edit_view')}?id={row.id}"

    def create(self, form: Any) -> Any:
        return own_lists.create(self.model, form.values(), by=actor())

    def update(self, form: Any, row: Any) -> None:
        own_lists.change(row, form.values(), by=actor())

    def delete(self, row: Any) -> None:
        own_lists.delete(row, by=actor())


class GroupView(OwnList):
    form = GroupForm
    form_columns = ("name", "colour", "payment_days", "never_suspend")
    column_list = ("name", "colour", "payment_days", "never_suspend")
    create_label, save_label = _l("Add group"), _l("Save group")


class TagView(OwnList):
    create_label, save_label = _l("Add tag"), _l("Save tag")


class ResellerView(OwnList):
    form = ResellerForm
    form_columns = ("name", "email", "phone")
    column_list = ("name", "email", "phone")
    create_label, save_label = _l("Add reseller"), _l("Save reseller")


class ContractTypeView(OwnList):
    create_label, save_label = _l("Add contract type"), _l("Save contract type")


class ProjectView(OwnList):
    form = ProjectForm
    form_columns = own_lists.FIELDS[own_lists.Project]
    column_list = ("name", "legal_name", "email", "currency")
    create_label, save_label = _l("Add project"), _l("Save project")
