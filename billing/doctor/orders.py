"""Orders: what they made is their customer's, and comes to what was ordered."""

from __future__ import annotations

from sqlalchemy import or_, select

from models import Invoice, Order, OrderState

from .checks import Check, Query, Scope

ORDERS = "order", "orders"


def others_invoices(scope: Scope) -> Query:
    """I104: the invoice of an order is its customer's, of its form's currency, and comes to the total it tells."""
    joined = select(Order.id, Order.number).join(Invoice, Invoice.id == Order.invoice_id)
    return joined.where(
        or_(
            Order.customer_id.is_(None),
            Invoice.customer_id != Order.customer_id,
            Invoice.currency != Order.currency,
            Invoice.total_minor != Order.total_minor,
        )
    )


def made_too_early(scope: Scope) -> Query:
    """I104: nothing runs for an order that was not accepted; one that was, tells when and by whom."""
    made = Order.state.in_([OrderState.ACCEPTED, OrderState.EXPIRED])
    return select(Order.id, Order.number).where(
        or_(
            Order.service_id.is_not(None) & ~made,
            (Order.state == OrderState.ACCEPTED) & Order.decided_at.is_(None),
        )
    )


CHECKS = (
    Check("I104", ORDERS, "whose invoice is somebody else's or another sum", others_invoices),
    Check("I104", ORDERS, "that made something before it was accepted", made_too_early),
)
