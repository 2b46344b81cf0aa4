"""E-mail addresses, telephone numbers and countries as they are typed, checked and put into one form."""

from __future__ import annotations

import re
import unicodedata

from models import BillingError

from .countries import COUNTRIES

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[^\W_](?:[^\W_]|-)*")
_PHONE_SIGNS = frozenset("+-()./ \u00a0\u2013")
FEWEST_DIGITS, MOST_DIGITS = 4, 20


class InvalidContact(BillingError):
    """No mail, call or letter can arrive there."""


def email_address(text: str) -> str:
    """The address in small letters (RFC 5321's dot-string at a domain with an ending); raises InvalidContact."""
    found = text.strip().lower()
    local, at, domain = found.rpartition("@")
    if not (at and local and domain):
        raise InvalidContact("An e-mail address looks like name@company.example.")
    if len(found) > 254 or len(local) > 64:
        raise InvalidContact("This e-mail address is too long.")
    if not _LOCAL.fullmatch(local):
        raise InvalidContact("The part before @ holds a sign that cannot stand there, such as a space or two points.")
    labels = domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or len(labels[-1]) < 2:
        raise InvalidContact("The part after @ has no ending, such as .com.")
    if not all(_LABEL.fullmatch(label) and len(label) <= 63 and label[-1] != "-" for label in labels):
        raise InvalidContact("The part after @ is no domain name. Check its points and letters.")
    return found


def phone_number(text: str) -> str:
    """The number as it was typed; raises InvalidContact when it holds letters or too few or many digits."""
    found = text.strip()
    if not found:
        return ""
    if any(not (letter.isdecimal() or letter in _PHONE_SIGNS) for letter in found) or "+" in found[1:]:
        raise InvalidContact("A telephone number has digits, spaces and + ( ) - only. An extension has its own field.")
    if not FEWEST_DIGITS <= len(phone_digits(found)) <= MOST_DIGITS or len(found) > 40:
        raise InvalidContact(f"A telephone number has {FEWEST_DIGITS} to {MOST_DIGITS} digits.")
    return found


def phone_digits(text: str) -> str:
    """The number's digits for finding it again: +49 (30) 123, 0049 30 123 and ٤٩ ٣٠ ١٢٣ all begin with 4930123."""
    digits = "".join(str(unicodedata.digit(letter)) for letter in text if letter.isdecimal())
    return digits.removeprefix("00")[:24]


def country_code(text: str) -> str:
    """The two capital letters of a country, or nothing; raises InvalidContact."""
    found = text.strip().upper()
    if found and found not in COUNTRIES:
        raise InvalidContact("This is not a country. Use its two letters, such as DE or US.")
    return found
