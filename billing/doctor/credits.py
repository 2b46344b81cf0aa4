"""Credit that left otherwise than for an invoice, and prepayments: nothing of either is lost or taken twice."""

from __future__ import annotations

from sqlalchemy import BigInteger, and_, case, func, or_, select, type_coerce

from billing.credit_outflows import POSTINGS
from models import (
    Account,
    Charge,
    Credit,
    CreditOutflow,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LedgerEntry,
    LedgerPosting,
    Outflow,
)

from .checks import Check, Query, Scope
from .money import total
from .sql import as_text, rounded, whole

OUTFLOWS = "piece of credit", "pieces of credit"
CREDITS = "credit", "credits"
PREPAYMENTS = "prepayment", "prepayments"


def wrong_outflows(scope: Scope) -> Query:
    """I70: what left by one posting is what that posting took from the account's credit, on its day and of its kind."""
    booked = (
        select(LedgerEntry.posting_id, LedgerEntry.currency, total(LedgerEntry.amount_minor).label("amount"))
        .where(LedgerEntry.account == Account.CREDIT)
        .group_by(LedgerEntry.posting_id, LedgerEntry.currency)
        .subquery()
    )
    whole_of = select(CreditOutflow.posting_id, total(CreditOutflow.amount_minor).label("amount"))
    left = whole_of.group_by(CreditOutflow.posting_id).subquery()
    kind = case(*((CreditOutflow.kind == one, name) for one, name in POSTINGS.items()), else_="")
    right = and_(
        booked.c.amount == left.c.amount,
        booked.c.currency == CreditOutflow.currency,
        LedgerPosting.kind == kind,
        LedgerPosting.on == CreditOutflow.on,
        Credit.currency == CreditOutflow.currency,
        Credit.customer_id == CreditOutflow.customer_id,
    )
    return (
        select(CreditOutflow.id, LedgerPosting.kind + " of " + as_text(CreditOutflow.on))
        .join(LedgerPosting, LedgerPosting.id == CreditOutflow.posting_id)
        .join(Credit, Credit.id == CreditOutflow.credit_id)
        .join(left, left.c.posting_id == CreditOutflow.posting_id)
        .outerjoin(booked, booked.c.posting_id == CreditOutflow.posting_id)
        .where(~func.coalesce(right, False))
    )


def untimely_outflows(scope: Scope) -> Query:
    """I71: credit runs out after its last day, is paid out from its first to its last, and is taken back only if the
    business gave it."""
    own = or_(Credit.payment_id.is_not(None), Credit.invoice_id.is_not(None))
    kind, on = CreditOutflow.kind, CreditOutflow.on
    after = func.coalesce(on > Credit.expires_on, False)
    in_time = and_(on >= Credit.granted_on, or_(Credit.expires_on.is_(None), on <= Credit.expires_on))
    right = case((kind == Outflow.EXPIRED, after), (kind == Outflow.PAID_OUT, in_time), else_=~own)
    joined = select(CreditOutflow.id, Credit.reason).join(Credit, Credit.id == CreditOutflow.credit_id)
    return joined.where(~right)


def own_money_runs_out(scope: Scope) -> Query:
    """I71: what a customer paid for never runs out."""
    own = or_(Credit.payment_id.is_not(None), Credit.invoice_id.is_not(None))
    return select(Credit.id, Credit.reason).where(own, Credit.expires_on.is_not(None))


def wrong_prepaid_rests(scope: Scope) -> Query:
    """I72: what is left of a prepayment is all of it, less what invoices in force and unpaid proformas took off, and
    again what credit notes took back of that."""
    signed = case((Invoice.kind == "credit_note", -InvoiceLine.amount_minor), else_=InvoiceLine.amount_minor)
    in_force = and_(Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None))
    original = InvoiceLine.__table__.alias("original")
    charge_id = func.coalesce(InvoiceLine.charge_id, original.c.charge_id)
    taken = (
        select(charge_id.label("charge_id"), total(signed).label("amount"))
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .outerjoin(original, original.c.id == InvoiceLine.original_line_id)
        .where(charge_id.is_not(None), in_force)
        .group_by(charge_id)
        .subquery()
    )
    price = type_coerce(Charge.price_minor, BigInteger)
    all_of_it = -rounded(whole(price, scope) * whole(Charge.quantity, scope), 10**6, scope)
    right = Charge.left_minor == all_of_it + func.coalesce(taken.c.amount, 0)
    joined = select(Charge.id, Charge.description).outerjoin(taken, taken.c.charge_id == Charge.id)
    return joined.where(case((Charge.price_minor < 0, ~right), else_=Charge.left_minor != 0))


def spent_but_waiting(scope: Scope) -> Query:
    """I72: a prepayment of which nothing is left waits for no bill."""
    spent = (Charge.price_minor < 0, Charge.left_minor == 0, Charge.next_on.is_not(None))
    return select(Charge.id, Charge.description).where(*spent)


CHECKS = (
    Check("I70", OUTFLOWS, "that ran out, was paid out or taken back otherwise than booked", wrong_outflows),
    Check("I71", OUTFLOWS, "that ran out, was paid out or taken back when it could not", untimely_outflows),
    Check("I71", CREDITS, "of the customer's own money with a last day", own_money_runs_out),
    Check("I72", PREPAYMENTS, "whose rest is not all of it less what bills took off", wrong_prepaid_rests),
    Check("I72", PREPAYMENTS, "that wait for a bill although nothing is left", spent_but_waiting),
)
