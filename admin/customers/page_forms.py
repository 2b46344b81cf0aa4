"""The small forms on the page of a customer."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import AmountField, DayField
from billing.customers import ContactDetails
from models import BillingGroup, Contact, Customer


class NoteForm(FlaskForm):
    text = TextAreaField(_l("Note"), [InputRequired(_l("Write something first."))])
    pinned = BooleanField(_l("Keep at the top"))
    shown_to_customer = BooleanField(_l("The customer may read it"))


class ContactForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type the person's name."))])
    role = StringField(_l("Role"), description=_l("Such as bookkeeping."))
    email = StringField(_l("E-mail"))
    phone = StringField(_l("Phone"))
    gets_invoices = BooleanField(_l("Gets invoices"))
    gets_reminders = BooleanField(_l("Gets reminders"))
    gets_news = BooleanField(_l("Gets news"))

    def __init__(self, contact: Contact | None = None) -> None:
        super().__init__(obj=contact)

    @staticmethod
    def as_is(contact: Contact) -> ContactDetails:
        """A contact that stays what it is."""
        return ContactDetails(**{name: getattr(contact, name) for name in ContactDetails.__dataclass_fields__})

    def details(self, contact_id: int | None) -> ContactDetails:
        values: dict[str, Any] = {f.name: f.data or "" for f in self if f.name != "csrf_token"}
        flags = {name: bool(values[name]) for name in values if name.startswith("gets_")}
        return ContactDetails(**{**values, **flags, "id": contact_id})


class GroupForm(FlaskForm):
    name = StringField(_l("Name"), [InputRequired(_l("Type a name, such as Domains."))])
    po_number = StringField(_l("Purchase order number"), description=_l("Printed on its invoices."))

    def __init__(self, group: BillingGroup | None = None) -> None:
        super().__init__(obj=group)


class CreditForm(FlaskForm):
    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount."))])
    reason = StringField(
        _l("What for"), [InputRequired(_l("Say what it is for."))], description=_l("The customer reads this.")
    )
    expires_on = DayField(_l("Last day it can be used"))

    def __init__(self, customer: Customer) -> None:
        super().__init__()
        self.amount.description = customer.currency
