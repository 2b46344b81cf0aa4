"""An order form as it would be if it were saved as it is being edited: never written, and never refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from models import CustomerGroup, FormState, OrderForm, OrderFormPackage, Project, db

from . import company, order_forms
from .order_forms import FormRefused, Offered
from .order_terms import DEFAULTS, read, slug_of


def unsaved(values: Mapping[str, Any], packages: Sequence[Offered], form: OrderForm | None = None) -> OrderForm:
    """A form that says and offers this, to be looked at; what cannot be kept is as in `form`, or as in a new one. It
    belongs to no session and has no id."""
    was = {name: getattr(form, name) for name in DEFAULTS} if form else {**DEFAULTS, "currency": _home()}
    found = {name: _read(name, values.get(name, was[name]), was[name]) for name in DEFAULTS}
    found["slug"] = found["slug"] or slug_of(found["name"])
    with db.session.no_autoflush:
        made = OrderForm(**found, state=FormState.DRAFT, version=1)
        made.project = db.session.get(Project, made.project_id) if made.project_id else None
        made.group = db.session.get(CustomerGroup, made.group_id) if made.group_id else None
        made.packages = _rows(packages, made.currency)
    return made


def _home() -> str:
    return company.settings().currency


def _read(name: str, value: Any, was: Any) -> Any:
    try:
        return read({name: value})[name]
    except FormRefused:
        return was


def _rows(packages: Sequence[Offered], currency: str) -> list[OrderFormPackage]:
    """Those that are sold, each once; one that cannot be offered like that with all it has."""
    known = order_forms.sold(packages)
    found: dict[int, OrderFormPackage] = {}
    for place, one in enumerate(packages, 1):
        for tried in (one, Offered(one.package_id)):
            with suppress(FormRefused):
                row = order_forms.row_of(place, tried, known.get(one.package_id), currency)
                found.setdefault(one.package_id, row)
                break
    return list(found.values())
