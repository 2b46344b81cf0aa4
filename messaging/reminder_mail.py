"""The mail that reminds of an invoice, with its PDF."""

from __future__ import annotations

from datetime import datetime

from flask_babel import force_locale

from billing import company as companies
from billing.reminders import REMINDER
from models import Invoice, InvoiceState, Message, db

from . import brands, invoice_document, templates
from .compose import Content, framed, invoice_pdf, invoice_values
from .formats import language_of
from .refusals import CannotBeWritten, NotNeeded
from .template_language import Plain

KIND = REMINDER


def write(message: Message, at: datetime) -> Content:
    """The reminder as it stands at that moment; not needed once the invoice is paid or void. Raises CannotBeWritten."""
    invoice = db.session.get(Invoice, message.invoice_id) if message.invoice_id else None
    if invoice is None:
        raise CannotBeWritten("The invoice this mail should remind of is not there.")
    if invoice.state != InvoiceState.ISSUED:
        raise NotNeeded("The invoice is not in force any more.")
    if not invoice.open_minor:
        raise NotNeeded("The invoice was paid meanwhile.")
    locale = language_of(invoice.customer, companies.settings())
    with force_locale(locale):
        seller, known = values(invoice, locale, at)
        said = templates.write(KIND, known, locale)
    return framed(said, seller, invoice.customer, attachments=(invoice_pdf(invoice),))


def values(invoice: Invoice, locale: str, at: datetime) -> tuple[brands.Brand, dict[str, Plain]]:
    """In whose name it is said, and what its template knows. Raises CannotBeWritten."""
    try:
        seller, known = invoice_values(invoice, locale, at)
    except invoice_document.NotPrintable as error:
        raise CannotBeWritten(str(error)) from error
    late = (companies.day_of(at) - invoice.due_on).days if invoice.due_on else 0
    return seller, {**known, "days_overdue": max(late, 0), "is_overdue": late > 0}
