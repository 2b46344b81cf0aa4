"""Payments: the list, the page of one, and entering one. What happens to the money is billing.payments' business."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, jsonify, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from admin import doors, links
from admin.base import StaffView
from admin.cells import tags
from admin.columns import exact_amount, read_amount
from admin.customers.lookup import find_customers, label
from admin.document_filters import BeginningFilter, CurrencyFilter, CustomerFilter
from admin.export import plain
from admin.filter_kinds import money as amounts
from admin.filters import StaffFilter
from admin.finding import ByCustomer
from admin.payment_form import METHODS, PaymentForm
from admin.rights import Open
from billing import payments
from models import Allocation, AuditEvent, BillingError, Credit, Customer, Invoice, Money, Payment, db
from web import params
from web.formatters import money
from web.permissions import actor

REFERENCES = ByCustomer("payment", "reference")


def allocated(payment: Payment) -> Money:
    return sum((one.amount for one in payment.allocations), Money.zero(payment.currency))


def rest_of(payment: Payment) -> Money:
    """What went on no invoice and was not given back: it became the customer's credit."""
    return payment.amount - allocated(payment) - Money(payment.refunded_minor, payment.currency)


class PaymentsView(StaffView):
    needs = "payments.view"
    of_customer = "customer_id"
    can_view_details = can_export = True
    can_create = Open("payments.edit")
    create_template, details_template = "admin/payments/create.html", "admin/payments/page.html"
    create_label = save_label = _l("Record payment")
    column_list = column_details_list = (
        "received_on",
        "customer",
        "method",
        "reference",
        "amount",
        "allocated",
        "rest",
    )
    column_labels = {
        "received_on": _l("Received"), "customer": _l("Customer"), "method": _l("Method"),
        "reference": _l("Reference"), "amount": _l("Amount"), "allocated": _l("Put on"), "rest": _l("Kept as credit"),
    }  # fmt: skip
    column_sortable_list = ("received_on", ("amount", "amount_minor"))
    column_export_list = ("received_on", "method", "reference", "amount", "recorded_at", "recorded_by")
    column_default_sort = ("received_on", True)
    column_link = "received_on"
    column_numeric = ("amount", "rest")
    column_phone = {"customer": "title", "received_on": "sub", "amount": "end", "method": "end2"}
    column_formatters = {
        "customer": lambda view, context, row, name: row.customer.name,
        "allocated": lambda view, context, row, name: tags([str(one.invoice) for one in row.allocations], 2),
        "rest": lambda view, context, row, name: rest_of(row) or None,
    }
    column_filters = (
        CustomerFilter(Payment.customer_id),
        "received_on",
        StaffFilter(Payment.method, _l("Method"), "is"),
        BeginningFilter(REFERENCES, Payment.reference, _l("Reference")),
        *amounts(Payment.amount_minor, Payment.currency, _l("Amount"), "amount"),
        CurrencyFilter(Payment.currency),
    )
    search_index, finder = REFERENCES, REFERENCES
    search_hint = _l("Customer or reference")
    empty_title = _l("No payments yet")
    empty_text = _l("Enter money that came in; it pays the customer's open invoices, and what is over becomes credit.")

    def list_options(self) -> tuple[Any, ...]:
        number = joinedload(Allocation.invoice).load_only(Invoice.number)
        name = joinedload(Payment.customer, innerjoin=True).load_only(Customer.name)
        return (name, selectinload(Payment.allocations).options(number))

    def export_columns(self) -> list[Any]:
        name = select(Customer.name).where(Customer.id == Payment.customer_id).scalar_subquery()
        mine = select(func.coalesce(func.sum(Allocation.amount_minor), 0)).where(Allocation.payment_id == Payment.id)
        rest = Payment.amount_minor - Payment.refunded_minor - mine.scalar_subquery()
        kept = (_("Kept as credit"), exact_amount(rest, Payment.currency), read_amount)
        first, *others = super().export_columns()
        return [first, (_("Customer"), name, plain), *others, kept]

    @expose("/details/")
    def details_view(self) -> Any:
        payment = self._found(True)
        credits = db.session.scalars(select(Credit).where(Credit.payment_id == payment.id)).all()
        return self._render(
            self.details_template,
            model=payment,
            customer_url=links.record_url(payment.customer),
            parts=[(one, links.record_url(one.invoice, Invoice)) for one in payment.allocations],
            rest=rest_of(payment),
            left=sum((credit.remaining for credit in credits), Money.zero(payment.currency)),
            history_url=links.list_url(AuditEvent, object_is=f"payment:{payment.id}"),
        )

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:
            abort(404)
        invoice = self._invoice()
        form = PaymentForm.open(invoice, self._customer())
        if form.validate_on_submit():
            try:
                return redirect(doors.once(lambda: self._record(form, invoice)))
            except BillingError as refusal:
                form.refuse(refusal)
        status = 400 if form.errors else 200
        return self._render(self.create_template, form=form, invoice=invoice, methods=METHODS), status

    def _record(self, form: PaymentForm, invoice: Invoice | None) -> str:
        customer = invoice.customer if invoice else form.customer.data
        by, choice = actor(), form.choice.data
        payment = payments.record(
            customer,
            form.amount.money(customer.currency),
            method=form.method.data,
            received_on=form.received_on.data,
            invoices=[invoice] if invoice and choice == "invoice" else [],
            oldest_first=choice == "oldest",
            reference=form.reference.data,
            by=by,
        )
        flash(_("%(amount)s recorded for %(name)s", amount=money(payment.amount), name=customer.name), "toast")
        return links.record_url(invoice, Invoice) if invoice else self.row_url(payment)

    def _invoice(self) -> Invoice | None:
        """The invoice the address names, if this person may see it."""
        named = request.values.get("invoice", "")
        view = links.view_of(Invoice) if named else None
        found = view.get_one(named) if view else None
        return found if found or not named else abort(404)

    def _customer(self) -> Customer | None:
        """The customer the address names."""
        named = request.args.get("customer", "")
        known = params.row_id(named)
        return db.session.get(Customer, known) if known is not None else None

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Customers for the form: [[id, "Name (No. id)", e-mail], …], also for those who may not see their pages."""
        return jsonify([[c.id, label(c), c.email] for c in find_customers(request.args.get("query", "")[:200])])
