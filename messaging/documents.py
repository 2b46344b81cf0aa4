"""Printed documents of any kind, all in the look of the customer's template.

    locale = language_of(customer, billing.company.settings())
    with force_locale(locale):
        document = frame(customer, locale, kind="quote", title=_("Quote"), number="Q-7", buyer=…, seller=…)
        document["lines"], document["total"] = …, …
    pdf = printed(document, customer, on=day)

`buyer` and `seller` are words as `billing.parties` freezes them. What else a document may say, integrations.documents
lists. `printed` takes the template that is in force for the customer: logo, colour, font, paper, columns and texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from flask_babel import force_locale, gettext

from billing import company as companies
from billing import document_templates
from integrations.documents import InvoiceDocument
from models import Customer, TemplateKind

from . import document_looks
from .document_parts import NotPrintable, bank_facts, footer, frozen_party, labels, logo_of, party
from .formats import language_of, language_of_words

__all__ = ["NotPrintable", "bank_facts", "frame", "frozen_party", "labels", "printed"]

PAPERS: dict[str, Literal["a4", "us-letter"]] = {"letter": "us-letter", "us-letter": "us-letter"}


def frame(
    customer: Customer,
    locale: str,
    *,
    kind: Literal["invoice", "credit_note", "proforma", "quote", "statement", "receipt"],
    title: str,
    number: str,
    buyer: Mapping[str, str],
    seller: Mapping[str, str],
) -> InvoiceDocument:
    """A document with its parties, labels, logo and foot, and nothing else said yet. gettext is set to the reader's
    language, `locale`."""
    return {
        "kind": kind,
        "title": title,
        "number": number,
        "paper": PAPERS.get(companies.settings().paper, "a4"),
        "lang": language_of_words(locale).split("_")[0],
        "labels": labels(),
        "logo": logo_of(customer, seller["name"]),
        "seller": party(seller, locale),
        "buyer": party(buyer, locale),
        "facts": [],
        "lines": [],
        "subtotals": [],
        "total": {"label": gettext("Total"), "amount": ""},
        "footer": footer(seller),
    }


def printed(document: InvoiceDocument, customer: Customer, *, on: date) -> bytes:
    """The PDF, in the template that is in force for the customer now; `on` is the day in the file's properties.

    Raises DocumentError.
    """
    chosen = document_templates.in_force(TemplateKind.DOCUMENT, customer)
    look, locale = document_looks.of(TemplateKind.DOCUMENT, chosen), language_of(customer, companies.settings())
    with force_locale(locale):
        return document_looks.make(document, look, locale, on=on)
