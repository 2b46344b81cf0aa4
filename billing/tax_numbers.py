"""Tax and VAT numbers: checked where their form is known (python-stdnum), kept as typed where it is not."""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache
from types import ModuleType

import stdnum
from babel import Locale
from stdnum.eu import vat

from models import BillingError

from .tax_countries import EU

# Of what stdnum knows about a country: numbers of things, places, accounts and banks, not of people or businesses.
_OTHER_NUMBERS = {
    "accise", "aic", "bankaccount", "banknote", "bis", "brin", "cae", "cbu", "ccc", "cups", "ecnumber", "eic",
    "esr", "excise", "iban", "identiteitskaartnummer", "kontonr", "leitweg", "nace", "ncf", "nhs", "ogm_vcs",
    "onderwijsnummer", "oss", "pc", "postal_code", "postcode", "postleitzahl", "postnummer",
    "referenciacatastral", "sedol", "vid", "wkn",
}  # fmt: skip
_VAT_LIKE = re.compile(r"[A-Z]{2}[A-Z0-9+*]{0,2}\d{5,11}[A-Z0-9+*]{0,3}")
_ODD_PREFIX = {"EL": "GR"}
_OWN_PREFIX = {"GR": "EL"}


class InvalidTaxNumber(BillingError):
    """No authority gives out a number like this."""


def tax_number(text: str, country: str = "") -> str:
    """The number in the form it is kept: a VAT number of the EU without spaces, others as they were typed.

    `country` (two letters) is its owner's; a number that begins with a member state's letters is that state's.
    Raises InvalidTaxNumber, saying how to mend it, where the form is known and this is not it.
    """
    found = " ".join(text.split())
    compact = re.sub(r"[\s./-]", "", found).upper()
    if not compact:
        return ""
    state = _ODD_PREFIX.get(compact[:2], compact[:2])
    if state in EU and vat.is_valid(compact):
        return str(vat.compact(compact))
    if country in EU and vat.is_valid(_OWN_PREFIX.get(country, country) + compact):
        # Invoices show a VAT number with its country, and reverse charge asks for it.
        return str(vat.compact(_OWN_PREFIX.get(country, country) + compact))
    kinds = _kinds(country)
    if any(kind.is_valid(number) for kind in kinds for number in (found, compact)):
        return found
    if state in EU and (state == country or _VAT_LIKE.fullmatch(compact)):
        raise InvalidTaxNumber(
            f"This VAT number of {_name(state)} has a wrong digit or length. Check it, or leave it out."
        )
    if kinds:
        raise InvalidTaxNumber(
            f"This is no tax number of {_name(country)}: a digit or its length is wrong. "
            "If it is another country's, choose that country."
        )
    return found


@cache
def _kinds(country: str) -> tuple[ModuleType, ...]:
    """The numbers of people and businesses that are known of a country."""
    name = {"IN": "in_", "IS": "is_"}.get(country, country.lower())
    if len(country) != 2 or name not in {known.name for known in pkgutil.iter_modules(stdnum.__path__) if known.ispkg}:
        return ()
    package = importlib.import_module(f"stdnum.{name}")
    names = [known.name for known in pkgutil.iter_modules(package.__path__) if known.name not in _OTHER_NUMBERS]
    modules = [importlib.import_module(f"stdnum.{name}.{each}") for each in sorted(names)]
    return tuple(each for each in modules if hasattr(each, "is_valid"))


def _name(country: str) -> str:
    return Locale("en").territories.get(country, country)
