"""What is done with one press on the page of a customer: each door calls one rule, and leads back to its tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField

from admin.doors import once, told
from billing import credits, customers
from models import BillingError, Customer, CustomerStatus, InvoiceAddress, db
from web import params
from web.forms import put_error
from web.permissions import actor, allows, refuse

from .page_forms import CreditForm


class PageDoors:
    """Mixed into CustomerView."""

    def _open(self, permission: str = "customers.edit") -> Customer:
        """The customer the address names, for somebody who may change it."""
        if not allows(permission):
            refuse(permission)
        return self._found(True)  # type: ignore[attr-defined]

    def _to(self, customer: Customer, tab: str = "") -> str:
        return self.get_url(".details_view", id=customer.id, **({"tab": tab} if tab else {}))  # type: ignore[attr-defined]

    def _sent(self, form: FlaskForm, do: Callable[[], Any], back: str, done: str) -> Any:
        """To `back` after doing it once; None, with the reason beside the form's first field, if it was refused."""
        if not form.validate_on_submit():
            return None
        try:
            return redirect(once(lambda: (do(), flash(done, "toast"), back)[-1]))
        except BillingError as refusal:
            first = next(f for f in form if not isinstance(f, HiddenField))
            if not form.errors:
                put_error(first, str(refusal))
            return None

    @expose("/status/", methods=("POST",))
    def status_view(self) -> Any:
        customer = self._open()
        was, off = customer.status, request.values.get("to") == "disabled"
        change = customers.disable if off else customers.enable
        words = _("%(name)s disabled", name=customer.name) if off else _("%(name)s enabled", name=customer.name)
        if told(lambda: change([customer], by=actor())):
            undo = self.get_url(".status_view", id=customer.id, to="active" if off else "disabled")  # type: ignore[attr-defined]
            flash({"text": words, "undo": undo} if was != CustomerStatus.ARCHIVED else words, "toast")  # type: ignore[arg-type]
        return redirect(self._to(customer))

    @expose("/credit/", methods=("POST",))
    def credit_view(self) -> Any:
        customer = self._open("payments.edit")
        form, by = CreditForm(customer), actor()

        def give() -> None:
            amount = form.amount.money(customer.currency)
            terms = {"reason": form.reason.data or "", "on": by.today, "expires_on": form.expires_on.data}
            assert amount is not None
            credits.grant(customer, amount, **terms, by=by)

        done = self._sent(form, give, self._to(customer, "payments"), _("Credit given"))
        return done or self.customer_page(customer, "payments", give_credit={"credit": form})  # type: ignore[attr-defined]

    @expose("/tags/", methods=("POST",))
    def tags_view(self) -> Any:
        customer = self._open()
        gone, new = request.values.get("remove", ""), request.values.get("add", "").split(",")
        names = [name for name in new if name.strip()]
        if gone and told(lambda: customers.remove_tags([customer], [gone], by=actor())):
            undo = self.get_url(".tags_view", id=customer.id, add=gone)  # type: ignore[attr-defined]
            flash({"text": _("Tag %(name)s removed", name=gone), "undo": undo}, "toast")  # type: ignore[arg-type]
        elif names:
            told(lambda: customers.add_tags([customer], names, by=actor()), _("Tagged"))
        return redirect(self._to(customer))

    @expose("/copies/", methods=("POST",))
    def copies_view(self) -> Any:
        """Further addresses that get every invoice."""
        customer = self._open()
        if "remove" in request.form:
            address = db.session.get(InvoiceAddress, params.number(request.form, "remove"))
            if address is None or address.customer_id != customer.id:
                abort(404)
            told(lambda: customers.remove_invoice_address(address, by=actor()), _("Address removed"))
        else:
            email = request.form.get("email", "")
            told(lambda: customers.add_invoice_address(customer, email, by=actor()), _("Address added"))
        return redirect(self._to(customer, "billing"))

    @expose("/identity/", methods=("POST",))
    def identity_view(self) -> Any:
        """The number in full, once; that it was read is kept."""
        customer = self._open("customers.identity")
        number = customers.reveal_identity_number(customer, by=actor())
        db.session.commit()
        return self.customer_page(customer, "billing", tax={"revealed": number})  # type: ignore[attr-defined]

    def _own(self, model: Any, name: str, customer: Customer) -> Any:
        """The row of this customer that the address names; None if it names none."""
        if not request.values.get(name):
            return None
        row = db.session.get(model, params.number(request.values, name))
        return row if row is not None and row.customer_id == customer.id else abort(404)
