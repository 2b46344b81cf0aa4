"""Before and after of an audit event, field by field, as people read them."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from flask_babel import gettext as _

from admin.customers.choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS
from admin.package_forms import WAYS
from admin.tax_words import category_words
from models import AuditEvent, ContractType, CustomerGroup, DunningPlan, Money, Project, Reseller, db
from models.currencies import DECIMALS
from web import languages
from web.formatters import locale, money, number, short_date, with_amounts

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAMED = {
    "group_id": CustomerGroup, "project_id": Project, "reseller_id": Reseller, "contract_type_id": ContractType,
    "dunning_plan_id": DunningPlan,
}  # fmt: skip
_CHOICES = {"account_type": ACCOUNT_TYPES, "payment_method": PAYMENT_METHODS, "attitude": ATTITUDES, "change_to": WAYS}


def changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """(field, before, after); an empty text where there was nothing."""
    before, after = event.before or {}, event.after or {}
    currency = after.get("currency") or before.get("currency") or ""
    names = [*before, *(name for name in after if name not in before)]
    return [(field(n), shown(n, before.get(n), currency), shown(n, after.get(n), currency)) for n in names]


def field(name: str) -> str:
    """``received_on`` as "Received on", ``amount_minor`` as "Amount"."""
    return name.removesuffix("_minor").replace("_", " ").capitalize()


def shown(name: str, value: Any, currency: str) -> str:
    if value is None or value == "" or value == {} or value == []:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(name, one, currency)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(shown(name, one, currency) for one in value)
    if isinstance(value, int):
        is_money = currency in DECIMALS and (name.endswith("_minor") or name == "invoices")
        return money(Money(value, currency)) if is_money else _named(name, value) or number(value)
    return _day(str(value)) if _DAY.fullmatch(str(value)) else with_amounts(_known(name, str(value)))


def _named(name: str, row_id: int) -> str:
    """The name of a row that is kept by its id; nothing if it is gone."""
    row = db.session.get(_NAMED[name], row_id) if name in _NAMED else None
    return str(row) if row is not None else ""


def _known(name: str, value: str) -> str:
    """A code as people read it."""
    if name == "country":
        return locale().territories.get(value, value)
    if name == "tax_category":
        return str(category_words().get(value, value))
    known = languages.choices() if name == "language" else _CHOICES.get(name, ())
    return str(dict(known).get(value, value))


def _day(text: str) -> str:
    try:
        return short_date(date.fromisoformat(text))
    except ValueError:
        return text
