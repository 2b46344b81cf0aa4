"""The fingerprint of a quote that was sent: what a person could read on it, hashed, so that a change shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

from models import Quote

DOCUMENT = (
    "number", "revision", "title", "sent_on", "valid_until", "starts_on", "currency", "net_minor", "tax_minor",
    "total_minor", "prices_include_tax", "discount_percent", "discount_minor", "discount_reason", "buyer", "seller",
    "po_number", "note", "terms", "legal_note",
)  # fmt: skip
LINE = (
    "position", "kind", "package_id", "choice", "months", "days", "description", "details", "quantity",
    "quantity_per", "currency", "unit_price_micro", "discount_percent", "discount_minor", "discount_reason",
    "document_discount_minor", "amount_minor", "tax_category", "tax_rate",
)  # fmt: skip
FURTHER_LINE = ("trial_days", "discount_always")
"""Counts only where there is any, so that quotes that were sent before keep their fingerprint."""
TAX = ("category", "rate", "currency", "taxable_minor", "tax_minor")


def of(quote: Quote) -> str:
    """The fingerprint of the quote as its rows are now."""
    return fingerprint(
        _values(quote, DOCUMENT),
        (_values(line, (*LINE, *FURTHER_LINE)) for line in quote.lines),
        (_values(t, TAX) for t in quote.taxes),
    )


def fingerprint(document: Sequence[Any], lines: Iterable[Sequence[Any]], taxes: Iterable[Sequence[Any]]) -> str:
    """SHA-256 (hex) over the values of DOCUMENT, then LINE and FURTHER_LINE of each line and TAX of each tax, in order.

    Decimals count as numbers (1.50 is 1.5), days as ISO text.
    """
    return sha256(_as_text([list(document), [_line(row) for row in lines], [list(row) for row in taxes]])).hexdigest()


def _line(row: Sequence[Any]) -> list[Any]:
    further = row[len(LINE) :]
    while further and not further[-1]:
        further = further[:-1]
    return [*row[: len(LINE)], *further]


def _values(row: Any, names: Sequence[str]) -> list[Any]:
    return [getattr(row, name) for name in names]


def _as_text(value: Any) -> bytes:
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    raise TypeError(f"a quote holds no {type(value).__name__}")
