"""What customers are told about their cards by mail: a charge that was declined, a card that expires."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from models import AttemptState, Card, CustomerStatus, PaymentAttempt, db

from . import cards, company
from .actor import Actor
from .outbox import queue_about

DECLINED, EXPIRING = "card_declined", "card_expiring"
"""The kinds of these messages."""


def retries() -> list[int]:
    """After how many days from the first try a declined card is charged again."""
    return [int(word) for word in str(company.value("card_retries")).split(",") if word.strip()]


def next_try(first: date, tries: int) -> date | None:
    """The day of the next try, after `tries` that were declined, the first of them on `first`; None for no more."""
    days = retries()
    return first + timedelta(days=days[tries - 1]) if 0 < tries <= len(days) else None


def declined(attempt: PaymentAttempt, *, by: Actor) -> None:
    """An automatic charge was declined: say so after the first one, and when none follows. Flushes."""
    mine = (PaymentAttempt.charged_id == attempt.charged_id, PaymentAttempt.state == AttemptState.DECLINED)
    tries, first = db.session.execute(
        select(func.count(PaymentAttempt.id), func.min(PaymentAttempt.begun_at)).where(*mine)
    ).one()
    following = None if attempt.final or first is None else next_try(company.day_of(first), tries)
    if tries > 1 and following is not None:
        return
    about = {"attempt": attempt.id, "next_on": following.isoformat() if following else ""}
    queue_about(DECLINED, attempt.customer, [attempt.customer.email], attempt.id, about, by=by)


def tell_expiring(on: date, *, by: Actor) -> int:
    """Queue a mail for each default card that expires within the days of the settings, once for each card and expiry;
    how many. Flushes."""
    days, told = int(company.value("card_expiring_days")), 0
    if not days:
        return 0
    for card in cards.expiring(on + timedelta(days=days)):
        if card.customer.status == CustomerStatus.ACTIVE and _tell(card, by):
            told += 1
    return told


def _tell(card: Card, by: Actor) -> bool:
    occasion = f"{card.id}:{card.expires_year}-{card.expires_month:02d}"
    return queue_about(EXPIRING, card.customer, [card.customer.email], occasion, {"card": card.id}, by=by) is not None
