"""What is done with credit: each door shows its form, calls one rule, and leads back to where it was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _

from admin import links
from admin.credit_forms import ChangeForm, GiveForm, MoneyForm, TakeBackForm
from admin.doors import once
from admin.service_form import WhoForm
from billing import credit_outflows, credits, payment_ways, top_ups
from billing.credits import is_gift
from models import BillingError, Credit, Customer, Money, db
from web import params
from web.formatters import money
from web.permissions import actor, refuse


class CreditDoors:
    """Mixed into CreditsView."""

    may_edit: Any

    def _checked(self) -> None:
        if not self.may_edit:
            refuse("payments.edit")

    def _credit(self) -> Credit | None:
        """The credit the address names, if any."""
        if not request.values.get("credit"):
            return None
        return self.get_one(params.only(request.values, "credit")) or abort(404)  # type: ignore[attr-defined, no-any-return]

    def _customer(self) -> Customer:
        known = params.row_id(params.only(request.values, "customer"))
        found = db.session.get(Customer, known) if known is not None else None
        return found or abort(404)

    def _home(self, customer: Customer) -> str:
        """The customer's page, or the list for those who may not see that."""
        url = links.record_url(customer)
        return f"{url}&tab=payments" if url else self.get_url(".index_view")  # type: ignore[attr-defined, no-any-return]

    def _go(self, form: Any, template: str, do: Callable[[], str], **shown: Any) -> Any:
        """The form, or where it led once it was carried out."""
        if form.validate_on_submit():
            try:
                return redirect(once(do))
            except BillingError as refusal:
                form.refuse(refusal)
        return self.render(f"admin/credits/{template}.html", form=form, **shown)  # type: ignore[attr-defined]

    def give_view(self) -> Any:
        """First whose; then how much and what for."""
        self._checked()
        asked = WhoForm(request.args)
        if not ("customer" in request.args and asked.validate()):
            sent = "customer" in request.args
            return self.render("admin/credits/choose.html", form=asked, sent=sent)  # type: ignore[attr-defined]
        customer, form = asked.customer.data, GiveForm()

        def give() -> str:
            amount, by = form.amount.money(customer.currency), actor()
            assert amount is not None
            terms = {"reason": form.reason.data or "", "on": by.today, "expires_on": form.expires_on.data}
            credits.grant(customer, amount, **terms, by=by)
            flash(_("%(amount)s of credit given to %(name)s", amount=money(amount), name=customer.name), "toast")
            return self._home(customer)

        form.amount.description = _("In %(currency)s.", currency=customer.currency)
        return self._go(form, "give", give, customer=customer, back=self._home(customer))

    @expose("/top-up/", methods=("GET", "POST"))
    def top_up_view(self) -> Any:
        """Money the customer pays onto the account."""
        self._checked()
        customer, methods = self._customer(), payment_ways.names()
        form = MoneyForm.open(customer.currency, methods[0])

        def pay() -> str:
            amount = form.money(customer.currency)
            terms: dict[str, Any] = {"method": form.method.data, "received_on": form.day.data}
            top_ups.top_up(customer, amount, **terms, reference=form.reference.data or "", by=actor())
            flash(_("%(name)s topped up by %(amount)s", name=customer.name, amount=money(amount)), "toast")
            return self._home(customer)

        return self._go(form, "top_up", pay, customer=customer, methods=methods, back=self._home(customer))

    @expose("/pay-out/", methods=("GET", "POST"))
    def pay_out_view(self) -> Any:
        """Of one credit, or of all that the customer has in hand."""
        self._checked()
        credit = self._credit()
        customer = credit.customer if credit else self._customer()
        left = credit_outflows.available(customer, actor().today)
        usable = min(credit.remaining, left) if credit else left
        methods = payment_ways.names()
        form = MoneyForm.open(customer.currency, methods[0], usable if usable else None)

        def pay() -> str:
            amount = form.money(customer.currency)
            terms: dict[str, Any] = {"method": form.method.data, "on": form.day.data, "credit": credit}
            credit_outflows.pay_out(customer, amount, **terms, reference=form.reference.data or "", by=actor())
            flash(_("%(amount)s paid out to %(name)s", amount=money(amount), name=customer.name), "toast")
            return self._place(credit, customer)

        shown = {"customer": customer, "credit": credit, "usable": usable, "methods": methods}
        return self._go(form, "pay_out", pay, **shown, back=self._place(credit, customer))

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        self._checked()
        credit = self._credit() or abort(404)
        form = ChangeForm.open(credit, is_gift(credit))

        def change() -> str:
            until = form.expires_on.data if "expires_on" in form else credit.expires_on
            credits.change(credit, reason=form.reason.data or "", expires_on=until, by=actor())
            flash(_("Credit changed"), "toast")
            return self.row_url(credit)  # type: ignore[attr-defined, no-any-return]

        return self._go(form, "edit", change, credit=credit, back=self.row_url(credit))  # type: ignore[attr-defined]

    @expose("/take-back/", methods=("GET", "POST"))
    def take_back_view(self) -> Any:
        self._checked()
        credit = self._credit() or abort(404)
        form = TakeBackForm()

        def take() -> str:
            left: Money = credit.remaining
            credit_outflows.take_back(credit, reason=form.reason.data or "", by=actor())
            flash(_("%(amount)s of credit taken back", amount=money(left)), "toast")
            return self.row_url(credit)  # type: ignore[attr-defined, no-any-return]

        return self._go(form, "take_back", take, credit=credit, back=self.row_url(credit))  # type: ignore[attr-defined]

    def _place(self, credit: Credit | None, customer: Customer) -> str:
        return self.row_url(credit) if credit else self._home(customer)  # type: ignore[attr-defined, no-any-return]
