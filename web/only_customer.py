"""The customer that somebody of the staff has narrowed the panel to. Kept on the row of their session, so it is
theirs alone, ends with the session, and is empty again when the customer is gone."""

from __future__ import annotations

from flask import has_request_context
from flask_login import current_user

from models import Customer, WebSession


def _row() -> WebSession | None:
    visitor = current_user if has_request_context() else None
    return visitor.row if getattr(visitor, "staff", None) else None


def id_() -> int | None:
    """The customer's id; None where nothing is narrowed, outside of requests too."""
    row = _row()
    return row.only_customer_id if row else None


def customer() -> Customer | None:
    row = _row()
    return row.only_customer if row and row.only_customer_id else None


def choose(found: Customer | None) -> None:
    """Narrow the panel to a customer, or to nobody any more. The caller commits."""
    row = _row()
    if row is not None:
        row.only_customer_id = found.id if found else None
