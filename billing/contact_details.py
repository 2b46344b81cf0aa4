"""E-mail addresses, telephone numbers, tax numbers and countries as they are typed, checked and put into one form."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from babel import Locale
from phonenumbers import PhoneNumberFormat, ValidationResult

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


def phone_e164(text: str, country: str = "") -> str:
    """The number as ITU-T E.164 writes it (+353861234567), for texting; empty if it is no number.

    `country` (two letters) is where it was typed, for numbers without a country of their own.
    """
    number = _dialled(text, country)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def check_phone(text: str, country: str = "") -> None:
    """Raises InvalidContact, saying how to mend it, unless this is a number one can dial from anywhere."""
    if not text.strip():
        return
    number = _dialled(text, country)
    if number is None and country:
        raise InvalidContact(f"This is not a telephone number in {_country(country)}. {_like(country)}")
    if number is None:
        raise InvalidContact("Write the number with its country, such as +353 85 012 3456, or choose a country.")
    found = phonenumbers.is_possible_number_with_reason(number)
    if found != ValidationResult.IS_POSSIBLE:
        place = phonenumbers.region_code_for_country_code(number.country_code or 0)
        where = _country(place) if place not in ("ZZ", "001") else f"+{number.country_code}"
        raise InvalidContact(f"{_WRONG.get(found, _NO_NUMBER).format(where)} {_like(place)}".strip())


def phone_shown(text: str, e164: str, home: str = "") -> str:
    """The number as people read it: the way of its own country if that is `home`, else with its country in front."""
    if not e164:
        return text
    number = phonenumbers.parse(e164)
    own = bool(home) and phonenumbers.region_code_for_country_code(number.country_code or 0) == home
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL if own else PhoneNumberFormat.INTERNATIONAL)


_NO_NUMBER = "This is no number in {}."
_WRONG = {
    ValidationResult.INVALID_COUNTRY_CODE: "No country has these digits after the +.",
    ValidationResult.TOO_SHORT: "This is too short for a number in {}.",
    ValidationResult.TOO_LONG: "This is too long for a number in {}.",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The area code is missing in this number in {}.",
    ValidationResult.INVALID_LENGTH: "Numbers in {} have another length.",
}


def _dialled(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    typed = unicodedata.normalize("NFKC", text).strip()
    if typed.startswith("00"):
        typed = f"+{typed[2:]}"
    try:
        return phonenumbers.parse(typed, country or None)
    except phonenumbers.NumberParseException:
        return None


def _like(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return ""
    return f"One looks like {phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)}."


def _country(code: str) -> str:
    return Locale("en").territories.get(code, code)


def country_code(text: str) -> str:
    """The two capital letters of a country, or nothing; raises InvalidContact."""
    found = text.strip().upper()
    if found and found not in COUNTRIES:
        raise InvalidContact("This is not a country. Use its two letters, such as DE or US.")
    return found
