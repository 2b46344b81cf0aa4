"""The form that enters money that came in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from admin.customers.lookup import CustomerField
from admin.fields import AmountField, DayField, amount_text
from admin.invoice_states import today
from models import Customer, Invoice
from web.forms import choices, put_error, stripped

METHODS = (_l("Bank transfer"), _l("Cash"), _l("Cheque"), _l("Card"), _l("Direct debit"))
INVOICE = ("invoice", _l("On this invoice"))
OTHERS = (("oldest", _l("On the open invoices, those due first in front")), ("credit", _l("Keep it as credit")))


class PaymentForm(FlaskForm):
    customer = CustomerField(
        _l("Customer"), [InputRequired(_l("Choose the customer who paid."))],
        description=_l("Type part of the name or e-mail address."),
    )  # fmt: skip
    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount that came in."))])
    received_on = DayField(_l("Day it came in"), [InputRequired(_l("Type the day the money came in."))])
    method = StringField(
        _l("Method"),
        [DataRequired(_l("Say how the money came.")), Length(max=60, message=_l("60 letters are enough."))],
        filters=[stripped],
    )
    reference = StringField(
        _l("Reference"), [Length(max=120, message=_l("120 letters are enough."))], filters=[stripped],
        description=_l("What the bank statement says."),
    )  # fmt: skip
    choice = RadioField(_l("Where it goes"))

    @classmethod
    def open(cls, invoice: Invoice | None, customer: Customer | None) -> PaymentForm:
        """The form as it is first seen: today, by bank transfer, all that the invoice leaves open."""
        form = cls(
            customer=customer,
            amount=amount_text(invoice.open) if invoice else None,
            received_on=today(),
            method=str(METHODS[0]),
            choice="invoice" if invoice else "oldest",
        )
        form.choice.choices = choices([INVOICE, *OTHERS] if invoice else OTHERS)
        if invoice:
            del form.customer
            form.amount.description = _("In %(currency)s. More than %(open)s is kept as credit.",
                                        currency=invoice.currency, open=invoice.open)  # fmt: skip
        else:
            form.amount.description = _("In the currency of the customer's account.")
        return form

    def validate_amount(self, field: Any) -> None:
        if field.data and Decimal(field.data) <= 0:
            raise ValidationError(_("A payment is more than zero. To give money back, use a refund."))

    def validate_received_on(self, field: Any) -> None:
        if field.data and not field.data.year >= 1990:
            raise ValidationError(_("Type the day the money came in, such as 2026-11-22."))
        if field.data and field.data > today():
            raise ValidationError(_("This day lies in the future."))

    def refuse(self, refusal: Exception) -> None:
        """Show what the rule refused beside the amount, unless the field has said so itself."""
        if not self.amount.errors:
            put_error(self.amount, str(refusal))
