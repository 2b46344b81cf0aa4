"""What a customer paid, the newest first, each with its receipt."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from integrations.documents import DocumentError
from messaging import receipt_document
from models import Allocation, BillingError, Invoice, Money, Payment, PortalAccess, db

from . import paging
from .home import running_payments
from .navigation import MAY_PAY, SEE_MONEY
from .pages import ID, for_customer, needs, others, pages

ON_A_PAGE = 25
MOST_NAMED = 4
"""Invoices that are named beside a payment; its receipt names all."""


@pages.get(f"/<{ID}:customer_id>/payments/")
@for_customer
@needs(SEE_MONEY)
def payments(access: PortalAccess) -> str:
    customer = access.customer
    page = paging.read(select(Payment).where(Payment.customer_id == customer.id), Payment.id, ON_A_PAGE)
    found = [row[0] for row in page.rows]
    running = running_payments(customer)
    return render_template(
        "portal/payments.html", customer=customer, others=others(), page=page, payments=found, used=_used(found),
        attempts=list(dict.fromkeys(attempt for attempt, _invoice in running)), most=MOST_NAMED, Money=Money,
        may_pay=access.right in MAY_PAY, to=lambda **more: url_for("portal.payments", customer_id=customer.id, **more),
    )  # fmt: skip


@pages.get(f"/<{ID}:customer_id>/payments/<{ID}:payment_id>.pdf")
@for_customer
@needs(SEE_MONEY)
def receipt(access: PortalAccess, payment_id: int) -> Any:
    mine = Payment.id == payment_id, Payment.customer_id == access.customer_id
    payment = db.session.scalar(select(Payment).where(*mine)) or abort(404)
    try:
        data = receipt_document.pdf_of(payment)
    except (BillingError, DocumentError, OSError):
        flash(_("This document cannot be made right now. Try again later, or write to us."), "danger")
        return redirect(url_for("portal.payments", customer_id=access.customer_id))
    told = {"Content-Disposition": f'attachment; filename="{receipt_document.file_name(payment)}"'}
    return Response(data, mimetype="application/pdf", headers=told)


def _used(found: list[Payment]) -> dict[int, list[tuple[int, str]]]:
    """Payment's id -> the invoices it went on (id and number), what was taken off again left out."""
    whole = func.sum(Allocation.amount_minor)
    query = select(Allocation.payment_id, Invoice.id, Invoice.number).join(Allocation.invoice)
    query = query.where(Allocation.payment_id.in_([one.id for one in found]))
    query = query.group_by(Allocation.payment_id, Invoice.id, Invoice.number).having(whole > 0).order_by(Invoice.id)
    used: dict[int, list[tuple[int, str]]] = {}
    for payment_id, invoice_id, number in db.session.execute(query) if found else ():
        used.setdefault(payment_id, []).append((invoice_id, number))
    return used
