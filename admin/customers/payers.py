"""Payers of a customer: added, changed, put away, made the default, and two made one."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import BooleanField, RadioField, SelectMultipleField, StringField, widgets
from wtforms.validators import InputRequired

from admin.doors import once, told
from billing import payers as rules
from models import AccountType, BillingError, BillingGroup, Customer, Payer, db
from web import formatters, params
from web.forms import choices, put_error
from web.permissions import actor

from .choices import ACCOUNT_TYPES, country_names
from .country_field import CountryField


class Ticks(SelectMultipleField):
    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()


class PayerForm(FlaskForm):
    account_type = RadioField(_l("Kind of payer"), default=AccountType.COMPANY)
    name = StringField(_l("Name"), [InputRequired(_l("Type the name that stands on its invoices."))])
    contact_name = StringField(_l("Contact person"))
    tax_id = StringField(_l("VAT or tax number"))
    registration_number = StringField(_l("Registration number"))
    email = StringField(_l("E-mail"), description=_l("Its invoices go there instead of the customer's address."))
    street = StringField(_l("Street"))
    street2 = StringField(_l("Second line"))
    postal_code = StringField(_l("Postal code"))
    city = StringField(_l("City"))
    region = StringField(_l("Region"))
    country = CountryField(_l("Country"), description=_l("It decides the tax on its invoices."))
    groups = Ticks(_l("Billed for"), coerce=int)
    default = BooleanField(_l("Billed wherever a billing group names no payer"))

    def __init__(self, customer: Customer, payer: Payer | None) -> None:
        theirs = select(BillingGroup).where(BillingGroup.customer_id == customer.id).order_by(BillingGroup.id)
        theirs = theirs.where(BillingGroup.closed_on.is_(None) | (BillingGroup.payer_id.is_not(None)))
        found = list(db.session.scalars(theirs))
        mine = [group.id for group in found if payer and group.payer_id == payer.id]
        is_default = bool(payer) and customer.default_payer_id == payer.id  # type: ignore[union-attr]
        super().__init__(obj=payer, groups=mine, default=is_default)
        self.account_type.choices = choices(ACCOUNT_TYPES)
        self.country.offer([("", _("Not said")), *country_names(formatters.locale())])
        self.groups.choices = choices((group.id, group.name) for group in found)

    def values(self) -> dict[str, Any]:
        return {name: self[name].data or "" for name in rules.FIELDS}


def payers(customer: Customer) -> dict[str, Any]:
    found = rules.of(customer)
    groups = select(BillingGroup.payer_id, BillingGroup.name).where(BillingGroup.customer_id == customer.id)
    named: dict[int, list[str]] = {}
    for payer_id, name in db.session.execute(groups.order_by(BillingGroup.id)) if found else ():
        named.setdefault(payer_id, []).append(name)
    return {"payers": found, "named": named, "kinds": dict(ACCOUNT_TYPES)}


class PayerDoors:
    """Mixed into CustomerView, beside PageDoors."""

    @expose("/payer/", methods=("GET", "POST"))
    def payer_view(self) -> Any:
        customer: Customer = self._open()  # type: ignore[attr-defined]
        payer = self._own(Payer, "payer", customer)  # type: ignore[attr-defined]
        form, back = PayerForm(customer, payer), self._to(customer, "people")  # type: ignore[attr-defined]
        if form.validate_on_submit():
            try:
                url = once(lambda: self._keep_payer(customer, payer, form, back))
            except rules.InvalidPayer as refusal:
                for name, sentence in refusal.errors.items():
                    put_error(form[name if name in form else "name"], sentence)
            except BillingError as refusal:
                put_error(form.name, str(refusal))
            else:
                flash(_("Payer saved"), "toast")
                return redirect(url)
        page = {"form": form, "customer": customer, "payer": payer, "back": back}
        return self.render("admin/customers/payer.html", **page)  # type: ignore[attr-defined]

    def _keep_payer(self, customer: Customer, payer: Payer | None, form: PayerForm, back: str) -> str:
        by = actor()
        if payer is None:
            payer = rules.add(customer, form.values(), by=by)
        else:
            rules.edit(payer, form.values(), by=by)
        rules.assign(payer, form.groups.data or [], by=by)
        if form.default.data:
            rules.set_default(customer, payer, by=by)
        elif customer.default_payer_id == payer.id:
            rules.set_default(customer, None, by=by)
        return back

    @expose("/payer/change/", methods=("POST",))
    def change_payer_view(self) -> Any:
        customer: Customer = self._open()  # type: ignore[attr-defined]
        payer = self._own(Payer, "payer", customer) or abort(404)  # type: ignore[attr-defined]
        by, name = actor(), payer.name
        doors = {
            "archive": (lambda: rules.archive(payer, by=by), _("%(name)s archived", name=name)),
            "restore": (lambda: rules.restore(payer, by=by), _("%(name)s is back", name=name)),
            "delete": (lambda: rules.delete(payer, by=by), _("%(name)s deleted", name=name)),
        }
        rule, words = doors.get(params.only(request.form, "do")) or abort(404)
        told(rule, words)
        return redirect(self._to(customer, "people"))  # type: ignore[attr-defined]

    @expose("/payer/merge/", methods=("GET", "POST"))
    def merge_payers_view(self) -> Any:
        """Choose two, look at what it does, finish or go back."""
        customer: Customer = self._open()  # type: ignore[attr-defined]
        back = self._to(customer, "people")  # type: ignore[attr-defined]
        primary, merged = (self._own(Payer, name, customer) for name in ("primary", "merged"))  # type: ignore[attr-defined]
        if request.method == "POST" and primary and merged:
            words = _("%(merged)s is now %(primary)s", merged=merged.name, primary=primary.name)
            told(lambda: rules.merge(primary, merged, by=actor()), words)
            return redirect(back)
        page = {"customer": customer, "payers": rules.of(customer), "primary": primary, "merged": merged, "back": back}
        try:
            page["effects"] = self._payer_effects(primary, merged) if primary and merged else None
        except BillingError as refusal:
            page |= {"effects": None, "problem": str(refusal)}
        return self.render("admin/customers/merge_payers.html", **page)  # type: ignore[attr-defined]

    def _payer_effects(self, primary: Payer, merged: Payer) -> list[tuple[str, str, str]]:
        found = rules.effects(primary, merged)
        lines = [("", "receipt-text", _("%(group)s is billed to %(name)s from now on", group=g, name=primary.name))
                 for g in found.groups]  # fmt: skip
        if found.was_default:
            lines.append(("", "check", _("%(name)s becomes the payer billed by default", name=primary.name)))
        if found.documents:
            kept = ngettext("%(num)d document keeps", "%(num)d documents keep", found.documents)
            lines.append(("", "lock", _("%(kept)s the name and address of %(name)s", kept=kept, name=merged.name)))
            lines.append(("warn", "archive", _("%(name)s is archived", name=merged.name)))
        else:
            lines.append(("bad", "trash-2", _("%(name)s is deleted; no document names it", name=merged.name)))
        return lines
