"""What staff do with one service: what each verb asks for, when it is offered, and what it would come to, in words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired

from admin.fields import DayField
from billing import company, reactivations, service_pauses, service_trials
from models import Service
from web.formatters import number, short_date
from web.forms import choices
from web.permissions import actor

Effects = list[tuple[str, str, str]]
"""(kind, icon, sentence) of each."""
REASON = _l("Kept with the service, for staff.")


class VerbForm(FlaskForm):
    """Knows what its values come to, and whether that was seen."""

    @property
    def digest(self) -> str:
        """Of all that was entered and makes a difference: what was shown is what is done."""
        entered = repr([(field.name, str(field.data)) for field in self if field.name not in ("csrf_token", "reason")])
        return hashlib.sha256(entered.encode()).hexdigest()[:16]


class ReasonForm(VerbForm):
    reason = StringField(_l("Reason"), description=REASON)


class BackForm(VerbForm):
    billed = RadioField(_l("Days meanwhile"), choices=choices([
        ("yes", _l("Are billed: the next run catches up")), ("no", _l("Are not billed")),
    ]))  # fmt: skip


class PauseForm(VerbForm):
    start = DayField(_l("From"), [InputRequired(_l("Choose the day."))])
    until = DayField(_l("Until"), description=_l("The first day it runs again. Empty: until somebody resumes it."))
    reason = StringField(_l("Reason"), description=REASON)


class DayForm(VerbForm):
    on = DayField(_l("From"), [InputRequired(_l("Choose the day."))])


class TrialForm(VerbForm):
    on = DayField(_l("Billed from"), [InputRequired(_l("Choose the day."))],
                  description=_l("Today or earlier ends the trial now."))  # fmt: skip


class EmptyForm(VerbForm):
    pass


@dataclass(frozen=True)
class Verb:
    """`title` and `done` take the service's name as %(name)s; `begin` fills the form in; `effects` may raise what `do`
    raises, which is told at the first field."""

    name: str
    label: Any
    title: Any
    done: Any
    icon: str
    when: Callable[[Service], bool]
    effects: Callable[[Service, Any], Effects]
    do: Callable[[Service, Any], Any]
    form: type[VerbForm] = EmptyForm
    begin: Callable[[Service, Any], None] = lambda service, form: None
    danger: bool = False


def suspend_effects(service: Service, form: Any) -> Effects:
    said: Effects = [
        ("warn", "ban", _("It is switched off today, and no bill is made for it until it is brought back.")),
        ("", "receipt-text", _("What is billed already stays as it is.")),
        ("", "banknote", _("Paying open invoices does not bring it back; a person does.")),
    ]
    if company.value("bill_suspended_days"):
        later = _("The days meanwhile are billed when it comes back, unless you choose otherwise.")
        said.append(("", "calendar", later))
    return said


def back_effects(service: Service, form: Any) -> Effects:
    since = short_date(service.suspended_on)
    if form.billed.data == "no":
        told = _("The days since %(day)s are never billed. Days paid in advance follow from today on.", day=since)
        return [("ok", "play", _("It runs again today.")), ("", "calendar", told)]
    day = short_date(service.next_renewal_on)
    told = _("Its next renewal stays %(day)s; a date that has passed is billed by the next run.", day=day)
    return [("ok", "play", _("It runs again today.")), ("", "receipt-text", told)]


def pause_effects(service: Service, form: Any) -> Effects:
    start, until = form.start.data, form.until.data
    found = service_pauses.foresee(service, start, until)
    first = _("It is not billed from %(day)s until somebody resumes it.", day=short_date(start))
    if until:
        first = _("It is not billed from %(day)s on, and runs again on %(until)s by itself.", day=short_date(start),
                  until=short_date(until))  # fmt: skip
    said: Effects = [("", "pause", first)]
    if found.paid_days:
        n = found.paid_days
        words = ngettext("%(n)s day that is paid already follows after the pause.",
                         "%(n)s days that are paid already follow after the pause.", n, n=number(n))  # fmt: skip
        said.append(("ok", "calendar", words))
    elif start > actor().today and start > service.next_renewal_on:
        said.append(("", "receipt-text", _("Bills before the pause go up to its first day only.")))
    if found.kept_until and found.next_bill_until:
        last = found.next_bill_until - timedelta(days=1)
        words = _("The bill after it is for %(day)s to %(until)s, prorated where that is less than a whole period.",
                  day=short_date(found.kept_until), until=short_date(last))  # fmt: skip
        said.append(("", "receipt-text", words))
    return said


def resume_effects(service: Service, form: Any) -> Effects:
    days = (actor().today - service.suspended_on).days if service.suspended_on else 0
    words = ngettext("%(n)s day of the pause is not billed.", "%(n)s days of the pause are not billed.", days,
                     n=number(days))  # fmt: skip
    follow = _("What was paid in advance follows from today on.")
    if not days:
        words, follow = _("No day of the pause has passed:"), _("bills go on as if it had not been paused.")
    return [("ok", "play", _("It runs again today.")), ("", "calendar", f"{words} {follow}")]


def activate_effects(service: Service, form: Any) -> Effects:
    day = short_date(form.on.data)
    if service.next_renewal_on != service.billed_from:
        unpaid = _("Its first bill is not paid. It stays open, and its period begins on %(day)s.", day=day)
        return [("ok", "play", _("It runs from %(day)s on.", day=day)), ("warn", "receipt-text", unpaid)]
    billed = _("It is billed from %(day)s on.", day=day)
    if service.trial_days:
        n = service.trial_days
        billed = ngettext("%(n)s free day first, then it is billed.", "%(n)s free days first, then it is billed.", n,
                          n=number(n))  # fmt: skip
    return [("ok", "play", _("It runs from %(day)s on.", day=day)), ("", "receipt-text", billed)]


def reactivate_effects(service: Service, form: Any) -> Effects:
    found = reactivations.foresee(service, form.on.data, by=actor())
    said: Effects = [("ok", "play", _("It runs again, at the price agreed before."))]
    if found.paid_days:
        paid = _("Its days until %(day)s are paid; bills go on from there.", day=short_date(found.next_renewal_on))
        said.append(("", "calendar", paid))
    else:
        said.append(("", "receipt-text", _("Bills go on from %(day)s.", day=short_date(found.next_renewal_on))))
    if found.unbilled:
        n = found.unbilled
        words = ngettext("%(n)s day since its end is never billed.", "%(n)s days since its end are never billed.", n,
                         n=number(n))  # fmt: skip
        said.append(("", "calendar", words))
    if found.charges:
        names = ", ".join(map(str, found.charges))
        said.append(("", "repeat", _("Charged again beside it: %(names)s.", names=names)))
    return said


def trial_effects(service: Service, form: Any) -> Effects:
    day = short_date(form.on.data)
    if form.on.data and form.on.data <= actor().today:
        return [("warn", "receipt-text", _("The trial is over, and the next run bills it from today on."))]
    return [("", "calendar", _("It is free until %(day)s, and is billed from that day on.", day=day))]


def change_trial(service: Service, form: Any) -> None:
    if form.on.data <= actor().today:
        service_trials.end_now(service, by=actor())
    else:
        service_trials.extend(service, form.on.data, by=actor())
