"""Imports in words: what a column can become, how a file is doing, and what to do about a fault."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing import custom_fields
from models import ImportFile, ImportProblem, ImportState

GROUPS: tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...] = (
    (_l("Who"), (
        ("name", _l("Name")), ("first_name", _l("First name")), ("last_name", _l("Last name")),
        ("company_name", _l("Company")), ("contact_name", _l("Contact person")), ("email", _l("E-mail")),
        ("username", _l("User name")), ("phone", _l("Phone")), ("phone_extension", _l("Phone extension")),
        ("account_type", _l("Kind of customer")), ("tax_id", _l("VAT or tax number")), ("language", _l("Language")),
    )),
    (_l("Address"), (
        ("street", _l("Street")), ("street2", _l("Street, second line")), ("postal_code", _l("Postal code")),
        ("city", _l("City")), ("region", _l("Region")), ("country", _l("Country")),
    )),
    (_l("Billing"), (
        ("currency", _l("Currency")), ("payment_method", _l("Pays by")), ("payment_days", _l("Days to pay")),
        ("charge_tax", _l("Charge tax")), ("tax_exempt", _l("Exempt from tax")), ("tax_rate", _l("Own tax rate")),
        ("never_suspend", _l("Never suspend")), ("dunning_plan", _l("Dunning plan")),
        ("po_number", _l("Purchase order number")),
        ("vendor_number", _l("Our number at the customer")), ("invoice_note", _l("Note on invoices")),
    )),
    (_l("Account"), (
        ("status", _l("Status")), ("registered_on", _l("Joined")), ("starts_on", _l("Contract starts")),
        ("ends_on", _l("Contract ends")), ("archived_on", _l("Archived on")), ("group", _l("Group")),
        ("project", _l("Project")), ("reseller", _l("Reseller")), ("contract_type", _l("Contract type")),
        ("attitude", _l("How to deal with them")), ("about", _l("About")),
        ("external_source", _l("Name of the other system")),
    )),
    (_l("Service"), (
        ("package", _l("Package")), ("description", _l("Description")), ("price", _l("Price")),
        ("months", _l("Renews every … months")), ("days", _l("Renews every … days")),
        ("anchor_day", _l("Day of the month")), ("started_on", _l("Started on")),
        ("next_renewal_on", _l("Renews next on")), ("cancelled_on", _l("Ends on")), ("free", _l("Free of charge")),
    )),
)  # fmt: skip


def groups() -> list[tuple[Any, Any]]:
    """What a column can become, with the shop's own fields where there are any."""
    own = [(custom_fields.PREFIX + field.key, field.name) for field in custom_fields.fields()]
    return [*GROUPS, *([(_l("Own fields"), own)] if own else [])]


FIELDS = {name: words for _title, fields in GROUPS for name, words in fields}
MEANINGS = {
    "active": _l("Active"), "disabled": _l("Disabled"), "archived": _l("Archived"), "individual": _l("Person"),
    "company": _l("Company"), "sole_proprietor": _l("Sole proprietor"), "card": _l("Card"), "invoice": _l("Invoice"),
    "free": _l("Free of charge"), "yes": _l("Yes"), "no": _l("No"), "none": _l("None"), "easy": _l("Easy to deal with"),
    "careful": _l("Handle with care"), "difficult": _l("Difficult"),
}  # fmt: skip
STATES = {
    ImportState.OPEN: ("", _l("Being set up")), ImportState.CHECKING: ("info", _l("Checking")),
    ImportState.CHECKED: ("warn", _l("Checked, not imported")), ImportState.IMPORTING: ("info", _l("Importing")),
    ImportState.DONE: ("ok", _l("Imported")), ImportState.FAILED: ("bad", _l("Failed")),
}  # fmt: skip
KINDS = {
    "value": _l("Wrong value"), "row": _l("Wrong number of cells"), "duplicate": _l("Twice in the file"),
    "taken": _l("Here already"),
}  # fmt: skip
ENCODINGS = (
    ("utf-8-sig", "UTF-8"), ("cp1252", _l("Western European (Windows)")), ("iso-8859-15", _l("Western European (ISO)")),
    ("cp1250", _l("Central European (Windows)")), ("cp1251", _l("Cyrillic (Windows)")),
    ("cp1253", _l("Greek (Windows)")),
    ("cp1254", _l("Turkish (Windows)")), ("mac_roman", _l("Western European (Mac)")), ("utf-16", "UTF-16"),
)  # fmt: skip
DELIMITERS = ((",", _l("Comma")), (";", _l("Semicolon")), ("\t", _l("Tab")), ("|", _l("Bar |")))
QUOTES = (('"', '"'), ("'", "'"), ("", _l("None")))
DATES = (
    ("%Y-%m-%d", "2026-12-31"), ("%Y-%m-%d %H:%M:%S", "2026-12-31 23:59:59"), ("%d/%m/%Y", "31/12/2026"),
    ("%m/%d/%Y", "12/31/2026"), ("%d.%m.%Y", "31.12.2026"), ("%d-%m-%Y", "31-12-2026"), ("%Y/%m/%d", "2026/12/31"),
    ("%d %b %Y", "31 Dec 2026"), ("%b %d, %Y", "Dec 31, 2026"), ("%d/%m/%y", "31/12/26"), ("%m/%d/%y", "12/31/26"),
)  # fmt: skip
_FIRST_SENTENCE = re.compile(r"((?:“[^”]*”|[^“.]|\.(?!\s))*\.)\s+(\S.*)", re.DOTALL)


def place(name: str) -> str:
    """A field of ours by its label; a column of the file as it is called there."""
    return str(FIELDS.get(name, name))


def result(draft: ImportFile) -> tuple[str, str]:
    """Kind and word of the pill."""
    kind, word = STATES[draft.state]
    return kind, str(word)


def fault(problem: ImportProblem) -> tuple[str, str]:
    """(what is wrong, what to do)."""
    found = _FIRST_SENTENCE.fullmatch(problem.message)
    what, how = (found[1], found[2]) if found else (problem.message, _way_out(problem))
    return what[:1].upper() + what[1:], how[:1].upper() + how[1:]


def _way_out(problem: ImportProblem) -> str:
    if problem.kind == "duplicate":
        return _("Keep one of the two lines, or change this one.")
    if problem.kind == "row":
        return _("Look for a missing or an extra separator in this line.")
    if problem.kind == "taken":
        return _("Leave the line out, or change the customer that is here.")
    if problem.message.startswith("the cell is empty"):
        return _("Fill in the cell.")
    return _("Correct the cell.")
