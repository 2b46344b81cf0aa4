"""Open invoices paid by the customer's own people with the credit in hand, in the portal (SPEC 3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from models import Customer, Invoice, Money

from . import card_payments, credits
from .actor import Actor
from .balances import ChangedMeanwhile, check_payable, lock_credits, lock_invoices, usable_credits
from .portal_rights import DECIDES, acting_for

PERMISSION = "payments.edit"


def usable(customer: Customer, invoices: Sequence[Invoice], *, on: date) -> Money:
    """How much of these the credit would pay on that day: never more than is open, nothing of proformas."""
    if customer.credit_minor <= 0:
        return Money.zero(customer.currency)
    return _part(customer, invoices, [credit.remaining for credit in usable_credits(customer, on)])


def pay(customer: Customer, invoices: Sequence[Invoice], *, seen: Money, by: Actor) -> Money:
    """Put the credit in hand, the oldest first, on these invoices, those due first in front; what was used.

    `seen` is what the person was shown. Raises ChangedMeanwhile when it would be another amount by now, BeingPaid while
    one of them is being paid by card, NotPayable, NotAllowed. Flushes.
    """
    actor = acting_for(customer, DECIDES, PERMISSION, by=by)
    locked = lock_invoices(invoice.id for invoice in invoices)
    for invoice in invoices:
        check_payable(customer, locked.get(invoice.id))
    if busy := card_payments.running(locked):
        raise card_payments.BeingPaid(next(iter(busy.values())))
    found = sorted(locked.values(), key=lambda one: (one.due_on is None, one.due_on or one.issued_on, one.id))
    left = _part(customer, found, [credit.remaining for credit in lock_credits(customer, by.today)])
    if not left or left != seen:
        raise ChangedMeanwhile("Your credit, or what is due, is not as it was shown. Nothing was used; look again.")
    for invoice in found:
        if part := min(invoice.open, left):
            credits.use(invoice, part, on=by.today, by=actor)
            left -= part
    return seen


def _part(customer: Customer, invoices: Sequence[Invoice], credit: Sequence[Money]) -> Money:
    nothing = Money.zero(customer.currency)
    due = sum((one.open for one in invoices if one.kind == "invoice"), nothing)
    return min(due, sum(credit, nothing))
