"""Where a record or a list of another subject is found; no address where the panel has none for this person."""

from __future__ import annotations

from typing import Any

from flask import current_app
from markupsafe import Markup

from admin.base import StaffView


def view_of(model: Any) -> StaffView | None:
    """The list of these records, if there is one that the person may see."""
    for panel in current_app.extensions["admin"]:
        for view in panel._views:
            if isinstance(view, StaffView) and view.model is model and view.is_accessible():
                return view
    return None


def record_url(row: Any, model: Any = None) -> str:
    """The page of a record; a credit note is kept with the invoices, so `model` may be told."""
    view = view_of(model or type(row))
    return view.row_url(row) if view and row is not None else ""


def customer_cell(_view: Any, _context: Any, row: Any, _key: str) -> Any:
    """The customer of a row of a list, leading to their page."""
    url = record_url(row.customer)
    return Markup('<a href="{}">{}</a>').format(url, row.customer.name) if url else row.customer.name


def list_url(model: Any, **filters: Any) -> str:
    """The list narrowed by `filters` (name of the filter with its way: customer_is=5); empty if it cannot be."""
    view = view_of(model)
    if view is None or not set(filters) <= set(view.filters_by_arg()):
        return ""
    return view.get_url(
        f"{view.endpoint}.index_view", **{f"flt{i}_{name}": value for i, (name, value) in enumerate(filters.items())}
    )


def new_url(model: Any, **values: Any) -> str:
    """The form that makes such a record, filled in with `values`; empty if the person may not."""
    view = view_of(model)
    return view.get_url(f"{view.endpoint}.create_view", **values) if view and view.can_create else ""
