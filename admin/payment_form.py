"""The form that enters money that came in, and what goes on which invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from admin.customers.lookup import CustomerField
from admin.fields import AmountField, DayField, amount_text
from admin.invoice_states import today
from admin.payment_rows import RowsForm, open_of, payable
from billing import balances, payment_ways
from models import Customer, Invoice, Money
from web.forms import choices, put_error, stripped


class WhoForm(FlaskForm):
    """Who paid: read from the address."""

    class Meta:
        csrf = False

    customer = CustomerField(
        _l("Customer"), [InputRequired(_l("Choose the customer who paid."))],
        description=_l("Type part of the name or e-mail address."),
    )  # fmt: skip


def method_field(label: Any = None) -> SelectField:
    return SelectField(label or _l("Method"), [InputRequired(_l("Choose how the money came."))])


def reference_field() -> StringField:
    return StringField(
        _l("Reference"), [Length(max=120, message=_l("120 letters are enough."))], filters=[stripped],
        description=_l("What the bank statement says."),
    )  # fmt: skip


class PaymentForm(RowsForm):
    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount that came in."))])
    received_on = DayField(_l("Day it came in"), [InputRequired(_l("Type the day the money came in."))])
    method = method_field()
    reference = reference_field()
    over = HiddenField()

    in_hand: Money
    more: bool

    @classmethod
    def open(cls, customer: Customer, invoice: Invoice | None) -> PaymentForm:
        """The form as it is first seen: today, by the first way, all that the invoice leaves open."""
        found = payable(customer, invoice)
        nothing = Money.zero(customer.currency)
        usable = balances.usable_credits(customer, today()) if customer.credit_minor else []
        in_hand = sum((one.remaining for one in usable), nothing)
        names = payment_ways.names()
        due = open_of(invoice) if invoice else None
        first = {"amount": amount_text(due) if due else None, "received_on": today(), "method": names[0]}
        form: PaymentForm = cls.made(customer, found, bool(in_hand), spread=True, **first)
        form.in_hand, form.more = in_hand, len(form.rows) < len(found)
        form.method.choices = choices((name, name) for name in names)
        form.amount.description = _("In %(currency)s, the currency of the account.", currency=customer.currency)
        if not form.is_submitted() and due:
            form.suggest(due)
        return form

    def validate_amount(self, field: Any) -> None:
        if field.data and Decimal(field.data) <= 0:
            raise ValidationError(_("A payment is more than zero. To give money back, use a refund."))

    def validate_received_on(self, field: Any) -> None:
        if field.data and not field.data.year >= 1990:
            raise ValidationError(_("Type the day the money came in, such as 2026-11-22."))
        if field.data and field.data > today():
            raise ValidationError(_("This day lies in the future."))

    def validate(self, extra_validators: Any = None) -> bool:
        if not super().validate(extra_validators) or not self.amount.fits(self.customer.currency):
            return False
        if self.strangers() and not self.spread.data:
            put_error(self.amount, _("An invoice was paid or changed meanwhile. Look at the amounts once more."))
            return False
        return self.fill(self.money(), self.in_hand)

    def money(self) -> Money:
        """What came in; validated."""
        return self.amount.money(self.customer.currency) or Money.zero(self.customer.currency)

    def rest(self) -> Money:
        """What is on no invoice."""
        return self.money() - sum(self.parts().values(), Money.zero(self.customer.currency))

    def told(self) -> bool:
        """Whether the page has said by how much it is over; after this it has."""
        rest = str(self.rest().minor or "")
        known, self.over.data = (self.over.data or "") == rest, rest
        return known

    def refuse(self, refusal: Exception) -> None:
        """Show what the rule refused beside the amount, unless a field has said so itself."""
        if not self.errors:
            put_error(self.amount, str(refusal))


class PutForm(RowsForm):
    """What is left of a payment, put on further invoices."""

    @classmethod
    def open(cls, customer: Customer, left: Money) -> PutForm:
        found = [one for one in payable(customer) if one.open_minor]
        form: PutForm = cls.made(customer, found, False, spread=True)
        if not form.is_submitted():
            form.suggest(left)
        return form

    def ready(self, left: Money) -> bool:
        """Whether it was sent and can be done."""
        if not self.validate_on_submit():
            return False
        if self.strangers() and not self.spread.data:
            put_error(self.spread, _("An invoice was paid or changed meanwhile. Look at the amounts once more."))
            return False
        if not self.fill(left, Money.zero(left.currency)):
            return False
        if not self.parts():
            put_error(self.spread, _("Type how much goes on which invoice."))
        return not self.spread.errors
