"""Discounts agreed for one service: they go along when it goes to another customer.

What one took off stays with who had it, so the new customer gets one of its own, for what is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from models import Customer, Discount, DiscountAmount, DiscountKind, DiscountUse, Invoice, InvoiceState, Service, db

from . import audit
from .actor import Actor
from .discount_table import IN_FORCE, offer_of

_OF_ITS_OWN = ("id", "version", "customer_id", "last_on", "lasts_months", "lasts_days", "bills")


def coming(service: Service, currency: str, day: date) -> Sequence[Discount]:
    """Those that come off a bill of the service on `day` or later, in the currency it will be priced in."""
    mine = Discount.service_id == service.id, Discount.customer_id == service.customer_id, IN_FORCE
    lasting = or_(Discount.last_on.is_(None), Discount.last_on >= day)
    found = db.session.scalars(select(Discount).where(*mine, lasting).order_by(Discount.id))
    return [one for one in found if _suits(one, currency) and _left(one, day) is not None]


def go_along(service: Service, to: Customer, currency: str, *, by: Actor) -> list[Discount]:
    """Give them to the customer that the service goes to, which it has not gone to yet. Flushes."""
    made = []
    for old in coming(service, currency, by.today):
        new = _copy(old, to, by.today)
        old.archived_on = by.today
        audit.record(by, "discount.archived", old, after={"to": to.name})
        db.session.add(new)
        db.session.flush()
        audit.record(by, "discount.created", new, after={"service": str(service), "from": service.customer.name})
        made.append(new)
    return made


def _suits(discount: Discount, currency: str) -> bool:
    percent = discount.kind is DiscountKind.PERCENT
    return percent or any(amount.currency == currency for amount in discount.amounts)


def _copy(old: Discount, to: Customer, day: date) -> Discount:
    left = _left(old, day)
    assert left is not None
    kept = {c.name: getattr(old, c.name) for c in Discount.__table__.c if c.name not in _OF_ITS_OWN}
    new = Discount(**kept, **left, customer_id=to.id)
    new.packages = list(old.packages)
    new.amounts = [DiscountAmount(currency=one.currency, amount_minor=one.amount_minor) for one in old.amounts]
    return new


def _left(discount: Discount, day: date) -> dict[str, Any] | None:
    """How long it goes on from `day`, and for how many bills; None where it is over."""
    uses = select(func.min(DiscountUse.first_on), func.count())
    uses = uses.outerjoin(Invoice, Invoice.id == DiscountUse.invoice_id)
    counts = or_(Invoice.id.is_(None), Invoice.state != InvoiceState.VOID)
    first_on, used = db.session.execute(uses.where(DiscountUse.discount_id == discount.id, counts)).one()
    last_on, bills = discount.last_on, discount.bills
    lasts = {"lasts_months": discount.lasts_months, "lasts_days": discount.lasts_days}
    if first_on is not None and any(lasts.values()):
        ends = offer_of(discount, (), ()).ends_after(first_on) - timedelta(days=1)
        last_on, lasts = min(last_on or ends, ends), dict.fromkeys(lasts, 0)
    if bills is not None:
        bills -= used
    over = (last_on is not None and last_on < day) or (bills is not None and bills <= 0)
    return None if over else {**lasts, "last_on": last_on, "bills": bills}
