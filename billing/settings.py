"""Everything a business person chooses about the whole installation: a closed list, each setting with bounds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from sqlalchemy import select

from models import BillingError, Company, Invoice, Payment, PaymentMethod, Series, db
from models.currencies import DECIMALS

from . import audit, company, inheritance, staff
from .actor import Actor
from .countries import COUNTRIES
from .texts import many_lines, one_line

PAPERS = ("a4", "us-letter")
LARGEST_LOGO = 1_000_000
"""Bytes."""
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
LARGEST_NUMBER = 999_999_999
FIRST_NUMBERS = {
    "first_number": "invoice_prefix", "credit_note_first": "credit_note_prefix", "proforma_first": "proforma_prefix",
    "quote_first": "quote_prefix",
}  # fmt: skip
"""The setting that says where a series begins -> the one that says which series."""
PREFIXES = ("invoice_prefix", "credit_note_prefix", "proforma_prefix", "quote_prefix")


class WrongSetting(BillingError):
    """A value that a setting cannot have."""


class RefusedSettings(BillingError):
    """Nothing was changed; `errors` has a sentence for each setting that was wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class ChangedMeanwhile(BillingError):
    """Somebody else saved other settings since these were read."""


@dataclass(frozen=True, slots=True)
class Locks:
    """What can no longer be chosen, each with the reason; empty while it can."""

    currency: str = ""
    first_number: str = ""
    credit_note_first: str = ""
    proforma_first: str = ""
    quote_first: str = ""


def _line(longest: int, what: str, *, empty: bool = True) -> Callable[[Any], str]:
    return lambda value: one_line(value, longest, what, empty=empty)


def _lines(what: str) -> Callable[[Any], str]:
    return lambda value: many_lines(value, what)


def _whole(least: int, most: int, what: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise WrongSetting(f"{what} is a whole number from {least:,} to {most:,}.")
        return value

    return read


def _one_of(words: Any, sentence: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise WrongSetting(sentence)
        return str(value)

    return read


def _yes_or_no(value: Any) -> bool:
    if type(value) is not bool:
        raise WrongSetting("Choose yes or no.")
    return value


def _email(value: Any) -> str:
    return staff.clean_email(value) if value else ""


def _zone(value: Any) -> str:
    return _one_of(available_timezones(), "Choose a time zone from the list.")(value)


def _country(value: Any) -> str:
    return _one_of({"", *COUNTRIES}, "Choose a country from the list.")(value)


def _locale(value: Any) -> str:
    language, _, place = str(value).partition("_")
    if not (2 <= len(language) <= 3 and language.isascii() and language.islower() and len(place) <= 4):
        raise WrongSetting("Choose a language from the list.")
    return str(value)


def _prefix(value: Any) -> str:
    found = one_line(value, 20, "The prefix", empty=False).rstrip("-")
    if not found or not all(letter.isalnum() or letter in "-/._" for letter in found):
        raise WrongSetting("The prefix is made of letters, digits and - / . _, such as INV.")
    return found


def web_address(value: Any) -> str:
    """An address that a link may lead to: http or https, empty for none. Raises WrongSetting, InvalidText."""
    found = one_line(value, 400, "The address", empty=True)
    if found and not _leads_to(found, ("http", "https")):
        raise WrongSetting("This is not a web address. It looks like https://company.example/help.")
    return found


def _help(value: Any) -> str:
    """A page, or a mailbox."""
    if str(value).startswith("mailto:"):
        return f"mailto:{staff.clean_email(str(value).removeprefix('mailto:'))}"
    return web_address(value)


def _tile_address(value: Any) -> str:
    """An https address with {z}, {x} and {y} in its path. Nothing else in braces, no port tricks: it goes into a
    header and a link."""
    found = one_line(value, 200, "The address", empty=False)
    scheme, slashes, rest = found.partition("://")
    host, slash, path = rest.partition("/")
    plain = f"{scheme}{slashes}{host}{slash}" + re.sub(r"\{[zxy]\}", "0", path)
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}(:[0-9]{2,5})?/[A-Za-z0-9._~/?=&%@+-]*", plain) or any(
        part not in path for part in ("{z}", "{x}", "{y}")
    ):
        raise WrongSetting("The address looks like https://tile.company.example/{z}/{x}/{y}.png.")
    return found


