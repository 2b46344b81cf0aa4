"""Resellers: who they are, the customers they brought, and what those bring."""

from __future__ import annotations

from typing import Any

from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.validators import InputRequired

from admin.fields import ExactField
from admin.own_lists import OwnList, line, lines
from billing import resellers
from models import Reseller
from web import formatters
from web.forms import choices
from web.permissions import actor, allows
from web.setup import countries


class ResellerForm(BaseForm):
    name = line(_l("Name"), 120, "", InputRequired(_l("Type a name.")))
    contact_name = line(_l("Contact person"), 200)
    email = line(_l("E-mail"), 254)
    phone = line(_l("Phone"), 40)
    website = line(_l("Website"), 200)
    street = line(_l("Street"), 200)
    street2 = line(_l("Street, second line"), 200)
    postal_code = line(_l("Postal code"), 24)
    city = line(_l("City"), 120)
    region = line(_l("Region"), 120)
    country = SelectField(_l("Country"), default="")
    commission = ExactField(_l("Commission in percent"), description=_l("For you to read; nothing is paid by itself."))
    about = lines(_l("What was agreed"), _l("Only staff see this."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.country.choices = choices([("", _("Not said")), *countries(formatters.locale())])

    def values(self) -> dict[str, Any]:
        return {field.short_name: field.data for field in self}


class ResellerView(OwnList):
    about = _l("Partners who bring customers: what was agreed, and what their customers bring in.")
    form = ResellerForm
    form_columns = ("name",)
    form_sections = (
        (_l("Who"), _l("How you reach them."), (
            ("name", 6), ("contact_name", 6), ("email", 6), ("phone", 6), ("website", 12),
        )),
        (_l("Address"), "", (
            ("street", 6), ("street2", 6), ("postal_code", 3), ("city", 5), ("region", 4), ("country", 6),
        )),
        (_l("Agreed"), _l("Kept for you and your colleagues."), (("commission", 4), ("about", 12))),
    )  # fmt: skip
    column_list = ("name", "contact_name", "email", "phone", "customers")
    column_labels = {**OwnList.column_labels, "contact_name": _l("Contact"), "email": _l("E-mail"),
                     "phone": _l("Phone")}  # fmt: skip
    column_phone = {"name": "title", "email": "sub", "customers": "end"}
    details_template = "admin/around/reseller.html"
    customer_filter = "reseller_is"
    create_label, save_label = _l("Add reseller"), _l("Save reseller")
    empty_title = _l("No resellers yet")
    empty_text = _l("Add who brings you customers; then see how many, and what they bring in.")

    def facts(self, row: Reseller) -> list[tuple[Any, Any]]:
        share = formatters.percent(row.commission) if row.commission is not None else ""
        return [(_("Contact"), row.contact_name), (_("E-mail"), row.email), (_("Phone"), row.phone),
                (_("Website"), row.website), (_("Address"), formatters.address(row)),
                (_("Commission"), share)]  # fmt: skip

    def shown_besides(self, row: Reseller) -> dict[str, Any]:
        if not allows("reports.view"):
            return {"figures": None}
        return {"figures": resellers.figures(row.id, actor().today)}
