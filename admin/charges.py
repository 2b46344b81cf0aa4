"""Charges beside the packages: the list. What is done with them is in charge_doors, the rules in billing.charges."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, or_
from sqlalchemy.orm import joinedload

from admin.base import StaffView
from admin.cells import RowAction
from admin.charge_doors import ChargeDoors
from admin.document_filters import CustomerFilter
from admin.filters import ChoiceFilter
from admin.finding import CustomersOnly
from admin.links import customer_cell
from admin.rights import Open
from billing import charges
from models import Charge
from web.formatters import money
from web.permissions import actor
from web.price_words import price_words


class StillFilter(ChoiceFilter):
    """Whether more of it will be billed, and whether it comes again."""

    def where(self, value: str) -> Any:
        again, comes = or_(Charge.months > 0, Charge.days > 0), Charge.next_on.is_not(None)
        return {
            "again": and_(again, comes),
            "once": and_(~again, comes, Charge.price_minor >= 0),
            "prepaid": and_(comes, Charge.left_minor > 0),
        }.get(value, Charge.next_on.is_(None))

    @property
    def equality(self) -> bool:
        return False


def _price(row: Charge) -> str:
    """What it costs and how often; of a prepayment also what no bill has taken off yet."""
    words = price_words(row.price, row.months, row.days)
    if not row.is_prepayment:
        return words
    return _("%(price)s, %(left)s left", price=words, left=money(row.left)) if row.next_on else words


class ChargeView(ChargeDoors, StaffView):
    needs = "services.view"
    of_customer = "customer_id"
    can_create = can_edit = can_delete = Open("services.edit")
    can_export = True
    column_list = ("description", "customer", "billing_group", "quantity", "price", "starts_on", "next_on", "ends_on")
    column_labels = {
        "description": _l("What for"), "customer": _l("Customer"), "billing_group": _l("Billing group"),
        "quantity": _l("Quantity"), "price": _l("Price"), "starts_on": _l("From"), "next_on": _l("Billed next"),
        "ends_on": _l("Until"), "id": _l("Id"), "left": _l("Left in advance"),
    }  # fmt: skip
    column_sortable_list = ("next_on",)
    column_default_sort = ("id", True)
    column_numeric = ("quantity", "price")
    column_phone = {"description": "title", "customer": "sub", "next_on": "end", "price": "end2"}
    column_formatters = {
        "customer": customer_cell,
        "price": lambda view, context, row, name: _price(row),
        "next_on": lambda view, context, row, name: _("Next bill") if row.left_minor and row.next_on else row.next_on,
    }
    column_export_list = (
        "id", "customer_id", "customer", "billing_group_id", "service_id", "description", "quantity", "price",
        "months", "days", "proratable", "tax_category", "starts_on", "ends_on", "next_on", "left",
    )  # fmt: skip
    column_filters = (
        CustomerFilter(Charge.customer_id),
        StillFilter(
            Charge.next_on, _l("To come"), "is", "still",
            [("again", _l("Comes again")), ("once", _l("Once")), ("prepaid", _l("Paid in advance")),
             ("done", _l("Nothing more"))],
        ),
        "next_on", "starts_on", "ends_on",
    )  # fmt: skip
    saved_views = (
        (_l("All"), {}),
        (_l("Comes again"), {"flt0_still_is": "again"}),
        (_l("Once, still to come"), {"flt0_still_is": "once"}),
        (_l("Paid in advance"), {"flt0_still_is": "prepaid"}),
    )
    search_index = finder = CustomersOnly("charge", "")
    search_hint = _l("Customer")
    create_label = _l("Add charge")
    empty_title = _l("No charges yet")
    empty_text = _l("What is billed beside the packages, once or every so many months, is added to a billing group.")

    def list_options(self) -> tuple[Any, ...]:
        return joinedload(Charge.customer), joinedload(Charge.billing_group)

    def row_actions(self) -> list[RowAction]:
        if not self.can_edit:
            return []
        edit, end, remove = (self.get_url(f".{name}") for name in ("edit_view", "end_view", "confirm_delete"))
        return [
            RowAction("pencil", _l("Edit"), lambda row: f"{edit}?id={row.id}" if row.next_on else None),
            RowAction("calendar", _l("End"), lambda row: f"{end}?id={row.id}" if row.next_on else None),
            RowAction("trash-2", _l("Delete"), lambda row: f"{remove}?id={row.id}", danger=True),
        ]

    def delete(self, row: Charge) -> None:
        charges.delete_charge(row, by=actor())

    def delete_effects(self, row: Charge) -> list[tuple[str, str, str]]:
        if charges.is_billed(row):
            return [("warn", "receipt-text", _("It stands on a bill and cannot be deleted. End it instead."))]
        return [("bad", "trash-2", _("%(name)s is removed for good. Nothing of it was billed.", name=str(row)))]
