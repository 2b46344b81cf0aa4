"""Discounts agreed in a quote that later bills of a service take off by themselves: those for every bill, and those of
a service that is free to try first."""

from __future__ import annotations

from datetime import date
from typing import Any

from models import Discount, DiscountAudience, DiscountCovers, DiscountKind, LineKind, Money, QuoteLine, Service, db

from . import audit
from .actor import Actor
from .discount_terms import DEFAULTS, HIGHEST_PRIORITY, amounts_of, read

REASON = "Agreed in the quote"


def is_agreed(line: QuoteLine) -> bool:
    """Whether later bills take the line's discount off: that of every bill, and after a trial that of the first one.
    One that came by itself goes on by itself; that of an option is in its price (quote_lines.agreed_price)."""
    if line.kind == LineKind.OPTION:
        return False
    fixed = line.discount_minor and line.discount_percent is None
    later = line.discount_always or bool(line.trial_days)
    return later and line.discount_id is None and bool(fixed or line.discount_percent)


def agree(service: Service, line: QuoteLine, number: str, since: date, *, by: Actor) -> Discount:
    """The line's discount off the service's own price, or off its set-up fee, from the day `since` on: on every bill,
    or on the first one. It wins over others. Whoever may end it does so among the discounts. Raises DiscountRefused.
    Flushes."""
    setup = line.kind == LineKind.SETUP
    amounts = [] if line.discount_percent is not None else [Money(line.discount_minor, line.currency)]
    values: dict[str, Any] = {
        "name": f"{number}: {service}"[:120], "reason": line.discount_reason or REASON,
        "audience": DiscountAudience.CUSTOMER, "customer_id": service.customer_id, "starts_on": since,
        "kind": DiscountKind.AMOUNT if amounts else DiscountKind.PERCENT, "percent": line.discount_percent,
        "priority": HIGHEST_PRIORITY, "covers": DiscountCovers.SETUP if setup else DiscountCovers.PRICE,
        "bills": None if line.discount_always or setup else 1,
    }  # fmt: skip
    discount = Discount(**read({**DEFAULTS, **values}, amounts), service_id=service.id)
    discount.amounts = amounts_of(discount, amounts)
    db.session.add(discount)
    db.session.flush()
    after = {"service": str(service), "quote": number, "starts_on": since.isoformat(), "reason": discount.reason}
    audit.record(by, "discount.created", discount, after=after)
    return discount
