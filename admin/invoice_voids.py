"""Voiding an invoice or withdrawing a proforma: what it does is said first, and why it is done is asked."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import DataRequired, Length

from admin.doors import once
from billing import invoices
from models import BillingError, Invoice
from web.forms import put_error, stripped
from web.permissions import actor


class VoidForm(FlaskForm):
    reason = StringField(
        _l("Why"), [DataRequired(_l("Say why; the history keeps it.")), Length(max=200)], filters=[stripped],
        description=_l("Staff see it in the history; the customer does not."),
    )  # fmt: skip
    bill_again = BooleanField(_l("Bill these periods again"))


class VoidDoors:
    """Mixed into InvoicesView."""

    @expose("/void/", methods=("GET", "POST"))
    def void_view(self) -> Any:
        self.check_may_edit()  # type: ignore[attr-defined]
        invoice: Invoice = self._found(True)  # type: ignore[attr-defined]
        try:
            effects = invoices.void_effects(invoice)
        except BillingError as refusal:
            flash(str(refusal), "danger")
            return redirect(self.row_url(invoice))  # type: ignore[attr-defined]
        form = VoidForm()
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._void(invoice, form)))
            except BillingError as refusal:
                put_error(form.reason, str(refusal))
        shown = {"invoice": invoice, "effects": effects, "form": form, "back": self.row_url(invoice)}  # type: ignore[attr-defined]
        return self.render("admin/invoices/void.html", **shown), 400 if request.method == "POST" else 200  # type: ignore[attr-defined]

    def _void(self, invoice: Invoice, form: VoidForm) -> str:
        again = bool(form.bill_again.data)
        invoices.void(invoice, form.reason.data or "", bill_again=again, by=actor())
        flash(_("%(invoice)s is void", invoice=str(invoice)), "toast")
        url: str = self.row_url(invoice)  # type: ignore[attr-defined]
        return url
