"""Saved cards: what a gateway keeps for a customer, of which we know brand, last four digits and expiry.

Customers save, remove and choose them with their own hands; staff can take one away. The default one is charged by
itself where the customer pays by card.
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from sqlalchemy import or_, select, update

from models import BillingError, Card, Customer, db

from . import audit
from .actor import Actor
from .portal_rights import DECIDES, acting_for

PERMISSION = "payments.edit"


class CardGone(BillingError):
    """The card was removed meanwhile."""


class CardSeen(Protocol):
    """A card as a gateway shows it (integrations.gateways.CardSeen)."""

    @property
    def gateway_customer(self) -> str: ...
    @property
    def gateway_card(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def brand(self) -> str: ...
    @property
    def last_four(self) -> str: ...
    @property
    def expires_month(self) -> int: ...
    @property
    def expires_year(self) -> int: ...


def of_customer(customer: Customer) -> list[Card]:
    """The cards a customer has saved, the default one in front."""
    mine = select(Card).where(Card.customer_id == customer.id, Card.removed_at.is_(None))
    return list(db.session.scalars(mine.order_by(Card.is_default.desc(), Card.id)))


def chargeable(customer: Customer, gateway: str, *, on: date) -> list[Card]:
    """Those of this gateway that can still be charged on that day."""
    return [card for card in of_customer(customer) if card.gateway == gateway and card.last_day >= on]


def default_of(customer: Customer) -> Card | None:
    """The card that is charged by itself."""
    return db.session.scalar(select(Card).where(Card.customer_id == customer.id, Card.is_default))


def known_as(customer: Customer, gateway: str) -> str:
    """The gateway's own name for this customer, from the newest card; empty if it has none."""
    mine = select(Card.gateway_customer).where(Card.customer_id == customer.id, Card.gateway == gateway)
    return db.session.scalar(mine.order_by(Card.id.desc()).limit(1)) or ""


def save(customer: Customer, seen: CardSeen, *, gateway: str, by: Actor) -> Card:
    """Keep a card that the gateway keeps. The same card again takes the place of what was kept of it; the first one
    becomes the default. Flushes."""
    known = select(Card).where(Card.gateway == gateway, Card.gateway_card == seen.gateway_card)
    card = db.session.scalar(known)
    if card is None:
        twins = _twins(customer, seen, gateway)
        card = Card(customer_id=customer.id, gateway=gateway, gateway_card=seen.gateway_card, added_at=by.at)
        card.gateway_customer, card.added_by, card.fingerprint = seen.gateway_customer, by.name, seen.fingerprint
        card.is_default = False
        _show(card, seen)
        default = any(twin.is_default for twin in twins) or default_of(customer) is None
        for twin in twins:
            _put_away(twin, by)
        db.session.flush()
        card.is_default = default
        db.session.add(card)
        db.session.flush()
        audit.record(by, "card.saved", card, after={"card": str(card), "default": default})
    elif card.removed_at is None:
        _show(card, seen)
    db.session.flush()
    return card


def seen_again(card: Card, seen: CardSeen | None, *, by: Actor) -> None:
    """The gateway renewed the card by itself (a new expiry), or does not know it any more (None). Flushes."""
    if card.removed_at is not None:
        return
    if seen is None:
        _remove(card, by, told=True)
        return
    before = {"expires": _expiry(card)}
    _show(card, seen)
    if before["expires"] != _expiry(card):
        audit.record(by, "card.renewed", card, before=before, after={"expires": _expiry(card)})
    db.session.flush()


def make_default(card: Card, *, by: Actor) -> None:
    """Charge this card from now on. Raises CardGone, NotAllowed. Flushes."""
    _check_may(card, by)
    card = _locked(card)
    if card.is_default:
        return
    others = update(Card).where(Card.customer_id == card.customer_id, Card.is_default).values(is_default=False)
    db.session.execute(others, execution_options={"synchronize_session": "fetch"})
    card.is_default = True
    db.session.flush()
    audit.record(by, "card.made_default", card, after={"card": str(card)})


def remove(card: Card, *, by: Actor) -> None:
    """Forget a card, and have the gateway forget it. If it was the default, the newest of the others is. Raises
    CardGone, NotAllowed. Flushes."""
    _check_may(card, by)
    _remove(_locked(card), by, told=False)


def keep_one_default(primary: Customer, merged: Customer) -> None:
    """Two customers become one: where both have a default card, the primary's counts. Flushes."""
    if default_of(primary) is not None:
        theirs = update(Card).where(Card.customer_id == merged.id, Card.is_default).values(is_default=False)
        db.session.execute(theirs, execution_options={"synchronize_session": "fetch"})


def to_forget(limit: int = 50) -> list[Card]:
    """Removed cards that the gateway still keeps."""
    return list(db.session.scalars(select(Card).where(Card.to_forget).order_by(Card.id).limit(limit)))


def expiring(until: date, limit: int = 500) -> list[Card]:
    """Default cards whose last day is `until` or before, of customers who are there; nothing that was over a month
    before."""
    year, month = Card.expires_year, Card.expires_month
    by_then = or_(year < until.year, (year == until.year) & (month <= until.month))
    found = select(Card).where(Card.removed_at.is_(None), Card.is_default, by_then).order_by(Card.id).limit(limit)
    return [card for card in db.session.scalars(found) if card.last_day <= until]


def _twins(customer: Customer, seen: CardSeen, gateway: str) -> list[Card]:
    if not seen.fingerprint:
        return []
    same = (Card.customer_id == customer.id, Card.gateway == gateway, Card.fingerprint == seen.fingerprint)
    return list(db.session.scalars(select(Card).where(*same, Card.removed_at.is_(None))))


def _show(card: Card, seen: CardSeen) -> None:
    card.brand, card.last_four = seen.brand[:40] or "Card", seen.last_four[-4:]
    card.expires_month, card.expires_year = seen.expires_month, seen.expires_year


def _check_may(card: Card, by: Actor) -> None:
    """Staff who take payments, and whoever pays for the customer."""
    if not by.may(PERMISSION):
        acting_for(db.session.get_one(Customer, card.customer_id), DECIDES, by=by)


def _expiry(card: Card) -> str:
    return f"{card.expires_year}-{card.expires_month:02d}"


def _locked(card: Card) -> Card:
    mine = select(Card).where(Card.id == card.id).with_for_update(key_share=True)
    found = db.session.scalars(mine.execution_options(populate_existing=True)).one()
    if found.removed_at is not None:
        raise CardGone("This card was removed meanwhile.")
    return found


def _put_away(card: Card, by: Actor, *, told: bool = False) -> None:
    card.is_default, card.removed_at, card.to_forget = False, by.at, not told


def _remove(card: Card, by: Actor, *, told: bool) -> None:
    was_default = card.is_default
    _put_away(card, by, told=told)
    db.session.flush()
    audit.record(by, "card.removed", card, after={"card": str(card)})
    if was_default:
        mine = (Card.customer_id == card.customer_id, Card.removed_at.is_(None))
        newest = db.session.scalar(select(Card).where(*mine).order_by(Card.id.desc()).limit(1))
        if newest is not None:
            newest.is_default = True
    db.session.flush()
