"""Once a day: what the gateway has and we have not is looked for, the saved cards of those who pay by card are charged,
and those whose card expires are told.

After a restored backup invoices are open again that were paid. So whoever has a payment at the gateway that is not here
is not charged, and who cannot be asked what it took is not asked to take more: the day is tried again later.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime

from billing import card_charges, card_finds, card_payments, card_sayings, company
from billing.card_charges import Due
from integrations.gateways import Made
from messaging import cards
from models import BillingError, PaymentAttempt, db
from models.faults import faultpoint

from . import clock, results, stopping
from .daily import only_reading

log = logging.getLogger(__name__)


class NotTold(BillingError):
    """The gateway does not answer."""


def run(on: date | None = None) -> dict[str, int]:
    """Charge what is due on that day (today unless told otherwise). Returns how many charges ended how: succeeded,
    declined, unknown …, how many payments were found that are not here, and how many were told that their card
    expires. Commits after each; a process that dies leaves attempts that are looked up. Raises NotTold."""
    day, counts = on or clock.today(), Counter[str]()
    after: int | None = None if cards.missing() or not company.value("cards_on") else 0
    without = _elsewhere(counts) if after is not None else set[int]()
    while after is not None:
        with only_reading():
            found, after = card_charges.due(day, cards.gateway().name, after, without)
        for one in found:
            stopping.check()
            counts[_charge(one, day)] += 1
    counts["expiring"] = card_sayings.tell_expiring(day, by=clock.actor())
    db.session.commit()
    return {name: number for name, number in counts.items() if name and number}


def lost(since: datetime | None = None) -> tuple[list[Made], list[str]]:
    """What the gateway took lately, or since then, and is not here; that and what it gave back in words. Raises
    NotTold."""
    if why := cards.why_not_set_up():
        raise NotTold(why)
    gateway = cards.gateway()
    with only_reading():
        since = since or card_finds.since(clock.now())
    told = gateway.made_since(since)
    if isinstance(told, str):
        raise NotTold(f"{gateway.title} does not say what it took lately, so nothing is charged: {told}")
    with only_reading():
        found = card_finds.not_here(told[0], gateway.name)
        return found, card_finds.told(found, card_finds.back_not_here(told[1], gateway.name), gateway.name)


def _elsewhere(counts: Counter[str]) -> set[int]:
    """The customers who are not to be charged, because they paid something that is not here."""
    found, words = lost()
    counts["found"] = len(words)
    results.found(card_finds.KIND, words)
    with only_reading():
        return card_finds.concerned(found, cards.gateway().name)


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
    faultpoint("card_charges.begun")
    answer = gateway.charge(asked)
    faultpoint("card_charges.asked")
    settled = card_payments.settle(db.session.get_one(PaymentAttempt, number), answer, by=clock.actor())
    state = str(settled.state)
    db.session.commit()
    return state
