"""What mailing statements to many customers asks for: which days, and what the statement tells."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, ValidationError
from wtforms.validators import InputRequired

from admin.bulk_doors import BulkForm, customers_words
from admin.fields import DayField
from billing.customer_fields import InvalidCustomer
from billing.statements import MOVEMENTS, OPEN_ITEMS
from web.forms import choices, put_error
from web.permissions import actor

DAY = InputRequired(_l("Choose the day."))


class StatementForm(BulkForm):
    """Last month, unless other days are chosen."""

    variant = RadioField(
        _l("What it tells"), default=MOVEMENTS,
        choices=choices([(MOVEMENTS, _l("All movements")), (OPEN_ITEMS, _l("What is still owed"))]),
    )  # fmt: skip
    since = DayField(_l("From"), [DAY])
    until = DayField(
        _l("To"), [DAY], description=_l("Whoever had no movement in these days and owes nothing is left out.")
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.since.typed is None:
            self.until.data = actor().today.replace(day=1) - timedelta(days=1)
            self.since.data = self.until.data.replace(day=1)

    def validate_until(self, field: Any) -> None:
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError(_("The last day lies before the first."))

    def params(self) -> dict[str, Any]:
        return {"since": self.since.data, "until": self.until.data, "variant": self.variant.data}

    def refused(self, error: InvalidCustomer) -> None:
        for sentence in error.errors.values():
            put_error(self.since, sentence)

    def verb(self, label: Any, count: int) -> str:
        return _("Mail statements to %(n)s", n=customers_words(count))
