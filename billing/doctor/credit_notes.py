"""Credit notes: each takes back an issued invoice, never more than there was of it or of a line."""

from __future__ import annotations

from sqlalchemy import and_, case, exists, func, or_, select

from models import Charge, CreditNotePart, Invoice, InvoiceLine, InvoiceState

from .checks import Check, Query, Scope
from .documents import FROZEN, right_tax, taxes_by_rate
from .money import INVOICES, taken_back_by_invoice, total

NOTES = "credit note", "credit notes"
TAKES_BACK = and_(Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None))
IN_FORCE = and_(Invoice.kind == "credit_note", Invoice.state == InvoiceState.ISSUED)


def stray_credit_notes(scope: Scope) -> Query:
    """I17: each points to an issued invoice of the same customer and currency; one without an original of its own is
    about such invoices part by part, and takes lines of documents back, or the rest of a prepayment."""
    original = Invoice.__table__.alias("original")
    right = and_(
        original.c.kind == "invoice",
        original.c.state != InvoiceState.DRAFT,
        original.c.customer_id == Invoice.customer_id,
        original.c.currency == Invoice.currency,
    )
    prepaid = exists().where(Charge.id == InvoiceLine.charge_id, Charge.price_minor < 0)
    takes = or_(InvoiceLine.original_line_id.is_not(None), prepaid)
    takes_back = exists().where(InvoiceLine.invoice_id == Invoice.id, takes)
    joined = select(Invoice.id, Invoice.number).outerjoin(original, original.c.id == Invoice.original_id)
    alone = and_(Invoice.original_id.is_(None), takes_back)
    return joined.where(Invoice.kind == "credit_note", FROZEN, ~func.coalesce(right, False), ~alone)


def wrong_parts(scope: Scope) -> Query:
    """I17: the parts of a credit note are of invoices of its customer and currency, only where it has no original of
    its own, and come to no more than its total."""
    of, note = Invoice.__table__.alias("of"), Invoice.__table__.alias("note")
    sums = select(CreditNotePart.credit_note_id, total(CreditNotePart.amount_minor).label("amount"))
    whole = sums.group_by(CreditNotePart.credit_note_id).subquery()
    right = and_(
        of.c.kind == "invoice",
        of.c.customer_id == note.c.customer_id,
        of.c.currency == note.c.currency,
        CreditNotePart.currency == note.c.currency,
        note.c.kind == "credit_note",
        note.c.original_id.is_(None),
        whole.c.amount <= note.c.total_minor,
    )
    return (
        select(CreditNotePart.id, note.c.number)
        .join(of, of.c.id == CreditNotePart.invoice_id)
        .join(note, note.c.id == CreditNotePart.credit_note_id)
        .join(whole, whole.c.credit_note_id == note.c.id)
        .where(~right)
    )


def credited_too_much(scope: Scope) -> Query:
    """I17: what an invoice says was taken back of it is what its credit notes come to, and not above its total."""
    taken = taken_back_by_invoice()
    joined = select(Invoice.id, func.coalesce(Invoice.number, "draft"))
    joined = joined.outerjoin(taken, taken.c.invoice_id == Invoice.id)
    back = func.coalesce(taken.c.amount, 0)
    return joined.where(or_(Invoice.credited_minor != back, and_(back > 0, back > Invoice.total_minor)))


def lines_credited_too_much(scope: Scope) -> Query:
    """I17: per line, by credit notes and by lines that give back unused days: of the same customer, and a note that
    names its original takes back lines of that one only. What was charged on a credit note stands below zero there."""
    line, original = InvoiceLine.__table__.alias("line"), InvoiceLine.__table__.alias("original")
    its = Invoice.__table__.alias("its")
    on_note = Invoice.kind == "credit_note"
    named = case((on_note, Invoice.original_id))
    minor = case((on_note, 1), else_=-1) * line.c.amount_minor - line.c.document_discount_minor
    sums = (
        select(
            line.c.original_line_id.label("id"),
            total(minor).label("back"),
            func.min(named).label("least"),
            func.max(named).label("most"),
            func.min(Invoice.customer_id).label("customer"),
            func.max(Invoice.customer_id).label("last_customer"),
        )
        .join(Invoice, Invoice.id == line.c.invoice_id)
        .where(TAKES_BACK, line.c.original_line_id.is_not(None))
        .group_by(line.c.original_line_id)
        .subquery()
    )
    sign = case((its.c.kind == "credit_note", -1), else_=1)
    net = sign * original.c.amount_minor - original.c.document_discount_minor
    own = and_(
        func.coalesce(sums.c.least, original.c.invoice_id) == original.c.invoice_id,
        func.coalesce(sums.c.most, original.c.invoice_id) == original.c.invoice_id,
        sums.c.customer == its.c.customer_id,
        sums.c.last_customer == its.c.customer_id,
    )
    within = or_(and_(net >= 0, sums.c.back.between(0, net)), and_(net < 0, sums.c.back.between(net, 0)))
    joined = select(original.c.id, its.c.number).join(sums, sums.c.id == original.c.id)
    return joined.join(its, its.c.id == original.c.invoice_id).where(or_(~own, ~within))


def wrong_note_taxes(scope: Scope) -> Query:
    """I17: all credit notes that name an invoice carry together each rate's tax on what they took back, rounded once.
    One without an original carries its own: see doctor.documents."""
    per_rate = taxes_by_rate(Invoice.original_id, and_(IN_FORCE, Invoice.original_id.is_not(None)))
    joined = select(Invoice.id, Invoice.number).join(per_rate, per_rate.c.owner == Invoice.id)
    return joined.where(~right_tax(per_rate, scope)).distinct()


CHECKS = (
    Check("I17", NOTES, "without the invoice taken back", stray_credit_notes),
    Check("I17", NOTES, "with parts that are of other invoices or above its total", wrong_parts),
    Check("I17", INVOICES, "with other credit notes than they say, or above the total", credited_too_much),
    Check("I17", ("invoice line", "invoice lines"), "taken back more than once", lines_credited_too_much),
    Check("I17", INVOICES, "with credit notes whose taxes are not their rate on what they took back", wrong_note_taxes),
)
