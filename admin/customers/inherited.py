"""What a customer gets from its group, brand or company, in words, and what is its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin import document_words
from billing import inheritance, projects
from models import Customer, DunningPlan, Project, db
from web import formatters, languages

from .choices import PAYMENT_METHODS

MOST = 100  # projects offered on a card
LABELS = {
    "payment_method": _l("Pays by"), "payment_days": _l("Days to pay"), "charge_tax": _l("Charge tax"),
    "never_suspend": _l("Never suspend"), "dunning_plan_id": _l("Dunning plan"),
    "language": _l("Language"), "invoice_note": _l("Note on invoices"),
    "invoice_template": _l("Template of documents"), "web_template": _l("Template of web pages"),
}  # fmt: skip
EMPTY: dict[str, Any] = {"language": "", "invoice_note": "", "invoice_template": "", "web_template": ""}
"""What a field is set to when it is given back; None where nothing is named here."""


def value_words(name: str, value: Any) -> str:
    """A value of a field that is handed down, as people know it."""
    if inheritance.nothing(value):
        return "–"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if name == "dunning_plan_id":
        plan = db.session.get(DunningPlan, value)
        return plan.name if plan else "–"
    if name == "payment_method":
        return str(dict(PAYMENT_METHODS)[value])
    if name == "language":
        return dict(languages.choices()).get(value, str(value))
    if name in document_words.KIND_OF:
        return str(document_words.name_of(document_words.KIND_OF[name], value))
    return formatters.number(value) if name == "payment_days" else str(value)


def source_words(source: str, customer: Customer | None) -> str:
    """Where a value comes from."""
    if source == inheritance.GROUP and customer is not None:
        return _("group %(name)s", name=customer.group)
    if source == inheritance.PROJECT and customer is not None:
        return _("project %(name)s", name=customer.project)
    return _("own") if source == inheritance.CUSTOMER else _("company")


def inherited_words(customer: Customer | None) -> dict[str, str]:
    """By field: what holds when the customer says nothing, as a form offers it: "As the group Gold: Card"."""
    group, project = (customer.group, customer.project) if customer else (None, None)
    found = {}
    for name in LABELS:
        value, source = inheritance.inherited(name, group, project)
        words = {"where": source_words(source, customer), "what": value_words(name, value)}
        found[name] = _("As the %(where)s: %(what)s", **words)
    return found


def closed_projects(customer: Customer) -> dict[str, Any]:
    """The projects that are not open to all, and which of them the customer may use."""
    closed = select(Project).where(Project.open_to_all.is_(False), Project.archived_on.is_(None))
    found = list(db.session.scalars(closed.order_by(Project.name).limit(MOST)))
    return {"closed": found, "allowed": set(projects.may_use(customer)) if found else set()}


@dataclass(frozen=True, slots=True)
class Handed:
    """A fact that is the customer's own or handed down: what holds, from where, and what would hold without its own."""

    name: str
    value: str
    own: bool
    source: str
    below: str


def handed(customer: Customer, *names: str) -> dict[str, Handed]:
    """By field: what a card prints beside it."""
    return {name: _handed(customer, name) for name in names}


def _handed(customer: Customer, name: str) -> Handed:
    found = inheritance.effective(customer, name)
    below = _("%(what)s from the %(where)s", what=value_words(name, found.inherited),
              where=source_words(found.inherited_from, customer))  # fmt: skip
    return Handed(name, value_words(name, found.value), found.own, source_words(found.source, customer), below)
