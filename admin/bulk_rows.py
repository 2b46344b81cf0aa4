"""What actions on many customers did, customer by customer."""

from __future__ import annotations

import json
from typing import Any

from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased

from admin import bulk_words
from admin.base import StaffView
from admin.cells import pill
from admin.export import plain
from admin.filter_kinds import choice
from admin.filters import NumberFilter
from admin.links import view_of
from billing.bulk_kinds import of_services
from models import BulkAction, BulkRow, Customer, Service, db
from web import only_customer

OFFERED = 50


class ActionFilter(NumberFilter):
    """An action by its number; the newest ones are offered."""

    def choices(self) -> list[tuple[str, str]]:
        newest = select(BulkAction).order_by(BulkAction.id.desc()).limit(OFFERED)
        return [(str(action.id), _named(action)) for action in db.session.scalars(newest)]

    def printed(self, value: str) -> str:
        action = db.session.get(BulkAction, self.clean(value))
        return _named(action) if action else value


def _named(action: BulkAction) -> str:
    return f"{bulk_words.title(action)} ({_('No. %(id)s', id=action.id)})"


class BulkRowsView(StaffView):
    needs = "customers.edit"
    of_customer = "customer_id"
    under = "bulk"
    can_export = True
    column_list = ("customer_id", "label", "state", "changed", "reason")
    column_labels = {
        "customer_id": _l("No."), "label": _l("Customer or service"), "state": _l("Result"),
        "changed": _l("What changed"), "reason": _l("Why"),
    }  # fmt: skip
    column_default_sort = ("id", False)
    column_link = "label"
    column_phone = {"label": "title", "reason": "sub", "state": "end"}
    column_formatters = {
        "customer_id": lambda view, context, row, name: str(row.customer_id),
        "state": lambda view, context, row, name: pill(*bulk_words.RESULTS[row.state]),
        "changed": lambda view, context, row, name: "; ".join(view.changes.of(row)),
    }
    column_filters = (
        ActionFilter(BulkRow.action_id, _l("Action"), "is", "action"),
        *choice(BulkRow.state, _l("Result"), [(s.value, word) for s, (_k, word) in bulk_words.RESULTS.items()]),
        NumberFilter(BulkRow.customer_id, _l("Customer number"), "is", "customer"),
    )
    empty_title = _l("No results yet")
    empty_text = _l("An action on many customers or services writes down here what it did to each.")

    def is_visible(self) -> bool:
        return False  # the page of an action leads here

    def narrowed(self, query: Select[Any]) -> Select[Any]:
        """Of one customer: its own results, and those of its services."""
        chosen = only_customer.id_()
        if chosen is None:
            return query
        services = BulkRow.action_id.in_(_about_services())
        its = BulkRow.customer_id.in_(select(Service.id).where(Service.customer_id == chosen))
        return query.where(or_(and_(services, its), and_(~services, BulkRow.customer_id == chosen)))

    def rows_shown(self, rows: list[Any]) -> None:
        g.bulk_changes = bulk_words.Changes(rows)
        ids = [row.customer_id for row in rows]
        g.bulk_there = set(db.session.scalars(select(Customer.id).where(Customer.id.in_(ids)))) if ids else set()
        actions = {row.action_id for row in rows}
        found = select(BulkAction.id).where(BulkAction.id.in_(actions), BulkAction.id.in_(_about_services()))
        g.bulk_services = set(db.session.scalars(found)) if ids else set()

    @property
    def changes(self) -> bulk_words.Changes:
        return g.bulk_changes  # type: ignore[no-any-return]

    def row_url(self, row: BulkRow) -> str:
        if row.action_id in g.bulk_services:
            services = view_of(Service)
            return services.get_url("service.details_view", id=row.customer_id) if services else ""
        customers = view_of(Customer)
        if customers is None or row.customer_id not in g.bulk_there:
            return ""
        return customers.get_url("customer.details_view", id=row.customer_id)

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        head = [(_("Action"), BulkRow.action_id, plain), (_("Customer number"), BulkRow.customer_id, plain)]
        named = [(words["label"], BulkRow.label, plain), (words["state"], BulkRow.state, plain)]
        both = [(_("Before"), BulkRow.before, _written), (_("After"), BulkRow.after, _written)]
        return [*head, *named, (words["reason"], BulkRow.reason, plain), *both]


def _about_services() -> Select[Any]:
    """The actions on services; to take one back is one too."""
    kinds = of_services()
    undone = aliased(BulkAction)
    undoing = BulkAction.undoes_id.in_(select(undone.id).where(undone.kind.in_(kinds)))
    return select(BulkAction.id).where(or_(BulkAction.kind.in_(kinds), undoing))


def _written(values: dict[str, Any] | None) -> str:
    """``country: DE; tags: 3``, for files: codes and numbers as they are kept."""
    parts = [f"{name}: {one if isinstance(one, str) else json.dumps(one)}" for name, one in (values or {}).items()]
    return "; ".join(parts)