def website(value: Any) -> str:
    """As people write it on paper: company.example."""
    found = one_line(value, 200, "The website", empty=True)
    if found and not _leads_to(found if "://" in found else f"https://{found}", ("http", "https")):
        raise WrongSetting("This is not a web address. It looks like company.example.")
    return found


def _leads_to(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in schemes and "." in host.strip(".") and not any(letter.isspace() for letter in url)


def logo_file(value: Any) -> bytes | None:
    """A PNG or JPEG of at most 1 MB, judged by what is in it; None takes the logo away. Raises WrongSetting."""
    if value is None:
        return None
    if not isinstance(value, bytes) or not value.startswith((PNG, JPEG)):
        raise WrongSetting("The logo is not a PNG or JPEG picture. Save it as one of these and upload it again.")
    if len(value) > LARGEST_LOGO:
        raise WrongSetting("The logo is larger than 1 MB. Save it smaller and upload it again.")
    return value


SETTINGS: dict[str, Callable[[Any], Any]] = {
    "name": _line(200, "The name", empty=False),
    "legal_name": _line(200, "The legal name"),
    "street": _line(200, "The street"),
    "street2": _line(200, "The second line"),
    "city": _line(120, "The city"),
    "region": _line(120, "The region"),
    "postal_code": _line(24, "The postal code"),
    "country": _country,
    "tax_id": _line(40, "The tax number"),
    "registration": _line(200, "The registration"),
    "email": _email,
    "phone": _line(40, "The phone number"),
    "website": website,
    "logo": logo_file,
    "currency": _one_of(DECIMALS, "Choose a currency from the list."),
    "prices_include_tax": _yes_or_no,
    "invoice_prefix": _prefix,
    "first_number": _whole(1, LARGEST_NUMBER, "The first number"),
    "number_digits": _whole(1, 12, "The number of digits"),
    "yearly_numbers": _yes_or_no,
    "number_when_paid": _yes_or_no,
    **{
        f"{kind}_{name}": how
        for kind in ("credit_note", "proforma", "quote")
        for name, how in {
            "prefix": _prefix,
            "first": _whole(1, LARGEST_NUMBER, "The first number"),
            "digits": _whole(1, 12, "The number of digits"),
            "yearly": _yes_or_no,
        }.items()
    },
    "payment_days": _whole(0, 365, "The time to pay"),
    "issue_days_ahead": _whole(0, 90, "The number of days"),
    "invoice_terms": _lines("The text"),
    "invoice_note": _lines("The note"),
    "bank_details": _lines("The text"),
    "payment_method": _one_of(tuple(PaymentMethod), "Choose one from the list."),
    "charge_tax": _yes_or_no,
    "never_suspend": _yes_or_no,
    "paper": _one_of(PAPERS, "Choose a paper from the list."),
    "renewals_on": _yes_or_no,
    "renewals_hour": _whole(0, 23, "The hour"),
    "timezone": _zone,
    "locale": _locale,
    "help_url": _help,
    "map_tiles": _yes_or_no,
    "map_tile_address": _tile_address,
    "map_tile_credit": _line(120, "The credit"),
}
"""name -> how a value is read; raises a BillingError for one it cannot have."""


def change(values: Mapping[str, Any], *, by: Actor, seen: str = "") -> dict[str, Any]:
    """Change the settings named in `values`; returns those that differ now, as they were written down.

    `seen` is the `fingerprint` of what the person looked at; nothing is checked without it. Makes the company if
    there is none yet. Raises NotAllowed, RefusedSettings, ChangedMeanwhile.
    """
    by.require("settings.edit")
    found = db.session.get(Company, 1, with_for_update=True, populate_existing=True)
    if seen and seen != fingerprint(found):
        raise ChangedMeanwhile(
            "Somebody else changed the settings meanwhile. Nothing was saved; what you typed is still here. "
            "Look at it once more, then save again."
        )
    read = _read(values, found)
    seller = found or _new_company(read)
    before, after = audit.changes(seller, {name: value for name, value in read.items() if name != "logo"})
    if "logo" in read and read["logo"] != seller.logo:
        before["logo"], after["logo"] = _mark(seller.logo), _mark(read["logo"])
    for name in after:
        setattr(seller, name, read[name])
    db.session.flush()
    if after:
        audit.record(by, "settings.changed", seller, before=before, after=after)
    if set(after) & set(inheritance.STORED):
        inheritance.hand_down()
    return after


def locks(seller: Company | None) -> Locks:
    """Which settings are fixed by what has happened since."""
    if seller is None:
        return Locks()
    return Locks(currency=_why_currency_is_fixed(seller), **_why_first_numbers_are_fixed(seller))


def fingerprint(seller: Company | None) -> str:
    """Changes when any setting does; the logo counts by its hash."""
    if seller is None:
        return "none"
    values = {name: getattr(seller, name) for name in SETTINGS if name != "logo"}
    text = json.dumps({**values, "logo": _mark(seller.logo)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(values: Mapping[str, Any], seller: Company | None) -> dict[str, Any]:
    read: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in values.items():
        if name not in SETTINGS:
            raise KeyError(f"{name} is no setting")
        try:
            read[name] = SETTINGS[name](value)
        except BillingError as refusal:
            errors[name] = str(refusal)
    errors |= _locked(read, seller) | _shared_prefixes(read, seller)
    if errors:
        raise RefusedSettings(errors)
    return read


def _locked(read: Mapping[str, Any], seller: Company | None) -> dict[str, str]:
    if seller is None:
        return {}
    reasons = asdict(locks(seller))
    return {name: why for name, why in reasons.items() if why and name in read and read[name] != getattr(seller, name)}


def _shared_prefixes(read: Mapping[str, Any], seller: Company | None) -> dict[str, str]:
    """Two kinds of documents in one row of numbers would make gaps in both; credit notes may continue the invoices'."""
    prefixes = {prefix: read.get(prefix, getattr(seller, prefix, "")) for prefix in PREFIXES}
    errors = {}
    for one, other in combinations(PREFIXES, 2):
        alike = prefixes[one].lower() == prefixes[other].lower()
        if alike and (one, other) != ("invoice_prefix", "credit_note_prefix") and {one, other} & read.keys():
            errors[other if other in read else one] = "Another kind of document has this prefix. Choose another."
    return errors


def _why_currency_is_fixed(seller: Company) -> str:
    if any(db.session.scalar(select(table.id).limit(1)) for table in (Invoice, Payment)):
        return f"Your books are kept in {seller.currency} since the first document, so this cannot change any more."
    return ""


def _why_first_numbers_are_fixed(seller: Company) -> dict[str, str]:
    prefixes = {name: getattr(seller, prefix) for name, prefix in FIRST_NUMBERS.items()}
    begun = Series.prefix.in_(set(prefixes.values())), Series.last_number >= Series.first_number
    given = set(db.session.scalars(select(Series.prefix).where(*begun)))
    why = "Numbers with {} have been given, and they follow each other without a gap."
    return {name: why.format(prefix) for name, prefix in prefixes.items() if prefix in given}


def _new_company(read: Mapping[str, Any]) -> Company:
    missing = {name: "This is needed before anything else." for name in ("name", "currency") if not read.get(name)}
    if missing:
        raise RefusedSettings(missing)
    seller = company.settings()
    seller.id, seller.name, seller.currency = 1, read["name"], read["currency"]
    db.session.add(seller)
    return seller


def _mark(logo: bytes | None) -> str:
    return f"{len(logo):,} bytes, {hashlib.sha256(logo).hexdigest()[:12]}" if logo else ""


def stored_logo() -> bytes | None:
    """The company's logo, if it has one."""
    return db.session.scalar(select(Company.logo))
