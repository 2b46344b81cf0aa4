"""The small forms on the page of an overdue customer."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from admin.fields import DayField, TickField
from admin.refund_form import reason_field
from billing.dunning_plans import MAIL, TEXT
from models import ContactWay
from web.forms import choices, stripped

WAYS = [
    (ContactWay.CALL.value, _l("Call")), (ContactWay.MAIL.value, _l("E-mail")), (ContactWay.TEXT.value, _l("Text")),
    (ContactWay.LETTER.value, _l("Letter")), (ContactWay.VISIT.value, _l("Visit")),
    (ContactWay.OTHER.value, _l("Other")),
]  # fmt: skip
CHANNELS = [(MAIL, _l("E-mail")), (TEXT, _l("Text"))]


class TalkForm(FlaskForm):
    way = SelectField(_l("How"), choices=choices(WAYS))
    text = TextAreaField(_l("What was said"), [InputRequired(_l("Write what was said.")), Length(max=10_000)])
    next_on = DayField(_l("Next contact"), description=_l("That day the customer stands under Due to call today."))


class PromiseForm(FlaskForm):
    on = DayField(_l("Paid by"), [InputRequired(_l("Choose the day."))])
    note = StringField(_l("Note"), [Length(max=300)], filters=[stripped])


class HoldForm(FlaskForm):
    until = DayField(_l("Until"), [InputRequired(_l("Choose the day."))])
    why = reason_field(_l("Such as: the invoice is disputed."))


class ReasonForm(FlaskForm):
    reason = reason_field(_l("Such as: moved away, or too small to pursue."))


class RemindForm(FlaskForm):
    by: SelectMultipleField = TickField(_l("By"), [InputRequired(_l("Choose a way."))], choices=choices(CHANNELS))
