"""The card of a customer's expenses: what lowered the account, narrowed by day, kind and currency, page by page."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.links import record_url
from billing import expenses
from billing.expenses import Asked, Expense
from models import Credit, Customer, Invoice, Payment
from models.currencies import DECIMALS
from web import days
from web.csv_file import csv_file

NEWEST = 50
IN_A_FILE = 100_000
KINDS = {
    "invoice": _l("Invoice"), "refund": _l("Refund"), "payment_reversed": _l("Payment taken back"),
    "payout": _l("Credit paid out"), "credit_expired": _l("Credit ran out"),
    "credit_taken_back": _l("Credit taken back"), "write_off": _l("Write-off taken back"),
    "merge": _l("Accounts merged"),
}  # fmt: skip


def shown(customer: Customer) -> dict[str, Any]:
    """One page of them, with what it was narrowed by and the address of the next."""
    asked, wrong = _asked()
    found = expenses.page(customer, asked, NEWEST, _before(request.args.get("before", "")))
    rows, more = found[:NEWEST], len(found) > NEWEST
    narrowed = {name: request.args.get(name, "") for name in ("since", "until", "kind", "currency")}
    return {
        "rows": [_line(one) for one in rows],
        "sums": expenses.sums(customer, asked) if rows else [],
        "older": f"{rows[-1].on}.{rows[-1].posting_id}" if more else None,
        "newer": "before" in request.args,
        "kinds": KINDS, "narrowed": {name: value for name, value in narrowed.items() if value}, "wrong": wrong,
    }  # fmt: skip


def as_file(customer: Customer) -> Response:
    """The same as a table, all that the page was narrowed to."""
    asked, _wrong = _asked()
    head = ("day", "kind", "document", "details", "currency", "amount")
    rows = ((one.on.isoformat(), one.kind, one.number or "", _details(one), one.currency, str(one.amount.decimal()))
            for one in expenses.every(customer, asked, IN_A_FILE))  # fmt: skip
    return csv_file(f"expenses-{customer.id}.csv", [head, *rows])


def _asked() -> tuple[Asked, str]:
    period = days.read(request.args, (None, None))
    kind, currency = request.args.get("kind", ""), request.args.get("currency", "").strip().upper()
    wrong = period.wrong
    if currency and currency not in DECIMALS:
        currency, wrong = "", _("Write the three letters of a currency, such as EUR.")
    return Asked(period.since, period.until, (kind,) if kind in KINDS else (), currency), wrong


def _before(text: str) -> tuple[date, int] | None:
    """Where the page begins: the day and the posting above it."""
    day, _dot, number = text.partition(".")
    try:
        return date.fromisoformat(day), int(number[:18])
    except ValueError:
        return None


def _line(one: Expense) -> dict[str, Any]:
    return {
        "on": one.on, "words": KINDS.get(one.kind) or one.kind.replace("_", " ").capitalize(), "number": one.number,
        "url": _url(one), "details": _details(one), "amount": one.amount,
    }  # fmt: skip


def _details(one: Expense) -> str:
    return ", ".join(filter(None, (one.method, one.reason if one.kind != "refund" else "")))


def _url(one: Expense) -> str:
    """The page of what is behind it."""
    for model, row_id in ((Invoice, one.invoice_id), (Payment, one.payment_id), (Credit, one.credit_id)):
        if row_id is not None:
            return record_url(_Numbered(row_id), model)
    return ""


class _Numbered:
    """A record of which only the id is read."""

    def __init__(self, row_id: int) -> None:
        self.id = row_id
