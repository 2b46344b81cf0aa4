"""What can be imported: every field with the text it takes and the value it stores."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from babel import Locale

from models import AccountType, Attitude, BillingError, Customer, CustomerStatus, Package, PaymentMethod, Service
from models.currencies import DECIMALS
from models.exact import shown

from .countries import COUNTRIES
from .money import decimals_of

_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_YES, _NO = {"yes", "true", "1", "y", "on"}, {"no", "false", "0", "n", "off"}
_SHORT_NAMES = {
    "usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB", "republic of ireland": "IE", "holland": "NL", "the netherlands": "NL",
    "czech republic": "CZ", "korea": "KR", "south korea": "KR", "russian federation": "RU", "turkey": "TR",
    "deutschland": "DE", "österreich": "AT", "schweiz": "CH", "españa": "ES", "italia": "IT", "uae": "AE",
    "hong kong": "HK", "macau": "MO", "viet nam": "VN", "ivory coast": "CI", "swaziland": "SZ", "macedonia": "MK",
}  # fmt: skip
_EARLIEST, _LATEST = date(1900, 1, 1), date(9000, 1, 1)


class BadValue(BillingError):
    """A text is no value of this field."""


@dataclass(frozen=True, slots=True)
class Field:
    """`read` turns a cell's text into the value to store. `once`: set on creation, never by a later import."""

    convert: Callable[[str], Any]
    required: bool = False
    empty: Any = ""
    once: bool = False

    def read(self, text: str) -> Any:
        """The value of `text`, or of nothing; raises BadValue with a sentence that goes on from the column's name."""
        text = text.strip()
        if text:
            return self.convert(text)
        if self.required:
            raise BadValue("the cell is empty.")
        return self.empty


def text(longest: int | None) -> Callable[[str], str]:
    """A text of one line; of several when there is no limit."""

    def convert(value: str) -> str:
        if not value.isprintable() and _has_control(value, longest is None):
            raise BadValue(f"{shown(value)} holds characters that are not text.")
        if longest is not None and len(value) > longest:
            raise BadValue(f"{shown(value)} is too long: {len(value):,} characters, at most {longest} fit.")
        return value

    return convert


def _has_control(value: str, lines: bool) -> bool:
    allowed = "\n\r\t" if lines else ""
    return any((sign < " " and sign not in allowed) or "\x7f" <= sign <= "\x9f" for sign in value)


def email(value: str) -> str:
    """An e-mail address as it stands. Raises BadValue, like every reader here."""
    if len(value) > 254 or not _EMAIL.fullmatch(value) or not value.isprintable():
        raise BadValue(f"{shown(value)} is not an e-mail address. It looks like name@company.example.")
    return value


def currency(value: str) -> str:
    """An ISO 4217 code, in capitals. Raises UnknownCurrency."""
    found = value.upper() if value.upper() in DECIMALS else value
    decimals_of(found)
    return found


def country(value: str) -> str:
    """Two letters, or the country's English name."""
    if re.fullmatch(r"[A-Z]{2}", value):
        return value
    found = country_names().get(value.casefold().replace(".", "").strip())
    if found is None:
        raise BadValue(f"{shown(value)} is not a country. Use its two capital letters, such as IE or US.")
    return found


@cache
def country_names() -> dict[str, str]:
    """English names, their short forms and the two letters themselves -> two letters."""
    names = {
        name.casefold().replace(".", ""): code for code, name in Locale("en").territories.items() if code in COUNTRIES
    }
    return {**names, **{code.casefold(): code for code in COUNTRIES}, **_SHORT_NAMES}


