"""Customers who leave: the list, the state of one, and the guide in three steps. The rules: billing.terminations."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import audit_words, ending_shown
from admin.base import StaffView
from admin.cells import pill
from admin.document_filters import CustomerFilter
from admin.doors import told
from admin.filter_kinds import choice
from admin.finding import CustomersOnly
from admin.links import record_url
from admin.rights import Open
from admin.service_form import WhoForm
from admin.tabs import Tabs
from admin.termination_steps import TerminationSteps
from billing import terminations
from models import AuditEvent, Customer, Invoice, Money, Service, Termination, TerminationState, db
from models.bulk import among
from web import only_customer
from web.permissions import actor

STATES = {
    TerminationState.DRAFT: ("", _l("Draft")),
    TerminationState.SCHEDULED: ("warn", _l("Day to come")),
    TerminationState.DONE: ("ok", _l("Done")),
    TerminationState.WITHDRAWN: ("", _l("Withdrawn")),
}
WORDS = [(state.value, word) for state, (_kind, word) in STATES.items()]
SUMS = (
    ("credited", _l("Given back")), ("billed", _l("Last bills")), ("credit_used", _l("Paid from credit")),
    ("still_due", _l("To pay")), ("paid_out", _l("Paid out")), ("kept", _l("Credit left")),
)  # fmt: skip
NEWEST = 12


class TerminationsView(Tabs, TerminationSteps, StaffView):
    needs = "services.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    can_create = may_change = Open("services.edit")
    column_details_list = ("id",)  # the page is our own
    column_list = ("customer", "on", "state", "reason", "made_by")
    column_labels = {
        "id": _l("Id"), "customer": _l("Customer"), "on": _l("Ends"), "state": _l("State"), "reason": _l("Reason"),
        "made_by": _l("By"), "after": _l("Then"), "made_at": _l("Begun"),
    }  # fmt: skip
    column_export_list = (
        "id", "customer_id", "customer", "on", "state", "credit", "reason", "after", "made_by", "made_at",
    )  # fmt: skip
    column_sortable_list = ("on",)
    column_default_sort = ("id", True)
    column_link = "customer"
    column_phone = {"customer": "title", "on": "sub", "state": "end"}
    column_formatters = {
        "customer": lambda view, context, row, name: row.customer.name,
        "state": lambda view, context, row, name: pill(*STATES[row.state]),
        "reason": lambda view, context, row, name: reason_of(row),
    }
    column_filters = (
        *choice(Termination.state, _l("State"), WORDS)[:1], CustomerFilter(Termination.customer_id), "on",
    )  # fmt: skip
    tabs = (
        (_l("All"), {}),
        (_l("Day to come"), {"flt0_state_is": "scheduled"}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Done"), {"flt0_state_is": "done"}),
    )
    search_index = finder = CustomersOnly("termination", "")
    search_hint = _l("Customer")
    empty_title = _l("Nobody leaves")
    empty_text = _l("The guide ends the services on a day, makes the last bill, and then disables or archives.")
    create_label = _l("A customer leaves")

    def list_options(self) -> tuple[Any, ...]:
        return joinedload(Termination.customer), joinedload(Termination.end_reason)

    @expose("/new/")
    def create_view(self) -> Any:
        """Who leaves; the guide begins with the customer that the panel is narrowed to, if there is one."""
        if not self.can_create:
            abort(404)
        asked, only = WhoForm(request.args), only_customer.id_()
        if "customer" in request.args and asked.validate():
            return redirect(self.get_url(".when_view", customer=asked.customer.data.id))
        if only and "customer" not in request.args:
            return redirect(self.get_url(".when_view", customer=only))
        return self.render("admin/terminations/whom.html", form=asked, sent="customer" in request.args)

    @expose("/details/")
    def details_view(self) -> Any:
        found = self._found(True)
        if found.state == TerminationState.DRAFT and self.may_change:
            return redirect(self.get_url(".bill_view" if found.on else ".when_view", id=found.id))
        documents = [*found.done.get("credit_notes", ()), *found.done.get("invoices", ())]
        mine = select(AuditEvent).where(AuditEvent.object_type == "termination", AuditEvent.object_id == found.id)
        return self._render(
            "admin/terminations/page.html",
            termination=found,
            state=STATES[found.state],
            reason=reason_of(found),
            sums=_sums(found),
            services=_rows(Service, found.service_ids or ()),
            documents=_rows(Invoice, documents),
            record_url=record_url,
            Invoice=Invoice,
            Customer=Customer,
            may_withdraw=self.may_change and _can_withdraw(found),
            history=[audit_words.event(row) for row in db.session.scalars(mine.order_by(AuditEvent.id.desc()))],
        )

    @expose("/withdraw/", methods=("GET", "POST"))
    def withdraw_view(self) -> Any:
        found = self._found(self.may_change)
        if request.method == "GET":
            return self._render("admin/terminations/withdraw.html", termination=found, effects=_withdrawn(found))
        told(lambda: terminations.withdraw(found, by=actor()), _("%(name)s stays", name=found.customer.name))
        return redirect(self.row_url(found))


def reason_of(termination: Termination) -> str:
    return ", ".join(filter(None, (str(termination.end_reason or ""), termination.reason)))


def _can_withdraw(termination: Termination) -> bool:
    ahead = termination.on is not None and termination.on > actor().today
    return termination.state == TerminationState.SCHEDULED and ahead


def _withdrawn(termination: Termination) -> list[ending_shown.Effect]:
    return [
        ("ok", "play", _("The services and recurring charges that were given this end go on.")),
        ("", "receipt-text", _("Documents stay in force: days up to the end are billed, days after it given back.")),
        ("", "repeat", _("The next renewals run bills them from that day on.")),
        ("ok", "user", _("The customer stays as it is.")),
    ]


def _sums(termination: Termination) -> list[tuple[Any, Money]]:
    done = termination.done
    if "currency" not in done:
        return []
    return [(word, Money(done[name], done["currency"])) for name, word in SUMS if done.get(name) or name == "still_due"]


def _rows(model: Any, ids: Any) -> list[Any]:
    found = select(model).where(among(db.session, model.id, list(ids))).order_by(model.id).limit(200)
    return list(db.session.scalars(found)) if ids else []
