"""The forms of the guide for customers who leave: when and what, the last bill, and what comes after."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from admin.fields import DayField, TickField
from admin.service_ending import ReasonFields
from billing import payment_ways
from billing.terminations import Plan
from models import AfterEnd, Customer, RestOfCredit, Service, Termination
from web.formatters import short_date
from web.forms import choices, stripped

ALL, SOME = "all", "some"
MOST = 300
"""Services that can be ticked one by one; who has more ends all of them, or some from their list."""


class WhenForm(ReasonFields):
    on = DayField(_l("First day without services"), [InputRequired(_l("Choose the day."))])
    which = RadioField(_l("Services"), default=ALL)
    services = TickField(_l("Services that end"))

    def __init__(self, running: list[Service], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.which.choices = choices([(ALL, _("All of them: the customer leaves")), (SOME, _("Only some"))])
        self.services.choices = [(str(one.id), _service(one)) for one in running[:MOST]]

    def validate_services(self, field: TickField) -> None:
        if self.which.data == SOME and not field.data:
            raise ValidationError(_("Tick at least one service, or choose all."))

    def chosen(self) -> list[int] | None:
        return [int(one) for one in self.services.data or ()] if self.which.data == SOME else None

    @classmethod
    def open(cls, termination: Termination | None, running: list[Service], today: date) -> WhenForm:
        form = cls(running)
        if termination is not None:
            form.on.data, form.reason.data, form.reason_id.data = (
                termination.on,
                termination.reason,
                termination.reason_id,
            )
            form.which.data = ALL if termination.service_ids is None else SOME
            form.services.data = [str(one) for one in termination.service_ids or ()]
        form.on.data = form.on.data or max([today, *(one.next_renewal_on for one in running)])
        return form


def _service(service: Service) -> str:
    billed = _("billed until %(day)s", day=short_date(service.next_renewal_on))
    return f"{service} ({_('No. %(id)s', id=service.id)}) · {billed}"


class BillForm(FlaskForm):
    credit = BooleanField(
        _l("Give back days that are billed after the end"),
        description=_l("By credit note: it lowers what is open first; the rest becomes credit."),
    )
    rest = RadioField(_l("Credit that is left"), default=str(RestOfCredit.KEEP))
    method = StringField(_l("Paid out by"), [Length(max=60)], filters=[stripped])
    reference = StringField(
        _l("Reference"), [Length(max=120)], filters=[stripped], description=_l("Such as the number of the transfer.")
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rest.choices = choices([
            (str(RestOfCredit.KEEP), _("Stays with the customer")), (str(RestOfCredit.PAY_OUT), _("Is paid out today")),
        ])  # fmt: skip
        self.method.data = self.method.data or payment_ways.names()[0]

    def validate_method(self, field: StringField) -> None:
        if self.rest.data == RestOfCredit.PAY_OUT and not field.data:
            raise ValidationError(_("Say how it is paid out."))


class AfterForm(FlaskForm):
    send = BooleanField(_l("Mail the last bill and the credit note, as PDF"))
    after = RadioField(_l("The customer then"), default=str(AfterEnd.DISABLE))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.after.choices = choices([
            (str(AfterEnd.DISABLE), _("Is disabled: no bills and no sign-in, and it can be undone")),
            (str(AfterEnd.ARCHIVE), _("Is archived: put away, with all history kept")),
            (str(AfterEnd.NOTHING), _("Stays as it is")),
        ])  # fmt: skip


def plan_of(termination: Termination, **other: Any) -> Plan:
    """What the draft says, with some of it said otherwise."""
    assert termination.on is not None
    known: dict[str, Any] = {
        "on": termination.on, "services": termination.service_ids, "credit": termination.credit,
        "reason": termination.reason, "reason_id": termination.reason_id, "send": termination.send,
        "after": termination.after, "rest": termination.rest, "method": termination.method,
        "reference": termination.reference,
    }  # fmt: skip
    return Plan(**{**known, **other})


def title_of(customer: Customer) -> str:
    return _("%(name)s leaves", name=customer.name)
