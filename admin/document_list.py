"""What the lists of invoices and of quotes have in common: the customer beside each, its state, its PDF."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin.base import StaffView
from admin.cells import RowAction
from admin.document_filters import along_days
from admin.export import plain
from admin.links import customer_cell
from admin.listrequest import ListRequest
from admin.tabs import Tabs
from models import Customer


class DocumentList(Tabs, StaffView):
    """`days` are the columns of days that the documents' order follows."""

    of_customer = "customer_id"
    can_view_details = can_export = True
    column_default_sort = ("id", True)
    column_link = "number"
    column_phone = {"customer": "title", "number": "sub", "state": "end", "total": "end2"}
    column_formatters = {
        "number": lambda view, context, row, name: str(row),
        "customer": customer_cell,
    }
    search_hint = _l("Number or customer")
    days: tuple[str, ...] = ()

    def sort_key(self, asked: ListRequest) -> Any:
        return super().sort_key(along_days(asked, *self.days))

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(self.model.customer, innerjoin=True).load_only(Customer.name),)

    def row_actions(self) -> list[RowAction]:
        url = self.get_url(".pdf")
        return [RowAction("download", _l("PDF"), lambda row: f"{url}?id={row.id}" if self.has_pdf(row) else None)]

    def has_pdf(self, row: Any) -> bool:
        return True

    def export_columns(self) -> list[Any]:
        name = select(Customer.name).where(Customer.id == self.model.customer_id).scalar_subquery()
        first, *others = super().export_columns()
        return [first, (_("Customer"), name, plain), *others]
