"""Before and after of an audit event, field by field, as people read them."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _

from models import AuditEvent, Money
from models.currencies import DECIMALS
from web.formatters import money, number, short_date


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
        return money(Money(value, currency)) if is_money else number(value)
    return _day(str(value)) if name.endswith("_on") else str(value)


def _day(text: str) -> str:
    try:
        return short_date(date.fromisoformat(text))
    except ValueError:
        return text
