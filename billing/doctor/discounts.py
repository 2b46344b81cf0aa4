"""Discounts: none is more than its line, every one is accounted for, and codes are counted right."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, and_, func, literal, or_, select, type_coerce

from models import Coupon, CouponUse, Discount, DiscountUse, Invoice, InvoiceLine, InvoiceState

from .checks import Check, Query, Scope
from .money import total
from .sql import as_text, rounded, whole

_WHOLE = 1_000_000  # a hundred percent, as it is stored


def wrong_discounts(scope: Scope) -> Query:
    """I80: 0 ≤ discount ≤ the line before it; where it is a percentage of that, it is that percentage, rounded once."""
    discount = type_coerce(InvoiceLine.discount_minor, BigInteger)
    before = whole(InvoiceLine.amount_minor, scope) + whole(InvoiceLine.discount_minor, scope)
    percent = whole(InvoiceLine.discount_percent, scope)
    share = or_(InvoiceLine.discount_percent.is_(None), discount == rounded(before * percent, _WHOLE, scope))
    right = and_(discount >= 0, or_(discount == 0, discount <= before), share)
    issued = and_(Invoice.kind == "invoice", Invoice.state == InvoiceState.ISSUED)
    shown = Invoice.number + literal(" line ", String) + as_text(InvoiceLine.position)
    lines = select(InvoiceLine.id, shown).join(Invoice, Invoice.id == InvoiceLine.invoice_id)
    touched = or_(discount != 0, InvoiceLine.discount_percent.is_not(None))
    return lines.where(issued, touched, ~right)


def unaccounted(scope: Scope) -> Query:
    """I81: what the discounts of an invoice took off its lines is what is remembered of them."""
    lines = select(InvoiceLine.invoice_id, total(InvoiceLine.discount_minor).label("minor"))
    taken = lines.where(InvoiceLine.discount_id.is_not(None)).group_by(InvoiceLine.invoice_id).subquery()
    uses = select(DiscountUse.invoice_id, total(DiscountUse.amount_minor).label("minor"))
    used = uses.where(DiscountUse.invoice_id.is_not(None)).group_by(DiscountUse.invoice_id).subquery()
    issued = and_(Invoice.kind == "invoice", Invoice.state != InvoiceState.DRAFT)
    return (
        select(Invoice.id, Invoice.number)
        .outerjoin(taken, taken.c.invoice_id == Invoice.id)
        .outerjoin(used, used.c.invoice_id == Invoice.id)
        .where(issued, func.coalesce(taken.c.minor, 0) != func.coalesce(used.c.minor, 0))
    )


def strangers_discounts(scope: Scope) -> Query:
    """I81: what a discount took off, it took off for its own customer, on that customer's invoice."""
    return (
        select(DiscountUse.id, Discount.name)
        .join(Discount, Discount.id == DiscountUse.discount_id)
        .outerjoin(Invoice, Invoice.id == DiscountUse.invoice_id)
        .where(
            or_(
                Invoice.customer_id != DiscountUse.customer_id,
                Invoice.currency != DiscountUse.currency,
                Discount.customer_id != DiscountUse.customer_id,
            )
        )
    )


def wrong_counters(scope: Scope) -> Query:
    """I82: the counter of a code is the number of times it was given in, and within its limit."""
    counted = select(CouponUse.coupon_id, func.count().label("uses")).group_by(CouponUse.coupon_id).subquery()
    uses = func.coalesce(counted.c.uses, 0)
    return (
        select(Coupon.id, Coupon.code)
        .outerjoin(counted, counted.c.coupon_id == Coupon.id)
        .where(or_(Coupon.uses != uses, uses > Coupon.most_uses))
    )


CHECKS = (
    Check("I80", ("line", "lines"), "with a discount that is not its own share or more than the line", wrong_discounts),
    Check("I81", ("invoice", "invoices"), "whose discounts are not what is remembered of them", unaccounted),
    Check("I81", ("use of a discount", "uses of discounts"), "by somebody it is not for", strangers_discounts),
    Check("I82", ("code", "codes"), "not given in as often as its counter says", wrong_counters),
)
