"""The parts of a customer, changed at their place: notes, contacts, billing groups, exchange rates of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import told
from billing import billing_groups, customers, fx_rate_changes, notes
from models import BillingGroup, Charge, Contact, Customer, FxRate, Note, Service
from web.permissions import actor

from .page_doors import PageDoors
from .page_forms import ContactForm, EndRateForm, GroupForm, NoteForm, RateForm


class PartDoors(PageDoors):
    """Mixed into CustomerView."""

    @expose("/note/", methods=("GET", "POST"))
    def note_view(self) -> Any:
        """Add a note, or change the one named."""
        customer = self._open()
        note = self._own(Note, "note", customer)
        form, by = NoteForm(note), actor()
        kind = {"pinned": form.pinned.data, "shown_to_customer": form.shown_to_customer.data}

        def keep() -> None:
            if note is None:
                customers.add_note(customer, form.text.data, **kind, by=by)
            else:
                form.unchanged(note)
                notes.edit_note(note, text=form.text.data, **kind, by=by)

        back = self._to(customer, "notes" if note else "")
        words = _("Note saved") if note else _("Note added")
        refused = {"note": form, "editing": note}
        tab, card = ("notes", "notes") if note else ("overview", "some_notes")
        return self._at_place(customer, form, keep, back, words, (tab, card, refused))

    @expose("/note/pin/", methods=("POST",))
    def pin_note_view(self) -> Any:
        customer, note = self._with_note()
        told(lambda: notes.edit_note(note, pinned=request.form.get("to") == "yes", by=actor()))
        return redirect(self._to(customer, "notes"))

    @expose("/note/delete/", methods=("POST",))
    def delete_note_view(self) -> Any:
        customer, note = self._with_note()
        if told(lambda: notes.delete_note(note, by=actor())):
            undo = self.get_url(".restore_note_view", id=customer.id, note=note.id)  # type: ignore[attr-defined]
            flash({"text": _("Note deleted"), "undo": undo}, "toast")  # type: ignore[arg-type]
        return redirect(self._to(customer, "notes"))

    @expose("/note/restore/", methods=("POST",))
    def restore_note_view(self) -> Any:
        customer, note = self._with_note()
        told(lambda: notes.restore_note(note, by=actor()), _("Note brought back"))
        return redirect(self._to(customer, "notes"))

    @expose("/contact/", methods=("GET", "POST"))
    def contact_view(self) -> Any:
        """Add a person, or change the one named."""
        customer = self._open()
        contact = self._own(Contact, "contact", customer)
        form = ContactForm(contact)

        def keep() -> None:
            if contact:
                form.unchanged(contact)
            self._keep_contact(customer, contact, form)

        place = "people", "contacts", {"form": form, "editing": contact}
        return self._at_place(customer, form, keep, self._to(customer, "people"), _("Contact saved"), place)

    @expose("/contact/remove/", methods=("POST",))
    def remove_contact_view(self) -> Any:
        customer = self._open()
        contact = self._own(Contact, "contact", customer) or abort(404)
        told(lambda: self._keep_contact(customer, contact, None), _("%(name)s removed", name=contact.name))
        return redirect(self._to(customer, "people"))

    @expose("/group/", methods=("GET", "POST"))
    def group_view(self) -> Any:
        """Add a billing group, or change the one named."""
        customer = self._open()
        group = self._own(BillingGroup, "group", customer)
        form = GroupForm(group)

        def keep() -> None:
            values = {"name": form.name.data, "po_number": form.po_number.data or "", "by": actor()}
            if group:
                form.unchanged(group)
            billing_groups.edit(group, **values) if group else billing_groups.add(customer, **values)

        place = "services", "groups", {"form": form, "editing": group}
        return self._at_place(customer, form, keep, self._to(customer, "services"), _("Billing group saved"), place)

    @expose("/group/close/", methods=("POST",))
    def close_group_view(self) -> Any:
        """Close a billing group, or open it again."""
        customer = self._open()
        group = self._own(BillingGroup, "group", customer) or abort(404)
        if request.values.get("to") == "open":
            told(lambda: billing_groups.reopen(group, by=actor()), _("%(name)s is open again", name=group.name))
        elif told(lambda: billing_groups.close(group, by=actor())):
            undo = self.get_url(".close_group_view", id=customer.id, group=group.id, to="open")  # type: ignore[attr-defined]
            flash({"text": _("%(name)s closed", name=group.name), "undo": undo}, "toast")  # type: ignore[arg-type]
        return redirect(self._to(customer, "services"))

    @expose("/move/", methods=("POST",))
    def move_view(self) -> Any:
        """Bill the ticked services and charges with another group."""
        customer = self._open("services.edit")
        group = self._own(BillingGroup, "to", customer) or abort(404)
        things = [*self._all_own(Service, "service", customer), *self._all_own(Charge, "charge", customer)]
        if not things:
            flash(_("Tick at least one service or charge first."), "warning")
        else:
            told(lambda: billing_groups.move(things, group, by=actor()), _("Billed with %(name)s", name=group.name))
        return redirect(self._to(customer, "services"))

    @expose("/rate/", methods=("GET", "POST"))
    def rate_view(self) -> Any:
        """Add an exchange rate for this customer alone."""
        customer, form = self._open("settings.edit"), RateForm()
        place = "billing", "rates", {"form": form}
        back = self._to(customer, "billing")
        return self._at_place(customer, form, lambda: self._add_rate(customer, form), back, _("Rate added"), place)

    @expose("/rate/end/", methods=("GET", "POST"))
    def end_rate_view(self) -> Any:
        customer = self._open("settings.edit")
        rate = self._own(FxRate, "rate", customer) or abort(404)
        form = EndRateForm(rate, actor().today)

        def end() -> None:
            fx_rate_changes.end(rate, form.ends_on.data, by=actor())

        place = "billing", "rates", {"form": form, "ending": rate}
        return self._at_place(customer, form, end, self._to(customer, "billing"), _("End of the rate set"), place)

    def _at_place(
        self, customer: Customer, form: Any, keep: Callable[[], Any], back: str, done: str, place: tuple[str, str, Any]
    ) -> Any:
        """Do what the form asks, or show it at its place: (tab, card, what the card shows besides)."""
        tab, card, shown = place
        sent = self._sent(form, keep, back, done) if request.method == "POST" else None
        return sent or self.customer_page(customer, tab, **{card: shown})  # type: ignore[attr-defined]

    def _with_note(self) -> tuple[Customer, Note]:
        customer = self._open()
        return customer, self._own(Note, "note", customer) or abort(404)

    def _keep_contact(self, customer: Customer, contact: Contact | None, form: ContactForm | None) -> None:
        """All contacts as they are, but the one: changed, added, or without a form left out."""
        others = [ContactForm.as_is(c) for c in customer.contacts if contact is None or c.id != contact.id]
        mine = [form.details(contact.id if contact else None)] if form else []
        customers.set_contacts(customer, [*others, *mine], by=actor())

    def _add_rate(self, customer: Customer, form: RateForm) -> None:
        try:
            fx_rate_changes.create(form.wanted(customer), by=actor())
        except fx_rate_changes.FxRateRefused as refused:
            form.put(refused)
            raise

    def _all_own(self, model: Any, name: str, customer: Customer) -> list[Any]:
        ids = request.form.getlist(name)[:500]
        if any(not (one.isascii() and one.isdigit() and len(one) < 19) for one in ids):
            abort(404)
        query = self.db_session.query(model).filter(model.id.in_([int(one) for one in ids]))  # type: ignore[attr-defined]
        rows = query.filter(model.customer_id == customer.id).all()
        return rows if len(rows) == len(set(ids)) else abort(404)
