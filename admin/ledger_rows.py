"""Postings of the books as rows that people read."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l

from models import Account, LedgerPosting
from web.formatters import money, short_date

POSTINGS = {
    "invoice": _l("Invoice"), "void": _l("Void"), "credit_note": _l("Credit note"), "payment": _l("Payment"),
    "payment_reversed": _l("Payment taken back"), "taken_off": _l("Taken off"), "refund": _l("Refund"),
    "refund_returned": _l("Refund came back"),
    "credit": _l("Credit"), "credit_use": _l("Credit used"), "credit_expired": _l("Credit expired"),
    "payout": _l("Paid out"), "write_off": _l("Write-off"), "merge": _l("Merged"),
}  # fmt: skip
ACCOUNTS = {
    Account.RECEIVABLE: _l("Receivable"), Account.CREDIT: _l("Customer's credit"), Account.CASH: _l("Cash and bank"),
    Account.REVENUE: _l("Revenue"), Account.TAX: _l("Tax"), Account.WRITE_OFF: _l("Write-off"),
}  # fmt: skip

Row = tuple[str, str, str, str, str]


def ledger_rows(postings: Iterable[LedgerPosting]) -> list[Row]:
    """(what and when, account, debit, credit), the first columns only once a posting."""
    rows = []
    for posting in postings:
        what, on = str(POSTINGS.get(posting.kind, posting.kind.replace("_", " ").capitalize())), short_date(posting.on)
        for entry in posting.entries:
            debit, credit = (entry.amount, None) if entry.amount_minor > 0 else (None, -entry.amount)
            rows.append((what, on, str(ACCOUNTS[entry.account]), money(debit), money(credit)))
            what = on = ""
    return rows
