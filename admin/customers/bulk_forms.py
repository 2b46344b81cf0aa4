"""What actions on many customers ask for: fields to set, tags, a group, a reseller, salespeople."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import RadioField, SelectField, SelectMultipleField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired

from admin.bulk_doors import BulkForm, customers_words
from admin.dunning_choices import plan_choices
from admin.fields import TickField, WholeField
from billing.bulk_edit import FIELDS, REFERENCES
from billing.customer_fields import InvalidCustomer
from models import Staff, Tag, db
from web import formatters, languages
from web.forms import choices

from .choices import ATTITUDES, PAYMENT_METHODS, country_names
from .own_fields import FORM, OwnFields

MOST_TAGS = 200  # offered while typing; any other can be typed
SWITCHES = ("charge_tax", "never_suspend")
WAYS = [("add", _l("Add")), ("remove", _l("Remove"))]


def _id(text: Any) -> int | None:
    return int(text) if str(text).isascii() and str(text).isdigit() and len(str(text)) < 19 else None


def _rows(model: Any) -> list[tuple[str, str]]:
    found = db.session.execute(select(model.id, model.name).order_by(model.name))
    return [(str(row.id), row.name) for row in found]


def _people() -> list[tuple[Any, str]]:
    found = db.session.execute(select(Staff.id, Staff.name).where(Staff.active).order_by(Staff.name))
    return [(row.id, row.name) for row in found]


class TagForm(BulkForm):
    template = "admin/bulk/tag.html"
    tags = StringField(
        _l("Tags"), [InputRequired(_l("Type one tag or several."))],
        description=_l("Several with commas between them. A new word makes a new tag."),
    )  # fmt: skip
    way = RadioField(_l("Add or remove"), choices=choices(WAYS), default="add")

    @property
    def known(self) -> list[str]:
        return list(db.session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST_TAGS)))

    def verb(self, label: Any, count: int) -> str:
        return _("Tag %(n)s", n=customers_words(count))

    def params(self) -> dict[str, Any]:
        names = [name.strip() for name in (self.tags.data or "").split(",") if name.strip()]
        return {"way": self.way.data, "tags": names}


class _OneOf(BulkForm):
    """One field, for all."""

    field = ""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.chosen.label.text = self.words
        self.chosen.choices = choices([("", self.nothing), *_rows(REFERENCES[self.field])])

    chosen = SelectField("", coerce=lambda value: value)
    words: Any = ""
    nothing: Any = ""

    def params(self) -> dict[str, Any]:
        return {"set": {self.field: _id(self.chosen.data)}}


class GroupForm(_OneOf):
    field, words, nothing = "group_id", _l("Group"), _l("None: out of any group")

    def verb(self, label: Any, count: int) -> str:
        return _("Set the group of %(n)s", n=customers_words(count))


class ResellerForm(_OneOf):
    field, words, nothing = "reseller_id", _l("Reseller"), _l("None: nobody brought them")

    def verb(self, label: Any, count: int) -> str:
        return _("Set the reseller of %(n)s", n=customers_words(count))


class SalespeopleForm(BulkForm):
    people = TickField(_l("Salespeople"), coerce=int)
    way = RadioField(
        _l("What to do with them"),
        choices=choices([*WAYS, ("set", _l("These and nobody else"))]), default="add",
    )  # fmt: skip

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.people.choices = choices(_people())

    def verb(self, label: Any, count: int) -> str:
        return _("Change the salespeople of %(n)s", n=customers_words(count))

    def params(self) -> dict[str, Any]:
        return {"salespeople": {"way": self.way.data, "ids": self.people.data or []}}


class EditForm(BulkForm):
    """Any of the safe fields; only those whose box is ticked are set."""

    template = "admin/bulk/edit.html"
    set = SelectMultipleField(choices=choices((name, name) for name in (*FIELDS, "salespeople")))
    group_id = SelectField(_l("Group"))
    reseller_id = SelectField(_l("Reseller"))
    project_id = SelectField(_l("Project"))
    contract_type_id = SelectField(_l("Contract type"))
    dunning_plan_id = SelectField(_l("Dunning plan"))
    salespeople = TickField(_l("Salespeople"), coerce=int)
    salespeople_way = RadioField(
        _l("What to do with the salespeople"),
        choices=choices([*WAYS, ("set", _l("These and nobody else"))]), default="add",
    )  # fmt: skip
    language = SelectField(_l("Language"))
    country = SelectField(_l("Country"))
    payment_method = SelectField(_l("Pays by"))
    payment_days = WholeField(_l("Days to pay"))
    charge_tax = SelectField(_l("Charge tax"))
    never_suspend = SelectField(_l("Never suspend for late payment"))
    attitude = SelectField(_l("How to deal with them"))
    invoice_note = TextAreaField(_l("Note on every invoice"))

    sections = (
        (_l("Who looks after them"), ("group_id", "reseller_id", "project_id", "salespeople")),
        (_l("Where they are"), ("country", "language")),
        (
            _l("Billing"),
            (
                "payment_method",
                "payment_days",
                "dunning_plan_id",
                "charge_tax",
                "never_suspend",
                "contract_type_id",
                "invoice_note",
            ),
        ),
        (_l("How to deal with them"), ("attitude",)),
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        reader = formatters.locale()
        for name, model in REFERENCES.items():
            self[name].choices = choices([("", _("None")), *_rows(model)])
        self.salespeople.choices = choices(_people())
        self.language.choices = choices([("", _("As the group or the company says")), *languages.choices()])
        self.country.choices = choices([("", _("Not said")), *country_names(reader)])
        follow = ("", _("As the group or the company says"))
        self.dunning_plan_id.choices = plan_choices(None, follow[1])
        self.attitude.choices = choices(ATTITUDES)
        self.payment_method.choices = choices([follow, *PAYMENT_METHODS])
        for name in SWITCHES:
            self[name].choices = choices([follow, ("1", _("Yes")), ("0", _("No"))])
        self.payment_days.description = _("Empty: as the group or the company says.")
        self.own = OwnFields()
        self.set.choices = choices(
            (name, name) for name in (*FIELDS, "salespeople", *(FORM + key for key in self.own.texts))
        )

    def validate_set(self, field: Any) -> None:
        if not field.data:
            raise ValidationError(_("Tick at least one field to set."))

    def validate(self, extra_validators: Any = None) -> bool:
        """What is not ticked cannot be wrong."""
        super().validate(extra_validators)
        ticked = self.set.data or []
        for name in (*FIELDS, "salespeople"):
            if name not in ticked:
                self[name].errors = []
        if "salespeople" not in ticked:
            self.salespeople_way.errors = []
        return not self.errors

    def refused(self, error: InvalidCustomer) -> None:
        rest = self.own.take(error.errors)
        if rest:
            super().refused(InvalidCustomer(rest))

    def params(self) -> dict[str, Any]:
        ticked = self.set.data or []
        params: dict[str, Any] = {"set": {name: self._value(name) for name in ticked if name in FIELDS}}
        if "salespeople" in ticked:
            params["salespeople"] = {"way": self.salespeople_way.data, "ids": self.salespeople.data or []}
        if own := {key: text for key, text in self.own.texts.items() if FORM + key in ticked}:
            params["own"] = own
        return params

    def _value(self, name: str) -> Any:
        if name in REFERENCES:
            return _id(self[name].data)
        if name in SWITCHES:
            return {"1": True, "0": False}.get(self[name].data)
        return self[name].data or None if name == "payment_method" else self[name].data

    def verb(self, label: Any, count: int) -> str:
        return _("Change %(n)s", n=customers_words(count))
