"""In which state a quote is, as people say it: of what is stored and of today."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import ColumnElement, and_

from admin.cells import pill
from admin.filters import ChoiceFilter, WrongValue
from models import Quote, QuoteState

TO_INVOICE = "to_invoice"
STATES: tuple[tuple[str, Any], ...] = (
    ("draft", _l("Draft")), ("sent", _l("Sent")), ("accepted", _l("Accepted")), (TO_INVOICE, _l("To be invoiced")),
    ("declined", _l("Declined")), ("expired", _l("Expired")), ("withdrawn", _l("Withdrawn")),
    ("superseded", _l("Replaced")),
)  # fmt: skip
COLOURS = {"sent": "info", "accepted": "ok", "expired": "warn", TO_INVOICE: "warn"}


def state_of(quote: Quote, on: date) -> str:
    """The state as it is on that day: what nobody answered in time has expired, also before the job has said so."""
    if quote.state == QuoteState.SENT and quote.valid_until and quote.valid_until < on:
        return "expired"
    if quote.state == QuoteState.ACCEPTED and quote.invoice_id is None:
        return TO_INVOICE
    return str(quote.state)


def state_pill(quote: Quote, on: date) -> Markup:
    state = state_of(quote, on)
    if state == TO_INVOICE:
        return pill("warn", _("Accepted, to be invoiced"))
    if state == "sent" and quote.valid_until and (left := (quote.valid_until - on).days) <= 3:
        return pill("warn", ngettext("Sent, %(num)d day left", "Sent, %(num)d days left", left + 1))
    return pill(COLOURS.get(state, ""), dict(STATES)[state])


class StateFilter(ChoiceFilter):
    """`State is sent`, by the index of quote."""

    def __init__(self) -> None:
        super().__init__(Quote.state, _l("State"), "is", "state", STATES)

    def clean(self, value: str) -> str:
        if value not in dict(STATES):
            raise WrongValue(_("Choose one of the list."))
        return value

    def where(self, value: str) -> ColumnElement[bool]:
        if value == TO_INVOICE:
            return and_(Quote.state == QuoteState.ACCEPTED, Quote.invoice_id.is_(None))
        return Quote.state == QuoteState(value)

    def leads(self, value: str) -> bool:
        return value == TO_INVOICE

    def bounds(self, column: Any) -> bool:
        return False
