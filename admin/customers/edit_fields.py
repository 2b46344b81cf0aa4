"""The fields that the cards of a customer's page are made of, with their choices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import SelectField, StringField

from admin import document_words
from admin.dunning_choices import plan_choices
from models import Customer, Staff, db
from web import formatters, languages
from web.forms import choices

from .choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS, country_names
from .forms import RELATED, CustomerForm, salespeople_of
from .inherited import inherited_words

HIDDEN = "identity_number"

# field -> (words, what the page says after a yes, after a no)
SWITCHES: dict[str, tuple[Any, Any, Any]] = {
    "charge_tax": (_l("Charge tax"), _l("Tax is charged"), _l("No tax is charged")),
    "tax_exempt": (_l("Tax exempt"), _l("Tax exempt now"), _l("No longer tax exempt")),
    "never_suspend": (_l("Never suspend for late payment"), _l("Never suspended now"), _l("May be suspended now")),
}

_NAMES = (
    "name", "email", "phone", "phone_extension", "username", "language", "account_type", "company_name",
    "contact_name", "tax_id", "registration_number", "identity_number",
    "street", "street2", "postal_code", "city", "region", "country",
    "payment_method", "payment_days", "dunning_plan_id", "po_number", "vendor_number", "tax_rate", "invoice_note",
    "group_id",
    "project_id", "reseller_id", "contract_type_id", "attitude", "salespeople", "registered_on", "starts_on",
    "ends_on", "about",
)  # fmt: skip

FIELDS: dict[str, Any] = {
    **{name: getattr(CustomerForm, name) for name in _NAMES},
    "invoice_template": SelectField(
        _l("Template of documents"), description=_l("How invoices are printed and mailed.")
    ),
    "web_template": SelectField(_l("Template of web pages"), description=_l("How invoices look in the portal.")),
    "registration_ip": StringField(_l("Internet address"), description=_l("From which they registered.")),
}


def fill_choices(form: Any, customer: Customer) -> None:
    """Give each field of the form that has choices its own."""
    for field in form.parts:
        if field.name == "country":
            field.offer([("", _("Not said")), *country_names(formatters.locale())])
        elif field.name in _CHOICES:
            field.choices = choices(_CHOICES[field.name](customer))
        elif field.name == "dunning_plan_id":
            field.choices = plan_choices(customer.dunning_plan_id, inherited_words(customer)[field.name])
        elif field.name in RELATED:
            model = RELATED[field.name]
            offered = model.archived_on.is_(None) | (model.id == getattr(customer, field.name))
            rows = db.session.execute(select(model.id, model.name).where(offered).order_by(model.name))
            field.choices = choices([("", _("None")), *((row.id, row.name) for row in rows)])
    if "payment_days" in form:
        form.payment_days.description = inherited_words(customer)["payment_days"]
    if "identity_number" in form:
        form.identity_number.description = _("Empty keeps the number there is.")


def fingerprint(number: str, customer: Customer) -> str:
    """Tells whether a customer's identity number is still the same, without telling the number; another customer's
    looks different, so that nobody finds a number out by giving it to somebody else."""
    if not number:
        return ""
    key = str(current_app.secret_key).encode()[:64]
    return hashlib.blake2b(f"{customer.id}:{number}".encode(), key=key, digest_size=12).hexdigest()


def _languages(customer: Customer) -> list[tuple[str, Any]]:
    own = customer.language
    other = [(own, own)] if own and not languages.is_known(own) else []
    return [("", inherited_words(customer)["language"]), *languages.choices(), *other]


def _salespeople(customer: Customer) -> list[tuple[Any, str]]:
    kept = Staff.active | Staff.id.in_(salespeople_of(customer))
    rows = db.session.execute(select(Staff.id, Staff.name).where(kept).order_by(Staff.name))
    return [(row.id, row.name) for row in rows]


def _templates(name: str) -> Callable[[Customer], list[tuple[str, Any]]]:
    def offered(customer: Customer) -> list[tuple[str, Any]]:
        known = document_words.offered(document_words.KIND_OF[name], getattr(customer, name))
        return [("", inherited_words(customer)[name]), *known]

    return offered


_CHOICES: dict[str, Callable[[Customer], list[tuple[Any, Any]]]] = {
    "account_type": lambda customer: ACCOUNT_TYPES,
    "attitude": lambda customer: ATTITUDES,
    "payment_method": lambda customer: [("", inherited_words(customer)["payment_method"]), *PAYMENT_METHODS],
    "language": _languages,
    "invoice_template": _templates("invoice_template"),
    "web_template": _templates("web_template"),
    "salespeople": _salespeople,
}
