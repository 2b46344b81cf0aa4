"""One invoice of a customer: as a page in the look chosen for them, and as the PDF."""

from __future__ import annotations

import logging
from typing import Any

from flask import Response, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from billing import card_payments, document_templates
from integrations.documents import DocumentError
from messaging import document_looks, invoice_document, web_documents
from messaging.document_looks import Look
from messaging.refusals import CannotBeWritten
from messaging.web_documents import Standing
from models import BillingError, Customer, Invoice, InvoiceState, PortalAccess, PortalRight, TemplateKind, db
from web import headers
from web.permissions import actor, portal_accesses

from .navigation import MAY_PAY
from .pages import ID, for_customer, others, pages

log = logging.getLogger(__name__)


@pages.get(f"/invoices/<{ID}:invoice_id>")
@for_customer
def invoice_short(access: PortalAccess, invoice_id: int) -> Any:
    """The address a mail may give: it leads to the customer of the reader whose invoice it is."""
    owner = db.session.scalar(select(Invoice.customer_id).where(Invoice.id == invoice_id))
    mine = portal_accesses(owner or abort(404), 1)
    if not mine or mine[0].customer_id != owner or mine[0].right == PortalRight.TECHNICAL:
        abort(404)
    return redirect(url_for(".invoice", customer_id=owner, invoice_id=invoice_id))


@pages.get(f"/<{ID}:customer_id>/invoices/<{ID}:invoice_id>")
@for_customer
def invoice(access: PortalAccess, invoice_id: int) -> Any:
    found = _theirs(access, invoice_id)
    try:
        document = invoice_document.document_data(found)
        look = document_looks.of(TemplateKind.WEB, document_templates.in_force(TemplateKind.WEB, access.customer))
        page = _page(found, document, look)
    except (BillingError, DocumentError):
        log.exception("the page of invoice %s cannot be made", found.id)
        return _not_now(access)
    to_pay = card_payments.to_pay(found)
    attempt = card_payments.running([found.id]).get(found.id) if to_pay else None
    headers.allow_own_styles()
    return render_template(
        "portal/invoice.html", customer=access.customer, others=others(), invoice=found, today=actor().today, page=page,
        to_pay=to_pay, attempt=attempt, may_pay=access.right in MAY_PAY,
        layout=web_documents.layout(look), style=web_documents.style(look), lang=document.get("lang", "en"),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/invoices/<{ID}:invoice_id>.pdf")
@for_customer
def invoice_pdf(access: PortalAccess, invoice_id: int) -> Any:
    found = _theirs(access, invoice_id)
    try:
        data = invoice_document.pdf_of(found)
    except (BillingError, DocumentError, OSError):
        return _not_now(access)
    name = invoice_document.file_name(found)
    told = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype="application/pdf", headers=told)


def issued(customer: Customer) -> tuple[Any, ...]:
    """The documents a customer may see."""
    return Invoice.customer_id == customer.id, Invoice.state == InvoiceState.ISSUED


def _theirs(access: PortalAccess, invoice_id: int) -> Invoice:
    """The invoice, if this person may see it; 404 otherwise."""
    if access.right == PortalRight.TECHNICAL:
        abort(404)
    mine = select(Invoice).where(Invoice.id == invoice_id, *issued(access.customer))
    return db.session.scalar(mine) or abort(404)


def _page(invoice: Invoice, document: Any, look: Look) -> str:
    """In the chosen look; a source of the shop's own that fails here gives way to the shipped one."""
    standing = None if invoice.kind == "credit_note" else Standing.of(invoice)
    with invoice_document.in_words_of(invoice) as locale:
        try:
            return web_documents.page(document, look, locale, standing)
        except (DocumentError, CannotBeWritten) as error:
            if not look.source:
                raise
            log.warning("the template of the page of invoice %s failed: %s", invoice.id, error)
        return web_documents.page(document, Look(look.kind, look.choices, "", look.picture), locale, standing)


def _not_now(access: PortalAccess) -> Any:
    flash(_("This document cannot be made right now. Try again later, or write to us."), "danger")
    return redirect(url_for(".home", customer_id=access.customer_id))
