"""What is done with the money side of an invoice: written off, expected again, and payments taken off it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField
from wtforms.validators import InputRequired

from admin import doors, payment_effects
from admin.fields import AmountField, DayField, amount_text
from admin.invoice_states import today
from admin.payment_rows import payable
from admin.refund_form import reason_field
from billing import allocations, write_offs
from billing.allocations import Settled
from models import BillingError, Invoice, Money
from web import params
from web.formatters import money
from web.forms import choices, put_error
from web.permissions import actor, allows


class AmountForm(FlaskForm):
    """Part of what there is, all of it if nothing else is typed."""

    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount."))])

    currency = ""

    @classmethod
    def of(cls, most: Money, **values: Any) -> Any:
        form = cls(amount=amount_text(most), **values)
        form.currency = most.currency
        form.amount.description = _("Up to %(amount)s.", amount=money(most))
        return form

    def validate(self, extra_validators: Any = None) -> bool:
        return super().validate(extra_validators) and self.amount.fits(self.currency)

    def money(self) -> Money:
        """What was typed; zero where it is no amount in this currency, which `validate` says."""
        try:
            return self.amount.money(self.currency) or Money.zero(self.currency)
        except BillingError:
            self.amount.errors = []
            return Money.zero(self.currency)


class WriteOffForm(AmountForm):
    on = DayField(_l("Day"), [InputRequired(_l("Type the day it is written off."))])
    reason = reason_field(_l("Such as: moved away, or too small to pursue."))


class TakeBackForm(AmountForm):
    reason = reason_field(_l("Such as: promised to pay."))


class TakeOffForm(AmountForm):
    to = SelectField(_l("And then"))

    @classmethod
    def open(cls, there: Settled, moves: bool) -> TakeOffForm:
        form: TakeOffForm = cls.of(there.amount, to="")
        others = [one for one in payable(there.invoice.customer) if one.open_minor and one.id != there.invoice.id]
        offered = [(str(one.id), _("Put it on %(name)s, %(amount)s open", name=str(one), amount=money(one.open)))
                   for one in (others if moves else [])]  # fmt: skip
        form.to.choices = choices([("", _("Keep it as credit of the customer")), *offered])
        return form


class InvoiceMoney:
    """Mixed into InvoicesView."""

    @property
    def may_write_off(self) -> bool:
        return allows("payments.refund")

    @expose("/write-off/", methods=("GET", "POST"))
    def write_off(self) -> Any:
        invoice = self._found(self.may_write_off)  # type: ignore[attr-defined]
        if not invoice.open_minor or invoice.kind != "invoice":
            return self._no_money(invoice, _("Nothing of %(name)s is open.", name=str(invoice)))
        form = WriteOffForm.of(invoice.open, on=today())
        amount, by = form.money(), actor()

        def do() -> None:
            write_offs.write_off(invoice, amount, reason=form.reason.data, on=form.on.data, by=by)

        done = self._money_sent(form, do, invoice, _("%(amount)s written off", amount=money(amount)))
        effects = payment_effects.of_write_off(invoice, amount) if 0 < amount.minor <= invoice.open_minor else []
        return done or self._money_form("write_off", form, invoice, effects)

    @expose("/write-off/take-back/", methods=("GET", "POST"))
    def take_back_write_off(self) -> Any:
        invoice = self._found(self.may_write_off)  # type: ignore[attr-defined]
        if not invoice.written_off_minor:
            return self._no_money(invoice, _("Nothing of %(name)s is written off.", name=str(invoice)))
        form = TakeBackForm.of(invoice.written_off)
        amount = form.money()

        def do() -> None:
            write_offs.take_back(invoice, amount, reason=form.reason.data, by=actor())

        done = self._money_sent(form, do, invoice, _("%(amount)s is expected again", amount=money(amount)))
        return done or self._money_form("take_back", form, invoice, [])

    @expose("/take-off/", methods=("GET", "POST"))
    def take_off(self) -> Any:
        """Take (part of) a payment or credit off the invoice, and maybe put it on another one."""
        invoice = self._found(self.may_collect)  # type: ignore[attr-defined]
        named = params.row_id(request.values.get("allocation", ""))
        there = next((one for one in allocations.settled_on(invoice) if one.allocation.id == named), None)
        if there is None:
            return self._no_money(invoice, _("This is not on %(name)s any more.", name=str(invoice)))
        allocation = there.allocation
        paid = allocation.payment is not None or bool(allocation.credit and allocation.credit.payment_id)
        form = TakeOffForm.open(there, paid)
        amount, by = form.money(), actor()

        def do() -> None:
            other = self.get_one(form.to.data) if form.to.data else None  # type: ignore[attr-defined]
            if other is None:
                allocations.take_off(invoice, allocation, amount, by=by)
            else:
                allocations.move(allocation, other, amount, by=by)

        done = self._money_sent(form, do, invoice, _("%(amount)s taken off", amount=money(amount)))
        return done or self._money_form(
            "take_off", form, invoice, payment_effects.of_taking_off(invoice, there.amount), there
        )

    def _money_sent(self, form: Any, do: Callable[[], None], invoice: Invoice, words: str) -> Any:
        """Done once, and back to the invoice; a refusal is told at the amount."""
        if not form.validate_on_submit():
            return None
        url = self.row_url(invoice)  # type: ignore[attr-defined]
        try:
            answer = redirect(doors.once(lambda: do() or url))
        except BillingError as refusal:
            put_error(form.amount, str(refusal))
            return None
        flash(words, "toast")
        return answer

    def _money_form(self, name: str, form: Any, invoice: Invoice, effects: Any, there: Settled | None = None) -> Any:
        page = {"form": form, "model": invoice, "effects": effects, "there": there}
        status = 400 if form.errors else 200
        return self._render(f"admin/invoices/{name}.html", **page), status  # type: ignore[attr-defined]

    def _no_money(self, invoice: Invoice, words: str) -> Any:
        flash(words, "info")
        return redirect(self.row_url(invoice))  # type: ignore[attr-defined]
