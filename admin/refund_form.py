"""The forms that give (part of) a payment back, and that take back one that was entered by mistake."""

from __future__ import annotations

import hashlib
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from admin.fields import AmountField, DayField, amount_text
from admin.invoice_states import today
from admin.payment_form import method_field, reference_field
from billing import payment_ways, refunds
from billing.refunds import Plan
from messaging import cards
from models import BillingError, Credit, Payment
from web.formatters import money
from web.forms import choices, put_error, stripped

PAYMENT, TO_CARD = "payment", "to-card"


def reason_field(about: Any) -> StringField:
    return StringField(
        _l("Reason"), [DataRequired(_l("Say why.")), Length(max=200, message=_l("200 letters are enough."))],
        description=about, filters=[stripped],
    )  # fmt: skip


class RefundForm(FlaskForm):
    amount = AmountField(_l("Amount"), [InputRequired(_l("Type the amount that goes back."))])
    source = RadioField(_l("Where it comes out of"))
    method = method_field()
    refunded_on = DayField(_l("Day it went back"), [InputRequired(_l("Type the day the money went back."))])
    reference = reference_field()
    reason = reason_field(_l("Kept in the history. The customer does not see it."))
    seen = HiddenField()

    credits: dict[str, Credit]
    card: str = ""

    @classmethod
    def open(cls, payment: Payment) -> RefundForm:
        """The form as it is first seen: all that can go back, today, the way it came."""
        left, names = refunds.refundable(payment), payment_ways.names()
        method = payment.method if payment.method in names else names[0]
        form = cls(amount=amount_text(left), refunded_on=today(), method=method, source=PAYMENT)
        form.credits = {str(one.id): one for one in refunds.note_credits(payment)}
        form.method.choices = choices((name, name) for name in names)
        if payment.gateway_id and not cards.missing():
            form.card = payment.reference or _("the card")
            words = _("Back to %(card)s, by %(name)s", card=form.card, name=cards.gateway().title)
            form.method.choices = [*choices([(TO_CARD, words)]), *form.method.choices]
            if not form.is_submitted():
                form.method.data = TO_CARD
        ways: list[tuple[str, Any]] = [(PAYMENT, _("What is not used of it, then the invoices it paid"))]
        ways += [(key, _words(one)) for key, one in form.credits.items()]
        form.source.choices = choices(ways)
        form.amount.description = _("Up to %(amount)s can go back.", amount=money(left))
        return form

    def planned(self, payment: Payment) -> Plan | None:
        """What it would do with what is typed; None, and the field says why, where it cannot be done. Asked for after
        the fields were validated."""
        amount = self.amount.money(payment.currency) if self.amount.fits(payment.currency) else None
        if amount is None:
            return None
        try:
            return refunds.plan(payment, amount, self.credits.get(self.source.data or PAYMENT))
        except BillingError as refusal:
            put_error(self.amount, str(refusal))
            return None

    def told(self, planned: Plan) -> bool:
        """Whether the page has said what this does; after this it has."""
        shown = mark(planned)
        known, self.seen.data = self.seen.data == shown, shown
        return known


class ReverseForm(FlaskForm):
    reason = reason_field(_l("Such as: entered for the wrong customer."))


def mark(planned: Plan) -> str:
    """The same for what does the same."""
    parts = [(invoice.id, part.minor) for invoice, part in planned.reopened]
    credit = planned.credit.id if planned.credit else None
    return hashlib.sha256(repr((planned.amount, planned.rest, parts, credit)).encode()).hexdigest()[:16]


def _words(credit: Credit) -> str:
    return _("%(reason)s, %(amount)s in hand; the invoice stays paid", reason=credit.reason,
             amount=money(credit.remaining))  # fmt: skip
