"""Who is billed: the customer itself, or one of its payers; seen, added, changed and chosen as the settings allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField
from wtforms.validators import InputRequired

from billing import own_details, payers
from billing.payers import InvalidPayer
from billing.portal_rights import DECIDES, SEES_MONEY
from models import AccountType, BillingError, Payer, PortalAccess, db
from web import form_tokens, formatters, params
from web.countries import country_names
from web.forms import choices, put_error, stripped
from web.permissions import actor

from .pages import ID, for_customer, needs, others, pages

KINDS = {
    AccountType.COMPANY: _l("Company"),
    AccountType.INDIVIDUAL: _l("Person"),
    AccountType.SOLE_PROPRIETOR: _l("Sole proprietor"),
}


class PayerForm(FlaskForm):
    account_type = RadioField(_l("Kind of payer"), default=AccountType.COMPANY.value)
    name = StringField(
        _l("Name"), [InputRequired(_l("Type the name that stands on its invoices."))], filters=[stripped]
    )  # fmt: skip
    contact_name = StringField(_l("Contact person"), filters=[stripped])
    tax_id = StringField(_l("VAT or tax number"), filters=[stripped])
    registration_number = StringField(_l("Registration number"), filters=[stripped])
    email = StringField(_l("E-mail"), description=_l("Its invoices go there instead."), filters=[stripped])
    country = SelectField(_l("Country"), default="", description=_l("It decides the tax on its invoices."))
    street = StringField(_l("Street"), filters=[stripped])
    street2 = StringField(_l("Second line"), filters=[stripped])
    postal_code = StringField(_l("Postal code"), filters=[stripped])
    city = StringField(_l("City"), filters=[stripped])
    region = StringField(_l("Region"), filters=[stripped])

    def __init__(self, payer: Payer | None = None) -> None:
        super().__init__(obj=payer)
        self.account_type.choices = choices((kind.value, words) for kind, words in KINDS.items())
        self.country.choices = choices([("", _("Not said")), *country_names(formatters.locale())])

    def values(self) -> dict[str, Any]:
        return {name: self[name].data or "" for name in payers.FIELDS}


@pages.get(f"/<{ID}:customer_id>/payers/")
@for_customer
@needs(SEES_MONEY)
def payer_list(access: PortalAccess) -> str:
    found = [one for one in payers.of(access.customer) if one.archived_on is None]
    decides = access.right in DECIDES
    return render_template(
        "portal/payers/list.html", customer=access.customer, others=others(), payers=found, kinds=KINDS,
        may_add=decides and own_details.may_add_payers(), may_choose=decides and own_details.may_choose_payer(),
        decides=decides,
    )  # fmt: skip


@pages.post(f"/<{ID}:customer_id>/payers/")
@for_customer
@needs(DECIDES)
def choose_payer(access: PortalAccess) -> Any:
    wanted, done = params.only(request.form, "payer"), url_for(".payer_list", customer_id=access.customer_id)
    payer = _theirs(access, params.number(request.form, "payer")) if wanted else None
    try:
        own_details.choose_payer(access.customer, payer, by=actor())
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        flash(str(refusal), "danger")
        return redirect(done, 303)
    flash(
        _("Invoices to come are made out to %(name)s.", name=payer.name if payer else access.customer.name), "success"
    )
    return redirect(done, 303)


@pages.get(f"/<{ID}:customer_id>/payers/new")
@for_customer
@needs(DECIDES)
def new_payer(access: PortalAccess) -> Any:
    return _form(access, PayerForm())


@pages.post(f"/<{ID}:customer_id>/payers/new")
@for_customer
@needs(DECIDES)
def add_payer(access: PortalAccess) -> Any:
    form = PayerForm()
    return _kept(access, form, None, lambda: own_details.add_payer(access.customer, form.values(), by=actor()))


@pages.get(f"/<{ID}:customer_id>/payers/<{ID}:payer_id>")
@for_customer
@needs(DECIDES)
def payer(access: PortalAccess, payer_id: int) -> Any:
    found = _theirs(access, payer_id)
    return _form(access, PayerForm(found), found)


@pages.post(f"/<{ID}:customer_id>/payers/<{ID}:payer_id>")
@for_customer
@needs(DECIDES)
def change_payer(access: PortalAccess, payer_id: int) -> Any:
    found = _theirs(access, payer_id)
    form = PayerForm(found)
    by = actor()
    return _kept(
        access, form, found, lambda: own_details.change_payer(access.customer, found, form.values(), by=by)
    )  # fmt: skip


def _kept(access: PortalAccess, form: PayerForm, found: Payer | None, rule: Callable[[], Any]) -> Any:
    """Keep what was typed, once; what is wrong is told at its field."""
    if not form.validate_on_submit():
        return _form(access, form, found), 400
    done = url_for(".payer_list", customer_id=access.customer_id)
    try:
        if form_tokens.once(params.only(request.form, form_tokens.FIELD), done) is None:
            rule()
            flash(_("Saved: %(name)s.", name=form.name.data), "success")
        db.session.commit()
    except BillingError as refusal:
        db.session.rollback()
        wrong = refusal.errors if isinstance(refusal, InvalidPayer) else {"name": str(refusal)}
        for name, sentence in wrong.items():
            put_error(form[name if name in form else "name"], sentence)
        return _form(access, form, found), 400
    return redirect(done, 303)


def _theirs(access: PortalAccess, number: int) -> Payer:
    return own_details.payer_of(access.customer, number) or abort(404)


def _form(access: PortalAccess, form: PayerForm, found: Payer | None = None) -> Any:
    if not own_details.may_add_payers():
        abort(404)
    return render_template(
        "portal/payers/form.html", customer=access.customer, others=others(), form=form, payer=found
    )  # fmt: skip
