"""What the fields of templates say to one reader: plain texts only, in the reader's way of writing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from billing import custom_fields
from models import Contact, Customer, FieldKind, db

from .brands import Brand
from .formats import country, day, money, number
from .template_kinds import CUSTOMER
from .template_language import Plain

PORTAL = "/portal/"


def common(customer: Customer | None, brand: Brand, locale: str, on: date) -> dict[str, Plain]:
    """What every template knows; texts are empty where the customer has nothing, or there is no customer."""
    about = of_customer(customer, locale) if customer else dict.fromkeys(CUSTOMER, "")
    return {
        "company": {"name": brand.name, "email": brand.email, "phone": brand.phone},
        "customer": dict(about),
        "today": day(on, locale),
    }


def by_hand(customer: Customer | None, brand: Brand, locale: str, on: date, *, to: str = "") -> dict[str, Plain]:
    """What messages that people write know; `to` is the address, which may be one of the customer's contacts."""
    base = str(current_app.config.get("BASE_URL") or "").rstrip("/")
    return {
        **common(customer, brand, locale, on),
        "name": _reader(customer, to),
        "portal": {"address": f"{base}{PORTAL}" if base else ""},
        "own": _own(customer, locale),
    }


def of_customer(customer: Customer, locale: str) -> dict[str, str]:
    person = customer.contact_name or customer.name
    address = {name: getattr(customer, name) for name in ("street", "city", "postal_code")}
    return {
        "name": customer.name,
        "first_name": person.split()[0] if person.split() else "",
        "contact_name": person,
        "company_name": customer.company_name,
        "number": str(customer.id),
        "username": customer.username or "",
        "email": customer.email,
        "phone": customer.phone,
        **address,
        "country": country(customer.country, locale),
        "balance": money(customer.balance, locale),
        "credit": money(customer.credit, locale),
    }


def _reader(customer: Customer | None, to: str) -> str:
    if customer is None:
        return ""
    if "@" in to and to.strip().lower() != customer.email.strip().lower():
        its = (Contact.customer_id == customer.id, db.func.lower(Contact.email) == to.strip().lower())
        found = db.session.scalar(db.select(Contact.name).where(*its).order_by(Contact.id).limit(1))
        return found or customer.name
    return customer.name


def _own(customer: Customer | None, locale: str) -> dict[str, Plain]:
    """The shop's own fields that are in use, empty where the customer has nothing in them."""
    fields = custom_fields.fields()
    if not fields:
        return {}
    known = custom_fields.values_of(customer.id) if customer else {}
    return {field.key: _plain(known.get(field.id), field.kind, locale) for field in fields}


def _plain(value: Any, kind: FieldKind, locale: str) -> str:
    if value is None or value == "":
        return ""
    if kind == FieldKind.YES_NO:
        return _("yes") if value else _("no")
    if isinstance(value, date):
        return day(value, locale)
    return number(value, locale) if isinstance(value, Decimal) else str(value)
