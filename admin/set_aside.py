"""Accounts that a run has set aside: why, what the bill would have been, and the way back."""

from __future__ import annotations

from typing import Any

from flask import flash, g
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, String, cast, select
from sqlalchemy.orm import joinedload

from admin import columns
from admin.actions import staff_action
from admin.base import StaffView
from admin.export import plain
from admin.links import record_url
from admin.run_panels import would_be
from billing import runs
from models import BillingGroup, Customer
from web.formatters import with_amounts
from web.permissions import actor


class SetAsideView(StaffView):
    needs = "runs.view"
    of_customer = "customer_id"
    under = "runs"
    can_export = True
    column_list = ("customer", "name", "parked_reason", "would_be", "parked_at")
    column_labels = {
        "customer": _l("Customer"), "name": _l("Billing group"), "parked_reason": _l("Why"),
        "would_be": _l("Would be"), "parked_at": _l("Since"),
    }  # fmt: skip
    column_sortable_list = ("parked_at",)
    column_default_sort = ("parked_at", True)
    column_link = "customer"
    column_numeric = ("would_be",)
    column_phone = {"customer": "title", "parked_reason": "sub", "would_be": "end"}
    column_formatters = {
        "customer": lambda view, context, row, name: row.customer.name,
        "would_be": lambda view, context, row, name: would_be(row),
        "parked_reason": lambda view, context, row, name: with_amounts(row.parked_reason),
    }
    column_filters = ("parked_reason", "parked_at")
    empty_title = _l("Nothing is set aside")
    empty_text = _l("An account that cannot be billed, or whose bill looks wrong, waits here for a person.")
    menu_icon_value = "circle-check"

    def is_visible(self) -> bool:
        return False  # Renewals and bills leads here

    def scope(self, query: Select[Any]) -> Select[Any]:
        return query.where(BillingGroup.parked_at.is_not(None))

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(BillingGroup.customer),)

    def row_url(self, row: BillingGroup) -> str:
        return record_url(row.customer)

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        owner = Customer.id == BillingGroup.customer_id
        name = select(Customer.name).where(owner).scalar_subquery()
        currency = select(Customer.currency).where(owner).scalar_subquery()
        amount = currency.concat("|").concat(cast(BillingGroup.parked_minor, String))
        head = [(words["customer"], name, plain), (words["name"], BillingGroup.name, plain)]
        why = [(words["parked_reason"], BillingGroup.parked_reason, plain), (words["would_be"], amount, _amount)]
        return [*head, *why, (_l("Currency"), currency, plain), (words["parked_at"], BillingGroup.parked_at, plain)]

    @staff_action("release", _l("Try again"), permission="runs.start", icon="refresh-cw")
    def release(self, row: BillingGroup) -> None:
        g.released = runs.release([row], by=actor()) or g.get("released")

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        answer = super().action_view()
        if g.get("released"):
            flash(_("The next run bills what you tried again. To have it at once, press Run bills."), "info")
        return answer


def _amount(stored: str | None) -> str:
    return columns.read_amount(stored) if stored else ""
