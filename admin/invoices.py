"""Invoices: the list, the page of one, its PDF, and what is done with it. The rules are in billing and messaging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, flash, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin import doors, invoice_page
from admin.actions import staff_action
from admin.credit_notes import CreditNoteDoors
from admin.document_filters import BeginningFilter, CurrencyFilter, CustomerFilter
from admin.document_list import DocumentList
from admin.filter_kinds import money as amounts
from admin.finding import ByCustomer
from admin.invoice_bulk import BulkDoors
from admin.invoice_drafts import DraftDoors
from admin.invoice_reminders import ReminderDoors
from admin.invoice_states import StateFilter, state_pill, today
from admin.invoice_voids import VoidDoors
from admin.rights import Open
from admin.write_offs import InvoiceMoney
from billing import credits
from integrations.documents import DocumentError
from messaging import invoice_document, outbox
from models import BillingError, Invoice, Money
from web import params
from web.formatters import money
from web.permissions import actor, refuse

NUMBERS = ByCustomer("invoice", "number")


class InvoicesView(DraftDoors, VoidDoors, CreditNoteDoors, BulkDoors, ReminderDoors, InvoiceMoney, DocumentList):
    needs = "invoices.view"
    details_template = "admin/invoices/page.html"
    column_list = column_details_list = ("number", "customer", "issued_on", "due_on", "total", "open", "state")
    column_labels = {
        "number": _l("Number"), "customer": _l("Customer"), "issued_on": _l("Issued"), "due_on": _l("Due"),
        "total": _l("Total"), "open": _l("Still to pay"), "state": _l("State"),
    }  # fmt: skip
    column_sortable_list = (
        "number", "issued_on", "due_on", ("total", "total_minor"), ("open", "open_minor"),
    )  # fmt: skip
    column_export_list = ("number", "issued_on", "due_on", "total", "open", "state")
    column_numeric = ("total", "open")
    column_formatters = {
        **DocumentList.column_formatters,
        "state": lambda view, context, row, name: state_pill(row, today()),
    }
    days = ("issued_on", "due_on")
    column_filters = (
        StateFilter(),
        CustomerFilter(Invoice.customer_id),
        CurrencyFilter(Invoice.currency),
        "issued_on",
        "due_on",
        *amounts(Invoice.total_minor, Invoice.currency, _l("Total"), "total"),
        *amounts(Invoice.open_minor, Invoice.currency, _l("Still to pay"), "open"),
        BeginningFilter(NUMBERS, Invoice.number, _l("Number")),
    )
    search_index, finder = NUMBERS, NUMBERS
    tabs = (
        (_l("All"), {}),
        (_l("Open"), {"flt0_state_is": "open"}),
        (_l("Overdue"), {"flt0_state_is": "overdue"}),
        (_l("Paid"), {"flt0_state_is": "paid"}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Proformas"), {"flt0_state_is": "proforma"}),
        (_l("Credit notes"), {"flt0_state_is": "credit_note"}),
    )
    empty_title = _l("No invoices yet")
    empty_text = _l("A bill run makes one for every customer whose services are due, or write one by hand.")
    can_create = may_edit = Open("invoices.edit")
    create_label = _l("New invoice")
    may_send, may_collect = Open("messages.send"), Open("payments.edit")

    def has_pdf(self, row: Invoice) -> bool:
        return bool(row.number)

    @expose("/details/")
    def details_view(self) -> Any:
        return self._page(self._found(True))

    @expose("/pdf/")
    def pdf(self) -> Any:
        """The document as it was or would be sent; looking at it stores nothing."""
        invoice = self._found(True)
        try:
            data = invoice_document.pdf_of(invoice)
        except (BillingError, DocumentError) as error:
            flash(str(error), "danger")
            return self._page(invoice), 409
        name = invoice_document.file_name(invoice)
        return Response(data, mimetype="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})

    @expose("/use-credit/", methods=("POST",))
    def use_credit(self) -> Any:
        if not self.may_collect:
            refuse("payments.edit")
        invoice, by = self._found(True), actor()
        amount = Money(params.number(request.form, "amount"), invoice.currency)
        words = _("%(amount)s of credit used for %(invoice)s", amount=money(amount), invoice=str(invoice))
        return self._do(invoice, lambda: credits.use(invoice, amount, on=by.today, by=by), words)

    @expose("/send/", methods=("POST",))
    def send(self) -> Any:
        if not self.may_send:
            refuse("messages.send")
        invoice = self._found(True)
        words = _("%(invoice)s waits to be sent again", invoice=str(invoice))
        return self._do(invoice, lambda: outbox.send_invoice_again(invoice, by=actor()), words)

    @staff_action("send", _l("Send again"), permission="messages.send", icon="send")
    def send_many(self, row: Invoice) -> None:
        outbox.send_invoice_again(row, by=actor())

    def _page(self, invoice: Invoice) -> str:
        return self._render(self.details_template, model=invoice, **invoice_page.content(invoice))

    def _do(self, invoice: Invoice, rule: Callable[[], Any], words: str) -> Any:
        url = self.row_url(invoice)
        try:
            doors.once(lambda: rule() and url)
        except Exception as error:
            if not self.handle_view_exception(error):
                raise
        else:
            flash(words, "toast")
        return redirect(url)
