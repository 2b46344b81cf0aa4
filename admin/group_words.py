"""Conditions of groups in words, and what can be typed into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.customers.choices import ACCOUNT_TYPES, ATTITUDES, country_names
from billing import custom_fields, group_conditions
from models import db
from web import formatters
from web.setup import currencies

FACT_WORDS: dict[str, Any] = {
    "project": _l("Project"), "country": _l("Country"), "account_type": _l("Kind of customer"),
    "has_payer": _l("Has a payer"), "has_tax_id": _l("Has a tax number"), "tax_exempt": _l("Tax exempt"),
    "has_own_tax_rate": _l("Has an own tax rate"), "tag": _l("Tag"), "reseller": _l("Reseller"),
    "contract_type": _l("Contract type"), "currency": _l("Currency"), "language": _l("Language"),
    "attitude": _l("How to deal with them"), "service_count": _l("Running services"),
    "registered_on": _l("Customer since"), "starts_on": _l("Contract starts"), "email": _l("E-mail"),
    "name": _l("Name"), "company_name": _l("Company name"), "city": _l("City"), "region": _l("Region"),
    "postal_code": _l("Postal code"),
}  # fmt: skip
WAY_WORDS: dict[str, Any] = {
    "is": _l("is"), "not": _l("is not"), "has": _l("contains"), "begins": _l("begins with"), "ends": _l("ends with"),
    "above": _l("above"), "below": _l("below"), "from": _l("from"), "before": _l("before"),
}  # fmt: skip
MOST = 300


def fact_words() -> dict[str, Any]:
    """What a condition may be about, with its words."""
    own = {custom_fields.PREFIX + field.key: field.name for field in custom_fields.fields()}
    return {**FACT_WORDS, **own}


def words(rules: Sequence[Sequence[Any]]) -> list[str]:
    """Stored conditions as sentences: "Country is Ireland"."""
    known = fact_words()
    return [
        f"{known.get(name, _('Something that is gone'))} {WAY_WORDS[way]} {value_words(name, value)}"
        for name, way, value in rules
    ]


def value_words(name: str, value: Any) -> str:
    """A stored value as people know it."""
    asked = group_conditions.fact(name)
    if asked is not None and asked.kind == "record":
        return db.session.scalar(select(asked.table.name).where(asked.table.id == value)) or _("one that is gone")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return dict(offered(name)).get(str(value)) or str(value)


def offered(name: str) -> list[tuple[str, str]]:
    """(what to type, words) of the values a condition about `name` may have; nothing where anything may be typed."""
    asked = group_conditions.fact(name)
    if asked is None or asked.kind not in ("record", "choice", "yes_no"):
        return []
    if asked.kind == "yes_no":
        return [("yes", _("yes")), ("no", _("no"))]
    if asked.kind == "record":
        names = db.session.scalars(select(asked.table.name).order_by(asked.table.name).limit(MOST))
        return [(word, word) for word in names]
    reader = formatters.locale()
    known: dict[str, Any] = {"account_type": ACCOUNT_TYPES, "attitude": ATTITUDES}
    if name == "country":
        return country_names(reader)
    if name == "currency":
        return currencies(reader)
    return [(str(code), str(word)) for code, word in known.get(name) or [(word, word) for word in asked.words]]
