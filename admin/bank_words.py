"""Bank statements in words: fields of columns, formats, states, how sure a guess is."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing.bank_mapping import DATE_FORMATS
from billing.bank_matching import LIKELY, SURE, Match
from models import BankLineState, StatementState

FIELDS = (
    ("", _l("Not needed")),
    ("date", _l("Day")),
    ("amount", _l("Amount, in and out")),
    ("credit", _l("Money in")),
    ("debit", _l("Money out")),
    ("sign", _l("In or out, as a word")),
    ("currency", _l("Currency")),
    ("name", _l("Who paid")),
    ("iban", _l("Account of who paid")),
    ("text", _l("Text")),
    ("reference", _l("Reference")),
)
_EXAMPLES = {
    "%Y-%m-%d": "2026-11-22", "%d.%m.%Y": "22.11.2026", "%d/%m/%Y": "22/11/2026", "%m/%d/%Y": "11/22/2026",
    "%d-%m-%Y": "22-11-2026", "%d.%m.%y": "22.11.26", "%d/%m/%y": "22/11/26", "%d-%m-%y": "22-11-26",
    "%Y%m%d": "20261122", "%Y/%m/%d": "2026/11/22", "%d %b %Y": "22 Nov 2026", "%d-%b-%Y": "22-Nov-2026",
    "%Y-%m-%d %H:%M:%S": "2026-11-22 09:30:00",
}  # fmt: skip
DATES = tuple((pattern, _EXAMPLES[pattern]) for pattern in DATE_FORMATS)
DECIMALS = ((".", "1,234.50"), (",", "1.234,50"))
STATEMENTS = {
    StatementState.OPEN: ("warn", _l("Columns to choose")),
    StatementState.READING: ("info", _l("Being read")),
    StatementState.READ: ("ok", _l("Read in")),
}
LINES = {
    BankLineState.OPEN: ("info", _l("To do")),
    BankLineState.BOOKED: ("ok", _l("Booked")),
    BankLineState.IGNORED: ("", _l("Ignored")),
}
TABS = (
    ("open", _l("To do")),
    ("sure", _l("Sure")),
    ("booked", _l("Booked")),
    ("ignored", _l("Ignored")),
)
REASONS = (
    ("Money that went out", _l("Money that went out")),
    ("Bank fees and interest", _l("Bank fees and interest")),
    ("Between own accounts", _l("Between own accounts")),
    ("Booked elsewhere already", _l("Booked elsewhere already")),
    ("Private", _l("Private")),
)


def sureness(match: Match | None) -> tuple[str, Any]:
    if match is None:
        return "", _("No guess")
    if match.score >= SURE:
        return "ok", _("Sure")
    return ("info", _("Likely")) if match.score >= LIKELY else ("warn", _("A guess"))
