"""Credit notes: each takes back an issued invoice, never more than there was of it or of a line."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select

from models import Invoice, InvoiceLine, InvoiceState

from .checks import Check, Query, Scope
from .documents import FROZEN, right_tax, taxes_by_rate
from .money import INVOICES, total

NOTES = "credit note", "credit notes"
IN_FORCE = and_(Invoice.kind == "credit_note", Invoice.state == InvoiceState.ISSUED)


def stray_credit_notes(scope: Scope) -> Query:
    """I17: each points to an issued invoice of the same customer and currency."""
    original = Invoice.__table__.alias("original")
    right = and_(
        original.c.kind == "invoice",
        original.c.state != InvoiceState.DRAFT,
        original.c.customer_id == Invoice.customer_id,
        original.c.currency == Invoice.currency,
    )
    joined = select(Invoice.id, Invoice.number).outerjoin(original, original.c.id == Invoice.original_id)
    return joined.where(Invoice.kind == "credit_note", FROZEN, ~func.coalesce(right, False))


def credited_too_much(scope: Scope) -> Query:
    """I17: what an invoice says was taken back of it is what its credit notes come to, and not above its total."""
    note = Invoice.__table__.alias("note")
    sums = select(note.c.original_id, total(note.c.total_minor).label("amount"))
    notes = sums.where(note.c.kind == "credit_note", note.c.state == InvoiceState.ISSUED).group_by(note.c.original_id)
    taken = notes.subquery()
    joined = select(Invoice.id, func.coalesce(Invoice.number, "draft"))
    joined = joined.outerjoin(taken, taken.c.original_id == Invoice.id)
    back = func.coalesce(taken.c.amount, 0)
    return joined.where(or_(Invoice.credited_minor != back, and_(back > 0, back > Invoice.total_minor)))


def lines_credited_too_much(scope: Scope) -> Query:
    """I17: per line of the invoice; and a note takes back lines of its own invoice only."""
    line, original = InvoiceLine.__table__.alias("line"), InvoiceLine.__table__.alias("original")
    net = original.c.amount_minor - original.c.document_discount_minor
    sums = (
        select(
            line.c.original_line_id.label("id"),
            total(line.c.amount_minor - line.c.document_discount_minor).label("back"),
            func.min(Invoice.original_id).label("least"),
            func.max(Invoice.original_id).label("most"),
        )
        .join(Invoice, Invoice.id == line.c.invoice_id)
        .where(IN_FORCE, line.c.original_line_id.is_not(None))
        .group_by(line.c.original_line_id)
        .subquery()
    )
    own = and_(sums.c.least == original.c.invoice_id, sums.c.most == original.c.invoice_id)
    within = or_(and_(net >= 0, sums.c.back.between(0, net)), and_(net < 0, sums.c.back.between(net, 0)))
    joined = select(original.c.id, Invoice.number).join(sums, sums.c.id == original.c.id)
    return joined.join(Invoice, Invoice.id == original.c.invoice_id).where(or_(~own, ~within))


def wrong_note_taxes(scope: Scope) -> Query:
    """I17: all credit notes of an invoice together carry each rate's tax on what they took back, rounded once."""
    per_rate = taxes_by_rate(Invoice.original_id, IN_FORCE)
    joined = select(Invoice.id, Invoice.number).join(per_rate, per_rate.c.owner == Invoice.id)
    return joined.where(~right_tax(per_rate, scope)).distinct()


CHECKS = (
    Check("I17", NOTES, "without the invoice taken back", stray_credit_notes),
    Check("I17", INVOICES, "with other credit notes than they say, or above the total", credited_too_much),
    Check("I17", ("invoice line", "invoice lines"), "taken back more than once", lines_credited_too_much),
    Check("I17", INVOICES, "with credit notes whose taxes are not their rate on what they took back", wrong_note_taxes),
)
