"""Paying what was just ordered, by whoever has the order's own link: its invoice, and nothing else of the customer."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from models import Order, OrderState, PaymentAttempt, db

from . import card_payments, company
from .actor import Actor
from .card_payments import CannotPay


def find(number: str) -> Order | None:
    """The order of this number, as long as something may come of it; none that staff put on a customer there was."""
    gone = OrderState.REFUSED, OrderState.EXPIRED
    mine = Order.number == number[:16].replace("\0", "")
    order = db.session.scalar(select(Order).where(mine, Order.state.not_in(gone)))
    return order if order is not None and _made_its_customer(order) else None


def _made_its_customer(order: Order) -> bool:
    """Whether its customer, if it has one, began with it."""
    customer = order.customer
    if customer is None:
        return True
    began = customer.registered_on >= company.day_of(order.placed_at)
    return began and customer.registration_ip == order.address


def begin(order: Order, *, gateway: str, by: Actor) -> PaymentAttempt:
    """Write down a try to pay by card what is open on the order's invoice; no card is kept. `by` has shown the order's
    link. Raises CannotPay, BeingPaid. Flushes; commit before asking the gateway."""
    invoice = order.invoice
    if order.state != OrderState.ACCEPTED or invoice is None:
        raise CannotPay("There is nothing to pay yet.")
    payer = replace(by, permissions=frozenset({"payments.edit"}))
    return card_payments.begin(invoice.customer, [invoice], gateway=gateway, by=payer)
