"""What a gateway for cards is to us: one small interface, and the plain values that go in and out.

Another gateway is one file with a class like `integrations.stripe.Stripe`, a fake beside it, and a line in
`messaging.cards`. Amounts are minor units of ISO 4217; moments are aware. Nothing here raises because of what a
gateway answers: every way it can end is a state, and where no answer came that is `unknown`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Standing(enum.StrEnum):
    """How an attempt or a refund stands at the gateway."""

    OPEN = "open"  # its page waits for the customer
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"  # no money, and there will be none
    CLOSED = "closed"  # its page is over without money
    MISSING = "missing"  # the gateway knows of none
    UNKNOWN = "unknown"  # it was asked, or may have been, and nothing was heard


@dataclass(frozen=True, slots=True)
class Ask:
    """What a gateway is asked for, or about. `key` names the attempt: the gateway keeps it, does nothing twice under
    it, and finds the attempt by it. `customer` is our name for the customer, `gateway_customer` its own, if it has
    one. `kind` is page, charge or save; `charge` needs `gateway_card`. `gateway_id` and `page_id` are its names for
    the payment and the page, as far as they were heard. `site`: which installation asks, where several share an
    account."""

    key: str
    customer: str
    kind: str
    amount_minor: int
    currency: str
    begun_at: datetime
    about: str = ""
    email: str = ""
    language: str = ""
    save_card: bool = False
    gateway_customer: str = ""
    gateway_card: str = ""
    gateway_id: str = ""
    page_id: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class CardSeen:
    """What a gateway shows of a card that it keeps."""

    gateway_customer: str
    gateway_card: str
    fingerprint: str
    brand: str
    last_four: str
    expires_month: int
    expires_year: int

    def __str__(self) -> str:
        return f"{self.brand} ···· {self.last_four}"


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """A refund as the gateway has it. `key` is ours, empty for one that was made there; `payment` is the gateway's name
    for what it is of."""

    gateway_id: str
    key: str
    state: Standing
    amount_minor: int
    currency: str
    reason: str = ""
    payment: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway says of an attempt. `key` and `customer` are those it was asked with, as it kept them; `final`:
    the same card need not be tried again."""

    state: Standing
    key: str = ""
    customer: str = ""
    amount_minor: int = 0
    currency: str = ""
    gateway_id: str = ""
    page_id: str = ""
    page_url: str = ""
    page_until: datetime | None = None
    paid_at: datetime | None = None
    card: CardSeen | None = None
    reason: str = ""
    final: bool = False
    refunds: tuple[RefundSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """Money that the gateway took under a key of ours: the answer about it, what it was for, who paid as the gateway
    knows them, and which installation asked."""

    answer: Answer
    about: str = ""
    gateway_customer: str = ""
    email: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class RefundAsk:
    """Money to give back: `payment` is the gateway's name for the payment it belongs to."""

    key: str
    payment: str
    amount_minor: int
    currency: str
    begun_at: datetime
    gateway_id: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """What a gateway tells by itself: what kind of thing happened to what. Its names for things are empty where the
    event is about none of them. `ours`: it comes from the environment (live or test) that our key belongs to. `state`
    of a dispute, which nobody looks up: won or lost, once it is decided."""

    id: str
    kind: str
    ours: bool
    key: str = ""
    payment: str = ""
    page: str = ""
    card: str = ""
    state: str = ""


class NotSigned(Exception):
    """The gateway did not send this, or long ago."""


class Gateway(Protocol):
    """A gateway for cards."""

    @property
    def name(self) -> str:
        """What rows say that came by it, in small letters."""

    @property
    def title(self) -> str:
        """What people call it."""

    def open_page(self, asked: Ask, *, back: str, cancelled: str, until: datetime) -> Answer:
        """A page of the gateway's own on which the customer pays or saves a card, open `until` then: OPEN with
        `page_url`, DECLINED or UNKNOWN. It leads to `back` afterwards, to `cancelled` if they think better of it."""

    def close_page(self, asked: Ask) -> Answer:
        """Have the page, or what the bank asks, take no more money: CLOSED, or how it stands if it was paid already."""

    def charge(self, asked: Ask) -> Answer:
        """Charge a saved card while its holder is away."""

    def confirm(self, asked: Ask, *, back: str) -> Answer:
        """Charge a saved card while its holder is here: as `charge`, or OPEN with `page_url` where the bank has
        something to ask them first. That page leads to `back`."""

    def look_up(self, asked: Ask) -> Answer:
        """How an attempt stands, with what went back of it. Finds it by `key` where no other name was heard."""

    def refund(self, asked: RefundAsk) -> RefundSeen:
        """Give money back to the card it came from."""

    def look_up_refund(self, asked: RefundAsk) -> RefundSeen:
        """How a refund stands; MISSING if there is none of this name or under this key."""

    def made_since(self, since: datetime) -> tuple[tuple[Made, ...], tuple[RefundSeen, ...]] | str:
        """All the money it took under keys of ours since then, without what went back of each, and all that went back
        since then; or why it does not say."""

    def made(self, gateway_id: str) -> Made | None | str:
        """One payment it took under a key of ours, with what went back of it; None if there is no such; or why it does
        not say."""

    def card(self, gateway_card: str) -> CardSeen | None | Standing:
        """How a card looks now; None if the gateway keeps none of this name, UNKNOWN if it did not answer."""

    def forget(self, gateway_card: str) -> bool:
        """Keep the card no longer; whether that is so now."""

    def read_event(self, body: bytes, signature: str, *, at: datetime) -> Event:
        """What a webhook says. Raises NotSigned."""

    def check(self) -> str:
        """Why cards cannot be taken: what the gateway says to our key; empty if all is well."""
