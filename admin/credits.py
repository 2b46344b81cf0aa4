"""Credit in hand: the list, the page of one with where it went, and what can be done with it."""

from __future__ import annotations

from typing import Any

from flask import g
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import credit_states, links
from admin.base import StaffView
from admin.cells import RowAction
from admin.credit_doors import CreditDoors
from admin.document_filters import CurrencyFilter, CustomerFilter
from admin.export import plain
from admin.filter_kinds import money as amounts
from admin.finding import CustomersOnly
from admin.invoice_states import today
from admin.rights import Open
from billing.credits import is_gift
from models import Allocation, AuditEvent, Credit, CreditOutflow, Customer, Invoice, Payment, db

SHOWN = 50


class CreditsView(CreditDoors, StaffView):
    needs = "payments.view"
    of_customer = "customer_id"
    under = "payments"
    can_view_details = can_export = True
    can_create = may_edit = Open("payments.edit")
    details_template = "admin/credits/page.html"
    column_list = column_details_list = (
        "granted_on", "customer", "reason", "origin", "expires_on", "amount", "remaining", "state",
    )  # fmt: skip
    column_labels = {
        "granted_on": _l("Since"), "customer": _l("Customer"), "reason": _l("What for"), "origin": _l("From"),
        "expires_on": _l("Last day"), "amount": _l("Amount"), "remaining": _l("Left"), "state": _l("State"),
    }  # fmt: skip
    column_sortable_list = ("granted_on",)
    column_default_sort = ("granted_on", True)
    column_link = "granted_on"
    column_numeric = ("amount", "remaining")
    column_phone = {"customer": "title", "reason": "sub", "remaining": "end", "state": "end2"}
    column_export_list = ("id", "granted_on", "reason", "expires_on", "amount", "remaining")
    column_formatters = {
        "customer": lambda view, context, row, name: row.customer.name,
        "origin": lambda view, context, row, name: credit_states.origin(row),
        "state": lambda view, context, row, name: credit_states.state_pill(row, today(), g.credit_ends.get(row.id)),
    }
    column_filters = (
        credit_states.StateFilter(),
        CustomerFilter(Credit.customer_id),
        credit_states.OriginFilter(),
        "granted_on",
        "expires_on",
        *amounts(Credit.amount_minor, Credit.currency, _l("Amount"), "amount"),
        *amounts(Credit.remaining_minor, Credit.currency, _l("Left"), "left"),
        CurrencyFilter(Credit.currency),
    )
    saved_views = (
        (_l("All"), {}),
        (_l("In hand"), {"flt0_state_is": "usable"}),
        (_l("Runs out within 30 days"), {"flt0_state_is": "soon"}),
    )
    search_index = finder = CustomersOnly("credit", "")
    search_hint = _l("Customer")
    create_label = _l("Give credit")
    empty_title = _l("No credit yet")
    empty_text = _l("Money that customers have in hand: given by you, paid in advance, or left over from a payment.")

    def is_visible(self) -> bool:
        """Reached from the customers it belongs to."""
        return False

    def list_options(self) -> tuple[Any, ...]:
        return (joinedload(Credit.customer, innerjoin=True).load_only(Customer.name),)

    def rows_shown(self, rows: list[Any]) -> None:
        g.credit_ends = credit_states.ends(rows)

    def row_actions(self) -> list[RowAction]:
        pay = self.get_url(".pay_out_view")
        usable = lambda row: f"{pay}?credit={row.id}" if row.remaining_minor else None  # noqa: E731
        return [RowAction("banknote", _l("Pay out"), usable)] if self.may_edit else []

    def export_columns(self) -> list[Any]:
        name = select(Customer.name).where(Customer.id == Credit.customer_id).scalar_subquery()
        first, day, *others = super().export_columns()
        return [first, day, (_l("Customer"), name, plain), *others]

    @expose("/details/")
    def details_view(self) -> Any:
        credit = self._found(True)
        end = credit_states.ends([credit]).get(credit.id)
        payment = db.session.get(Payment, credit.payment_id) if credit.payment_id else None
        note = db.session.get(Invoice, credit.invoice_id) if credit.invoice_id else None
        return self._render(
            self.details_template, model=credit, pill=credit_states.state_pill(credit, today(), end),
            origin=credit_states.origin(credit), gift=is_gift(credit), uses=_uses(credit), words=credit_states.OUTFLOWS,
            customer_url=links.record_url(credit.customer), payment_url=links.record_url(payment, Payment),
            note=note, note_url=links.record_url(note, Invoice),
            history_url=links.list_url(AuditEvent, object_is=f"credit:{credit.id}"),
        )  # fmt: skip

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        return self.give_view()


def _uses(credit: Credit) -> list[tuple[Any, str, str]]:
    """What became of it, the newest first: (row, number of the invoice, address of its page)."""
    used = select(Allocation).where(Allocation.credit_id == credit.id).options(joinedload(Allocation.invoice))
    out = select(CreditOutflow).where(CreditOutflow.credit_id == credit.id)
    rows = [
        *((one, str(one.invoice), links.record_url(one.invoice, Invoice))
          for one in db.session.scalars(used.order_by(Allocation.id.desc()).limit(SHOWN))),
        *((one, "", "") for one in db.session.scalars(out.order_by(CreditOutflow.id.desc()).limit(SHOWN))),
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row[0].on, reverse=True)[:SHOWN]
