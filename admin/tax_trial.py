"""Settings, Tax: a trial. Which tax would a customer like this pay on that day, and why?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Response, request
from flask_admin import BaseView, expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Form, SelectField, StringField
from wtforms.validators import Length

from admin.customers.choices import ACCOUNT_TYPES
from admin.fields import DayField, ExactField, WholeField
from admin.settings_parts import SettingsPart
from admin.tax_words import WHY, category_words
from billing import company, tax_numbers
from billing.tax_rates import Decision, TaxTable
from models import AccountType, Customer, db
from web import formatters, languages
from web.forms import choices, put_error, stripped
from web.permissions import actor
from web.setup import countries

Page = Response | str
LETTERS: dict[str, Any] = {
    "S": _l("taxed"), "Z": _l("zero rated"), "E": _l("exempt"), "AE": _l("reverse charge"),
    "O": _l("not subject to tax"),
}  # fmt: skip


@dataclass
class Somebody:
    """A customer as the tax rules see one."""

    country: str
    account_type: AccountType
    tax_id: str
    charge_tax: bool
    tax_exempt: bool
    tax_rate: Decimal | None
    language: str = ""
    group_id: int | None = None


class TrialForm(Form):
    customer = WholeField(_l("Customer number"), description=_l("An existing customer instead of the answers above."))
    country = SelectField(_l("Country"), description=_l("Of the customer."))
    account_type = SelectField(_l("Who"), choices=choices((str(code), word) for code, word in ACCOUNT_TYPES))
    tax_id = StringField(_l("VAT number"), [Length(max=40)], filters=[stripped])
    category = SelectField(_l("What is sold"), default="S")
    on = DayField(_l("Day of the invoice"))
    language = SelectField(_l("Language"), description=_l("Of the sentence on the document."))
    tax_rate = ExactField(_l("Own rate, percent"), description=_l("Empty: none."))
    tax_exempt = BooleanField(_l("Exempt"))
    without = BooleanField(_l("“Charge tax” is off"))

    def offer(self) -> None:
        reader = formatters.locale()
        self.country.choices = choices([("", _("Not known")), *countries(reader)])
        self.category.choices = choices(category_words().items())
        self.language.choices = choices([("", _("Of the company")), *languages.choices()])


class TaxTrialView(SettingsPart, BaseView):
    card = "tax"
    search_words = _l("which tax try test rate reason vat")
    about = _l("Choose a customer, goods and a day, and see the rate and the reason.")

    @expose("/")
    def index(self) -> Page:
        seller = company.settings()
        known = {"country": seller.country, "on": actor().today, "category": "S", "account_type": "individual"}
        form = TrialForm(request.args if "on" in request.args else None, data=known)
        form.offer()
        asked = "on" in request.args and form.validate()
        who = _who(form) if asked else None
        found = self._decide(form, who) if who is not None else None
        return self.render(
            "admin/tax/trial.html",
            form=form,
            found=found,
            who=who,
            why=WHY,
            letter=LETTERS.get(found.tax.category, found.tax.category) if found else "",
            country=formatters.locale().territories.get(found.country, found.country) if found else "",
            hint=_number_hint(form) if asked and isinstance(who, Somebody) else "",
        )

    def _decide(self, form: TrialForm, who: Any) -> Decision:
        on: date = form.on.data or actor().today
        return TaxTable.of(company.settings()).decide(who, form.category.data, on)


def _who(form: TrialForm) -> Any:
    """The customer of that number, or somebody with these answers; None with the reason at its field."""
    if form.customer.data is not None:
        found = db.session.get(Customer, form.customer.data) if 0 < form.customer.data < 2**62 else None
        if found is None:
            put_error(form.customer, _("There is no customer with this number."))
        return found
    rate = form.tax_rate.data
    if rate is not None and not 0 <= rate <= 100:
        put_error(form.tax_rate, _("A tax rate is a percentage from 0 to 100."))
        return None
    kind, number = AccountType(form.account_type.data), form.tax_id.data or ""
    charged, exempt = not form.without.data, bool(form.tax_exempt.data)
    return Somebody(form.country.data, kind, _kept(number, form), charged, exempt, rate, form.language.data)


def _kept(number: str, form: TrialForm) -> str:
    """The number as a customer's form would keep it."""
    try:
        return tax_numbers.tax_number(number, form.country.data)
    except tax_numbers.InvalidTaxNumber:
        return number


def _number_hint(form: TrialForm) -> str:
    try:
        tax_numbers.tax_number(form.tax_id.data or "", form.country.data)
    except tax_numbers.InvalidTaxNumber as refusal:
        return str(refusal)
    return ""
