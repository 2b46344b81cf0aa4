"""Quotes: the list, the page of one, and what is done with it. The rules are in billing and messaging."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.actions import staff_action
from admin.document_filters import BeginningFilter, CurrencyFilter, CustomerFilter
from admin.document_list import DocumentList
from admin.filter_kinds import money as amounts
from admin.finding import ByCustomer
from admin.invoice_states import today
from admin.quote_doors import QuoteDoors, send_with_mail
from admin.quote_editor import QuoteEditor
from admin.quote_states import StateFilter, state_pill
from admin.rights import Open, OpenFor
from billing import company, quote_answers, quotes
from models import Quote
from web.permissions import actor

NUMBERS = ByCustomer("quote", "number")
Effects = list[tuple[str, str, str]]


def _sending(_view: Any, _count: int) -> Effects:
    return [
        ("", "lock", _("Drafts get their number and are frozen; a change is then a new version.")),
        ("", "mail", _("Each goes to the address of whoever is billed, with its PDF and a link to answer.")),
        ("warn", "circle-alert", _("Drafts without lines, and customers without an address, are left out.")),
    ]


def _expiring(_view: Any, _count: int) -> Effects:
    return [("warn", "clock", _("They can no longer be accepted. To offer them again, write a new version."))]


def _deleting(_view: Any, _count: int) -> Effects:
    return [
        ("bad", "trash-2", _("Drafts are removed for good.")),
        ("", "lock", _("Quotes that were sent are left out: they stay as they are.")),
    ]


class QuotesView(QuoteEditor, QuoteDoors, DocumentList):
    needs = "quotes.view"
    can_create, can_edit = OpenFor("quotes.edit", "quotes_on"), Open("quotes.edit")
    details_template = "admin/quotes/page.html"
    column_list = column_details_list = (
        "number", "customer", "title", "sent_on", "valid_until", "total", "state",
    )  # fmt: skip
    column_labels = {
        "number": _l("Number"), "customer": _l("Customer"), "title": _l("Title"), "sent_on": _l("Sent"),
        "valid_until": _l("Valid until"), "total": _l("Total"), "state": _l("State"),
    }  # fmt: skip
    column_sortable_list = ("number", "sent_on", "valid_until", ("total", "total_minor"))
    column_export_list = (
        "number", "revision", "title", "sent_on", "valid_until", "net", "tax", "total", "state", "answered_at",
        "answered_by",
    )  # fmt: skip
    column_numeric = ("total",)
    column_formatters = {
        **DocumentList.column_formatters,
        "state": lambda view, context, row, name: state_pill(row, today()),
    }
    days = ("sent_on",)
    column_filters = (
        StateFilter(),
        CustomerFilter(Quote.customer_id),
        CurrencyFilter(Quote.currency),
        "sent_on",
        "valid_until",
        *amounts(Quote.total_minor, Quote.currency, _l("Total"), "total"),
        BeginningFilter(NUMBERS, Quote.number, _l("Number")),
    )
    search_index, finder = NUMBERS, NUMBERS
    tabs = (
        (_l("All"), {}),
        (_l("Drafts"), {"flt0_state_is": "draft"}),
        (_l("Sent"), {"flt0_state_is": "sent"}),
        (_l("Accepted"), {"flt0_state_is": "accepted"}),
        (_l("To be invoiced"), {"flt0_state_is": "to_invoice"}),
        (_l("Declined"), {"flt0_state_is": "declined"}),
        (_l("Expired"), {"flt0_state_is": "expired"}),
    )
    create_label = _l("New quote")
    empty_title = _l("No quotes yet")
    empty_text = _l("A quote offers packages and work at a price. Accepted, it becomes an invoice and starts services.")
    may_edit = Open("quotes.edit")

    def is_visible(self) -> bool:
        """Absent from the menu where no quotes are written; their pages stay."""
        return bool(company.value("quotes_on"))

    @staff_action("send", _l("Send"), permission="quotes.edit", icon="send", confirm=True, effects=_sending)
    def send_many(self, row: Quote) -> None:
        send_with_mail(row)

    @staff_action("expire", _l("Expire"), permission="quotes.edit", icon="clock", confirm=True, effects=_expiring)
    def expire_many(self, row: Quote) -> None:
        quote_answers.expire_one(row, by=actor())

    @staff_action(
        "delete", _l("Delete drafts"), permission="quotes.edit", icon="trash-2", danger=True, confirm=True,
        effects=_deleting,
    )  # fmt: skip
    def delete_many(self, row: Quote) -> None:
        quotes.delete(row, by=actor())
