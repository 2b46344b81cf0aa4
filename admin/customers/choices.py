"""The words of a customer's choices, and the rows of small tables that can be chosen from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import literal, select, union_all
from wtforms import BooleanField

from models import AccountType, Attitude, PaymentMethod, db
from web.countries import country_names

__all__ = ["ACCOUNT_TYPES", "ATTITUDES", "PAYMENT_METHODS", "Rows", "ask", "country_names", "shown"]

ACCOUNT_TYPES = [
    (AccountType.INDIVIDUAL, _l("Person")),
    (AccountType.COMPANY, _l("Company")),
    (AccountType.SOLE_PROPRIETOR, _l("Sole proprietor")),
]
PAYMENT_METHODS = [
    (PaymentMethod.INVOICE, _l("Invoice")),
    (PaymentMethod.CARD, _l("Card")),
    (PaymentMethod.FREE, _l("Free: no invoices")),
]
ATTITUDES = [
    (Attitude.NONE, _l("Not said")),
    (Attitude.EASY, _l("Easy to deal with")),
    (Attitude.CAREFUL, _l("Handle with care")),
    (Attitude.DIFFICULT, _l("Difficult")),
]


def shown(field: Any, value: Any) -> Any:
    """A value as the form's reader knows it: the words of a choice, not its code."""
    if isinstance(field, BooleanField):
        return _("Yes") if value else _("No")
    known = {str(c.value): c.label for c in getattr(field, "choices", None) or ()}
    return known.get(str(value if value is not None else ""), value if value is not None else "")


@dataclass(frozen=True)
class Rows:
    """The rows of a small table, for a filter that asks when it is opened; once in a request.

    Addresses name them by their id, `named` ones by their name.
    """

    model: Any
    named: bool = False

    def __call__(self) -> list[tuple[str, str]]:
        ask([self])
        return [(name if self.named else str(i), name) for i, name in g.options[self.model]]


def ask(wanted: Iterable[Rows]) -> None:
    """Read several small tables in one statement, those that were not read yet."""
    known = g.setdefault("options", {})
    models = [model for model in dict.fromkeys(rows.model for rows in wanted) if model not in known]
    if not models:
        return
    known |= {model: [] for model in models}
    parts = [select(literal(i).label("place"), model.id, model.name) for i, model in enumerate(models)]
    found = union_all(*parts).subquery()
    for place, i, name in db.session.execute(select(found).order_by(found.c.place, found.c.name)):
        known[models[place]].append((i, name))
