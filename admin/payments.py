"""Payments: the list, the page of one, and entering one. What happens to the money is billing's business."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from admin import doors, links, payment_page
from admin.actions import staff_action
from admin.base import StaffView
from admin.card_finds import FindDoors
from admin.cells import RowAction, tags
from admin.columns import exact_amount, read_amount
from admin.customers.lookup import find_customers, label
from admin.document_filters import BeginningFilter, CurrencyFilter, CustomerFilter
from admin.export import plain
from admin.filter_kinds import money as amounts
from admin.finding import ByCustomer
from admin.link_filters import LinkedFilter
from admin.payment_doors import PaymentDoors
from admin.payment_form import PaymentForm, WhoForm
from admin.payment_states import MethodFilter, rest_of, state_pill
from admin.rights import Open
from billing import card_payments, payments, receipts
from models import Allocation, BillingError, Credit, Customer, Invoice, Payment, Refund
from web.formatters import money
from web.permissions import actor

REFERENCES = ByCustomer("payment", "reference")


class PaymentsView(PaymentDoors, FindDoors, StaffView):
    needs = "payments.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    can_create, may_undo = Open("payments.edit"), Open("payments.refund")
    may_send = Open("messages.send")
    list_template = "admin/payments/list.html"
    create_template, details_template = "admin/payments/create.html", "admin/payments/page.html"
    create_label = save_label = _l("Record payment")
    column_list = column_details_list = (
        "received_on", "customer", "method", "reference", "amount", "allocated", "rest", "state",
    )  # fmt: skip
    column_labels = {
        "received_on": _l("Received"), "customer": _l("Customer"), "method": _l("Method"),
        "reference": _l("Reference"), "amount": _l("Amount"), "allocated": _l("Put on"), "rest": _l("Not used"),
        "state": _l("State"), "id": _l("Number"),
    }  # fmt: skip
    column_sortable_list = ("received_on", ("amount", "amount_minor"))
    column_export_list = ("id", "received_on", "method", "reference", "amount", "recorded_at", "recorded_by",
                          "reversed_on")  # fmt: skip
    column_default_sort = ("received_on", True)
    column_link = "received_on"
    column_numeric = ("amount", "rest")
    column_phone = {"customer": "title", "received_on": "sub", "amount": "end", "method": "end2"}
    column_formatters = {
        "customer": links.customer_cell,
        "allocated": lambda view, context, row, name: tags(payment_page.numbers_of(row), 2),
        "rest": lambda view, context, row, name: rest_of(row) or None,
        "state": lambda view, context, row, name: state_pill(row),
    }
    column_filters = (
        CustomerFilter(Payment.customer_id),
        "received_on",
        MethodFilter(Payment.method, _l("Method"), "is"),
        BeginningFilter(REFERENCES, Payment.reference, _l("Reference")),
        *amounts(Payment.amount_minor, Payment.currency, _l("Amount"), "amount"),
        CurrencyFilter(Payment.currency),
        LinkedFilter(Payment.id, Credit.payment_id, lambda _v: [Credit.remaining_minor > 0], _l("Something not used"),
                     "is", "rest"),
        LinkedFilter(Payment.id, Refund.payment_id, lambda _v: [Refund.kind == "refund", Refund.came_back_on.is_(None)],
                     _l("Refunded"), "is", "refunded", many=True),
    )  # fmt: skip
    search_index, finder = REFERENCES, REFERENCES
    search_hint = _l("Customer or reference")
    empty_title = _l("No payments yet")
    empty_text = _l("Enter money that came in; it pays the customer's open invoices, and what is over becomes credit.")

    def list_options(self) -> tuple[Any, ...]:
        number = joinedload(Allocation.invoice).load_only(Invoice.number)
        name = joinedload(Payment.customer, innerjoin=True).load_only(Customer.name)
        return (name, selectinload(Payment.allocations).options(number), selectinload(Payment.credits))

    def row_actions(self) -> list[RowAction]:
        url = self.get_url(".receipt")
        return [RowAction("download", _l("Receipt"), lambda row: f"{url}?id={row.id}")]

    def export_columns(self) -> list[Any]:
        name = select(Customer.name).where(Customer.id == Payment.customer_id).scalar_subquery()
        mine = select(func.coalesce(func.sum(Credit.remaining_minor), 0)).where(Credit.payment_id == Payment.id)
        kept = (_("Not used"), exact_amount(mine.scalar_subquery(), Payment.currency), read_amount)
        back = (_("Refunded"), exact_amount(Payment.refunded_minor, Payment.currency), read_amount)
        number, received, *others = super().export_columns()
        return [number, received, (_("Customer"), name, plain), *others, kept, back]

    @staff_action("send_receipt", _l("Send receipt"), permission="messages.send", icon="send")
    def send_receipts(self, row: Payment) -> None:
        receipts.send(row, by=actor())

    @expose("/details/")
    def details_view(self) -> Any:
        payment = self._found(True)
        return self._render(self.details_template, model=payment, **payment_page.content(payment))

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:
            abort(404)
        invoice = self._invoice()
        who = WhoForm(request.values)
        customer = invoice.customer if invoice else who.customer.data if who.customer.typed else None
        if customer is None:
            asked = bool(who.customer.typed or request.method == "POST")
            wrong = asked and not who.validate()
            return self._render("admin/payments/who.html", form=who), 400 if wrong and request.method == "POST" else 200
        form = PaymentForm.open(customer, invoice)
        if form.validate_on_submit() and form.told():
            try:
                return redirect(doors.once(lambda: self._record(form, customer, invoice)))
            except BillingError as refusal:
                form.refuse(refusal)
        status = 400 if form.errors else 200
        busy = card_payments.running(row.invoice.id for row in form.rows)
        page = {"form": form, "invoice": invoice, "customer": customer, "by_card": list(dict.fromkeys(busy.values()))}
        return self._render(self.create_template, **page), status

    def _record(self, form: PaymentForm, customer: Customer, invoice: Invoice | None) -> str:
        payment = payments.record(
            customer,
            form.money(),
            method=form.method.data,
            received_on=form.received_on.data,
            parts=form.parts(),
            credit=form.credits(),
            reference=form.reference.data,
            by=actor(),
        )
        flash(_("%(amount)s recorded for %(name)s", amount=money(payment.amount), name=customer.name), "toast")
        return links.record_url(invoice, Invoice) if invoice else self.row_url(payment)

    def _invoice(self) -> Invoice | None:
        """The invoice the address names, if this person may see it."""
        named = request.values.get("invoice", "")
        view = links.view_of(Invoice) if named else None
        found = view.get_one(named) if view else None
        return found if found or not named else abort(404)

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Customers for the form: [[id, "Name (No. id)", e-mail], …], also for those who may not see their pages."""
        return jsonify([[c.id, label(c), c.email] for c in find_customers(request.args.get("query", "")[:200])])
