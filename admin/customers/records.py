"""Adding, changing and deleting a customer: forms pick values, billing.customers decides."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import once
from billing import custom_fields, customers
from billing.balances import ChangedMeanwhile
from models import BillingError, Customer
from web.permissions import actor

from . import new_customer
from .forms import CustomerForm


class CustomerRecords:
    """Mixed into CustomerView."""

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:  # type: ignore[attr-defined]
            abort(404)
        form = CustomerForm()
        if form.validate_on_submit():
            try:
                hashed = new_customer.password_hash(form)
                return redirect(once(lambda: self._create(form, hashed)))
            except BillingError as error:
                self._refused(form, error)
        return self._form(form)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        customer = self._found(self.can_edit)  # type: ignore[attr-defined]
        form = CustomerForm(customer)
        if form.validate_on_submit():
            try:
                self._edit(form, customer)
                return redirect(self.row_url(customer))  # type: ignore[attr-defined]
            except BillingError as error:
                self.db_session.rollback()  # type: ignore[attr-defined]
                self._refused(form, error)
        return self._form(form, customer)

    def delete(self, row: Customer) -> None:
        customers.delete(row, by=actor())

    def _create(self, form: CustomerForm, password_hash: str) -> str:
        by = actor()
        if "allow_duplicate" not in request.form:
            new_customer.look_for_others(form)
        customer = customers.create(form.values(), allow_duplicate=True, strict=True, by=by)
        customers.set_salespeople(customer, form.salespeople.data or [], by=by)
        custom_fields.set_values(customer, form.own.values(), new=True, by=by)
        new_customer.tag(form, customer, by)
        flash(new_customer.let_in(form, customer, password_hash, by), "toast")
        if "_add_another" in request.form:
            return self.get_url(".create_view")  # type: ignore[attr-defined]
        return self.row_url(customer)  # type: ignore[attr-defined]

    def _edit(self, form: CustomerForm, customer: Customer) -> None:
        seen = form.version.data or ""
        version = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
        again = "allow_duplicate" in request.form
        by = actor()
        customers.edit(customer, form.values(), version=version, allow_duplicate=again, strict=True, by=by)
        customers.set_salespeople(customer, form.salespeople.data or [], by=by)
        custom_fields.set_values(customer, form.own.values(), by=by)
        self.db_session.commit()  # type: ignore[attr-defined]
        flash(_("%(name)s saved", name=customer.name), "toast")

    def _refused(self, form: CustomerForm, error: BillingError) -> None:
        """What a rule said, at the fields it is about."""
        if isinstance(error, new_customer.LooksKnown):
            form.duplicates = error.found
        elif isinstance(error, customers.InvalidCustomer):
            form.refused(error)
        elif isinstance(error, ChangedMeanwhile) and form.customer is not None:
            form.changed_meanwhile(form.customer)
        else:
            flash(str(error), "danger")

    def _form(self, form: CustomerForm, customer: Customer | None = None) -> Any:
        back = self.row_url(customer) if customer else self.back()  # type: ignore[attr-defined]
        return self.render("admin/customers/form.html", form=form, customer=customer, cancel_url=back)  # type: ignore[attr-defined]
