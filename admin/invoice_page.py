"""What the page of one invoice shows beside its document: payment, deliveries, books and history."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import flash
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin import audit_words, dunning_words, links
from admin.delivery_states import reason
from admin.delivery_states import state_pill as delivery_pill
from admin.invoice_states import state_of, state_pill, today
from admin.ledger_rows import ledger_rows
from billing import balances, credit_notes, credit_parts, invoices, quote_drafts
from billing.allocations import Settled, settled_on
from billing.dunning import outlook
from integrations.documents import InvoiceDocument
from messaging import invoice_document
from models import (
    Allocation,
    AuditEvent,
    Credit,
    Delivery,
    DeliveryState,
    Invoice,
    InvoiceState,
    Message,
    Money,
    Payment,
    db,
)
from web.formatters import moment_text, money, short_date

NEWEST = 12


def content(invoice: Invoice) -> dict[str, Any]:
    on = today()
    deliveries, allocations, parts = deliveries_of(invoice), allocations_of(invoice), settled(invoice)
    in_force = invoice.state == InvoiceState.ISSUED
    return {
        "pill": state_pill(invoice, on),
        "state": state_of(invoice, on),
        "document": document(invoice),
        "voidable": invoices.is_voidable(invoice),
        "creditable": in_force and invoice.kind == "invoice" and invoice.credited_minor < invoice.total_minor,
        "related": related(invoice),
        "paid": sum((one.amount for one, _url, _words in parts), Money.zero(invoice.currency)) if in_force else None,
        "settled": parts,
        "credit": usable_credit(invoice, on),
        "usable": min(invoice.open, usable_credit(invoice, on)),
        "customer_url": links.record_url(invoice.customer),
        "quote": (quote := quote_drafts.quote_of(invoice)),
        "quote_url": links.record_url(quote),
        "deliveries": [(one, delivery_pill(one), reason(one), links.record_url(one)) for one in deliveries],
        "deliveries_url": links.list_url(Delivery, customer_is=invoice.customer_id),
        "dunning": dunning(invoice, on),
        "books": books(invoice),
        "history": history(invoice, deliveries, allocations),
        "history_url": links.list_url(AuditEvent, object_is=f"invoice:{invoice.id}"),
    }


def dunning(invoice: Invoice, on: date) -> dict[str, Any] | None:
    """What was done because it is not paid, what comes next, and what holds that up; None where it never is."""
    if invoice.state != InvoiceState.ISSUED or invoice.kind == "credit_note":
        return None
    found = outlook.of(invoice, on)
    done, coming = dunning_words.done_events(found.done), dunning_words.coming_events(found, on)
    held = dunning_words.held_words(found)
    if not (done or coming or held):
        return None
    return {
        "plan": found.plan, "source": found.source, "done": done, "coming": coming, "held": held,
        "broken": found.broken, "never": invoice.customer.never_suspend,
    }  # fmt: skip


def related(invoice: Invoice) -> list[tuple[str, str, str, Money]]:
    """(what, number, address, total) of the documents it came from, became, or was taken back by."""
    found: list[tuple[Any, Invoice | None]] = []
    if invoice.kind == "credit_note":
        found += [(_("Takes back"), original) for original in credit_parts.originals(invoice)]
    elif invoice.original_id:
        found.append((_("Asked for by"), db.session.get(Invoice, invoice.original_id)))
    if invoice.became_id:
        found.append((_("Became"), db.session.get(Invoice, invoice.became_id)))
    if invoice.credited_minor:
        found += [(_("Taken back by"), note) for note in credit_notes.of_invoice(invoice, NEWEST)]
    return [(what, str(one), links.record_url(one, Invoice), one.total) for what, one in found if one]


def document(invoice: Invoice) -> InvoiceDocument | None:
    """The very words of the PDF; None, and the reason told, where what was frozen cannot be read."""
    try:
        return invoice_document.document_data(invoice, nameless=True)
    except invoice_document.NotPrintable as error:
        flash(str(error), "danger")
        return None


def settled(invoice: Invoice) -> list[tuple[Settled, str, str]]:
    """What settles it now, with the page of the payment and what people call it."""
    found = []
    for one in settled_on(invoice):
        source: Payment | Credit | None = one.allocation.payment or one.allocation.credit
        payment_id = source.payment_id if isinstance(source, Credit) else one.allocation.payment_id
        payment = db.session.get(Payment, payment_id) if payment_id else None
        found.append((one, links.record_url(payment) if payment else "", _source_words(source, payment)))
    return found


def _source_words(source: Payment | Credit | None, payment: Payment | None) -> str:
    words = payment.method if payment else source.reason if isinstance(source, Credit) else ""
    return _("Credit: %(source)s", source=words) if isinstance(source, Credit) else words


def usable_credit(invoice: Invoice, on: date) -> Money:
    nothing = Money.zero(invoice.currency)
    if not invoice.customer.credit_minor:
        return nothing
    credits = balances.usable_credits(invoice.customer, on)
    return sum((one.remaining for one in credits if one.currency == invoice.currency), nothing)


def deliveries_of(invoice: Invoice) -> list[Delivery]:
    about = select(Delivery).join(Delivery.message).where(Message.invoice_id == invoice.id)
    return list(db.session.scalars(about.order_by(Delivery.id.desc()).limit(NEWEST)))


def allocations_of(invoice: Invoice) -> list[Allocation]:
    query = select(Allocation).where(Allocation.invoice_id == invoice.id).order_by(Allocation.id.desc()).limit(NEWEST)
    return list(db.session.scalars(query.options(joinedload(Allocation.payment), joinedload(Allocation.credit))))


def books(invoice: Invoice) -> list[tuple[str, str, str, str, str]]:
    """(what and when, account, debit, credit), the first column only once a posting."""
    return ledger_rows(balances.postings_of(invoice)[:NEWEST])


def history(invoice: Invoice, deliveries: list[Delivery], allocations: list[Allocation]) -> list[dict[str, Any]]:
    """What happened, the newest first."""
    told = [audit_words.event(row) for row in _events(invoice)]
    told += [_sent(row) for row in deliveries if row.state == DeliveryState.SENT and row.sent_at]
    told += [_paid(row, row.payment) for row in allocations if row.payment and row.undoes_id is None]
    told += [_credit_used(row) for row in allocations if row.credit and row.undoes_id is None]
    told.sort(key=lambda event: event["iso"], reverse=True)
    return told[:NEWEST]


def _events(invoice: Invoice) -> list[AuditEvent]:
    mine = select(AuditEvent).where(AuditEvent.object_type == "invoice", AuditEvent.object_id == invoice.id)
    return list(db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(NEWEST)))


def _sent(delivery: Delivery) -> dict[str, Any]:
    text = _("Sent to %(address)s", address=delivery.address)
    return {"icon": "send", "kind": "ok", "text": text, **_at(delivery.sent_at)}


def _paid(allocation: Allocation, payment: Payment) -> dict[str, Any]:
    text = _("%(amount)s paid, %(method)s", amount=money(allocation.amount), method=payment.method)
    return {
        "icon": "banknote",
        "kind": "ok",
        "text": text,
        "by": _("by %(name)s", name=payment.recorded_by),
        **_at(payment.recorded_at),
    }


def _credit_used(allocation: Allocation) -> dict[str, Any]:
    text, on = _("%(amount)s credit used", amount=money(allocation.amount)), allocation.on
    return {"icon": "coins", "kind": "ok", "text": text, "when": short_date(on), "iso": on.isoformat()}


def _at(at: datetime | None) -> dict[str, str]:
    return {"when": moment_text(at), "iso": at.isoformat() if at else ""}
