"""Asking for a run: the form, and what making bills means."""

from __future__ import annotations

from datetime import date, timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField
from wtforms.validators import InputRequired

from billing import company, renewals, runs
from web.formatters import number, short_date
from web.forms import put_error
from web.permissions import actor

Effect = tuple[str, str, str]


class AskForm(FlaskForm):
    on = DateField(_l("Everything due up to"), [InputRequired(_l("Choose a day."))])
    kind = HiddenField()

    def accept(self) -> bool:
        """Whether there is a day, and one that somebody may bill for."""
        if not self.validate_on_submit() or self.kind.data not in runs.KINDS:
            return False
        try:
            runs.check_day(self.on.data, actor().today)
        except runs.WrongDay as wrong:
            put_error(self.on, str(wrong))
        return not self.on.errors


def effects(on: date) -> list[Effect]:
    """What making bills for `on` does, for the page that asks."""
    ours, today = company.settings(), actor().today
    count = renewals.count(on + timedelta(days=ours.issue_days_ahead))
    due = ngettext(
        "One account has something due up to %(day)s.", "About %(n)s accounts have something due up to %(day)s.",
        count, n=number(count), day=short_date(on),
    )  # fmt: skip
    out = [("", "receipt-text", f"{due} {_('Each gets its invoices, with their final numbers.')}")]
    if on > today:
        ahead = _("That is %(n)s days ahead. Invoices carry the day they are due on.", n=number((on - today).days))
        out.append(("warn", "calendar", ahead))
    out.append(("", "mail", _("Invoices leave by mail as soon as they are made.")))
    out.append(("warn", "lock", _("What is issued is frozen. To take one back, write a credit note.")))
    return out
