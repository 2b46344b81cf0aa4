"""What each card on the page of a customer shows."""

from __future__ import annotations

from typing import Any

from flask import request

from admin.audit_words import timeline
from billing import customers
from models import Customer
from web import formatters, languages

from . import panels
from .page_forms import CreditForm, NoteForm


def pinned(customer: Customer) -> dict[str, Any]:
    return {"notes": panels.pinned(customer)}


def some_services(customer: Customer) -> dict[str, Any]:
    return {"services": panels.services(customer, 5)}


def some_invoices(customer: Customer) -> dict[str, Any]:
    return {"invoices": panels.invoices(customer, 5)}


def some_notes(customer: Customer) -> dict[str, Any]:
    return {"note": NoteForm(), "notes": panels.notes(customer, None, 5)[:5]}


def details(customer: Customer) -> dict[str, Any]:
    reader = formatters.locale()
    return {
        "mask": customers.mask(customer.identity_number),
        "revealed": "",
        "country": reader.territories.get(customer.country, customer.country),
        "language": dict(languages.choices()).get(customer.language, customer.language),
        "salespeople": panels.salespeople(customer),
    }


def services(customer: Customer) -> dict[str, Any]:
    return {"services": panels.services(customer)}


def charges(customer: Customer) -> dict[str, Any]:
    return {"charges": panels.charges(customer)}


def groups(customer: Customer) -> dict[str, Any]:
    return {"groups": panels.groups(customer)}


def invoices(customer: Customer) -> dict[str, Any]:
    return {"invoices": panels.invoices(customer)}


def payments(customer: Customer) -> dict[str, Any]:
    return {"payments": panels.payments(customer)}


def credits(customer: Customer) -> dict[str, Any]:
    return {"credits": panels.credits(customer)}


def give_credit(customer: Customer) -> dict[str, Any]:
    return {"credit": CreditForm(customer)}


def messages(customer: Customer) -> dict[str, Any]:
    return {"messages": panels.messages(customer)}


def notes(customer: Customer) -> dict[str, Any]:
    found = panels.notes(customer, start())
    return {"notes": found[: panels.NEWEST], **older(found)}


def history(customer: Customer) -> dict[str, Any]:
    events = panels.history(customer, start())
    return {"events": timeline(events[: panels.NEWEST]), **older(events)}


def start() -> int | None:
    """The id before which a page of something endless begins."""
    before = request.args.get("before", "")
    return int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None


def older(rows: list[Any]) -> dict[str, Any]:
    """Where the next page of something endless begins, for `older_pages`."""
    more = len(rows) > panels.NEWEST
    return {"older": rows[panels.NEWEST - 1].id if more else None, "newer": "before" in request.args}
