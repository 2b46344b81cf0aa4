"""Who may be the same customer as somebody about to be added. Asked by indexes only: a million rows are fine."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import load_only

from models import BillingError, Customer, db

from .contact_details import phone_digits, phone_e164
from .tax_numbers import tax_number

SHOWN = 5
LOOKED_AT = 300
"""Customers of one postal code whose names are compared."""
ALIKE = 0.85
SHORTEST_PHONE = 6
_FORMS = frozenset(
    ("ab", "ag", "aps", "as", "bv", "co", "company", "corp", "gmbh", "inc", "kg", "kft", "limited", "llc", "ltd", "nv")
    + ("oy", "plc", "sa", "sarl", "sas", "sl", "srl")
)


@dataclass(frozen=True, slots=True)
class Likely:
    """A customer that may be meant, and what they have in common: "e-mail", "phone", "tax number", "name and place"."""

    customer: Customer
    why: tuple[str, ...]


def likely(values: Mapping[str, Any], *, home: str = "") -> list[Likely]:
    """Up to five customers, archived ones too, that share what is typed in `values` (fields of a customer).

    Those with the most in common first. `home` is the company's country, for numbers without one. Never raises:
    what is not typed well enough to compare is left out.
    """
    found: dict[int, list[str]] = {}
    for why, rows in _asked(values, home):
        for customer_id in rows:
            found.setdefault(customer_id, []).append(why)
    best = sorted(found, key=lambda one: (-len(found[one]), one))[:SHOWN]
    if not best:
        return []
    customers = {c.id: c for c in db.session.scalars(select(Customer).where(Customer.id.in_(best)))}
    return [Likely(customers[one], tuple(found[one])) for one in best if one in customers]


def _asked(values: Mapping[str, Any], home: str) -> Iterable[tuple[str, list[int]]]:
    def typed(name: str) -> str:
        return str(values.get(name) or "").replace("\0", "").strip()

    country = typed("country").upper()
    if email := typed("email").lower():
        yield "e-mail", _ids(Customer.email == email)
    if phone := typed("phone"):
        yield "phone", _ids(_same_phone(phone, country or home))
    if tax_id := typed("tax_id"):
        yield "tax number", _ids(Customer.tax_id.in_({tax_id, _tax_number(tax_id, country)}))
    if (code := typed("postal_code")) and (typed("name") or typed("company_name")):
        yield "name and place", _same_name_near(code, [typed("name"), typed("company_name")])


def _ids(*where: ColumnElement[bool]) -> list[int]:
    return list(db.session.scalars(select(Customer.id).where(*where).order_by(Customer.id).limit(SHOWN)))


def _same_phone(phone: str, country: str) -> ColumnElement[bool]:
    e164, digits = phone_e164(phone, country), phone_digits(phone)
    same: list[ColumnElement[bool]] = []
    if e164:
        same.append((Customer.phone_e164 == e164) & (Customer.phone_e164 != ""))
    if len(digits) >= SHORTEST_PHONE:
        same.append((Customer.phone_digits == digits) & (Customer.phone_digits != ""))
    return or_(*same) if same else Customer.id < 0


def _tax_number(text: str, country: str) -> str:
    try:
        return tax_number(text, country)
    except BillingError:
        return text


def _same_name_near(code: str, names: list[str]) -> list[int]:
    """Customers of this postal code with very similar names; where there are many, those that begin alike."""
    near = select(Customer).options(load_only(Customer.id, Customer.name, Customer.company_name))
    near = near.where(Customer.postal_code == code, Customer.postal_code != "")
    rows = list(db.session.scalars(near.limit(LOOKED_AT)))
    if len(rows) == LOOKED_AT:
        starts = {form for name in names if name for form in (name[:2], name[:2].capitalize(), name[:2].lower())}
        begin = or_(*(Customer.name.between(start, start + "\uffff") for start in starts))
        rows += db.session.scalars(near.where(begin).limit(LOOKED_AT))
    wanted = [key for name in names if (key := _key(name))]
    theirs = {row.id: [key for name in (row.name, row.company_name) if (key := _key(name))] for row in rows}
    return [one for one, keys in theirs.items() if any(_alike(a, b) for a in wanted for b in keys)]


def _key(name: str) -> str:
    """A name without accents, order of words and legal form."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in plain.replace(".", "")).split()
    return " ".join(sorted(word for word in words if word not in _FORMS) or words)


def _alike(one: str, other: str) -> bool:
    match = SequenceMatcher(None, one, other)
    return match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE
