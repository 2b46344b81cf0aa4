"""Tax rates: what each country charges from which day on."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import expose
from flask_admin.form import BaseForm
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin.base import StaffView
from admin.doors import once
from admin.fields import DayField, ExactField
from admin.rights import Open
from admin.settings_parts import SettingsPart
from admin.tax_words import category_words
from billing import company, tax_rate_changes
from billing.tax_countries import EU
from models import TaxRate
from web import formatters
from web.forms import choices, stripped
from web.permissions import actor
from web.setup import countries


class TaxRateForm(BaseForm):
    country = SelectField(_l("Country"), [InputRequired(_l("Choose a country."))])
    category = SelectField(
        _l("Kind of goods"), [InputRequired()], description=_l("Packages name the one they are in. Default: standard.")
    )
    name = StringField(
        _l("Name"), [InputRequired(_l("Type a name.")), Length(max=40)], default="VAT",
        description=_l("The word for this tax on invoices. Default: VAT."), filters=[stripped],
    )  # fmt: skip
    rate = ExactField(_l("Rate, percent"), [InputRequired(_l("Type the rate."))])
    valid_from = DayField(_l("First day"), [InputRequired(_l("Choose the first day."))])
    valid_to = DayField(_l("Last day"), description=_l("Included. Empty: until it is given one."))
    source = StringField(
        _l("Source"), [Length(max=120)], description=_l("Who says so, for your own records."), filters=[stripped]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.country.choices = choices([("", _("Choose")), *countries(formatters.locale())])
        self.category.choices = choices(category_words().items())

    def rate_wanted(self) -> tax_rate_changes.Rate:
        return tax_rate_changes.Rate(
            self.country.data, self.category.data, self.name.data, self.rate.data, self.valid_from.data,
            self.valid_to.data, self.source.data or "",
        )  # fmt: skip


class TaxRateView(SettingsPart, StaffView):
    card = "tax"
    search_words = _l("vat percent country reduced standard")
    can_create = Open("settings.edit")
    can_edit = Open("settings.edit")
    list_template = "admin/tax_rates/list.html"
    form = TaxRateForm
    form_columns = ("country", "category", "name", "rate", "valid_from", "valid_to", "source")
    form_sections = ((_l("Rate"), _l("Issued invoices keep the rate they were issued with."), (
        ("country", 6), ("category", 6), ("name", 6), ("rate", 6), ("valid_from", 6), ("valid_to", 6), ("source", 12),
    )),)  # fmt: skip
    column_list = ("country", "category", "name", "rate", "valid_from", "valid_to", "source")
    column_labels = {"country": _l("Country"), "category": _l("Kind of goods"), "name": _l("Name"),
                     "rate": _l("Rate"), "valid_from": _l("First day"),
                     "valid_to": _l("Last day"), "source": _l("Source")}  # fmt: skip
    column_sortable_list = ("country", "rate", "valid_from")
    column_default_sort = "country"
    column_filters = ("country", "valid_from")
    column_link = "country"
    column_numeric = ("rate",)
    column_phone = {"country": "title", "name": "sub", "rate": "end", "valid_from": "end2"}
    column_formatters = {
        "country": lambda view, context, row, name: _country(row.country),
        "category": lambda view, context, row, name: category_words().get(row.category, row.category),
        "rate": lambda view, context, row, name: formatters.percent(row.rate),
    }
    create_label, save_label = _l("Add rate"), _l("Save rate")
    empty_title = _l("No tax rates yet")
    empty_text = _l("Without a rate for the customer's country, invoices carry no tax.")

    def row_url(self, row: TaxRate) -> str:
        return f"{self.get_url('.edit_view')}?id={row.id}"

    def create(self, form: TaxRateForm) -> TaxRate:
        return tax_rate_changes.create(form.rate_wanted(), by=actor())

    def update(self, form: TaxRateForm, row: TaxRate) -> None:
        tax_rate_changes.change(row, form.rate_wanted(), by=actor())

    @expose("/starting", methods=("GET", "POST"))
    def starting(self) -> Response | str:
        """What the published rates say that the table does not; those ticked are taken over."""
        if request.method == "POST":
            return redirect(once(self._follow))
        rows = [(each, _country(each.shipped.country), _is_near(each)) for each in tax_rate_changes.differences()]
        as_of = format_date(tax_rate_changes.AS_OF, "MMMM y")
        return self.render("admin/tax/starting.html", rows=rows, names=category_words(), as_of=as_of)

    def _follow(self) -> str:
        done = tax_rate_changes.follow(request.form.getlist("rate")[:1000], by=actor())
        flash(ngettext("%(num)d rate taken over", "%(num)d rates taken over", done), "toast")
        return self.get_url(".index_view")


def _country(code: str) -> str:
    return formatters.locale().territories.get(code, code)


def _is_near(each: tax_rate_changes.Difference) -> bool:
    """Ticked to begin with: what is missing of one's own country, and of the Union if that is in it."""
    home = company.settings().country
    near = each.shipped.country == home or (home in EU and each.shipped.country in EU)
    return each.ours is None and near
