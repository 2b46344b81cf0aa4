"""Writing a quote: what its editor says for itself."""

from __future__ import annotations

from typing import Any

from flask import abort

from admin.document_editor import DocumentEditor
from admin.quote_form import QuoteForm
from billing import company, quotes
from billing.quotes import Offer
from models import Customer, Quote, QuoteState
from web.permissions import actor


class QuoteEditor(DocumentEditor):
    """Mixed into QuotesView."""

    edits, templates, then = "quotes.edit", "admin/quotes", "send"
    draft_states = frozenset({QuoteState.DRAFT})
    may_edit: Any

    def form_of(self, draft: Quote) -> QuoteForm:
        return QuoteForm.of(draft)

    def begin(self, customer: Customer) -> Quote:
        offer = Offer(terms=company.value("quote_terms"), po_number=customer.po_number)
        return quotes.draft(customer, offer, by=actor())

    def write(self, draft: Quote, form: QuoteForm, seen: int, told: bool) -> None:
        quotes.edit(draft, form.offer(), seen=seen, told=told, by=actor())

    def instead(self, whose: dict[str, str]) -> str | None:
        if not self.can_create:  # type: ignore[attr-defined]
            abort(404)  # quotes are switched off
        return None
