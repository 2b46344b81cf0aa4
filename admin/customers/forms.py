"""The form of a customer. It picks values; what they may be is decided by billing.customers."""

from __future__ import annotations

from typing import Any

from babel import Locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import PasswordInput

from admin.dunning_choices import plan_choices
from admin.fields import DayField, ExactField, TickField, WholeField
from billing import company, inheritance
from billing.customers import InvalidCustomer
from billing.duplicates import Likely
from models import (
    AccountType,
    Attitude,
    ContractType,
    Customer,
    CustomerGroup,
    Project,
    Reseller,
    Staff,
    customer_salesperson,
    db,
)
from web import formatters, languages
from web.forms import GoodPassword, Same, choices, put_error
from web.setup import currencies

from .choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS, country_names, shown
from .country_field import CountryField
from .inherited import inherited_words
from .own_fields import OwnFields

RELATED: dict[str, Any] = {
    "group_id": CustomerGroup, "project_id": Project, "reseller_id": Reseller, "contract_type_id": ContractType,
}  # fmt: skip
LOGIN = ("password", "repeat", "welcome", "tags")
NEW_ONLY = ("currency", "external_source", "external_id", *LOGIN)
NOT_OF_THE_RULE = ("csrf_token", "version", "salespeople", *LOGIN)


def _id(text: Any) -> int | None:
    return int(text) if str(text).isdigit() else None


def _perhaps(text: Any) -> bool | None:
    """Yes, no, or as the group or company says."""
    return None if text in ("", None) else str(text) in ("1", "True")


def _or_none(text: Any) -> Any:
    return text or None


class CustomerForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type the customer's name."))])
    email = StringField(_l("E-mail"), [InputRequired(_l("Type an e-mail address; invoices go there."))])
    password = PasswordField(
        _l("Password"), [Optional(), GoodPassword("name", "email", "username")],
        description=_l("8 characters or more. Empty: one is made, and the customer chooses their own by a link."),
        widget=PasswordInput(hide_value=False),  # not lost when another field is wrong: no page of ours is stored
    )  # fmt: skip
    repeat = PasswordField(_l("Repeat password"), [Same("password")], widget=PasswordInput(hide_value=False))
    welcome = BooleanField(_l("Send the welcome mail"), default=True)
    tags = StringField(_l("Tags"), description=_l("Several with commas between them."))
    phone = StringField(_l("Phone"))
    phone_extension = StringField(_l("Extension"))
    username = StringField(
        _l("User name"), filters=[_or_none],
        description=_l("3 to 64 letters or digits. Signs in like the e-mail, and stands in brackets beside the name."),
    )  # fmt: skip
    language = SelectField(_l("Language"), description=_l("Of mails and documents."))
    account_type = RadioField(_l("Kind of customer"), default=AccountType.INDIVIDUAL)
    company_name = StringField(_l("Company name"))
    contact_name = StringField(_l("Contact person"))
    tax_id = StringField(_l("VAT or tax number"))
    registration_number = StringField(_l("Registration number"), description=_l("In the register of companies."))
    identity_number = StringField(_l("Identity number"))
    street = StringField(_l("Street"))
    street2 = StringField(_l("Second line"))
    postal_code = StringField(_l("Postal code"))
    city = StringField(_l("City"))
    region = StringField(_l("Region"))
    country = CountryField(_l("Country"), description=_l("Type the first letters. It decides the tax."))
    latitude = ExactField(_l("Latitude"))
    longitude = ExactField(_l("Longitude"))
    currency = SelectField(_l("Currency"), description=_l("Of the account, its documents and its credit."))
    payment_method = SelectField(_l("Pays by"))
    payment_days = WholeField(_l("Days to pay"))
    po_number = StringField(_l("Purchase order number"))
    vendor_number = StringField(_l("Our vendor number"), description=_l("The number they know us by."))
    charge_tax = SelectField(_l("Charge tax"), coerce=_perhaps)
    tax_exempt = BooleanField(_l("Tax exempt"))
    tax_rate = ExactField(_l("Own tax rate"), description=_l("In percent. Empty: from the country."))
    never_suspend = SelectField(_l("Never suspend for late payment"), coerce=_perhaps)
    dunning_plan_id = SelectField(
        _l("Dunning plan"), coerce=_id, description=_l("When they are reminded of unpaid invoices, and what follows.")
    )
    invoice_note = TextAreaField(_l("Note on every invoice"))
    group_id = SelectField(_l("Group"), coerce=_id)
    project_id = SelectField(_l("Project"), coerce=_id)
    reseller_id = SelectField(_l("Reseller"), coerce=_id)
    contract_type_id = SelectField(_l("Contract type"), coerce=_id)
    attitude = SelectField(_l("How to deal with them"), default=Attitude.NONE, description=_l("Only staff see this."))
    salespeople = TickField(_l("Salespeople"), coerce=int, description=_l("Who looks after them."))
    registered_on = DayField(_l("Customer since"))
    starts_on = DayField(_l("Contract starts"))
    ends_on = DayField(_l("Contract ends"))
    about = TextAreaField(_l("Note"), description=_l("Only staff see this."))
    external_source = StringField(_l("Source"), filters=[_or_none], description=_l("The system of the id beside it."))
    external_id = StringField(_l("Id there"), filters=[_or_none])
    version = HiddenField()

    def __init__(self, customer: Customer | None = None) -> None:
        super().__init__(obj=customer, salespeople=salespeople_of(customer))
        if customer is not None and not self.is_submitted():
            for name in inheritance.STORED:
                self[name].data = getattr(customer, name) if getattr(customer, f"own_{name}") else None
        self.customer = customer
        self.duplicates: list[Likely] = []
        self.own = OwnFields(customer)
        self.differences: list[tuple[Any, Any, Any]] = []
        self._fill_choices(formatters.locale())
        if customer is not None:
            for name in NEW_ONLY:
                del self[name]
            # Never shown; what is typed replaces it.
            if not self.is_submitted():
                self.identity_number.data = ""
            self.identity_number.description = _("Empty keeps the number there is. It is shown on the customer's page.")

    def _fill_choices(self, reader: Locale) -> None:
        blank = ("", _("Not said"))
        seller = company.settings()
        self.account_type.choices = choices(ACCOUNT_TYPES)
        follows = inherited_words(self.customer)
        self.payment_method.choices = choices([("", follows["payment_method"]), *PAYMENT_METHODS])
        for name in ("charge_tax", "never_suspend"):
            self[name].choices = choices([("", follows[name]), ("1", _("Yes")), ("0", _("No"))])
        self.attitude.choices = choices(ATTITUDES)
        chosen = getattr(self.customer, "dunning_plan_id", None)
        self.dunning_plan_id.choices = plan_choices(chosen, follows["dunning_plan_id"])
        own = self.customer.language if self.customer else ""
        other = [(own, own)] if own and not languages.is_known(own) else []
        self.language.choices = choices([("", _("The company's")), *languages.choices(), *other])
        self.country.offer([blank, *country_names(reader)])
        self.currency.choices = choices([*([] if seller.currency else [("", _("Choose"))]), *currencies(reader)])
        if not self.is_submitted() and self.customer is None:
            self.currency.data, self.country.data = seller.currency, seller.country
        for name, model in RELATED.items():
            offered = model.archived_on.is_(None) | (model.id == getattr(self.customer, name, None))
            rows = db.session.execute(select(model.id, model.name).where(offered).order_by(model.name))
            self[name].choices = choices([("", _("None")), *((row.id, row.name) for row in rows)])
        kept = Staff.active | Staff.id.in_(self.salespeople.data or [])
        people = db.session.execute(select(Staff.id, Staff.name).where(kept).order_by(Staff.name))
        self.salespeople.choices = choices((row.id, row.name) for row in people)
        self.payment_days.description = follows["payment_days"]

    def values(self) -> dict[str, Any]:
        """What the rule gets: what was sent; what may not be empty is left out when it is."""
        sent = [f for f in self if f.raw_data or isinstance(f, BooleanField)]
        found = {f.name: f.data for f in sent if f.name not in NOT_OF_THE_RULE}
        empty = ["registered_on", *(["identity_number"] if self.customer else [])]
        if not (found.get("external_id") or found.get("external_source")):
            empty += ["external_id", "external_source"]
        found |= {name: found[name] or None for name in ("payment_method",) if name in found}
        return {name: value for name, value in found.items() if value or name not in empty}

    def refused(self, error: InvalidCustomer) -> None:
        """Put each sentence at its field."""
        for name, sentence in self.own.take(error.errors).items():
            put_error(self[name if name in self else "name"], sentence)
        same = getattr(error, "customer", None)
        self.duplicates = [Likely(same, ("e-mail",))] if same else []

    def changed_meanwhile(self, customer: Customer) -> None:
        """Show what is stored by now beside what was typed; saved again, what was typed holds."""
        typed = self.values()
        self.differences = [
            (self[name].label.text, shown(self[name], getattr(customer, name)), shown(self[name], value))
            for name, value in typed.items()
            if name != "identity_number" and (getattr(customer, name) or None) != (value or None)
        ]
        self.version.data = str(customer.version)
        self.version.raw_data = None


def salespeople_of(customer: Customer | None) -> list[int]:
    if customer is None:
        return []
    theirs = customer_salesperson.c.customer_id == customer.id
    return list(db.session.scalars(select(customer_salesperson.c.staff_id).where(theirs)))
