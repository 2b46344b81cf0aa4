"""The list of customers."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.base import StaffView
from admin.cells import RowAction
from admin.list_columns import ListColumn
from admin.rights import Open
from admin.tabs import Tabs
from billing import visits
from models import CustomerStatus
from web.permissions import allows

from . import choices, own_fields
from .account_doors import AccountDoors
from .actions import CustomerActions
from .around_doors import AroundDoors
from .columns import CUSTOMER_COLUMNS, FORMATTERS
from .currency_doors import CustomerCurrency
from .entering import EnterDoors
from .files import FileDoors
from .filters import CUSTOMER_FILTERS, GROUPS
from .logins import LoginDoors
from .lookup import CUSTOMERS, WITH_INVOICES, find_customers, label
from .merge import CustomerMerge
from .page import CustomerPage
from .payers import PayerDoors
from .reach_doors import ReachDoors
from .records import CustomerRecords
from .verbs import CustomerVerbs


class CustomerView(
    Tabs,
    CustomerActions,
    CustomerMerge,
    CustomerCurrency,
    AccountDoors,
    AroundDoors,
    LoginDoors,
    EnterDoors,
    PayerDoors,
    FileDoors,
    ReachDoors,
    CustomerPage,
    CustomerVerbs,
    CustomerRecords,
    StaffView,
):
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
    column_offer = (
        "company_name", "contact_name", "username", "credit", "group", "project", "reseller", "salespeople",
        "contract_type", "overdue_since", "last_invoice", "last_invoice_on", "payment_method", "currency",
        "account_type", "tax_id", "attitude", "language", "country", "city", "ends_on",
    )  # fmt: skip
    column_extra = CUSTOMER_COLUMNS
    column_labels = {
        "id": _l("Id"), "name": _l("Name"), "phone": _l("Phone"), "email": _l("E-mail"), "username": _l("Username"),
        "registered_on": _l("Joined"), "service_count": _l("Services"), "balance": _l("Balance"), "tags": _l("Tags"),
        "status": _l("Status"), "credit": _l("Credit"), "company_name": _l("Company"), "country": _l("Country"),
        "contact_name": _l("Contact person"), "city": _l("City"), "language": _l("Language"),
        "currency": _l("Currency"), "payment_method": _l("Pays by"), "account_type": _l("Kind of customer"),
        "tax_id": _l("Tax number"), "attitude": _l("Attitude"), "ends_on": _l("Contract ends"),
    }  # fmt: skip
    column_sortable_list = (
        "id", "name", "email", "registered_on", "service_count", ("balance", "balance_minor"), "status", "phone",
        "company_name", "contact_name", "username", ("credit", "credit_minor"), "payment_method", "account_type",
        "tax_id", "attitude", "language", "country", "city", "ends_on",
    )  # fmt: skip
    column_default_sort = ("id", True)
    column_link = "name"
    column_numeric = ("service_count", "balance", "credit")
    crowded = True
    column_phone = {"name": "title", "email": "sub", "status": "end", "balance": "end2"}
    column_formatters = FORMATTERS
    column_export_list = (
        "id", "external_source", "external_id", "name", "username", "email", "phone", "account_type", "company_name",
        "contact_name", "tax_id", "street", "street2", "postal_code", "city", "region", "country", "language",
        "status", "payment_method", "registered_on", "service_count", "balance", "credit",
    )  # fmt: skip
    column_filters = CUSTOMER_FILTERS
    filter_groups = GROUPS
    tabs = (
        (_l("All"), {}),
        (_l("Active"), {"flt0_status_is": "active"}),
        (_l("Owing"), {"flt0_account_is": "owes"}),
        (_l("Disabled"), {"flt0_status_is": "disabled"}),
    )
    search_index, finder = CUSTOMERS, WITH_INVOICES
    search_hint = _l("Name, e-mail, phone, tax or invoice number")
    create_label, save_label = _l("Add customer"), _l("Save customer")
    empty_title = _l("No customers yet")
    empty_text = _l("Everybody you bill is kept here, with services, invoices and notes. Add the first one.")

    # The shop's own fields

    def more_columns(self) -> list[ListColumn]:
        return [*super().more_columns(), *own_fields.columns()]

    def usual_columns(self) -> list[str]:
        return [*super().usual_columns(), *(own_fields.KEY + one.key for one in own_fields.fields() if one.on_list)]

    def more_filters(self) -> list[Any]:
        return own_fields.filters()

    def before_filters(self, asked: list[Any]) -> None:
        choices.ask(one.options for one in asked if one.takes_value and isinstance(one.options, choices.Rows))

    def export_columns(self) -> list[tuple[Any, Any, Any]]:
        return [*super().export_columns(), *(column.exported() for column in own_fields.columns())]

    def row_actions(self) -> list[RowAction]:
        """Beside its own: narrow the whole panel to this customer, and the status in one click."""
        only = self.get_url("only.choose")
        verbs = [
            RowAction("ban", _("Disable"), lambda row: "disable" if row.status == "active" else None, acts=True),
            RowAction("power", _("Enable"), lambda row: "enable" if row.status != "active" else None, acts=True),
        ]
        return [
            *([self._writing()] if allows("messages.send") else []),
            *[action for action in self.own_row_actions() if not action.danger],
            RowAction("funnel", _("Show only this customer"), lambda row: str(row.id), post=only),
            *([self._entering()] if allows(visits.PERMISSION) else []),
            *(verbs if self.is_action_allowed("enable") else []),
            *[action for action in self.own_row_actions() if action.danger],
        ]

    def _entering(self) -> RowAction:
        shown = CustomerStatus.ACTIVE
        to = self.get_url(".enter_view")
        return RowAction("eye", _("Enter as customer"), lambda r: str(r.id) if r.status == shown else None, post=to)

    def _writing(self) -> RowAction:
        to = self.get_url("messages.create_view")
        return RowAction("mail", _("Write"), lambda row: f"customer.{row.id}", post=to, sends="to")

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Up to 20 customers for a form of any subject: [[id, "Name (No. id)", e-mail], …]."""
        return jsonify([[c.id, label(c), c.email] for c in find_customers(request.args.get("query", "")[:200])])
