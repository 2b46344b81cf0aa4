"""In which state an invoice is, as people say it: of what is stored and of today."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import ColumnElement, and_, or_

from admin.cells import pill
from admin.filters import ChoiceFilter, WrongValue
from billing import company, invoices
from models import Invoice, InvoiceState
from web import sessions

STATES = (
    ("draft", _l("Draft")), ("open", _l("Open")), ("overdue", _l("Overdue")), ("paid", _l("Paid")),
    ("credited", _l("Credited")), ("credit_note", _l("Credit note")), ("proforma", _l("Proforma")),
    ("void", _l("Void")), ("written_off", _l("Written off")),
)  # fmt: skip
COLOURS = {"open": "info", "paid": "ok", "credited": "money", "credit_note": "money", "proforma": "info"}


def today() -> date:
    """The day in the business's time zone, asked once a page."""
    if "today" not in g:
        g.today = company.day_of(sessions.now())
    return g.today  # type: ignore[no-any-return]


def state_of(invoice: Invoice, on: date) -> str:
    """draft, open, overdue, paid, credited (all of it taken back), written_off, void; credit_note; proforma (not paid),
    or became (an invoice)."""
    if invoice.state != InvoiceState.ISSUED:
        return str(invoice.state.value)
    if invoice.kind == "credit_note":
        return "credit_note"
    if invoice.kind == "proforma":
        return "became" if invoice.became_id else "proforma"
    if not invoice.open_minor:
        whole = invoice.credited_minor >= invoice.total_minor > 0
        return "written_off" if invoice.written_off_minor else "credited" if whole else "paid"
    return "overdue" if invoice.due_on and invoice.due_on < on else "open"


def state_pill(invoice: Invoice, on: date) -> Markup:
    state = state_of(invoice, on)
    if state == "became":
        return pill("", _("Proforma, invoiced"))
    if state == "overdue" and invoice.due_on:
        days = (on - invoice.due_on).days
        return pill("bad", ngettext("Overdue %(num)d day", "Overdue %(num)d days", days))
    return pill(COLOURS.get(state, ""), dict(STATES)[state])


class StateFilter(ChoiceFilter):
    """`State is overdue`, by the indexes of invoice."""

    def __init__(self) -> None:
        super().__init__(Invoice.state, _l("State"), "is", "state", STATES)

    def clean(self, value: str) -> str:
        if value not in dict(STATES):
            raise WrongValue(_("Choose one of the list."))
        return value

    def where(self, value: str) -> ColumnElement[bool]:
        owed = Invoice.open_minor > 0
        if value in ("open", "overdue"):
            return owed if value == "open" else and_(owed, Invoice.due_on < today())
        if value in ("paid", "written_off"):
            done = Invoice.state == InvoiceState.ISSUED, Invoice.open_minor == 0, Invoice.kind == "invoice"
            right = (Invoice.written_off_minor == 0) == (value == "paid")
            kept = or_(Invoice.credited_minor < Invoice.total_minor, Invoice.total_minor == 0, value != "paid")
            return and_(*done, right, kept)
        if value == "credited":
            back = and_(Invoice.credited_minor >= Invoice.total_minor, Invoice.credited_minor > 0)
            return and_(Invoice.state == InvoiceState.ISSUED, Invoice.kind == "invoice", back)
        if value == "credit_note":
            return and_(Invoice.kind == "credit_note", Invoice.state == InvoiceState.ISSUED)
        if value == "proforma":
            return and_(*invoices.waiting())
        return Invoice.state == InvoiceState(value)

    def leads(self, value: str) -> bool:
        return value == "paid"

    def bounds(self, column: Any) -> bool:
        return False
