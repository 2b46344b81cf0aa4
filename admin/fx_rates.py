"""Exchange rates: what one unit of a currency is worth in another, from which day on, and for whom."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_admin.form import BaseForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from admin.base import StaffView
from admin.document_filters import CustomerFilter
from admin.fields import DayField, ExactField, WholeField
from admin.filters import ChoiceFilter
from admin.rights import Open
from admin.settings_parts import SettingsPart
from billing import fx_health, fx_rate_changes
from models import CustomerGroup, FxRate, db
from web import formatters, params
from web.formatters import short_date
from web.forms import choices, stripped
from web.params import row_id
from web.permissions import actor
from web.setup import currencies


class FxRateForm(BaseForm):
    base = SelectField(_l("One unit of"), [InputRequired(_l("Choose a currency."))])
    quote = SelectField(_l("Is worth in"), [InputRequired(_l("Choose a currency."))])
    rate = ExactField(_l("Rate"), [InputRequired(_l("Type the rate."))], description=_l("Such as 1.0842."))
    on = DayField(_l("From the day"), [InputRequired(_l("Choose the day."))], description=_l("Until a newer one."))
    source = StringField(
        _l("Source"), [InputRequired(_l("Type where the rate comes from.")), Length(max=49)],
        description=_l("Kept on every document that uses it, such as “European Central Bank”."), filters=[stripped],
    )  # fmt: skip
    customer_id = WholeField(_l("Customer number"), description=_l("Only for this customer; wins over all others."))
    group_id = SelectField(_l("Group"), description=_l("Only for customers of this group."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = choices([("", _("Choose")), *currencies(formatters.locale())])
        self.base.choices = self.quote.choices = offered
        self.group_id.choices = choices([("", _("Everybody")), *_groups()])

    def rate_wanted(self) -> fx_rate_changes.Rate:
        group = int(self.group_id.data) if self.group_id.data else None
        return fx_rate_changes.Rate(
            self.base.data,
            self.quote.data,
            self.rate.data,
            self.on.data,
            self.source.data,
            self.customer_id.data,
            group,
        )


def _groups() -> list[tuple[str, str]]:
    """Id and name of every group."""
    asked = select(CustomerGroup.id, CustomerGroup.name).order_by(CustomerGroup.name).limit(500)
    return [(str(row.id), row.name) for row in db.session.execute(asked)]


def _either(wide: str, phone: str) -> Markup:
    """What stands in the column, and what says the same on a phone, which has no column titles."""
    return Markup('<span class="no-phone">{}</span><span class="only-phone">{}</span>').format(wide, phone)


def _audience(view: Any, context: Any, row: FxRate, name: str) -> str:
    return str(row.customer or row.group or _("Everybody"))


AUDIENCES = [("all", _l("Everybody")), ("agreed", _l("Agreed with somebody"))]


class AudienceFilter(ChoiceFilter):
    """Rates for everybody, or those agreed with somebody."""

    def where(self, value: str) -> Any:
        agreed = or_(FxRate.customer_id.is_not(None), FxRate.group_id.is_not(None))
        return agreed if value == "agreed" else ~agreed

    @property
    def equality(self) -> bool:
        return False


class GroupFilter(ChoiceFilter):
    """Rates of one group."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))


class FxRateView(SettingsPart, StaffView):
    of_customer = "customer_id"
    card = "currency"
    search_words = _l("fx currency conversion ecb")
    can_create = Open("settings.edit")
    can_delete = Open("settings.edit")
    can_export = True
    list_template = "admin/fx_rates/list.html"
    form = FxRateForm
    form_columns = ("base", "quote", "rate", "on", "source", "customer_id", "group_id")
    form_sections = (
        (_l("Rate"), _l("Used on the issue day; issued documents keep theirs."), (
            ("base", 6), ("quote", 6), ("rate", 6), ("on", 6), ("source", 12),
        )),
        (_l("For whom"), _l("Leave both empty for everybody."), (("customer_id", 6), ("group_id", 6))),
    )  # fmt: skip
    column_list = ("on", "base", "quote", "rate", "source", "audience")
    column_labels = {"base": _l("One unit of"), "quote": _l("Is worth in"), "rate": _l("Rate"),
                     "on": _l("From the day"), "source": _l("Source"), "audience": _l("For whom")}  # fmt: skip
    column_sortable_list = ("on", "base", "quote")
    column_default_sort = ("on", True)
    column_filters = (
        AudienceFilter(
            FxRate.id, _l("For whom"), "is", "audience", AUDIENCES
        ),
        CustomerFilter(FxRate.customer_id),
        GroupFilter(FxRate.group_id, _l("Group"), "is", "group", _groups),
        "base", "quote", "on",
    )  # fmt: skip
    column_export_list = ("id", "on", "base", "quote", "rate", "source", "ends_on", "customer_id", "group_id")
    saved_views = (
        (_l("All"), {}),
        (_l("For everybody"), {"flt0_audience_is": "all"}),
        (_l("Agreed"), {"flt0_audience_is": "agreed"}),
    )
    column_numeric = ("rate",)
    column_phone = {"base": "title", "source": "sub", "rate": "end", "on": "end2"}
    column_formatters = {
        "audience": _audience,
        "base": lambda view, context, row, name: _either(
            row.base, _("1 %(one)s in %(other)s", one=row.base, other=row.quote)
        ),
        "on": lambda view, context, row, name: _either(short_date(row.on), _("from %(day)s", day=short_date(row.on))),
        "rate": lambda view, context, row, name: f"{row.rate:f}",
    }
    create_label, save_label = _l("Add rate"), _l("Save rate")
    empty_title = _l("No exchange rates yet")
    empty_text = _l("You need them once customers pay in a currency that is not yours.")

    def list_options(self) -> tuple[Any, ...]:
        return selectinload(FxRate.customer), selectinload(FxRate.group)

    def create_form(self, obj: Any = None) -> Any:
        """For the customer or group that the address names, if any."""
        form = super().create_form(obj)
        if request.method == "GET":
            form.group_id.data = params.only(request.args, "group")[:20]
            form.customer_id.data = row_id(params.only(request.args, "customer")[:20])
            form.on.data = actor().today
        return form

    @property
    def lacking(self) -> list[fx_health.Pair]:
        """Currencies in use without a fresh rate; told above the list."""
        return fx_health.lacking(actor().today)

    def create(self, form: FxRateForm) -> FxRate:
        return fx_rate_changes.create(form.rate_wanted(), by=actor())

    def delete(self, row: FxRate) -> None:
        fx_rate_changes.delete(row, by=actor())
