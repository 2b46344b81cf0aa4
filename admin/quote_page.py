"""What the page of a quote shows beside the document: its answer, its mails, its versions and its story."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash
from flask_babel import gettext as _
from sqlalchemy import select

from admin import audit_words, links
from admin.delivery_states import reason
from admin.delivery_states import state_pill as delivery_pill
from admin.invoice_states import today
from admin.quote_states import state_of, state_pill
from billing import company, quote_answers
from billing.quotes import REVISABLE
from integrations.documents import InvoiceDocument
from messaging import quote_document, quote_mail
from models import AuditEvent, Delivery, DeliveryState, Invoice, Quote, QuoteAnswer, QuoteState, db
from web.formatters import moment_text, short_date

NEWEST = 12


def content(quote: Quote) -> dict[str, Any]:
    on = today()
    deliveries = quote_mail.deliveries_of(quote, NEWEST) if quote.number else []
    return {
        "pill": state_pill(quote, on),
        "state": state_of(quote, on),
        "is_open": quote_answers.is_open(quote, on),
        "may_revise": quote.state in REVISABLE and quote.invoice_id is None,
        "document": document(quote),
        "customer_url": links.record_url(quote.customer),
        "invoice_url": links.record_url(quote.invoice, Invoice) if quote.invoice else "",
        "answered_how": how_answered(quote),
        "deliveries": [(one, delivery_pill(one), reason(one), links.record_url(one)) for one in deliveries],
        "versions": [(one, state_pill(one, on)) for one in versions(quote)],
        "history": history(quote, deliveries),
        "history_url": links.list_url(AuditEvent, object_is=f"quote:{quote.id}"),
    }


def to_send(quote: Quote) -> dict[str, Any]:
    """What sending it does, as the page before it says."""
    if quote.state != QuoteState.DRAFT:
        words = _("Each address gets a link of its own. Links that were sent before stay good.")
        return {"told": [("", "link", words)]}
    last = quote.valid_until or today() + timedelta(days=company.value("quote_days"))
    told = [
        ("", "file-check", _("It gets its number and is frozen, with the taxes of today.")),
        ("", "clock", _("It can be accepted until %(day)s, by its link or in the portal.", day=short_date(last))),
        ("", "mail", _("Each address gets the PDF and a link of its own. Tick none to hand it over yourself.")),
    ]  # fmt: skip
    if quote.revises is not None:
        told.append(("warn", "repeat", _("%(number)s can no longer be accepted.", number=quote.revises.number)))
    return {"told": told}


def document(quote: Quote) -> InvoiceDocument | None:
    """The very words of the PDF; None, and the reason told, where what was frozen cannot be read."""
    try:
        return quote_document.document_data(quote, nameless=True)
    except quote_document.NotPrintable as error:
        flash(str(error), "danger")
        return None


def how_answered(quote: Quote) -> str:
    words = {
        QuoteAnswer.LINK: _("By the link of a mail"),
        QuoteAnswer.PORTAL: _("In the portal"),
        QuoteAnswer.STAFF: _("Recorded by staff"),
    }
    return words[quote.answered_how] if quote.answered_how else ""


def versions(quote: Quote) -> list[Quote]:
    """All versions of it, the newest first; a draft of the next one too. Empty if there is just this one."""
    if quote.sequence is None and quote.revises_id is None:
        return []
    first = quote if quote.sequence is not None else db.session.get_one(Quote, quote.revises_id)
    same = select(Quote.id).where(Quote.series_id == first.series_id, Quote.sequence == first.sequence)
    next_one = select(Quote.id).where(Quote.revises_id.in_(same), Quote.state == QuoteState.DRAFT)
    found = select(Quote).where(Quote.id.in_(same.union(next_one))).order_by(Quote.revision.desc()).limit(NEWEST)
    rows = list(db.session.scalars(found))
    return rows if len(rows) > 1 else []


def history(quote: Quote, deliveries: list[Delivery]) -> list[dict[str, Any]]:
    """What happened, the newest first."""
    mine = select(AuditEvent).where(AuditEvent.object_type == "quote", AuditEvent.object_id == quote.id)
    told = [audit_words.event(row) for row in db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(NEWEST))]
    told += [_sent(row) for row in deliveries if row.state == DeliveryState.SENT and row.sent_at]
    told.sort(key=lambda event: event["iso"], reverse=True)
    return told[:NEWEST]


def _sent(delivery: Delivery) -> dict[str, Any]:
    text = _("Sent to %(address)s", address=delivery.address)
    at = delivery.sent_at
    return {
        "icon": "send", "kind": "ok", "text": text, "when": moment_text(at), "iso": at.isoformat() if at else "",
    }  # fmt: skip
