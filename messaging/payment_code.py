"""What a payment code says: a SEPA credit transfer by EPC069-12 (version 002), which European bank apps scan."""

from __future__ import annotations

import re

from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from integrations import qr_codes
from models import Money

_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b")
_BIC = re.compile(r"\b(?:BIC|SWIFT)\W{1,3}([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\b", re.I)
LARGEST_MINOR = 99_999_999_999
"""999 999 999.99, the most the standard allows."""


def text(name: str, bank_details: str, amount: Money, reference: str) -> str:
    """What the code says; empty where there can be none: not in euros, no IBAN in the bank details, nothing to pay."""
    account = _account(bank_details)
    if amount.currency != "EUR" or not 0 < amount.minor <= LARGEST_MINOR or not account or not name.strip():
        return ""
    lines = (
        "BCD", "002", "1", "SCT", _bank(bank_details), _line(name, 70), account, f"EUR{amount.decimal():.2f}", "", "",
        _line(reference, 140),
    )  # fmt: skip
    said = "\n".join(lines)
    return said if len(said.encode()) <= qr_codes.LONGEST else ""


def _account(bank_details: str) -> str:
    """The first right IBAN in a text, written together."""
    for line in bank_details.splitlines():
        for found in _IBAN.findall(line.upper()):
            try:
                return str(iban.validate(found))
            except ValidationError:
                continue
    return ""


def _bank(bank_details: str) -> str:
    found = _BIC.search(bank_details)
    return str(bic.compact(found[1])) if found and bic.is_valid(found[1]) else ""


def _line(words: str, longest: int) -> str:
    return " ".join(words.split())[:longest]
