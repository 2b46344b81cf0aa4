"""What a customer's fields may hold. Looks at values only, never at the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Text

from models import AccountType, Attitude, BillingError, Customer, PaymentMethod

from .contact_details import check_phone, country_code, email_address, phone_digits, phone_e164, phone_number
from .money import decimals_of
from .tax_numbers import tax_number
from .texts import InvalidText, many_lines, one_line

Cleaner = Callable[[Any], Any]
CREATE_ONLY = frozenset({"currency", "external_source", "external_id"})
"""Set when the customer is made, never by an edit; the currency is changed by its own guided way."""
LEARNT: dict[str, dict[str, Any]] = {
    "email": {"email_state": ""},
    "phone": {"phone_state": "", "phone_verified_at": None},
}
"""What was learnt of an address or number, and is forgotten with it: field -> columns and what they are without it."""
_TEXTS = (
    "name", "phone_extension", "company_name", "contact_name", "tax_id", "registration_number", "identity_number",
    "street", "street2", "city", "region", "postal_code", "po_number", "vendor_number", "external_source",
    "external_id", "invoice_note", "about",
)  # fmt: skip
_NOT_EMPTY = frozenset({"name", "external_source", "external_id"})


class InvalidCustomer(BillingError):
    """Some values cannot be kept; `errors` has a sentence for each of their fields."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


def clean(values: Mapping[str, Any], *, new: bool = False) -> dict[str, Any]:
    """The values in the form they are stored; with `new` the create-only fields are allowed, name and e-mail needed.

    Raises InvalidCustomer with a sentence for every field that is wrong.
    """
    cleaned, errors = {}, {}
    for name, value in values.items():
        if name not in FIELDS or (name in CREATE_ONLY and not new):
            errors[name] = f"{name} is not a field of a customer that can be set here."
            continue
        try:
            cleaned[name] = FIELDS[name](value)
        except BillingError as error:
            errors[name] = str(error)
    for name in ("name", "email") if new else ():
        if name not in values:
            errors[name] = "The name is missing." if name == "name" else "The e-mail address is missing."
    if errors:
        raise InvalidCustomer(errors)
    if "phone" in cleaned:
        cleaned["phone_digits"] = phone_digits(cleaned["phone"])
    return cleaned


def put_in_form(cleaned: dict[str, Any], known: Mapping[str, Any], home: str, *, strict: bool) -> None:
    """Add the phone number as E.164 and write tax numbers the way they are kept.

    `known` are the customer's values so far, `home` the company's country, where a number without a country is
    taken to be from. With `strict` raises InvalidCustomer for a changed number that is none; without, it is kept
    as it was typed.
    """
    country = cleaned.get("country", known.get("country", ""))
    errors: dict[str, str] = {}
    if "phone" in cleaned or "country" in cleaned:
        phone = cleaned.get("phone", known.get("phone", ""))
        cleaned["phone_e164"] = phone_e164(phone, country or home)
        if strict and phone != known.get("phone"):
            _tell(errors, "phone", check_phone, phone, country or home)
    if "tax_id" in cleaned and cleaned["tax_id"] != known.get("tax_id", ""):
        cleaned["tax_id"] = _tell(errors, "tax_id", tax_number, cleaned["tax_id"], country) or cleaned["tax_id"]
    if errors and strict:
        raise InvalidCustomer(errors)


def _tell(errors: dict[str, str], field: str, check: Callable[..., Any], *values: str) -> Any:
    try:
        return check(*values)
    except BillingError as error:
        errors[field] = str(error)


def check_together(values: Mapping[str, Any]) -> None:
    """What holds between fields; `values` are all of them, old and new. Raises InvalidCustomer."""
    start, end = values.get("starts_on"), values.get("ends_on")
    if start and end and end < start:
        raise InvalidCustomer({"ends_on": f"The end ({end}) lies before the start ({start})."})
    if (values.get("latitude") is None) != (values.get("longitude") is None):
        raise InvalidCustomer({"longitude": "A place on the map needs both latitude and longitude."})


