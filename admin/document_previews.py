"""How a template looks on a real invoice: pages as pictures, or the page of the portal in a frame."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import render_template
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from billing.document_templates import TemplateRefused
from integrations.documents import DocumentError, InvoiceDocument
from messaging import document_looks, document_samples, invoice_document, web_documents
from messaging.document_looks import Look
from messaging.refusals import CannotBeWritten
from messaging.web_documents import Standing
from models import Invoice, InvoiceState, TemplateKind, db
from web import formatters
from web.permissions import allows

OFFERED = 15
ANY_DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A template on a document. `trouble` says why there is nothing to see, `hint` what one may want to change."""

    pages: list[str] = field(default_factory=list)
    html: str = ""
    trouble: str = ""
    hint: str = ""
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a template is shown on; read from the database beforehand, so that nothing waits while it is set."""

    document: InvoiceDocument
    locale: str
    on: date
    standing: Standing | None
    whose: str


def newest() -> list[str]:
    """Numbers one can choose from; nothing for those who may see no invoices."""
    if not allows("invoices.view"):
        return []
    issued = select(Invoice.number).where(Invoice.state != InvoiceState.DRAFT).order_by(Invoice.id.desc())
    return [str(number) for number in db.session.scalars(issued.limit(OFFERED))]


def subject(number: str) -> Subject:
    """The invoice of this number, else the newest one, else a made-up one. Raises TemplateRefused (invoice)."""
    number = number.strip()[:40]
    known = newest()
    if number or known:
        found = db.session.scalars(select(Invoice).where(Invoice.number == (number or known[0]))).first()
        if found is None or not known:
            raise TemplateRefused(invoice=_("There is no invoice with this number."))
        return _of(found)
    whose = _("A made-up invoice, until there is a real one")
    return Subject(document_samples.invoice(), str(formatters.locale()), ANY_DAY, None, whose)


def _of(invoice: Invoice) -> Subject:
    try:
        document = invoice_document.document_data(invoice)
    except invoice_document.NotPrintable as refusal:
        raise TemplateRefused(invoice=str(refusal)) from refusal
    standing = None if invoice.kind == "credit_note" else Standing.of(invoice)
    whose = f"{invoice.number}, {document['buyer']['name']}"
    with invoice_document.in_words_of(invoice) as locale:
        return Subject(document, locale, invoice.issued_on or ANY_DAY, standing, whose)


def show(look: Look, about: Subject) -> Shown:
    """The look on the document. Asks the database nothing."""
    hint = _hint(look, about.document)
    try:
        with force_locale(about.locale):
            if look.kind == TemplateKind.WEB:
                return Shown(html=framed(look, about), hint=hint, whose=about.whose)
            pages = document_looks.show(about.document, look, about.locale, on=about.on)
    except (DocumentError, CannotBeWritten) as error:
        return Shown(trouble=str(error), whose=about.whose)
    return Shown(pages=[_address(page) for page in pages], hint=hint, whose=about.whose)


def as_pdf(look: Look, about: Subject) -> bytes:
    """The look on the document as a file, which is kept nowhere. Raises DocumentError."""
    with force_locale(about.locale):
        return document_looks.make(about.document, look, about.locale, on=about.on)


def framed(look: Look, about: Subject) -> str:
    """The page with the style sheets it has in the portal, for a frame."""
    html = web_documents.page(about.document, look, about.locale, about.standing)
    given: dict[str, Any] = {"page": html, "layout": web_documents.layout(look), "style": web_documents.style(look)}
    return render_template("admin/document_templates/frame.html", **given, lang=about.document.get("lang", "en"))


def _address(page: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(page).decode()}"


def _hint(look: Look, document: InvoiceDocument) -> str:
    """What one may want to know about what was chosen."""
    hints, payment = [], document.get("payment")
    if contrast(str(look.choices["accent"])) < 4.5:
        hints.append(_("This colour is hard to read on white. A darker one is better for those with weak eyes."))
    if look.choices["qr"] and payment and not payment.get("code"):
        hints.append(_("No payment code here: it needs an amount in euros and a right IBAN in the bank details."))
    return " ".join(hints)


def contrast(colour: str) -> float:
    """Of #rrggbb on white, by WCAG 2.2: 1 to 21, and text wants 4.5."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
