"""Collections: customers with overdue money by amount and age, and what is done about each."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from admin import columns
from admin.base import StaffView
from admin.cells import RowAction
from admin.columns import exact_amount
from admin.customers import choices
from admin.customers.lookup import CUSTOMERS, WITH_INVOICES
from admin.export import plain
from admin.invoice_states import today
from admin.links import record_url
from admin.listrequest import ListRequest
from admin.paging import SortKey
from billing import arrears, collecting
from models import Customer
from web import only_customer
from web.permissions import allows

from . import rows
from .actions import CollectionActions
from .case import CaseDoors
from .filters import AGE_WORDS, FILTERS, LATE, SORTS
from .sums import in_words


class CollectionsView(CollectionActions, CaseDoors, StaffView):
    needs = "invoices.view"
    of_customer = "id"
    can_view_details = can_export = True
    list_template = "admin/collecting/list.html"
    column_list = (
        "name", "overdue", "oldest", "invoices", "last", "next_step", "promise", "contact_on", "standing",
    )  # fmt: skip
    column_details_list = ("id",)  # the page is our own
    column_labels = {
        "name": _l("Customer"), "overdue": _l("Overdue"), "oldest": _l("Late"), "invoices": _l("Invoices"),
        "last": _l("Last done"), "next_step": _l("Next step"), "promise": _l("Promise"),
        "contact_on": _l("Next contact"), "standing": _l("Status"),
    }  # fmt: skip
    column_link = "name"
    column_numeric = ("overdue", "invoices")
    crowded = True
    column_phone = {"name": "title", "last": "sub", "overdue": "end2", "oldest": "end"}
    column_formatters = rows.CELLS
    search_index, finder = CUSTOMERS, WITH_INVOICES
    search_hint = _l("Name, e-mail, phone or invoice number")
    empty_title = _l("Nothing is overdue")
    empty_text = _l("Customers whose invoices are late stand here, with what was done and what comes next.")

    # Which rows, in which order

    def scope(self, query: Select[Any]) -> Select[Any]:
        return query.join(LATE, LATE.c.customer_id == Customer.id)

    def default_sort(self) -> tuple[str, bool]:
        return "overdue", True

    def sort_columns(self) -> dict[str, tuple[Any, list[Any]]]:
        return {name: (column, []) for name, column in SORTS.items()}

    def sort_key(self, asked: ListRequest) -> tuple[SortKey, list[Any]]:
        name, desc = (asked.sort, asked.desc) if asked.sort in SORTS else self.default_sort()
        return SortKey(SORTS[name], Customer.id, desc, name == "contact_on"), []

    def more_filters(self) -> list[Any]:
        return list(FILTERS)

    def before_filters(self, asked: list[Any]) -> None:
        choices.ask(one.options for one in asked if one.takes_value and isinstance(one.options, choices.Rows))

    # What is printed

    def rows_shown(self, rows_: list[Customer]) -> None:
        rows.keep(rows_)

    def row_url(self, row: Customer) -> str:
        return f"{self.url}/details/?id={row.id}"

    def row_actions(self) -> list[RowAction]:
        case = f"{self.url}/details/"
        shown = [RowAction("bell", _("Remind"), lambda row: "remind", acts=True)] if allows("messages.send") else []
        if allows(collecting.PERMISSION):
            shown += [
                RowAction("phone", _("Note a talk"), lambda row: f"{case}?id={row.id}#talk"),
                RowAction("calendar-clock", _("Promise to pay"), lambda row: f"{case}?id={row.id}#promise"),
            ]
        return [*shown, RowAction("user", _("Open customer"), record_url)]

    def tiles(self) -> list[dict[str, Any]]:
        """Overdue in all, and by age: each leads to the customers who owe some of it."""
        seen = arrears.overview(today(), only_customer.id_())
        whole = self._tile(_("Overdue"), seen.sums, seen.customers, "", True)
        ages = [
            self._tile(_("%(age)s late", age=str(words)), age.sums, age.customers, f"?flt0_age_is={value}", False)
            for (value, words), age in zip(AGE_WORDS, seen.ages, strict=True)
        ]
        self._seen = seen
        return [whole, *ages]

    def _tile(self, label: str, sums: Any, customers: int, query: str, due: bool) -> dict[str, Any]:
        value, note = in_words(sums, customers)
        return {"label": label, "value": value, "due": due and bool(sums), "note": note, "url": f"{self.url}/{query}"}

    def tabs_shown(self) -> list[tuple[str, str, int]]:
        """(words, address, how many customers) of what is asked often; after `tiles`, which counts them."""
        seen, base = self._seen, f"{self.url}/"
        return [
            (_("All"), base, seen.customers), (_("Due to call today"), f"{base}?flt0_contact_is=due", seen.to_contact),
            (_("Promises broken"), f"{base}?flt0_promise_is=broken", seen.broken),
            (_("Promised"), f"{base}?flt0_promise_is=open", seen.promised),
            (_("Letters to print"), f"{base}?flt0_letter_is=wait", seen.letters),
            (_("On hold"), f"{base}?flt0_hold_is=yes", seen.held),
        ]  # fmt: skip

    def is_open(self, url: str) -> bool:
        """Whether the list is just the one of this address."""
        there = ListRequest.read(self, dict(parse_qsl(url.partition("?")[2])))
        here = ListRequest.read(self, request.args)
        return set(there.pairs()) == set(here.but(sort="", desc=False).pairs())

    # Files

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        words = self.column_labels
        amounts = [
            (words["overdue"], exact_amount(LATE.c.overdue_minor, Customer.currency), columns.read_amount),
            *((label, exact_amount(LATE.c[f"age_{key}"], Customer.currency), columns.read_amount)
              for key, label in AGE_WORDS),
        ]  # fmt: skip
        return [
            (_("Customer no."), Customer.id, plain), (words["name"], Customer.name, plain),
            (_("E-mail"), Customer.email, plain), (_("Phone"), Customer.phone, plain), *amounts,
            (_("Currency"), Customer.currency, plain), (_("Late since"), LATE.c.oldest_on, plain),
            (words["invoices"], LATE.c.invoices, plain), (_("Promised"), LATE.c.promised_on, plain),
            (words["contact_on"], Customer.contact_on, plain), (_("On hold until"), Customer.held_until, plain),
        ]  # fmt: skip

    def export_shown(self, asked: ListRequest) -> list[tuple[Any, Any, Any]]:
        return self.export_columns()
