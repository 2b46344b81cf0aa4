"""Looks: what was chosen for a document, put over what it says, and the PDF or pictures that come of it.

A shipped source is set in this process, fast; one that a person wrote is set in a process of its own, with little time
and memory and no files (integrations.pdf_sandbox).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _

from billing import document_choices
from billing.document_choices import HEIGHTS, LABELS, SHIPPED
from billing.document_templates import STANDARD, Chosen
from integrations import pdf, pdf_sandbox, qr_codes
from integrations.documents import Code, DocumentError, InvoiceDocument, Payment
from models import DocumentTemplateVersion, TemplateKind, db

from .document_parts import picture
from .refusals import CannotBeWritten
from .template_language import Out, Plain, render

ASKING = ("invoice", "proforma")
"""Kinds of documents that have an introduction, a title and a payment text of one's own."""


@dataclass(frozen=True, slots=True)
class Look:
    """A template as it was chosen. `source` is empty where the shipped one is used."""

    kind: TemplateKind
    choices: Mapping[str, Any]
    source: str = ""
    picture: bytes | None = None


def shipped(kind: TemplateKind, key: str = STANDARD) -> Look:
    """A look that came with the product."""
    return Look(kind, SHIPPED[kind].get(key) or SHIPPED[kind][STANDARD])


def of_version(version: DocumentTemplateVersion) -> Look:
    """The look of one of the shop's own templates, as it was saved once."""
    kept = {**document_choices.defaults(version.template.kind), **version.choices}
    own = version.picture.data if version.picture and kept["logo"] == "own" else None
    return Look(version.template.kind, kept, version.source, own)


def of(kind: TemplateKind, chosen: Chosen) -> Look:
    """The look of what was chosen."""
    version = db.session.get(DocumentTemplateVersion, chosen.version_id) if chosen.version_id else None
    return of_version(version) if version else shipped(kind, chosen.key)


def dressed(document: InvoiceDocument, look: Look, locale: str) -> InvoiceDocument:
    """The document with the look's choices. gettext is set to the reader's language, `locale`.

    Raises DocumentError if one of the texts cannot be said.
    """
    choices, said = look.choices, _said(document, look, locale)
    there = document.get("columns", ["quantity", "price", "tax"])
    new: dict[str, Any] = {
        "accent": choices["accent"],
        "columns": [name for name in choices["columns"] if name == "position" or name in there],
        "labels": {**document["labels"], **{name: said[name][0] for name in LABELS if name in said}},
        "look": {
            "layout": choices["layout"],
            "font": choices["font"],
            "logo_height": HEIGHTS[choices["logo_height"]],
            "details": choices["details"],
        },
    }
    if choices.get("paper"):
        new["paper"] = choices["paper"]
    if choices["logo"] != "company":
        new["logo"] = picture(look.picture, document["seller"]["name"])
    if "foot" in said:
        new["footer"] = said["foot"]
    if document["kind"] in ASKING:
        new |= {"title": said["heading"][0]} if "heading" in said else {}
        new |= {"intro": said["intro"]} if "intro" in said else {}
    if payment := document.get("payment"):
        new["payment"] = _paying(payment, choices["qr"], said.get("payment", []))
    return {**document, **new}  # type: ignore[typeddict-item]


def make(document: InvoiceDocument, look: Look, locale: str, *, on: date) -> bytes:
    """The PDF; `on` is the day in the file's properties. Raises DocumentError."""
    data = dressed(document, look, locale)
    if look.source:
        return pdf_sandbox.render_untrusted(look.source, data, on=on)
    return pdf.render("invoice", data, on=on)


def show(document: InvoiceDocument, look: Look, locale: str, *, on: date, pages: int = 5) -> list[bytes]:
    """The first pages as PNG. Raises DocumentError."""
    data = dressed(document, look, locale)
    if look.source:
        return pdf_sandbox.pictures_untrusted(look.source, data, on=on, pages=pages)
    return pdf.pictures("invoice", data, on=on)[:pages]


def text_values(document: InvoiceDocument) -> dict[str, Plain]:
    """What the texts of a look may say; see document_fields.TEXT."""
    about, due = document.get("about", {}), document.get("due")
    named = {name: about.get(name, "") for name in ("issued_on", "due_on", "period", "po_number", "customer_number")}
    return {
        **named,
        "number": document["number"],
        "title": document.get("title", ""),
        "buyer": document["buyer"]["name"],
        "seller": document["seller"]["name"],
        "total": document["total"]["amount"],
        "to_pay": due["amount"] if due else "",
        "is_credit_note": document["kind"] == "credit_note",
    }


def _said(document: InvoiceDocument, look: Look, locale: str) -> dict[str, list[str]]:
    """The texts of the look as paragraphs, fields filled in; empty ones are left out."""
    values, found = text_values(document), {}
    for name, source in document_choices.texts_for(look.choices, locale).items():
        try:
            text = render(source, values, Out())
        except CannotBeWritten as refusal:
            raise DocumentError(str(refusal)) from refusal
        paragraphs = [line.strip() for line in text.splitlines() if line.strip()]
        if paragraphs:
            found[name] = paragraphs
    return found


def _paying(payment: Payment, with_code: bool, text: list[str]) -> Payment:
    """`text` stands in place of the sentence that asks to pay; what the terms say stays."""
    code = payment.get("code", "")
    shown: Payment = {
        "terms": [*text, *payment["terms"][payment.get("asked", 0) :]] if text else payment["terms"],
        "details": payment["details"],
    }
    if with_code and code:
        shown["qr"] = _code(code)
    return shown


def _code(said: str) -> Code:
    data = base64.b64encode(qr_codes.png(said)).decode()
    return {"data": data, "alt": _("Payment code for bank apps"), "label": _("Scan to pay")}
