"""The list of customers."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from admin.base import StaffView
from admin.cells import RowAction, pill
from admin.cells import tags as tag_words
from admin.filter_kinds import choice, money, related
from admin.filters import ChoiceFilter, StaffFilter
from admin.rights import Open
from admin.tabs import Tabs
from models import (
    ContractType,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Project,
    Reseller,
    Staff,
    Tag,
    customer_salesperson,
)
from web import formatters, languages
from web.setup import currencies

from .actions import CustomerActions
from .choices import ACCOUNT_TYPES, ATTITUDES, PAYMENT_METHODS, country_names, options_of
from .lookup import CUSTOMERS, find_customers, label
from .page import CustomerPage
from .records import CustomerRecords

STATUSES = {
    CustomerStatus.ACTIVE: ("ok", _l("Active")),
    CustomerStatus.DISABLED: ("", _l("Disabled")),
    CustomerStatus.ARCHIVED: ("", _l("Archived")),
}
STANDINGS = [("owes", _l("Owes money")), ("even", _l("Nothing due")), ("credit", _l("In credit"))]


class RecordFilter(ChoiceFilter):
    """One of the rows of a small table, by its id."""

    def clean(self, value: str) -> int:
        return int(super().clean(value))


class StandingFilter(ChoiceFilter):
    """Owes, even or in credit, in whatever currency."""

    def where(self, value: str) -> Any:
        minor = Customer.balance_minor
        return {"owes": minor > 0, "even": minor == 0, "credit": minor < 0}[value]

    @property
    def equality(self) -> bool:
        return False


class SalespersonFilter(ChoiceFilter):
    """Customers that this member of the staff looks after."""

    def where(self, value: str) -> Any:
        theirs = customer_salesperson.c.staff_id == int(value)
        return Customer.id.in_(select(customer_salesperson.c.customer_id).where(theirs))

    @property
    def equality(self) -> bool:
        return False

    def bounds(self, column: Any) -> bool:
        return False


def _record(column: Any, name: Any, model: Any, key: str) -> list[StaffFilter]:
    return [RecordFilter(column, name, way, key, options_of(model)) for way in ("is", "not")]


def _countries() -> list[tuple[str, str]]:
    return country_names(formatters.locale())


def _currencies() -> list[tuple[str, str]]:
    return currencies(formatters.locale())


def _tags() -> list[tuple[str, str]]:
    return [(name, name) for _id, name in options_of(Tag)()]


def _name(view: Any, _context: Any, row: Customer, _key: str) -> str:
    return f"{row.name} ({row.username})" if row.username else row.name


def _status(view: Any, _context: Any, row: Customer, _key: str) -> Any:
    return pill(*STATUSES[row.status])


def _tag_cell(view: Any, _context: Any, row: Customer, _key: str) -> Any:
    return tag_words([tag.name for tag in row.tags])


class CustomerView(Tabs, CustomerActions, CustomerPage, CustomerRecords, StaffView):
    needs = "customers.view"
    of_customer = "id"
    can_create, can_edit = Open("customers.edit"), Open("customers.edit")
    can_delete, can_export = Open("customers.delete"), Open("customers.export")
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    list_template = "admin/customers/list.html"

    column_list = (
        "id", "name", "phone", "email", "registered_on", "service_count", "balance", "tags", "status",
    )  # fmt: skip
    column_labels = {
        "id": _l("Id"), "name": _l("Name"), "phone": _l("Phone"), "email": _l("E-mail"),
        "registered_on": _l("Joined"), "service_count": _l("Services"), "balance": _l("Balance"),
        "tags": _l("Tags"), "status": _l("Status"), "credit": _l("Credit"),
    }  # fmt: skip
    column_sortable_list = (
        "id", "name", "email", "registered_on", "service_count", ("balance", "balance_minor"), "status",
    )  # fmt: skip
    column_default_sort = ("id", True)
    column_link = "name"
    column_numeric = ("service_count", "balance")
    column_phone = {"name": "title", "email": "sub", "status": "end", "balance": "end2"}
    column_formatters = {"name": _name, "status": _status, "tags": _tag_cell}
    column_export_list = (
        "id", "external_source", "external_id", "name", "username", "email", "phone", "account_type", "company_name",
        "contact_name", "tax_id", "street", "street2", "postal_code", "city", "region", "country", "language",
        "status", "payment_method", "registered_on", "service_count", "balance", "credit",
    )  # fmt: skip
    column_filters = (
        *choice(Customer.status, _l("Status"), [(s.value, word) for s, (_kind, word) in STATUSES.items()]),
        StandingFilter(Customer.balance_minor, _l("Account"), "is", "account", STANDINGS),
        *money(Customer.balance_minor, Customer.currency, _l("Balance"), "balance"),
        *related(Customer.tags, Tag.name, _l("Tag"), "tag", _tags),
        *_record(Customer.group_id, _l("Group"), CustomerGroup, "group"),
        "service_count", "registered_on",
        *choice(Customer.country, _l("Country"), _countries),
        *choice(Customer.language, _l("Language"), languages.choices),
        *choice(Customer.payment_method, _l("Pays by"), PAYMENT_METHODS),
        *_record(Customer.project_id, _l("Project"), Project, "project"),
        *_record(Customer.reseller_id, _l("Reseller"), Reseller, "reseller"),
        *_record(Customer.contract_type_id, _l("Contract type"), ContractType, "contract"),
        SalespersonFilter(Customer.id, _l("Salesperson"), "is", "salesperson", options_of(Staff)),
        *choice(Customer.currency, _l("Currency"), _currencies),
        *choice(Customer.account_type, _l("Kind of customer"), ACCOUNT_TYPES),
        *choice(Customer.attitude, _l("How to deal with them"), ATTITUDES),
        "name", "email",
    )  # fmt: skip
    tabs = (
        (_l("All"), {}),
        (_l("Active"), {"flt0_status_is": "active"}),
        (_l("Owing"), {"flt0_account_is": "owes"}),
        (_l("Disabled"), {"flt0_status_is": "disabled"}),
    )
    search_index = CUSTOMERS
    search_hint = _l("Name, e-mail, phone, tax number, id")
    create_label, save_label = _l("Add customer"), _l("Save customer")
    empty_title = _l("No customers yet")
    empty_text = _l("Everybody you bill is kept here, with services, invoices and notes. Add the first one.")

    def row_actions(self) -> list[RowAction]:
        """Before its own: narrow the whole panel to this customer."""
        only = self.get_url("only.choose")
        return [
            RowAction("funnel", _l("Show only this customer"), lambda row: f"{only}?id={row.id}", post=True),
            *self.own_row_actions(),
        ]

    def list_options(self) -> tuple[Any, ...]:
        return (selectinload(Customer.tags),)

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Up to 20 customers for a form of any subject: [[id, "Name (No. id)", e-mail], …]."""
        return jsonify([[c.id, label(c), c.email] for c in find_customers(request.args.get("query", "")[:200])])