@lru_cache(maxsize=4096)
def day(value: str) -> date:
    """A day written as 2026-12-31."""
    try:
        found = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        found = None
    if found is None or not _EARLIEST <= found < _LATEST:
        raise BadValue(f"{shown(value)} is not a date. Write it as 2026-12-31, or give its format in the mapping.")
    return found


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers between two bounds, which count."""

    def convert(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) < 10) or not least <= int(value) <= most:
            raise BadValue(f"{shown(value)} is not a whole number from {least} to {most:,}.")
        return int(value)

    return convert


def percent(value: str) -> Decimal:
    """A percentage from 0 to 100, with at most four decimals."""
    if not _PERCENT.fullmatch(value) or Decimal(value) > 100:
        raise BadValue(f"{shown(value)} is not a percentage from 0 to 100, with at most four decimals.")
    return Decimal(value).normalize()


def yes_no(value: str) -> bool:
    """Yes and no, true and false, 1 and 0."""
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise BadValue(f"{shown(value)} is neither yes nor no.")


def one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """A reader of the words of `kind`, in capitals or not."""
    words = {member.value: member for member in kind}

    def convert(value: str) -> StrEnum:
        try:
            return words[value.lower()]
        except KeyError:
            raise BadValue(f"{shown(value)} is none of: {', '.join(words)}.") from None

    return convert


def _texts(table: Any, names: str, **options: Any) -> dict[str, Field]:
    return {name: Field(text(table.c[name].type.length), **options) for name in names.split()}


# Fields that name a row of another table, which is made on first sight: field -> column.
NAMED = {"contract_type": "contract_type_id", "group": "group_id", "project": "project_id", "reseller": "reseller_id"}

COLUMNS = {**NAMED, "dunning_plan": "dunning_plan_id"}
"""Fields that have another column."""

CUSTOMER: Mapping[str, Field] = {
    "external_id": Field(text(120), required=True),
    "external_source": Field(text(60), required=True),
    "name": Field(text(200), required=True),
    "email": Field(email, required=True),
    "currency": Field(currency, required=True, once=True),
    "username": Field(text(64), empty=None),
    **_texts(
        Customer.__table__,
        "phone phone_extension company_name contact_name tax_id language street street2 city region postal_code "
        "po_number vendor_number invoice_note about",
    ),
    "country": Field(country),
    "account_type": Field(one_of(AccountType), empty=AccountType.INDIVIDUAL),
    "status": Field(one_of(CustomerStatus), empty=CustomerStatus.ACTIVE, once=True),
    "payment_method": Field(one_of(PaymentMethod), empty=None),
    "payment_days": Field(whole(0, 365), empty=None),
    "attitude": Field(one_of(Attitude), empty=Attitude.NONE),
    "registered_on": Field(day, empty=None, once=True),
    "archived_on": Field(day, empty=None, once=True),
    "starts_on": Field(day, empty=None),
    "ends_on": Field(day, empty=None),
    "charge_tax": Field(yes_no, empty=None),
    "tax_exempt": Field(yes_no, empty=False),
    "tax_rate": Field(percent, empty=None),
    "never_suspend": Field(yes_no, empty=None),
    **dict.fromkeys(NAMED, Field(text(120), empty=None)),
    "dunning_plan": Field(text(120), empty=None),  # read by import_plans: it must be there
}

SERVICE: Mapping[str, Field] = {
    "package": Field(text(Package.__table__.c.name.type.length), required=True),  # type: ignore[attr-defined]
    "description": Field(text(Service.__table__.c.description.type.length)),  # type: ignore[attr-defined]
    "price": Field(str, required=True),
    "free": Field(yes_no, empty=False),
    "months": Field(whole(0, 120), empty=0, once=True),
    "days": Field(whole(0, 3660), empty=0, once=True),
    "anchor_day": Field(whole(1, 31), empty=None, once=True),
    "started_on": Field(day, required=True, once=True),
    "next_renewal_on": Field(day, required=True, once=True),
    "cancelled_on": Field(day, empty=None),
}
CUSTOMER_NEEDS = ("external_id", "name", "email", "currency")
SERVICE_NEEDS = ("package", "price", "started_on", "next_renewal_on")
OPTION = Field(yes_no, empty=False)
