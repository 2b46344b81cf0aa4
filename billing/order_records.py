"""What an order says for good: what was picked and what it came to, frozen and read back; and orders by customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select

from models import Customer, LineKind, Money, Order, OrderState, PortalAccess, PortalUser, db

from .order_figures import Figures, OrderLine
from .periods import BillingPeriod

DECIDABLE = frozenset({OrderState.HELD, OrderState.WAITING})
"""Orders that staff accept or refuse."""


def frozen(found: Figures) -> dict[str, Any]:
    """What was picked and what it came to, in plain values."""
    picked = found.picked
    return {
        "package_id": picked.package.id, "package": picked.package.name, "months": picked.price.months,
        "days": picked.price.days, "price_minor": picked.price.price_minor,
        "setup_fee_minor": picked.price.setup_fee_minor, "currency": picked.price.currency,
        "options": [
            {"option_id": one.option.id, "name": one.option.name, "value": one.value,
             "quantity": f"{one.quantity:f}", "price_minor": one.price.minor}
            for one in picked.options
        ],
        "lines": [
            {"kind": str(one.kind), "description": one.description, "amount_minor": one.amount.minor,
             "start": one.period.start.isoformat() if one.period else "",
             "end": one.period.end.isoformat() if one.period else "",
             "discount_minor": one.discount.minor, "reason": one.reason}
            for one in found.lines
        ],
        "net_minor": found.net.minor,
        "taxes": [{"rate": f"{one.rate:f}", "category": one.category, "tax_minor": one.tax.minor}
                  for one in found.taxes],
        "includes_tax": found.includes_tax,
        "rate": found.rate,
        "total_minor": found.total.minor,
        "later_on": found.later_on.isoformat() if found.later_on else "",
        "trial_until": found.trial_until.isoformat() if found.trial_until else "",
    }  # fmt: skip


def listed_in(order: Order) -> str:
    """The currency of the prices that were picked: the order's, unless they were converted."""
    return str(order.chosen.get("currency") or order.currency)


def tell_sums(order: Order, found: Figures) -> None:
    """Let the order say what it comes to; all of it anew where that is in another currency than before."""
    order.total_minor = found.total.minor
    if found.total.currency != order.currency:
        order.chosen, order.currency = frozen(found), found.total.currency
        order.later_minor = found.later.minor if found.later else 0


def lines(order: Order) -> list[OrderLine]:
    """The lines of its first bill as they were shown."""
    return [
        OrderLine(
            LineKind(one["kind"]),
            one["description"],
            BillingPeriod(date.fromisoformat(one["start"]), date.fromisoformat(one["end"])) if one["start"] else None,
            Money(one["amount_minor"], order.currency),
            Money(one["discount_minor"], order.currency),
            one["reason"],
        )
        for one in order.chosen["lines"]
    ]


def of_customer(customer: Customer, limit: int = 20) -> list[Order]:
    """The orders of a customer, the newest first."""
    mine = select(Order).where(Order.customer_id == customer.id).order_by(Order.id.desc())
    return list(db.session.scalars(mine.limit(limit)))


def of_invitations(user: PortalUser, invited: Sequence[PortalAccess]) -> dict[int, Order]:
    """The orders that these invitations came of, by the customer's id."""
    customers = [one.customer_id for one in invited]
    mine = select(Order).where(Order.portal_user_id == user.id, Order.customer_id.in_(customers))
    return {order.customer_id: order for order in db.session.scalars(mine) if order.customer_id} if customers else {}


def undecided() -> int:
    """How many orders are held or wait for approval."""
    wanted = select(func.count()).select_from(Order).where(Order.state.in_(DECIDABLE))
    return db.session.scalar(wanted) or 0
