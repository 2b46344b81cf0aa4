"""Drafts of invoices and quotes: whether one may be written without the other; and those that came from a quote, which
say what was accepted and are issued or deleted, not changed."""

from __future__ import annotations

from sqlalchemy import select

from models import BillingError, Company, Invoice, Quote, Renewal, Service, db

from . import audit, company
from .actor import Actor


class SaysWhatWasAccepted(BillingError):
    """A draft from a quote is not changed."""


class QuotesFirst(BillingError):
    """The settings say that invoices come from quotes."""


class QuotesOff(BillingError):
    """The settings say that no quotes are written."""


def check_on() -> None:
    """Raises QuotesOff where no quotes are written (Settings, Quotes)."""
    if not company.value("quotes_on"):
        raise QuotesOff("Quotes are switched off. Settings, Quotes switches them on.")


def quotes_first(seller: Company | None = None) -> bool:
    """Whether new invoices by hand come from accepted quotes only (Settings, Quotes)."""
    return bool(company.value("quotes_first", seller) and company.value("quotes_on", seller))


def check_by_hand() -> None:
    """Raises QuotesFirst where invoices are not written by hand."""
    if quotes_first():
        raise QuotesFirst(
            "New invoices come from quotes here: write a quote, and it becomes the invoice when it is accepted. "
            "Settings, Quotes says so."
        )


def quote_of(invoice: Invoice) -> Quote | None:
    """The quote that became this invoice."""
    return db.session.scalar(select(Quote).where(Quote.invoice_id == invoice.id))


def check_change(draft: Invoice) -> None:
    """Raises SaysWhatWasAccepted for a draft that came from a quote."""
    quote = quote_of(draft)
    if quote is not None:
        raise SaysWhatWasAccepted(
            f"This draft says what the customer accepted with {quote}. Issue it as it is; or delete it, and write a "
            "new version of the quote."
        )


def let_go(draft: Invoice, *, by: Actor) -> None:
    """Before a draft is deleted: its quote is accepted and without invoice again, and the services it had billed are
    unbilled from their first day on. Flushes."""
    quote = quote_of(draft)
    if quote is None:
        return
    for renewal in db.session.scalars(select(Renewal).where(Renewal.invoice_id == draft.id, ~Renewal.void)):
        service = db.session.get(Service, renewal.service_id, with_for_update=True) if renewal.service_id else None
        if service is not None and service.next_renewal_on == renewal.period_end:
            service.next_renewal_on = renewal.period_start
        renewal.void, renewal.invoice_id, renewal.amount_minor = True, None, 0
    quote.invoice_id = None
    audit.record(by, "quote.invoice_deleted", quote, before={"invoice_id": draft.id})
    db.session.flush()
