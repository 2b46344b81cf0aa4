"""The form of a discount: what it takes off, whom and what it is for, when, and which one wins."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from admin.customers.lookup import CustomerField
from admin.discount_words import AUDIENCES, COVERS, KINDS, LASTS_FOR, TARGETS
from admin.fields import AmountField, DayField, ExactField, TickField, WholeField, amount_text
from billing import company
from billing.discount_terms import DEFAULTS
from models import BillingError, Customer, CustomerGroup, Discount, Money, Package, Project, db
from models.money import decimals_of
from web.forms import choices, put_error, stripped

MOST_LISTED, MOST_AMOUNTS = 1000, 50
UNITS = [("", _l("Any")), ("months", _l("months")), ("days", _l("days"))]
LENGTHS = [("", _l("No limit")), ("months", _l("months")), ("days", _l("days"))]


class NeededIf(InputRequired):
    """Has to be filled in where another field says so."""

    def __init__(self, other: str, word: str, message: Any) -> None:
        super().__init__(message)
        self.other, self.word = other, word

    def __call__(self, form: Form, field: Any) -> None:
        if form[self.other].data == self.word:
            super().__call__(form, field)


class AmountRow(Form):
    currency = StringField(_l("Currency"), filters=[stripped])
    amount = AmountField(_l("Amount"))

    def validate(self, extra_validators: Any = None) -> bool:
        good = super().validate(extra_validators)
        if not self.amount.typed:
            return good
        self.currency.data = (self.currency.data or "").upper()
        try:
            decimals_of(self.currency.data)
        except BillingError:
            put_error(self.currency, _("Use three letters, such as EUR."))
            return False
        return self.amount.fits(self.currency.data) and good


class DiscountForm(FlaskForm):
    name = StringField(
        _l("Name"), [InputRequired(_l("Type a name.")), Length(max=120)], filters=[stripped],
        description=_l("For you and your colleagues."),
    )  # fmt: skip
    reason = StringField(
        _l("Reason shown to the customer"), [Length(max=200)], filters=[stripped],
        description=_l("Stands on the line of the invoice. Empty: the name."),
    )  # fmt: skip
    kind = SelectField(_l("Takes off"), choices=choices(KINDS))
    percent = ExactField(
        _l("Percent"),
        [NeededIf("kind", "percent", _l("Type the percentage."))],
        description=_l("More than 0, at most 100: free."),
    )
    amounts = FieldList(FormField(AmountRow), max_entries=MOST_AMOUNTS)
    covers = SelectField(_l("Off"), choices=choices(COVERS), description=_l("A percentage is off the options too."))

    audience = SelectField(_l("Whom it is for"), choices=choices(AUDIENCES))
    group_id = SelectField(_l("Group"), coerce=lambda text: int(text) if text else None, validate_choice=False)
    customer_id = CustomerField(
        _l("Customer"), [NeededIf("audience", "customer", _l("Choose the customer."))],
        description=_l("Part of the name, e-mail or phone, or the number."),
    )  # fmt: skip

    target = SelectField(_l("What it is for"), choices=choices(TARGETS))
    project_id = SelectField(_l("Project"), coerce=lambda text: int(text) if text else None, validate_choice=False)
    packages = TickField(_l("Packages"), coerce=int, validate_choice=False)
    every = WholeField(_l("Only if billed every"), description=_l("Such as 12 months: yearly. Empty: however billed."))
    unit = SelectField(_l("Period"), choices=choices(UNITS), default="")

    starts_on = DayField(_l("First day"), description=_l("Empty: it applies already."))
    last_on = DayField(_l("Last day"), description=_l("Included. Empty: no end."))
    lasts = WholeField(_l("Lasts"), description=_l("Never beyond the last day."))
    lasts_unit = SelectField(_l("Counted in"), choices=choices(LENGTHS), default="")
    lasts_for = SelectField(_l("Counted from"), choices=choices(LASTS_FOR))
    bills = WholeField(_l("Only the first so many bills"), description=_l("Of each service. Empty: all."))
    service_from = DayField(_l("Services that start from"), description=_l("Empty: from any day."))
    service_until = DayField(_l("Services that start until"), description=_l("Included. Empty: until any day."))

    priority = WholeField(_l("Priority"), description=_l("The higher number wins. Default: 100."))
    needs_code = BooleanField(_l("Only with a code"))
    active = BooleanField(_l("Switched on"))
    version = HiddenField()

    def __init__(self, discount: Discount | None = None, preset: dict[str, Any] | None = None) -> None:
        begun = {**DEFAULTS, **(preset or {})}
        super().__init__(data=_typed(discount) if discount else begun)
        groups = select(CustomerGroup.id, CustomerGroup.name, CustomerGroup.archived_on).order_by(CustomerGroup.name)
        projects = select(Project.id, Project.name, Project.archived_on).order_by(Project.name)
        self.group_id.choices = _offered(groups, discount.group_id if discount else None)
        self.project_id.choices = _offered(projects, discount.project_id if discount else None)
        had = {package.id for package in discount.packages} if discount else set()
        sold = select(Package.id, Package.name, Package.archived).order_by(Package.name).limit(MOST_LISTED)
        self.packages.choices = choices(
            (row.id, row.name) for row in db.session.execute(sold) if not row.archived or row.id in had
        )
        self._rows()

    def _rows(self) -> None:
        """One row for each currency there is an amount in, one more on request; without scripts too."""
        if not self.is_submitted():
            used = {row.form.currency.data for row in self.amounts}
            if not used:
                self.amounts.append_entry({"currency": company.settings().currency})
        if request.form.get("add") == "amounts" and len(self.amounts) < MOST_AMOUNTS:
            self.amounts.append_entry()
        gone = request.form.get("remove", "")
        self.amounts.entries = [row for row in self.amounts.entries if row.name != gone]

    @property
    def only_rows(self) -> bool:
        """Whether the form was sent to add or remove a row, not to be saved."""
        return bool(request.form.get("add") or request.form.get("remove"))

    def values(self) -> dict[str, Any]:
        """The columns of the discount as they were chosen."""
        same = (
            "name", "reason", "kind", "percent", "covers", "audience", "group_id", "target", "project_id", "starts_on",
            "last_on", "lasts_for", "bills", "service_from", "service_until", "needs_code", "active",
        )  # fmt: skip
        found = {name: self[name].data for name in same}
        customer = self.customer_id.data
        found["customer_id"] = customer.id if isinstance(customer, Customer) else None
        found["priority"] = 100 if self.priority.data is None else self.priority.data
        found |= _length(self.every.data, self.unit.data, "months", "days")
        return found | _length(self.lasts.data, self.lasts_unit.data, "lasts_months", "lasts_days")

    def sums(self) -> list[Money]:
        """The amounts that were typed, for a discount that is one."""
        if self.kind.data == "percent":
            return []
        rows = [row.form for row in self.amounts]
        return [money for row in rows if (money := row.amount.money(row.currency.data or ""))]

    def validate_every(self, field: Any) -> None:
        if self.unit.data and not field.data:
            raise ValidationError(_("Write how many months or days it is."))

    def validate_lasts(self, field: Any) -> None:
        if self.lasts_unit.data and not field.data:
            raise ValidationError(_("Write how many months or days it lasts."))

    def refuse(self, field: str, words: str) -> None:
        """Put what a rule said at its field."""
        of = {"months": "every", "days": "every", "lasts_months": "lasts", "lasts_days": "lasts"}
        name = of.get(field, field)
        if name == "amounts":
            put_error(self.amounts.entries[0].form.amount if self.amounts.entries else self.kind, words)
        else:
            put_error(self[name if name in self else "name"], words)


def _length(count: int | None, unit: str | None, months: str, days: str) -> dict[str, int]:
    n = count or 0
    return {months: n if unit == "months" else 0, days: n if unit == "days" else 0}


def _offered(query: Any, now: int | None) -> Any:
    rows = db.session.execute(query.limit(MOST_LISTED))
    return choices(
        [("", _("Choose")), *((row.id, row.name) for row in rows if row.archived_on is None or row.id == now)]
    )


def _typed(discount: Discount) -> dict[str, Any]:
    values = {name: getattr(discount, name) for name in DEFAULTS}
    values["customer_id"] = discount.customer
    values["packages"] = [package.id for package in discount.packages]
    values["amounts"] = [{"currency": one.currency, "amount": amount_text(one.amount)} for one in discount.amounts]
    values["every"], values["unit"] = _counted(discount.months, discount.days)
    values["lasts"], values["lasts_unit"] = _counted(discount.lasts_months, discount.lasts_days)
    values["version"] = str(discount.version)
    if values["reason"] == values["name"]:
        values["reason"] = ""
    return values


def _counted(months: int, days: int) -> tuple[int | None, str]:
    return (months or days or None), "months" if months else "days" if days else ""
