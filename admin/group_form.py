"""The form of a group: how it looks, who belongs to it, what it hands down to its customers."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, FieldList, Form, FormField, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired

from admin import document_words
from admin.customers.choices import PAYMENT_METHODS
from admin.dunning_choices import company_plan, number_or_none, plan_choices
from admin.fields import WholeField
from admin.group_words import WAY_WORDS, fact_words, value_words
from admin.own_lists import PERHAPS, colours, line, lines, yes_no_or_none
from admin.projects import WaysField
from billing import company, group_conditions, groups
from models import CustomerGroup, Package, db
from web import formatters, languages
from web.forms import choices, stripped
from web.setup import currencies

MOST_PACKAGES = 300


class RuleForm(Form):
    field = SelectField(_l("About"), default="")
    way = SelectField(_l("Condition"), default="is")
    value = StringField(_l("Value"), filters=[stripped])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.field.choices = choices([("", _("Choose")), *fact_words().items()])
        self.way.choices = choices(WAY_WORDS.items())


class GroupForm(FlaskForm):
    name = line(_l("Name"), 120, "", InputRequired(_l("Type a name.")))
    description = line(_l("Description"), 300, _l("For you and your colleagues."))
    colour = colours(_l("Marks its customers in lists and on their page."))
    automatic = BooleanField(_l("Put customers into it by conditions"))
    priority = WholeField(
        _l("Priority"),
        default=100,
        description=_l("Lower numbers are asked first; the first group that fits takes the customer."),
    )
    rules = FieldList(FormField(RuleForm))
    payment_method = SelectField(_l("Pays by"), default="")
    payment_days = WholeField(_l("Days to pay"))
    charge_tax = SelectField(_l("Charge tax"), default="")
    never_suspend = SelectField(_l("Never suspend for late payment"), default="")
    dunning_plan_id = SelectField(_l("Dunning plan"), coerce=number_or_none)
    language = SelectField(_l("Language of mails and documents"), default="")
    currency = SelectField(_l("Currency of new customers"), default="")
    invoice_note = lines(_l("Note on every invoice"))
    invoice_template = SelectField(_l("Template of documents"), default="")
    web_template = SelectField(_l("Template of web pages"), default="")
    payment_methods = WaysField(_l("Ways to pay"), description=_l("Its customers may be given these only. None: all."))
    packages = SelectMultipleField(_l("Packages"), coerce=int, validate_choice=False,
                                   description=_l("Its customers may start these only. None: all."))  # fmt: skip

    def __init__(self, group: CustomerGroup | None = None) -> None:
        data: dict[str, Any] = {}
        if group is not None:
            data = {"packages": groups.packages_of(group), "rules": [_typed(rule) for rule in group.rules]}
            data |= {name: _select(getattr(group, name)) for name in ("charge_tax", "never_suspend")}
            data |= {"payment_method": group.payment_method or ""}
        super().__init__(obj=None if group is None else _Shown(group, data))
        self.group = group
        self._offer()
        self._rows()

    def _offer(self) -> None:
        reader, ours = formatters.locale(), company.settings()
        known = {str(code): word for code, word in PAYMENT_METHODS}
        as_company = _("As the company: %(what)s")
        self.payment_method.choices = choices([("", as_company % {"what": known[ours.payment_method]}), *known.items()])
        self.payment_methods.choices = choices(known.items())
        for name in ("charge_tax", "never_suspend"):
            what = _("Yes") if getattr(ours, name) else _("No")
            self[name].choices = choices([("", as_company % {"what": what}), *PERHAPS[1:]])
        self.dunning_plan_id.choices = plan_choices(getattr(self.group, "dunning_plan_id", None), company_plan())
        self.language.choices = choices([("", _("As the company")), *languages.choices()])
        self.currency.choices = choices([("", _("As the project or company")), *currencies(reader)])
        for name in document_words.KIND_OF:
            self[name].choices = document_words.or_as_before(
                name, getattr(self.group, name, ""), _("As the project or company")
            )
        self.payment_days.description = _("Empty: %(n)s, as the company.", n=ours.payment_days)
        self.invoice_note.description = _("Empty: the project's, else the company's.")
        listed = select(Package.id, Package.name).where(Package.archived.is_(False)).order_by(Package.name)
        rows = db.session.execute(listed.limit(MOST_PACKAGES))
        self.packages.choices = choices([(row.id, row.name) for row in rows])

    def _rows(self) -> None:
        """One empty row to begin with, one more on request; without scripts too."""
        if request.form.get("add") or not len(self.rules):
            self.rules.append_entry()
        gone = request.form.get("remove", "")
        self.rules.entries = [row for row in self.rules.entries if row.name != gone]

    @property
    def only_rows(self) -> bool:
        """Whether the form was sent to add or remove a row, not to be saved."""
        return bool(request.form.get("add") or request.form.get("remove"))

    def values(self) -> dict[str, Any]:
        left_out = ("csrf_token", "rules", "packages")
        found = {field.short_name: field.data for field in self if field.short_name not in left_out}
        found |= {name: yes_no_or_none(found[name]) for name in ("charge_tax", "never_suspend")}
        if found["priority"] is None:
            found["priority"] = 100
        return found

    def conditions(self) -> tuple[list[Any], list[tuple[str, str, str]]]:
        """The rows that were filled in, and what each says."""
        filled = [row for row in self.rules.entries if row.form.field.data or row.form.value.data]
        return filled, [(r.form.field.data or "", r.form.way.data or "", r.form.value.data or "") for r in filled]


class _Shown:
    """A group as the form shows it."""

    def __init__(self, group: CustomerGroup, instead: dict[str, Any]) -> None:
        self._group, self.__dict__ = group, {**self.__dict__, **instead, "_group": group}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_group"], name)


def _select(value: bool | None) -> str:
    return "" if value is None else str(int(value))


def _typed(rule: list[Any]) -> dict[str, str]:
    """A stored condition as somebody would type it."""
    name, way, value = rule
    asked = group_conditions.fact(name)
    shown = value_words(name, value) if asked and asked.kind in ("record", "yes_no") else str(value)
    return {"field": name, "way": way, "value": shown}
