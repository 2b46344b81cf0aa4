"""What the page of one payment shows: what it settles, what is left, what went back, receipts, books and history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from admin import audit_words, links
from admin.delivery_states import reason
from admin.delivery_states import state_pill as delivery_pill
from admin.ledger_rows import ledger_rows
from admin.payment_states import attempt_pill, state_pill
from billing import allocations, balances, card_payments, card_refunds, receipts, refunds
from models import AuditEvent, Credit, Invoice, LedgerPosting, Money, Payment, RefundKind, db

NEWEST = 12


def content(payment: Payment) -> dict[str, Any]:
    settled = allocations.settled_by(payment)
    credit = allocations.credit_of(payment)
    left = credit.remaining if credit else Money.zero(payment.currency)
    deliveries = receipts.deliveries_of(payment, NEWEST)
    return {
        "pill": state_pill(payment),
        "customer_url": links.record_url(payment.customer),
        "parts": [(one, links.record_url(one.invoice, Invoice)) for one in settled],
        "left": left,
        "may_put": bool(left) and bool(balances.open_ids([payment.customer]).get(payment.customer_id)),
        "refundable": refunds.refundable(payment),
        "refunds": [row for row in refunds.of_payment(payment) if row.kind == RefundKind.REFUND],
        "deliveries": [(one, delivery_pill(one), reason(one), links.record_url(one)) for one in deliveries],
        "attempt": card_payments.of_payment(payment) if payment.gateway_id else None,
        "attempt_pill": attempt_pill,
        "to_card": card_refunds.of_payment(payment) if payment.gateway_id else [],
        "books": ledger_rows(_postings(payment)),
        "history": [audit_words.event(row) for row in _events(payment)],
        "history_url": links.list_url(AuditEvent, object_is=f"payment:{payment.id}"),
    }


def numbers_of(payment: Payment) -> list[str]:
    """The invoices that it is on, each once, without those it was taken off again."""
    sums: dict[int, int] = {}
    for one in payment.allocations:
        sums[one.invoice_id] = sums.get(one.invoice_id, 0) + one.amount_minor
    names = {one.invoice_id: str(one.invoice) for one in payment.allocations}
    return [names[number] for number, minor in sums.items() if minor]


def _postings(payment: Payment) -> list[LedgerPosting]:
    mine = select(Credit.id).where(Credit.payment_id == payment.id)
    about = or_(LedgerPosting.payment_id == payment.id, LedgerPosting.credit_id.in_(mine))
    query = select(LedgerPosting).where(about).options(selectinload(LedgerPosting.entries)).order_by(LedgerPosting.id)
    return list(db.session.scalars(query.limit(NEWEST)))


def _events(payment: Payment) -> list[AuditEvent]:
    mine = select(AuditEvent).where(AuditEvent.object_type == "payment", AuditEvent.object_id == payment.id)
    return list(db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(NEWEST)))
