"""Discounts agreed in a quote for every bill of a service: once it runs, they come off by themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

from models import Discount, DiscountAudience, DiscountKind, Money, QuoteLine, Service, db

from . import audit
from .actor import Actor
from .discount_terms import DEFAULTS, HIGHEST_PRIORITY, amounts_of, read

REASON = "Agreed in the quote"


def is_agreed(line: QuoteLine) -> bool:
    """Whether the line's discount holds for every bill; one that came by itself goes on by itself."""
    fixed = line.discount_minor and line.discount_percent is None
    return line.discount_always and line.discount_id is None and bool(fixed or line.discount_percent)


def agree(service: Service, line: QuoteLine, number: str, since: date, *, by: Actor) -> Discount:
    """The line's discount off the service's own price on every bill from the day `since` on; it wins over others.
    Whoever may end it does so among the discounts. Raises DiscountRefused. Flushes."""
    amounts = [] if line.discount_percent is not None else [Money(line.discount_minor, line.currency)]
    values: dict[str, Any] = {
        "name": f"{number}: {service}"[:120], "reason": line.discount_reason or REASON,
        "audience": DiscountAudience.CUSTOMER, "customer_id": service.customer_id, "starts_on": since,
        "kind": DiscountKind.AMOUNT if amounts else DiscountKind.PERCENT, "percent": line.discount_percent,
        "priority": HIGHEST_PRIORITY,
    }  # fmt: skip
    discount = Discount(**read({**DEFAULTS, **values}, amounts), service_id=service.id)
    discount.amounts = amounts_of(discount, amounts)
    db.session.add(discount)
    db.session.flush()
    after = {"service": str(service), "quote": number, "starts_on": since.isoformat(), "reason": discount.reason}
    audit.record(by, "discount.created", discount, after=after)
    return discount