def _optional(cleaner: Cleaner, value: Any) -> Any:
    return None if value is None or value == "" else cleaner(value)


def _one_of(kind: type[StrEnum], value: Any) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise InvalidText(f"Choose one of: {', '.join(kind)}.") from None


def _yes_no(value: Any) -> bool:
    if type(value) is not bool:
        raise InvalidText("Choose yes or no.")
    return value


def _whole(least: int, most: int, what: str, value: Any) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InvalidText(f"{what} is a whole number from {least} to {most}.")
    return value


def _key(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise InvalidText("Choose one from the list.")
    return value


def _percent(value: Any) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= 100:
        raise InvalidText("A tax rate is a percentage from 0 to 100.")
    if value != value.quantize(Decimal("0.0001")):
        raise InvalidText("A tax rate has at most four decimals.")
    return value


def _degrees(most: int, value: Any) -> float:
    # A place on a map is measured, not counted: the one field that is a float.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not -most <= value <= most:
        raise InvalidText(f"This is a number of degrees from -{most} to {most}.")
    return float(value)


def _day(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date) or not 1900 <= value.year <= 2200:
        raise InvalidText("This is not a day. Write it like 2026-11-22.")
    return value


def _pattern(pattern: str, sentence: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value.strip(), re.ASCII):
        raise InvalidText(sentence)
    return value.strip()


def _address(value: Any) -> str:
    try:
        return str(ip_address(value.strip())) if value else ""
    except (ValueError, AttributeError):
        raise InvalidText("This is not an internet address, such as 192.0.2.7.") from None


def _currency(value: Any) -> str:
    decimals_of(value)
    return str(value)


def _text(cleaner: Cleaner, value: Any) -> Any:
    if not isinstance(value, str):
        raise InvalidText("This is text.")
    return cleaner(value)


def _plain(name: str) -> Cleaner:
    what = f"The {name.replace('_', ' ')}"
    column = Customer.__table__.c[name]
    if isinstance(column.type, Text):
        return partial(many_lines, what=what)
    longest: int = column.type.length  # type: ignore[attr-defined]
    return partial(one_line, longest=longest, what=what, empty=name not in _NOT_EMPTY)


_TEMPLATE = partial(_pattern, r"|[a-z0-9][a-z0-9_-]{0,59}", "Choose one of the templates.")
_LANGUAGE = partial(_pattern, r"|[a-z]{2,3}(?:[_-][A-Za-z0-9]{2,8})?", "A language looks like en or pt_BR.")
_USERNAME = partial(_pattern, r"[^\s@]{3,64}", "A username has 3 to 64 letters or digits, without spaces and @.")

FIELDS: dict[str, Cleaner] = {
    **{name: _plain(name) for name in _TEXTS},
    # None gives these back to the customer's group; see billing.inheritance.
    **dict.fromkeys(("charge_tax", "never_suspend"), partial(_optional, _yes_no)),
    "tax_exempt": _yes_no,
    **{
        name: partial(_optional, _key)
        for name in ("group_id", "project_id", "reseller_id", "contract_type_id", "dunning_plan_id")
    },
    **{name: partial(_optional, _day) for name in ("starts_on", "ends_on")},
    **dict.fromkeys(("invoice_template", "web_template"), _TEMPLATE),
    "email": partial(_text, email_address),
    "phone": partial(_text, phone_number),
    "country": partial(_text, country_code),
    "currency": _currency,
    "username": partial(_optional, _USERNAME),
    "language": _LANGUAGE,
    "account_type": partial(_one_of, AccountType),
    "payment_method": partial(_optional, partial(_one_of, PaymentMethod)),
    "attitude": partial(_one_of, Attitude),
    "payment_days": partial(_optional, partial(_whole, 0, 365, "The number of days to pay")),
    "tax_rate": partial(_optional, _percent),
    "latitude": partial(_optional, partial(_degrees, 90)),
    "longitude": partial(_optional, partial(_degrees, 180)),
    "registered_on": _day,
    "registration_ip": _address,
}
"""Every field that may be set, and what makes its value fit to be stored."""
