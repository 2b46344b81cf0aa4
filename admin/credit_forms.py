"""The forms about credit in hand: giving it, paying on the account, paying out, changing and taking back."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from admin.fields import AmountField, DayField, amount_text
from admin.invoice_states import today
from models import Credit, Money
from web.forms import put_error, stripped

NEEDED = InputRequired(_l("Type the amount."))
SHORT = Length(max=200, message=_l("200 letters are enough."))


def _reason(words: Any, about: Any) -> StringField:
    return StringField(words, [InputRequired(_l("Say what it is for.")), SHORT], description=about, filters=[stripped])


class MoneyForm(FlaskForm):
    """Money that came in or goes out: how much, when, how."""

    amount = AmountField(_l("Amount"), [NEEDED])
    day = DayField(_l("Day"), [InputRequired(_l("Choose the day."))])
    method = StringField(
        _l("Method"),
        [InputRequired(_l("Say how it is paid.")), Length(max=60, message=_l("60 letters are enough."))],
        filters=[stripped],
    )
    reference = StringField(
        _l("Reference"), [Length(max=120, message=_l("120 letters are enough."))], filters=[stripped],
        description=_l("What the bank statement says."),
    )  # fmt: skip

    @classmethod
    def open(cls, currency: str, method: str, amount: Money | None = None) -> MoneyForm:
        """As it is first seen: today, in the usual way."""
        form = cls(day=today(), method=method, amount=amount_text(amount) if amount else None)
        form.amount.description = _("In %(currency)s.", currency=currency)
        return form

    def money(self, currency: str) -> Money:
        amount = self.amount.money(currency)
        assert amount is not None
        return amount

    def refuse(self, refusal: Exception) -> None:
        if not self.errors:
            put_error(self.amount, str(refusal))


class GiveForm(FlaskForm):
    amount = AmountField(_l("Amount"), [NEEDED])
    reason = _reason(_l("What for"), _l("The customer reads this."))
    expires_on = DayField(_l("Last day it can be used"), description=_l("Empty: it never runs out."))

    def refuse(self, refusal: Exception) -> None:
        if not self.errors:
            put_error(self.amount, str(refusal))


class ChangeForm(FlaskForm):
    reason = _reason(_l("What for"), _l("The customer reads this."))
    expires_on = DayField(_l("Last day it can be used"), description=_l("Empty: it never runs out."))

    @classmethod
    def open(cls, credit: Credit, gift: bool) -> ChangeForm:
        form = cls(reason=credit.reason, expires_on=credit.expires_on)
        if not (gift and credit.remaining_minor):
            del form.expires_on
        return form

    def refuse(self, refusal: Exception) -> None:
        if not self.errors:
            put_error(self.expires_on or self.reason, str(refusal))


class TakeBackForm(FlaskForm):
    reason = _reason(_l("Why"), _l("Kept in the history; the customer sees that it was taken back."))

    def refuse(self, refusal: Exception) -> None:
        if not self.errors:
            put_error(self.reason, str(refusal))
