"""What is done with charges: adding, changing, ending one or many, and looking at the bill that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_admin.actions import action
from flask_babel import format_number
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.actions import Chosen, StaffAction
from admin.charge_form import ChargeForm, EndForm
from admin.doors import once
from admin.links import record_url
from admin.service_form import WhoForm
from billing import charges, next_bills
from billing.renewals.bill import Bill
from models import BillingError, BillingGroup, Charge, Customer, db
from web import params
from web.forms import put_error
from web.permissions import actor
from web.price_words import price_words

END = StaffAction("end", _l("End"), "services.edit", icon="calendar", place=1)


class ChargeDoors:
    """Mixed into ChargeView."""

    can_create: Any
    can_edit: Any

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """First whose; then, with the customer in the address, what."""
        if not self.can_create:
            abort(404)
        asked = WhoForm(request.args)
        if not ("customer" in request.args and asked.validate()):
            return self.render("admin/charges/choose.html", form=asked, sent="customer" in request.args)  # type: ignore[attr-defined]
        form = ChargeForm(asked.customer.data)

        def add() -> Charge:
            terms = form.terms()
            known = {name: getattr(terms, name) for name in terms.__dataclass_fields__}
            description, price = known.pop("description"), known.pop("price")
            return charges.add_charge(form.group(), description, price, **known, service=form.of_service(), by=actor())

        return self._asked(form, asked.customer.data, add, _("%(name)s added"))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        charge = self._found(self.can_edit)  # type: ignore[attr-defined]
        if charge.next_on is None:
            flash(_("Nothing more will be billed for %(name)s. Add a new charge instead.", name=str(charge)), "warning")
            return redirect(self.back())  # type: ignore[attr-defined]
        form = ChargeForm(charge.customer, charge)

        def change() -> Charge:
            return charges.edit_charge(charge, form.terms(), form.group(), form.of_service(), by=actor())

        return self._asked(form, charge.customer, change, _("%(name)s saved"))

    def _asked(self, form: ChargeForm, customer: Customer, do: Callable[[], Charge], done: str) -> Any:
        """The form; where it leads once it was carried out; or the bill that would come of it."""
        bill, looked = None, "preview" in request.form
        if form.validate_on_submit():
            try:
                if not looked:
                    return redirect(once(lambda: self._done(do(), customer, done)))
                bill = next_bills.tried(do, lambda: next_bills.next_bill(form.group(), actor().today))
            except BillingError as refusal:
                put_error(form.description, str(refusal))
        if looked:
            db.session.rollback()
        back = record_url(customer)
        shown = {"customer": customer, "back": f"{back}&tab=services" if back else self.get_url(".index_view")}  # type: ignore[attr-defined]
        looking = {"bill": bill, "looked": looked and not form.errors}
        return self.render("admin/charges/form.html", form=form, charge=form.charge, **shown, **looking)  # type: ignore[attr-defined]

    def _done(self, charge: Charge, customer: Customer, words: str) -> str:
        flash(words % {"name": charge.description}, "toast")
        url = record_url(customer)
        return f"{url}&tab=services" if url else self.get_url(".index_view")  # type: ignore[attr-defined, no-any-return]

    @expose("/end/", methods=("GET", "POST"))
    def end_view(self) -> Any:
        charge = self._found(self.can_create)  # type: ignore[attr-defined]
        form, back = EndForm(), self.back()  # type: ignore[attr-defined]
        if form.validate_on_submit():
            try:
                return redirect(once(lambda: self._end(charge, form, back)))
            except BillingError as refusal:
                put_error(form.on, str(refusal))
        elif request.method == "GET":
            form.on.data = actor().today if charge.is_prepayment else charge.next_on or actor().today
        shown = {"charge": charge, "form": form, "return_url": back, "price_words": price_words}
        return self.render("admin/charges/end.html", **shown)  # type: ignore[attr-defined]

    def _end(self, charge: Charge, form: EndForm, back: str) -> str:
        charges.end_charge(charge, form.on.data, by=actor())
        flash(_("The end of %(name)s is set", name=charge.description), "toast")
        return back

    @action("end", END.label)
    def end_many(self, ids: list[str]) -> Any:
        """Ticked ones, or all that match: asked for the day first."""
        chosen = Chosen.read(self, ids)
        count = chosen.counted()
        form = EndForm(formdata=request.form if "sure" in request.form else None)
        if "sure" in request.form and form.validate():
            chosen.tell(chosen.each(lambda row: charges.end_charge(row, form.on.data, by=actor())))
            return redirect(chosen.back())
        if "sure" not in request.form:
            form.on.data = actor().today
        number = format_number(count)
        fields = chosen.hidden(END, count)
        shown = {"form": form, "fields": fields, "count": number, "return_url": chosen.back()}
        return self.render("admin/charges/end_many.html", **shown)  # type: ignore[attr-defined]

    end_many.staff_action = END  # type: ignore[attr-defined]

    @expose("/next-bill/")
    def next_bill_view(self) -> Any:
        """What the next bill of a billing group will be, with the prices there are now."""
        known = params.row_id(params.only(request.args, "group"))
        group = db.session.get(BillingGroup, known) if known is not None else None
        if group is None:
            abort(404)
        bill: Bill | None = next_bills.next_bill(group, actor().today)
        back = record_url(group.customer)
        shown = {"group": group, "customer": group.customer, "bill": bill, "looked": True}
        return self.render("admin/charges/next_bill.html", **shown, back=f"{back}&tab=services" if back else "")  # type: ignore[attr-defined]
