"""Package changes: the list of all of them, and where each begins. The rules are in billing.package_changes."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from admin.base import StaffView
from admin.cells import RowAction
from admin.customers.choices import Rows
from admin.document_filters import CustomerFilter
from admin.filter_kinds import choice
from admin.finding import CustomersOnly
from admin.links import customer_cell
from admin.package_change_page import ChangePage
from admin.package_change_steps import ChangeSteps
from admin.package_change_words import ASKED_FOR, state_pill, state_words, title
from admin.rights import Open
from admin.services import PackageFilter
from admin.tabs import Tabs
from models import Customer, Package, PackageChange, Service
from web.params import row_id


class PackageChangesView(Tabs, ChangeSteps, ChangePage, StaffView):
    needs = "services.view"
    of_customer = "customer_id"
    can_create, can_export = Open("services.edit"), True
    can_view_details = True
    list_template = "admin/package_changes/list.html"
    column_details_list = ("id",)  # the page is our own
    column_list = ("what", "customer", "service", "on", "document", "made_by", "made_at", "state")
    column_labels = {
        "id": _l("Id"), "what": _l("Change"), "customer": _l("Customer"), "service": _l("Service"),
        "on": _l("Change day"), "document": _l("Document"), "made_by": _l("Begun by"), "made_at": _l("Begun"),
        "asked_for": _l("When"), "state": _l("Status"),
    }  # fmt: skip
    column_sortable_list = ("on", "made_at")
    column_default_sort = ("id", True)
    column_link = "what"
    column_phone = {"what": "title", "customer": "sub", "state": "end", "on": "end2"}
    column_formatters = {
        "what": lambda view, context, row, name: title(row),
        "customer": customer_cell,
        "service": lambda view, context, row, name: str(row.service),
        "document": lambda view, context, row, name: str(row.invoice) if row.invoice else None,
        "state": lambda view, context, row, name: state_pill(row),
    }
    column_export_list = (
        "id", "customer_id", "customer", "service_id", "from_package_id", "to_package_id", "state", "asked_for", "on",
        "price_reason", "invoice_id", "undo_id", "made_by", "made_at", "decided_by", "decided_at",
    )  # fmt: skip
    column_filters = (
        *choice(PackageChange.state, _l("Status"), state_words()),
        *choice(PackageChange.asked_for, _l("When"), [(way.value, word) for way, word in ASKED_FOR.items()]),
        PackageFilter(PackageChange.from_package_id, _l("From package"), "is", "from", Rows(Package)),
        PackageFilter(PackageChange.to_package_id, _l("To package"), "is", "to", Rows(Package)),
        CustomerFilter(PackageChange.customer_id),
        "service_id", "on", "made_at", "made_by",
    )  # fmt: skip
    tabs = (
        (_l("All"), {}),
        (_l("Scheduled"), {"flt0_state_is": "scheduled"}),
        (_l("Wait for payment"), {"flt0_state_is": "waiting"}),
        (_l("Set aside"), {"flt0_state_is": "failed"}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Done"), {"flt0_state_is": "done"}),
    )
    search_index = finder = CustomersOnly("package_change", "")
    search_hint = _l("Customer")
    create_label = _l("Change a package")
    empty_title = _l("No package was changed yet")
    empty_text = _l("Move a service to another package: what is unused is credited, what is new charged, to the day.")

    def list_options(self) -> tuple[Any, ...]:
        names = joinedload(PackageChange.customer, innerjoin=True).load_only(Customer.name)
        packages = (
            joinedload(way).load_only(Package.name) for way in (PackageChange.from_package, PackageChange.to_package)
        )
        return (names, *packages, joinedload(PackageChange.service), joinedload(PackageChange.invoice))

    def get_one(self, id: Any) -> Any:
        """With all that its pages read, in one statement."""
        number = row_id(str(id))
        service = joinedload(PackageChange.service, innerjoin=True)
        whole = self.get_query().options(
            joinedload(PackageChange.customer, innerjoin=True), joinedload(PackageChange.from_package, innerjoin=True),
            joinedload(PackageChange.to_package), joinedload(PackageChange.invoice), joinedload(PackageChange.undo),
            service.joinedload(Service.package, innerjoin=True), service.joinedload(Service.customer, innerjoin=True),
        )  # fmt: skip
        found = None if number is None else whole.where(PackageChange.id == number)
        return None if found is None else self.db_session.scalars(found).one_or_none()

    def row_actions(self) -> list[RowAction]:
        return []
