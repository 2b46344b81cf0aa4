"""The customer's own details: what the settings leave to them as a form, the rest to be read; and its language."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField
from wtforms.widgets import HiddenInput

from billing import own_details
from billing.balances import ChangedMeanwhile
from billing.customers import InvalidCustomer
from billing.portal_rights import DECIDES
from models import BillingError, Customer, PortalAccess, db
from web import formatters, languages
from web.countries import country_names
from web.forms import choices, put_error, stripped
from web.permissions import actor

from .pages import ID, for_customer, needs, others, pages


class DetailsForm(FlaskForm):
    """Every field that may ever be theirs; `of` leaves in it those that are now."""

    name = StringField(_l("Name"), filters=[stripped])
    company_name = StringField(_l("Company"), filters=[stripped])
    tax_id = StringField(_l("VAT or tax number"), filters=[stripped])
    registration_number = StringField(_l("Registration number"), filters=[stripped])
    contact_name = StringField(_l("Contact person"), filters=[stripped])
    phone = StringField(_l("Telephone"), filters=[stripped])
    phone_extension = StringField(_l("Extension"), filters=[stripped])
    street = StringField(_l("Street"), filters=[stripped])
    street2 = StringField(_l("Second line"), filters=[stripped])
    postal_code = StringField(_l("Postal code"), filters=[stripped])
    city = StringField(_l("City"), filters=[stripped])
    region = StringField(_l("Region"), filters=[stripped])
    country = SelectField(_l("Country"), default="")
    language = SelectField(_l("Language of mails and documents"), default="")
    version = IntegerField(widget=HiddenInput())

    def __init__(self, customer: Customer) -> None:
        super().__init__(obj=customer)
        self.country.choices = choices([("", _("Not said")), *country_names(formatters.locale())])
        self.language.choices = choices([("", _("As the company")), *languages.choices()])
        self.open = own_details.open_fields()
        for name in [field.name for field in self if field.name in SECTIONS_OF and field.name not in self.open]:
            del self[name]

    def values(self) -> dict[str, Any]:
        return {name: self[name].data or "" for name in sorted(self.open)}


WIDTHS = {"phone": 8, "phone_extension": 4, "postal_code": 4, "city": 8, "contact_name": 12, "language": 6}
SECTIONS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (_l("Name"), "portal_name", own_details.FIELDS["portal_name"]),
    (_l("Numbers"), "portal_tax_id", own_details.FIELDS["portal_tax_id"]),
    (_l("Contact"), "portal_phone", own_details.FIELDS["portal_phone"]),
    (_l("Address"), "portal_address", own_details.FIELDS["portal_address"]),
    (_l("Language"), "", own_details.ALWAYS),
)
SECTIONS_OF = {name for _title, _setting, names in SECTIONS for name in names}


@pages.get(f"/<{ID}:customer_id>/details")
@for_customer
def details(access: PortalAccess) -> str:
    return _page(access, DetailsForm(access.customer))


@pages.post(f"/<{ID}:customer_id>/details")
@for_customer
@needs(DECIDES)
def save_details(access: PortalAccess) -> Any:
    form, customer_id = DetailsForm(access.customer), access.customer_id
    if not form.validate_on_submit():
        return _page(access, form), 400
    try:
        own_details.change(access.customer, form.values(), version=form.version.data, by=actor())
        db.session.commit()
    except InvalidCustomer as refusal:
        db.session.rollback()
        for name, sentence in refusal.errors.items():
            put_error(form[name if name in form else "language"], sentence)
        return _page(_again(customer_id), form), 400
    except ChangedMeanwhile:
        db.session.rollback()
        flash(_("These details were changed while you had them open. Look at them again, then save."), "warning")
        return redirect(url_for(".details", customer_id=customer_id), 303)
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(url_for(".details", customer_id=customer_id), 303)
    flash(_("Saved. Documents there are keep what they say."), "success")
    return redirect(url_for(".details", customer_id=customer_id), 303)


def _again(customer_id: int) -> PortalAccess:
    return next(one for one in others() if one.customer_id == customer_id)


def _page(access: PortalAccess, form: DetailsForm) -> str:
    customer = access.customer
    return render_template(
        "portal/details.html", customer=customer, others=others(), form=form, sections=SECTIONS, widths=WIDTHS,
        may_change=access.right in DECIDES, labels=_labels(), shown=_shown(customer),
        locked=[title for title, setting, _names in SECTIONS if setting and _names[0] not in form.open],
        posted=request.method == "POST",
    )  # fmt: skip


def _labels() -> dict[str, Any]:
    return {name: getattr(DetailsForm, name).kwargs.get("label") or getattr(DetailsForm, name).args[0]
            for name in SECTIONS_OF}  # fmt: skip


def _shown(customer: Customer) -> dict[str, str]:
    """What is kept, as one reads it."""
    found = {name: str(getattr(customer, name) or "") for name in SECTIONS_OF}
    found["country"] = formatters.locale().territories.get(customer.country, customer.country)
    found["language"] = dict(languages.choices()).get(customer.language, _("As the company"))
    found["phone"] = formatters.phone(customer)
    return found
