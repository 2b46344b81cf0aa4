"""What is done on the page of a customer: each door calls one rule, and leads back to its tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from admin.doors import once, told
from billing import billing_groups, credits, customers
from models import BillingError, Customer, CustomerStatus, InvoiceAddress, db
from models import BillingGroup as Group
from models import Contact as Person
from web import params
from web.forms import put_error
from web.permissions import actor, allows, refuse

from .page_forms import ContactForm, CreditForm, GroupForm, NoteForm


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
            first = next(f for f in form if f.name != "csrf_token")
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

    @expose("/note/", methods=("POST",))
    def note_view(self) -> Any:
        customer, form = self._open(), NoteForm()
        kind = {"pinned": form.pinned.data, "shown_to_customer": form.shown_to_customer.data}
        back = self._to(customer)
        done = self._sent(
            form, lambda: customers.add_note(customer, form.text.data, **kind, by=actor()), back, _("Note added")
        )
        return done or self.customer_page(customer, "overview", some_notes={"note": form})  # type: ignore[attr-defined]

    @expose("/contact/", methods=("GET", "POST"))
    def contact_view(self) -> Any:
        """Add a person, or change the one named."""
        customer = self._open()
        contact = self._own(Person, "contact", customer)
        form = ContactForm(contact)
        back = self._to(customer, "people")
        done = self._sent(form, lambda: self._keep(customer, contact, form), back, _("Contact saved"))
        page = {"form": form, "customer": customer, "contact": contact, "back": back}
        return done or self.render("admin/customers/contact.html", **page)  # type: ignore[attr-defined]

    @expose("/contact/remove/", methods=("POST",))
    def remove_contact_view(self) -> Any:
        customer = self._open()
        contact = self._own(Person, "contact", customer)
        if contact is None:
            abort(404)
        told(lambda: self._keep(customer, contact, None), _("%(name)s removed", name=contact.name))
        return redirect(self._to(customer, "people"))

    def _keep(self, customer: Customer, contact: Person | None, form: ContactForm | None) -> None:
        """All contacts as they are, but the one: changed, added, or without a form left out."""
        others = [ContactForm.as_is(c) for c in customer.contacts if contact is None or c.id != contact.id]
        mine = [form.details(contact.id if contact else None)] if form else []
        customers.set_contacts(customer, [*others, *mine], by=actor())

    @expose("/group/", methods=("GET", "POST"))
    def group_view(self) -> Any:
        customer = self._open()
        group = self._own(Group, "group", customer)
        form, back = GroupForm(group), self._to(customer, "services")

        def keep() -> None:
            values = {"name": form.name.data, "po_number": form.po_number.data or "", "by": actor()}
            billing_groups.edit(group, **values) if group else billing_groups.add(customer, **values)

        done = self._sent(form, keep, back, _("Billing group saved"))
        page = {"form": form, "customer": customer, "group": group, "back": back}
        return done or self.render("admin/customers/group.html", **page)  # type: ignore[attr-defined]

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
        gone, new = request.form.get("remove", ""), request.form.get("add", "").split(",")
        names = [name for name in new if name.strip()]
        if gone:
            told(lambda: customers.remove_tags([customer], [gone], by=actor()), _("Tag removed"))
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
        return redirect(self._to(customer, "people"))

    @expose("/identity/", methods=("POST",))
    def identity_view(self) -> Any:
        """The number in full, once; that it was read is kept."""
        customer = self._open("customers.identity")
        number = customers.reveal_identity_number(customer, by=actor())
        db.session.commit()
        return self.customer_page(customer, "overview", details={"revealed": number})  # type: ignore[attr-defined]

    def _own(self, model: Any, name: str, customer: Customer) -> Any:
        """The row of this customer that the address names; None if it names none."""
        if not request.values.get(name):
            return None
        row = db.session.get(model, params.number(request.values, name))
        return row if row is not None and row.customer_id == customer.id else abort(404)
