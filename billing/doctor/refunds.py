"""Money that went back, was written off, or was taken off an invoice again: never more than there was."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import aliased

from models import Allocation, Credit, Invoice, Payment, Refund, RefundKind, WriteOff

from .checks import Check, Query, Scope
from .money import INVOICES, PAYMENTS, total
from .sql import as_text

REFUNDS = "refund", "refunds"
WRITE_OFFS = "write-off", "write-offs"
ALLOCATIONS = "allocation", "allocations"


def refunded_otherwise(scope: Scope) -> Query:
    """I07: what went back is what the refunds come to, and at most what came in."""
    gone = select(Refund.payment_id, total(Refund.amount_minor).label("amount")).where(Refund.came_back_on.is_(None))
    back = gone.group_by(Refund.payment_id).subquery()
    within = Payment.refunded_minor.between(0, Payment.amount_minor)
    wrong = or_(~within, Payment.refunded_minor != func.coalesce(back.c.amount, 0))
    shown = select(Payment.id, Payment.method + " of " + as_text(Payment.received_on))
    return shown.outerjoin(back, back.c.payment_id == Payment.id).where(wrong)


def half_reversed(scope: Scope) -> Query:
    """I07: a payment taken back as a mistake has one reversal, of all of it; no other payment has one."""
    is_reversal = case((Refund.kind == RefundKind.REVERSAL, 1), else_=0)
    sums = select(
        Refund.payment_id,
        func.sum(is_reversal).label("reversals"),
        func.count().label("rows"),
        total(Refund.amount_minor).label("amount"),
    )
    back = sums.group_by(Refund.payment_id).subquery()
    whole = and_(back.c.reversals == 1, back.c.rows == 1, back.c.amount == Payment.amount_minor)
    wrong = case(
        (Payment.reversed_on.is_(None), func.coalesce(back.c.reversals, 0) != 0), else_=~func.coalesce(whole, False)
    )
    shown = select(Payment.id, Payment.method + " of " + as_text(Payment.received_on))
    return shown.outerjoin(back, back.c.payment_id == Payment.id).where(wrong)


def strangers_refunds(scope: Scope) -> Query:
    """I08: payment, credit and refund are one customer's, in one currency; the credit is the payment's own, or a
    credit note's."""
    differs = or_(
        *_differ(Refund, Payment), *_differ(Refund, Credit),
        and_(Credit.invoice_id.is_(None), or_(Credit.payment_id.is_(None), Credit.payment_id != Refund.payment_id)),
        and_(Credit.invoice_id.is_not(None), Credit.payment_id.is_not(None)),
    )  # fmt: skip
    joined = select(Refund.id, Refund.reason).join(Payment, Payment.id == Refund.payment_id)
    return joined.join(Credit, Credit.id == Refund.credit_id).where(differs)


def taken_off_too_much(scope: Scope) -> Query:
    """I05: what is taken off an invoice lay there, from the same source."""
    undone, row = aliased(Allocation), Allocation
    sums = select(undone.undoes_id, total(undone.amount_minor).label("amount")).where(undone.undoes_id.is_not(None))
    back = sums.group_by(undone.undoes_id).subquery()
    too_much = select(row.id, "on " + func.coalesce(Invoice.number, "a draft")).join(Invoice)
    too_much = too_much.join(back, back.c.undoes_id == row.id).where(
        or_(row.amount_minor + back.c.amount < 0, row.undoes_id.is_not(None))
    )
    source = or_(
        undone.invoice_id != row.invoice_id,
        func.coalesce(undone.payment_id, 0) != func.coalesce(row.payment_id, 0),
        func.coalesce(undone.credit_id, 0) != func.coalesce(row.credit_id, 0),
    )
    elsewhere = select(undone.id, "on " + func.coalesce(Invoice.number, "a draft"))
    elsewhere = elsewhere.join(row, row.id == undone.undoes_id).join(Invoice, Invoice.id == undone.invoice_id)
    return select(too_much.union(elsewhere.where(source)).subquery())


def written_off_otherwise(scope: Scope) -> Query:
    """I05: an invoice has as much written off as its write-offs come to, and that is never below zero."""
    sums = select(WriteOff.invoice_id, total(WriteOff.amount_minor).label("amount")).group_by(WriteOff.invoice_id)
    off = sums.subquery()
    wrong = or_(Invoice.written_off_minor != func.coalesce(off.c.amount, 0), Invoice.written_off_minor < 0)
    shown = select(Invoice.id, func.coalesce(Invoice.number, "draft"))
    return shown.outerjoin(off, off.c.invoice_id == Invoice.id).where(wrong)


def taken_back_too_much(scope: Scope) -> Query:
    """I05: a write-off is taken back at most once, on its own invoice."""
    later = aliased(WriteOff)
    sums = select(later.undoes_id, total(later.amount_minor).label("amount"), _one(later.invoice_id).label("invoice"))
    back = sums.where(later.undoes_id.is_not(None)).group_by(later.undoes_id).subquery()
    wrong = or_(
        WriteOff.amount_minor + back.c.amount < 0,
        WriteOff.undoes_id.is_not(None),
        func.coalesce(back.c.invoice, 0) != WriteOff.invoice_id,
    )
    return select(WriteOff.id, WriteOff.reason).join(back, back.c.undoes_id == WriteOff.id).where(wrong)


def strangers_write_offs(scope: Scope) -> Query:
    """I08: of the invoice's customer, in its currency, and of an invoice that is in force."""
    wrong = or_(*_differ(WriteOff, Invoice), Invoice.kind != "invoice")
    return select(WriteOff.id, WriteOff.reason).join(Invoice, Invoice.id == WriteOff.invoice_id).where(wrong)


def _differ(one: Any, other: Any) -> tuple[Any, Any]:
    return one.customer_id != other.customer_id, one.currency != other.currency


def _one(column: Any) -> Any:
    """The one value of all rows of a group, or nothing if they differ."""
    return case((func.min(column) == func.max(column), func.min(column)))


CHECKS = (
    Check("I05", ALLOCATIONS, "of which more was taken off than lay there, or from elsewhere", taken_off_too_much),
    Check("I05", INVOICES, "with another amount written off than their write-offs", written_off_otherwise),
    Check("I05", WRITE_OFFS, "taken back twice, or on another invoice", taken_back_too_much),
    Check("I07", PAYMENTS, "of which more went back than came in, or than the refunds say", refunded_otherwise),
    Check("I07", PAYMENTS, "taken back as a mistake only in part", half_reversed),
    Check("I08", REFUNDS, "between different customers or currencies, or out of a strange credit", strangers_refunds),
    Check("I08", WRITE_OFFS, "of another customer or currency than their invoice", strangers_write_offs),
)
