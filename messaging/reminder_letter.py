"""The reminder that goes by post: what a customer owes that is overdue, as a letter to print, one or many in a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask_babel import force_locale
from flask_babel import gettext as _

from billing import arrears
from billing import company as companies
from billing.statements import OpenItems
from integrations import pdf_joining
from integrations.documents import InvoiceDocument
from models import BillingError, Customer, Money

from . import statement_document
from .documents import printed
from .formats import day, language_of


class NothingToWrite(BillingError):
    """None of these customers owes anything that is overdue."""


def letters(customers: Sequence[Customer], today: date) -> bytes:
    """One PDF with the letters of those who owe something that is overdue, each on pages of its own.

    Raises NothingToWrite, NotPrintable, DocumentError.
    """
    made = [letter(customer, owed, today) for customer in customers if (owed := _owed(customer, today)).invoices]
    if not made:
        raise NothingToWrite(_("Nothing of this is overdue any more, so there is no letter to write."))
    return pdf_joining.joined(made)


def letter(customer: Customer, owed: OpenItems, today: date) -> bytes:
    """The letter to one customer. Raises NotPrintable, DocumentError."""
    return printed(document_data(customer, owed), customer, on=today)


def document_data(customer: Customer, owed: OpenItems) -> InvoiceDocument:
    """What the letter says, in the customer's language: a list of what is overdue, and how to pay it."""
    document = statement_document.document_data(owed)
    locale = language_of(customer, companies.settings())
    with force_locale(locale):
        document["title"] = _("Payment reminder")
        document["intro"] = [
            _("The amounts below were due and have not reached us yet. Please pay them in the next days."),
        ]
        document["subtotals"] = []
        document["total"] = {**document["total"], "label": _("Overdue")}
        document["settled"] = []
        document["notes"] = [
            _("If you have paid by %(day)s, this letter has crossed your payment: then there is nothing to do.",
              day=day(owed.on, locale)),
        ]  # fmt: skip
    return document


def file_name(customers: Sequence[Customer], today: date) -> str:
    """``reminder-12-2026-11-22.pdf``, ``reminders-2026-11-22.pdf``"""
    return f"reminder-{customers[0].id}-{today}.pdf" if len(customers) == 1 else f"reminders-{today}.pdf"


def _owed(customer: Customer, today: date) -> OpenItems:
    return OpenItems(customer, today, arrears.invoices_of(customer, today), Money.zero(customer.currency))
