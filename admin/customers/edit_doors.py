"""Saving what was edited at its place on the page of a customer: a card, or one of the yes/no switches."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose

from admin.doors import told
from billing import customers, inheritance
from billing.balances import ChangedMeanwhile
from models import BillingError, Customer, db
from web.forms import put_error
from web.permissions import actor

from .cards import EditCard
from .edit_fields import SWITCHES
from .edits import CardForm
from .page_doors import PageDoors


class EditDoors(PageDoors):
    """Mixed into CustomerView."""

    @expose("/card/", methods=("POST",))
    def card_view(self) -> Any:
        """Save the card the address names."""
        customer, card = self._open(), self.card_named(request.args.get("card", ""))  # type: ignore[attr-defined]
        if not isinstance(card, EditCard):
            abort(404)
        form = card.form(customer)
        form.validate()
        if self._store_card(form, customer):
            return redirect(f"{self._to(customer, '' if card.tab == 'overview' else card.tab)}#card-{card.name}")
        tab = card.tab or "overview"
        return self.customer_page(customer, tab, editing=card.name, **{card.name: {"form": form}})  # type: ignore[attr-defined]

    def _store_card(self, form: CardForm, customer: Customer) -> bool:
        """Whether it is stored; if not, the form says why."""
        if not form.settle() or any(field.errors for field in form.parts):
            return False
        by, again = actor(), "allow_duplicate" in request.form
        try:
            customers.edit(customer, form.values(), version=customer.version, allow_duplicate=again, by=by)
            if "salespeople" in form.widths:
                customers.set_salespeople(customer, form["salespeople"].data or [], by=by)
            db.session.commit()
        except ChangedMeanwhile:  # between our reading and our writing: now it can be seen
            db.session.rollback()
            form.settle()
            return False
        except BillingError as error:
            db.session.rollback()
            self._told_at_fields(form, error)
            return False
        flash(form.saved_words(), "toast")
        return True

    def _told_at_fields(self, form: CardForm, error: BillingError) -> None:
        if isinstance(error, customers.InvalidCustomer):
            form.refused(error)
        else:
            put_error(form.parts[0], str(error))

    @expose("/switch/", methods=("POST",))
    def switch_view(self) -> Any:
        """Set one yes/no, as the pill that was pressed says."""
        customer = self._open()
        name, to = request.values.get("name", ""), request.values.get("to", "")
        wanted = {"yes": True, "no": False, "follow": None}.get(to, "")
        if name not in SWITCHES or wanted == "" or (wanted is None and name not in inheritance.STORED):
            abort(404)
        was = getattr(customer, name) if getattr(customer, f"own_{name}", True) else None
        changes = wanted is None or wanted != getattr(customer, name)
        if changes and told(lambda: customers.edit(customer, {name: wanted}, by=actor())):
            to = {True: "yes", False: "no", None: "follow"}[was]
            undo = self.get_url(".switch_view", id=customer.id, name=name, to=to, tab=self.tab_asked() or None)  # type: ignore[attr-defined]
            words = SWITCHES[name][1 if getattr(customer, name) else 2]
            flash({"text": words, "undo": undo}, "toast")  # type: ignore[arg-type]
        return redirect(self._to(customer, self.tab_asked()))  # type: ignore[attr-defined]
