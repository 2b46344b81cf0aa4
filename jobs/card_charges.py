"""Once a day: the saved cards of those who pay by card are charged, and those whose card expires are told."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date

from billing import card_charges, card_payments, card_sayings
from billing.card_charges import Due
from messaging import cards
from models import BillingError, PaymentAttempt, db

from . import clock, stopping
from .daily import only_reading

log = logging.getLogger(__name__)


def run(on: date | None = None) -> dict[str, int]:
    """Charge what is due on that day (today unless told otherwise). Returns how many charges ended how: succeeded,
    declined, unknown …, and how many were told that their card expires. Commits after each; a process that dies leaves
    attempts that are looked up."""
    day, counts = on or clock.today(), Counter[str]()
    after: int | None = None if cards.missing() else 0
    while after is not None:
        with only_reading():
            found, after = card_charges.due(day, after)
        for one in found:
            stopping.check()
            counts[_charge(one, day)] += 1
    counts["expiring"] = card_sayings.tell_expiring(day, by=clock.actor())
    db.session.commit()
    return {name: number for name, number in counts.items() if name and number}


def _charge(one: Due, on: date) -> str:
    """Write down, commit, ask, do what follows."""
    gateway = cards.gateway()
    try:
        attempt = card_charges.begin(one, gateway=gateway.name, on=on, by=clock.actor())
    except BillingError as refusal:
        db.session.rollback()
        log.info("invoice %s is not charged: %s", one.invoice_id, refusal)
        return "left_out"
    if attempt is None:
        db.session.rollback()
        return ""
    asked, number = cards.ask(attempt), attempt.id
    db.session.commit()
    answer = gateway.charge(asked)
    settled = card_payments.settle(db.session.get_one(PaymentAttempt, number), answer, by=clock.actor())
    state = str(settled.state)
    db.session.commit()
    return state
