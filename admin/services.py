"""Services: the list, the page of one, starting one and ending one. The rules are in billing.services."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from admin.base import StaffView
from admin.cells import pill
from admin.customers.choices import Rows
from admin.document_filters import CustomerFilter
from admin.doors import once
from admin.filter_kinds import money
from admin.filters import ChoiceFilter
from admin.finding import Described
from admin.links import customer_cell
from admin.mass_change_form import MassAction
from admin.rights import Open
from admin.service_bulk import ServiceBulk
from admin.service_doors import ServiceDoors
from admin.service_form import TermsForm, WhatForm, package_with_options, terms_form
from admin.service_page import ServicePage
from admin.service_states import SUSPENDED_FOR, WORDS, is_billed_on, state_pill
from admin.tabs import Tabs
from billing import services
from models import BillingError, EndReason, Package, Service, ServiceStatus
from web.permissions import actor
from web.price_words import price_words


class PackageFilter(ChoiceFilter):
    def clean(self, value: str) -> int:
        return int(super().clean(value))


class ReasonFilter(ChoiceFilter):
    @property
    def equality(self) -> bool:
        return False  # it has no index of its own


class StatusFilter(ChoiceFilter):
    @property
    def equality(self) -> bool:
        return False  # its index goes on with the next renewal, not with the id


class TrialFilter(ChoiceFilter):
    """Whether it is free to try today."""

    def where(self, value: str) -> Any:
        trying = (Service.trial_days > 0) & (Service.billed_from > actor().today)
        trying &= (Service.status == ServiceStatus.ACTIVE) & (Service.next_renewal_on == Service.billed_from)
        return trying if value == "yes" else ~trying

    @property
    def equality(self) -> bool:
        return False


class EndingFilter(ChoiceFilter):
    """Whether an end is set for what still runs."""

    def where(self, value: str) -> Any:
        running = Service.status != ServiceStatus.CANCELLED
        return running & (Service.ends_on.is_not(None) if value == "yes" else Service.ends_on.is_(None))

    @property
    def equality(self) -> bool:
        return False


def _price(view: Any, _context: Any, row: Service, _key: str) -> str:
    return _("Free") if row.free else price_words(row.price, row.months, row.days)


class ServiceView(Tabs, ServicePage, ServiceDoors, ServiceBulk, MassAction, StaffView):
    needs = "services.view"
    of_customer = "customer_id"
    can_create, can_export = Open("services.edit"), True
    can_view_details = True
    column_details_list = ("id",)  # the page is our own
    column_list = (
        "id", "package", "customer", "description", "price", "status", "started_on", "next_renewal_on", "ends_on",
    )  # fmt: skip
    column_labels = {
        "id": _l("Id"), "package": _l("Package"), "customer": _l("Customer"), "description": _l("Description"),
        "price": _l("Price"), "status": _l("Status"), "started_on": _l("Started"),
        "next_renewal_on": _l("Next renewal"), "ends_on": _l("Ends"),
    }  # fmt: skip
    column_sortable_list = ("id", "next_renewal_on", "ends_on")
    column_default_sort = ("id", True)
    column_link = "package"
    column_numeric = ("price",)
    column_phone = {"package": "title", "customer": "sub", "status": "end", "price": "end2"}
    column_formatters = {
        "customer": customer_cell,
        "price": _price,
        "description": lambda view, context, row, name: "" if row.description == row.package.name else row.description,
        "status": lambda view, context, row, name: pill(*state_pill(row, actor().today)),
        "next_renewal_on": lambda view, context, row, name: row.next_renewal_on if is_billed_on(row) else None,
    }
    column_export_list = (
        "id", "customer_id", "customer", "package_id", "package", "description", "status", "price", "months", "days",
        "free", "anchor_day", "started_on", "billed_from", "next_renewal_on", "ends_on", "cancelled_on",
        "cancel_reason", "waits_for", "suspended_on", "suspended_for", "suspend_reason", "paused_from", "paused_until",
        "external_source", "external_id",
    )  # fmt: skip
    column_filters = (
        *(StatusFilter(Service.status, _l("Status"), way, None, WORDS) for way in ("is", "not")),
        PackageFilter(Service.package_id, _l("Package"), "is", "package", Rows(Package)),
        ReasonFilter(Service.suspended_for, _l("Suspended because"), "is", "suspended_for", SUSPENDED_FOR),
        CustomerFilter(Service.customer_id),
        PackageFilter(Service.end_reason_id, _l("Reason for ending"), "is", "end_reason", Rows(EndReason)),
        TrialFilter(Service.billed_from, _l("In trial"), "is", "trial", [("yes", _l("Yes")), ("no", _l("No"))]),
        EndingFilter(Service.ends_on, _l("End is set"), "is", "ending", [("yes", _l("Yes")), ("no", _l("No"))]),
        "next_renewal_on", "started_on", "ends_on", "free",
        *money(Service.price_minor, Service.currency, _l("Price"), "price"),
    )  # fmt: skip
    tabs = (
        (_l("All"), {}),
        (_l("Active"), {"flt0_status_is": "active"}),
        (_l("Pending"), {"flt0_status_is": "pending"}),
        (_l("In trial"), {"flt0_trial_is": "yes"}),
        (_l("Ending"), {"flt0_ending_is": "yes"}),
        (_l("Suspended"), {"flt0_status_is": "suspended"}),
        (_l("Ended"), {"flt0_status_is": "cancelled"}),
    )
    search_index = finder = Described("service", "description")
    search_hint = _l("Customer, or how the description begins")
    create_label = _l("Start a service")
    empty_title = _l("No services yet")
    empty_text = _l("A service is a package that a customer runs, at the price agreed. Each renewal bills it.")

    def list_options(self) -> tuple[Any, ...]:
        return joinedload(Service.customer), joinedload(Service.package)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """First whose and which; then, with both in the address, the terms."""
        if not self.can_create:
            abort(404)
        asked = WhatForm(request.args)
        sent = {"customer", "package"} <= set(request.args)
        if not (sent and asked.validate()):
            return self.render("admin/services/choose.html", form=asked, sent=sent)
        customer, package = asked.customer.data, package_with_options(asked.package.data)
        form = terms_form(customer, package)  # type: ignore[arg-type]
        if form.validate_on_submit() and form.amounts_fit():
            try:
                return redirect(once(lambda: self._start(form)))
            except BillingError as refusal:
                form.put_refusal(refusal)
        return self.render("admin/services/terms.html", form=form, customer=customer, package=package)

    def _start(self, form: TermsForm) -> str:
        currency = form.customer.currency
        service = services.start(
            form.customer,
            form.package,
            start=form.start.data,
            price=form.price.money(currency),
            **form.period(),
            anchor_day=form.anchor_day.data,
            billed_from=form.billed_from.data,
            billing_group=form.group(),
            options=form.chosen(),
            description=form.description.data or "",
            setup_fee=form.setup_fee.money(form.currency),
            free=form.free.data,
            trial_days=form.trial_days.data,
            waits_for=form.waits(),
            by=actor(),
        )
        if form.ends.data:
            services.cancel(service, form.ends.data, "", by=actor())
        flash(_("%(name)s started", name=str(service)), "toast")
        return self.row_url(service)
