"""Orders that were abandoned: not confirmed by their day, or accepted and never paid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import select

from models import BillingError, Invoice, InvoiceState, Order, OrderState, Service, ServiceStatus, WaitsFor, db

from . import audit, card_payments, company, invoices, services
from .actor import Actor
from .orders import lock

CHUNK, DAY = 200, timedelta(days=1)
WHY = "The order was not paid."


def unconfirmed(at: datetime, *, by: Actor) -> Iterator[int]:
    """Orders whose address nobody confirmed in time are expired, some hundred at a time; how many each time. `at` is
    the moment (aware UTC). The caller commits after each. Raises NotAllowed."""
    by.require("orders.edit")
    while True:
        over = select(Order).where(Order.state == OrderState.BEGUN, Order.expires_at <= at)
        some = over.order_by(Order.expires_at, Order.id).limit(CHUNK).with_for_update(skip_locked=True, of=Order)
        found = db.session.scalars(some).all()
        for order in found:
            order.state, order.decided_at, order.token_hash = OrderState.EXPIRED, by.at, None
            audit.record(by, "order.expired", order, after={"reason": "not confirmed"})
        db.session.flush()
        if found:
            yield len(found)
        if len(found) < CHUNK:
            return


def unpaid(today: date, *, by: Actor) -> Iterator[int]:
    """Accepted orders on which nothing was paid within the days of the settings: what waits for the money is called
    off, and the invoice voided. One at a time; 1 for each, 0 where something keeps it. The caller commits after each.
    """
    by.require("orders.edit")
    days = company.value("order_unpaid_days")
    if not days:
        return
    for number in _unpaid(today - timedelta(days=days)):
        yield _call_off(number, by)


def _unpaid(until: date) -> list[int]:
    """Orders accepted up to that day whose service still waits, with an invoice on which all is open."""
    waits = Service.status == ServiceStatus.PENDING, Service.waits_for == WaitsFor.PAYMENT
    wanted = (
        select(Order.id)
        .join(Service, Service.id == Order.service_id)
        .join(Invoice, Invoice.id == Order.invoice_id)
        .where(Order.state == OrderState.ACCEPTED, Order.decided_at < company.beginning_of(until + DAY), *waits)
        .where(Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None))
        .where((Invoice.kind == "proforma") | (Invoice.open_minor == Invoice.total_minor))
    )
    return list(db.session.scalars(wanted.order_by(Order.id).limit(CHUNK)))


def _call_off(number: int, by: Actor) -> int:
    """The service ends before it began, and its invoice is void; whatever refuses that, a card payment under way among
    it, keeps the order for a person to look at."""
    try:
        with db.session.begin_nested():
            order = lock(db.session.get_one(Order, number))
            if order.service is None or order.invoice is None or card_payments.running([order.invoice.id]):
                return 0
            services.cancel(order.service, by.today, WHY, by=by)
            invoices.void(order.invoice, WHY, by=by)
            order.state = OrderState.EXPIRED
            audit.record(by, "order.expired", order, after={"reason": "not paid"})
            db.session.flush()
    except BillingError:
        return 0
    return 1
