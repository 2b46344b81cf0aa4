"""The fingerprint of an issued document: what a person could read on it, hashed, so that a change shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

DOCUMENT = (
    "kind", "number", "issued_on", "due_on", "period_start", "period_end", "currency",
    "net_minor", "tax_minor", "total_minor", "prices_include_tax", "fx_currency", "fx_rate", "fx_source",
    "buyer", "seller", "po_number", "note", "terms", "legal_note",
)  # fmt: skip
LINE = (
    "position", "kind", "description", "details", "period_start", "period_end", "quantity", "currency",
    "unit_price_micro", "amount_minor", "tax_category", "tax_rate",
)  # fmt: skip
FURTHER_DOCUMENT = ("discount_percent", "discount_minor", "discount_reason")
FURTHER_LINE = ("quantity_per", "discount_percent", "discount_minor", "discount_reason", "document_discount_minor")
"""What came later: hashed only where there is something, so that what was issued before keeps its fingerprint."""
TAX = ("category", "rate", "currency", "taxable_minor", "tax_minor")


def fingerprint(document: Sequence[Any], lines: Iterable[Sequence[Any]], taxes: Iterable[Sequence[Any]]) -> str:
    """SHA-256 (hex) over the values of DOCUMENT, then LINE of each line and TAX of each tax, in order.

    FURTHER_DOCUMENT and FURTHER_LINE may follow in the same rows; left out they count as empty.
    Taxes are in the order they were written. Decimals count as numbers (1.50 is 1.5), days as ISO text.
    """
    told = _told(document, len(DOCUMENT), FURTHER_DOCUMENT)
    shown = [told, [_told(line, len(LINE), FURTHER_LINE) for line in lines], list(taxes)]
    return sha256(_as_text(shown).encode()).hexdigest()


def _told(row: Sequence[Any], base: int, further: Sequence[str]) -> Sequence[Any]:
    if len(row) == base:
        return row
    there = {name: value for name, value in zip(further, row[base:], strict=True) if value}
    return [*row[:base], there] if there else row[:base]


@lru_cache(maxsize=4096)
def _plain(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    raise TypeError(f"a document holds no {type(value).__name__}")


_as_text = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":")).encode
