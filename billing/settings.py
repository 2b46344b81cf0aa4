"""Changing what a business person chooses about the whole installation; what there is to choose: setting_list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from sqlalchemy import select

from models import BillingError, Company, Invoice, Payment, Series, db

from . import audit, company, document_templates, dunning_plans, inheritance
from .actor import Actor
from .setting_kinds import JPEG, LARGEST_LOGO, PNG, WrongSetting, logo_file, website
from .setting_list import SETTINGS
from .tax_numbers import InvalidTaxNumber, tax_number

__all__ = [
    "JPEG",
    "LARGEST_LOGO",
    "PNG",
    "SETTINGS",
    "ChangedMeanwhile",
    "RefusedSettings",
    "WrongSetting",
    "change",
    "fingerprint",
    "locks",
    "logo_file",
    "stored_logo",
    "website",
]

FIRST_NUMBERS = {
    "first_number": "invoice_prefix", "credit_note_first": "credit_note_prefix", "proforma_first": "proforma_prefix",
    "quote_first": "quote_prefix",
}  # fmt: skip
"""The setting that says where a series begins -> the one that says which series."""
PREFIXES = tuple(FIRST_NUMBERS.values())


class RefusedSettings(BillingError):
    """Nothing was changed; `errors` has a sentence for each setting that was wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class ChangedMeanwhile(BillingError):
    """Somebody else saved other settings since these were read."""


def change(
    values: Mapping[str, Any], *, by: Actor, seen: str = "", looked_at: Iterable[str] = SETTINGS
) -> dict[str, Any]:
    """Change the settings named in `values`; returns those that differ now, as they were written down.

    `seen` is the `fingerprint` of the settings `looked_at` as the person saw them; nothing is checked without it.
    Makes the company if there is none yet. Raises NotAllowed, RefusedSettings, ChangedMeanwhile.
    """
    by.require("settings.edit")
    found = db.session.get(Company, 1, with_for_update=True, populate_existing=True)
    if seen and seen != fingerprint(found, looked_at):
        raise ChangedMeanwhile(
            "Somebody else changed the settings meanwhile. Nothing was saved; what you typed is still here. "
            "Look at it once more, then save again."
        )
    read = _read(values, found)
    seller = found or _new_company(read)
    before, after = _differences(seller, read)
    _put(seller, {name: read[name] for name in after})
    db.session.flush()
    if after:
        audit.record(by, "settings.changed", seller, before=before, after=after)
    if found is None:
        dunning_plans.begin(seller)
    if set(after) & set(inheritance.STORED):
        inheritance.hand_down()
    return after


def locks(seller: Company | None) -> dict[str, str]:
    """Which settings are fixed by what has happened since, each with the reason."""
    if seller is None:
        return {}
    fixed = {"currency": _why_currency_is_fixed(seller), **_why_first_numbers_are_fixed(seller)}
    return {name: why for name, why in fixed.items() if why}


def fingerprint(seller: Company | None, names: Iterable[str] = SETTINGS) -> str:
    """Changes when any of these settings does; the logo counts by its hash."""
    if seller is None:
        return "none"
    names = set(names)
    values = {name: company.value(name, seller) for name in names if name != "logo"}
    if "logo" in names:
        values["logo"] = _mark(seller.logo)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def stored_logo() -> bytes | None:
    """The company's logo, if it has one."""
    return db.session.scalar(select(Company.logo))


def _read(values: Mapping[str, Any], seller: Company | None) -> dict[str, Any]:
    read: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in values.items():
        try:
            read[name] = SETTINGS[name].kind.read(value)
        except BillingError as refusal:
            errors[name] = str(refusal)
    errors |= _tax_number(read, seller) | _locked(read, seller) | document_templates.why_not(read, seller)
    errors |= _shared_prefixes(read, seller)
    if errors:
        raise RefusedSettings(errors)
    return read


def _tax_number(read: dict[str, Any], seller: Company | None) -> dict[str, str]:
    """A new tax number is put into the form of its country, and refused where it cannot be one."""
    if not read.get("tax_id") or (seller is not None and read["tax_id"] == seller.tax_id):
        return {}
    country = read.get("country", seller.country if seller else "")
    try:
        read["tax_id"] = tax_number(read["tax_id"], country)
    except InvalidTaxNumber as refusal:
        return {"tax_id": str(refusal)}
    return {}


def _locked(read: Mapping[str, Any], seller: Company | None) -> dict[str, str]:
    if seller is None or not {*FIRST_NUMBERS, "currency"} & set(read):
        return {}
    fixed = locks(seller)
    return {name: why for name, why in fixed.items() if name in read and read[name] != company.value(name, seller)}


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


def _differences(seller: Company, read: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of the settings that differ, as the audit log holds them."""
    differ = [name for name, new in read.items() if _stored(seller, name) != new]
    before, after = {name: _stored(seller, name) for name in differ}, {name: read[name] for name in differ}
    if "logo" in differ:
        before["logo"], after["logo"] = _mark(before["logo"]), _mark(after["logo"])
    return _plain(before), _plain(after)


def _stored(seller: Company, name: str) -> Any:
    return seller.logo if name == "logo" else company.value(name, seller)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As audit.plain, with lists as the words in them."""
    return audit.plain({n: ", ".join(v) if isinstance(v, list) else v for n, v in values.items()})


def _put(seller: Company, values: Mapping[str, Any]) -> None:
    columns = {name for name in values if company.is_column(name)}
    for name in columns:
        setattr(seller, name, values[name])
    if len(columns) < len(values):
        # A new dict: the database type does not see what changes inside one.
        seller.chosen = {**seller.chosen, **{name: values[name] for name in values if name not in columns}}


def _mark(logo: bytes | None) -> str:
    return f"{len(logo):,} bytes, {hashlib.sha256(logo).hexdigest()[:12]}" if logo else ""
