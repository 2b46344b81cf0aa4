"""The currency of a customer's account: what stands in the way, the table of new prices, then Change."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, RadioField, SelectField
from wtforms.validators import InputRequired

from admin.doors import once
from admin.links import list_url
from billing import currency_change
from billing.currency_change import Blocker, How
from models import BillingError, Charge, Customer, Invoice, Quote
from web import formatters, params
from web.forms import choices, put_error
from web.permissions import actor, allows
from web.setup import currencies

HOW = {
    How.RECALCULATE: _l("Recalculate prices at today’s rate"),
    How.KEEP_FIGURES: _l("Keep the figures: 10.00 stays 10.00"),
}
BLOCKERS: dict[str, tuple[Any, Any]] = {
    "open_invoices": (_l("Unpaid invoices"), _l("Have them paid, write them off or void them.")),
    "credit": (_l("Credit in hand"), _l("Use it on an invoice, or pay it out.")),
    "drafts": (_l("Drafts of invoices"), _l("Issue or delete them.")),
    "quotes": (_l("Quotes on the way"), _l("Wait for the answer, or withdraw them.")),
    "card_payments": (_l("Card payments under way"), _l("Wait until they are decided.")),
    "prepaid": (_l("Prepaid money left"), _l("Bill what it is for, or end the prepayment.")),
    "planned_prices": (_l("Planned new prices"), _l("Wait for the next renewal, or undo the change of prices.")),
    "balance": (_l("A balance"), _l("Record the payment or refund that is missing.")),
}
"""What stands in the way, and what to do about it."""


class CurrencyForm(Form):
    """Reads the address: nothing is done yet."""

    to = SelectField(_l("New currency"), [InputRequired(_l("Choose a currency."))])
    how = RadioField(_l("Agreed prices"), choices=choices((str(code), word) for code, word in HOW.items()))


class CustomerCurrency:
    """Mixed into CustomerView."""

    @expose("/currency/", methods=("GET", "POST"))
    def currency_view(self) -> Any:
        customer = self._found(allows("customers.edit") and allows("services.edit"))  # type: ignore[attr-defined]
        if customer.merged_into_id is not None or customer.anonymised_on is not None:
            abort(404)
        form = CurrencyForm(request.values, data={"how": str(How.RECALCULATE)})
        offered = [pair for pair in currencies(formatters.locale()) if pair[0] != customer.currency]
        form.to.choices = choices([("", _("Choose")), *offered])
        if not form.how.data:
            form.how.data = str(How.RECALCULATE)
        if request.method == "POST":
            return self._change(customer, form)
        return self._show(customer, form)

    def _show(self, customer: Customer, form: CurrencyForm) -> Any:
        plan = None
        if form.to.data and form.validate():
            try:
                plan = currency_change.plan(customer, form.to.data, How(form.how.data), actor().today)
            except BillingError as refusal:
                put_error(form.to, str(refusal))
        standing = [_told(customer, each) for each in currency_change.blockers(customer)]
        return self.render(  # type: ignore[attr-defined]
            "admin/customers/currency.html", customer=customer, form=form, plan=plan, standing=standing
        )

    def _change(self, customer: Customer, form: CurrencyForm) -> Any:
        page = self.row_url(customer)  # type: ignore[attr-defined]
        here = self.get_url(".currency_view", id=customer.id, to=form.to.data, how=form.how.data)  # type: ignore[attr-defined]

        def do() -> str:
            seen = params.only(request.form, "seen")
            currency_change.change(customer, form.to.data, How(form.how.data), seen=seen, by=actor())
            flash(_("The account is kept in %(currency)s now", currency=form.to.data), "toast")
            return page

        if not form.validate():
            return redirect(self.get_url(".currency_view", id=customer.id))  # type: ignore[attr-defined]
        try:
            return redirect(once(do))
        except BillingError as refusal:
            flash(str(refusal), "danger")
        return redirect(here)


def _told(customer: Customer, each: Blocker) -> dict[str, Any]:
    title, advice = BLOCKERS[each.what]
    lists = {"open_invoices": Invoice, "drafts": Invoice, "quotes": Quote, "prepaid": Charge}
    url = list_url(lists[each.what], customer_is=customer.id) if each.what in lists else ""
    return {"title": title, "advice": advice, "count": each.count, "amount": each.amount, "url": url}
