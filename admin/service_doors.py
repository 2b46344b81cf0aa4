"""The doors of what staff do with one service. Each shows what its values come to before anything is done, and does
what was shown: with other values it shows that first."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin.doors import once
from admin.links import record_url
from admin.service_copy import CopyForm, copy_form, next_period_words, offered_options, offered_values
from admin.service_form import WhoForm
from admin.service_transfer import TransferForm, transfer_effects, transfer_form
from admin.service_verb_list import VERBS
from admin.service_verbs import Verb
from billing import service_edits, service_rows, service_transfers
from models import BillingError, Service
from web import params
from web.forms import put_error
from web.permissions import actor


class ServiceDoors:
    """Mixed into ServiceView."""

    can_create: Any

    @expose("/turn/", methods=("GET", "POST"))
    def turn_view(self) -> Any:
        """`do` in the address says what is to happen with the service."""
        service = self._found(self.can_create)  # type: ignore[attr-defined]
        verb = VERBS.get(params.only(request.args, "do") or "")
        if verb is None:
            abort(404)
        back = self.row_url(service)  # type: ignore[attr-defined]
        if not verb.when(service):
            flash(_("As %(name)s is now, this cannot be done with it.", name=str(service)), "warning")
            return redirect(back)
        form = verb.form()
        if not form.is_submitted():
            verb.begin(service, form)
        effects = self._effects(verb, service, form)
        if effects is not None and form.validate_on_submit() and request.form.get("seen") == form.digest:
            try:
                return redirect(once(lambda: self._turn(verb, service, form, back)))
            except BillingError as refusal:
                self._refuse(form, refusal)
        shown = {"form": form, "verb": verb, "service": service, "effects": effects, "back": back}
        title = str(verb.title) % {"name": str(service)}
        return self.render("admin/services/turn.html", **shown, title=title)  # type: ignore[attr-defined]

    def _effects(self, verb: Verb, service: Service, form: Any) -> Any:
        """What the values come to; None where they cannot be."""
        if form.is_submitted() and not form.validate():
            return None
        try:
            return verb.effects(service, form)
        except BillingError as refusal:
            self._refuse(form, refusal)
            return None

    def _refuse(self, form: Any, refusal: BillingError) -> None:
        first = next((field for field in form if field.name != "csrf_token"), None)
        if first is None:
            flash(str(refusal), "danger")
        else:
            put_error(first, str(refusal))

    def _turn(self, verb: Verb, service: Service, form: Any, back: str) -> str:
        name = str(service)
        verb.do(service, form)
        flash(str(verb.done) % {"name": name}, "toast")
        return back

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """What this customer agreed on; the catalogue stays."""
        service = self._found(self.can_create)  # type: ignore[attr-defined]
        form, back = copy_form(service), self.row_url(service)  # type: ignore[attr-defined]
        if service.cancelled_on is not None:
            flash(_("%(name)s has ended. Bring it back before you edit it.", name=str(service)), "warning")
            return redirect(back)
        if form.validate_on_submit() and form.amounts_fit():
            try:
                if request.form.get("seen") == form.digest or not form.moves_day:
                    return redirect(once(lambda: self._save(service, form, back)))
            except service_rows.ChangedSince as changed:
                flash(str(changed), "warning")
                return redirect(self.get_url(".edit_view", id=service.id))  # type: ignore[attr-defined]
            except BillingError as refusal:
                form.put_refusal(refusal)
        shown = {"form": form, "service": service, "back": back, "effects": next_period_words(service, form),
                 "options": offered_options(service), "option_values": offered_values(service)}  # fmt: skip
        return self.render("admin/services/edit.html", **shown)  # type: ignore[attr-defined]

    def _save(self, service: Service, form: CopyForm, back: str) -> str:
        service_edits.edit(service, form.copy(), version=form.seen_version, by=actor())
        flash(_("%(name)s saved", name=str(service)), "toast")
        return back

    @expose("/transfer/", methods=("GET", "POST"))
    def transfer_view(self) -> Any:
        """First to whom; then, with the customer in the address, when and into which billing group."""
        service = self._found(self.can_create)  # type: ignore[attr-defined]
        back, asked = self.row_url(service), WhoForm(request.args)  # type: ignore[attr-defined]
        if not ("customer" in request.args and asked.validate()):
            shown = {"form": asked, "service": service, "back": back, "sent": "customer" in request.args}
            return self.render("admin/services/transfer_whom.html", **shown)  # type: ignore[attr-defined]
        form = transfer_form(service, asked.customer.data)
        effects = transfer_effects(service, form)
        if effects and form.validate_on_submit() and request.form.get("seen") == form.digest:
            try:
                return redirect(once(lambda: self._transfer(service, form)))
            except BillingError as refusal:
                put_error(form.group, str(refusal))
        shown = {"form": form, "service": service, "back": back, "effects": effects}
        return self.render("admin/services/transfer.html", **shown, to=asked.customer.data)  # type: ignore[attr-defined]

    def _transfer(self, service: Service, form: TransferForm) -> str:
        group = form.chosen_group()
        service_transfers.transfer(service, group, at_renewal=form.at_renewal, price=form.agreed(), by=actor())
        words = _("%(name)s goes to %(customer)s", name=str(service), customer=group.customer.name)
        flash(words, "toast")
        return record_url(service) or self.get_url(".index_view")  # type: ignore[attr-defined, no-any-return]
