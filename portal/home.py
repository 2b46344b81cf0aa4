"""The portal's home: what is due, what runs, the invoices with their PDFs, and what the company wants to be read."""

from __future__ import annotations

from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing import company
from models import (
    Customer,
    File,
    Invoice,
    Note,
    PortalAccess,
    PortalRight,
    Quote,
    QuoteState,
    Service,
    ServiceStatus,
    db,
)
from web.permissions import actor
from web.price_words import price_words

from . import due
from .invoices import issued
from .pages import ID, for_customer, others, pages

NEWEST = 10


@pages.get("/")
@pages.get(f"/<{ID}:customer_id>/")
@for_customer
def home(access: PortalAccess) -> str:
    customer, sees_money = access.customer, access.right != PortalRight.TECHNICAL
    return render_template(
        "portal/home.html",
        customer=customer,
        others=others(),
        sees_money=sees_money,
        due=due.of(customer) if sees_money else None,
        bank_details=_bank_details(customer),
        invoices=_invoices(customer) if sees_money else [],
        services=_services(customer),
        notes=_notes(customer),
        quotes=_quotes(customer) if sees_money else [],
        files=_files(customer),
        today=actor().today,
        price_words=price_words,
        has_statement=company.value("portal_statement"),
    )


def _bank_details(customer: Customer) -> str:
    """Where to pay, as the customer's invoices say it."""
    project = customer.project
    return (project.bank_details if project else "") or company.settings().bank_details


def _invoices(customer: Customer) -> list[Invoice]:
    """Open ones first, oldest due first; then the newest of the others. Each half by its index."""
    theirs = select(Invoice).where(*issued(customer))
    owed = theirs.where(Invoice.open_minor > 0).order_by(Invoice.due_on, Invoice.id)
    newest = theirs.order_by(Invoice.id.desc())
    found = [*db.session.scalars(owed.limit(NEWEST)), *db.session.scalars(newest.limit(NEWEST))]
    return list(dict.fromkeys(found))[:NEWEST]


def _services(customer: Customer) -> list[Service]:
    running = select(Service).where(Service.customer_id == customer.id, Service.status != ServiceStatus.CANCELLED)
    ordered = running.order_by(Service.next_renewal_on, Service.id).limit(50)
    return list(db.session.scalars(ordered.options(joinedload(Service.package))))


def _notes(customer: Customer) -> list[Note]:
    shown = select(Note).where(Note.customer_id == customer.id, Note.shown_to_customer, Note.deleted_at.is_(None))
    return list(db.session.scalars(shown.order_by(Note.pinned.desc(), Note.id.desc()).limit(3)))


def _quotes(customer: Customer) -> list[Quote]:
    """Those that wait for an answer, and then the newest; superseded ones are history."""
    sent = select(Quote).where(Quote.customer_id == customer.id, Quote.number.is_not(None))
    shown = sent.where(Quote.state != QuoteState.SUPERSEDED)
    waiting = (Quote.state == QuoteState.SENT).desc()
    return list(db.session.scalars(shown.order_by(waiting, Quote.id.desc()).limit(5)))


def _files(customer: Customer) -> list[File]:
    shown = select(File).where(File.customer_id == customer.id, File.shown_to_customer)
    return list(db.session.scalars(shown.order_by(File.id.desc()).limit(NEWEST)))
