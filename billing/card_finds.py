"""Money that the gateway took or gave back under our keys and that is not in the books: after a restored backup the
database is older than the gateway.

What is found is offered to staff one by one and booked by the rules of card payments, under the key and the name it has
there, so that it is in the books once however often it is found. Whoever has something like that is not charged by
itself meanwhile: it may be for the very invoice that is open again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import func, select

from models import (
    AttemptKind,
    AttemptPart,
    AttemptState,
    AuditEvent,
    BillingError,
    Card,
    CardRefund,
    Customer,
    Invoice,
    Money,
    Payment,
    PaymentAttempt,
    Run,
    db,
)
from models.bulk import among_words

from . import audit, card_payments, card_refunds
from .actor import Actor
from .balances import lock_invoices

KIND = "card_finds"
"""The runs that tell of it."""
BACK, FURTHEST = timedelta(days=7), timedelta(days=31)
"""How far back the gateway is looked through every day, and at most."""


class CannotBook(BillingError):
    """This cannot be booked for that customer."""


class Told(card_payments.Told, Protocol):
    """What a gateway says about the payment (integrations.gateways.Answer), with what went back of it."""

    @property
    def refunds(self) -> Sequence[card_refunds.Seen]: ...


class Made(Protocol):
    """Money that a gateway took (integrations.gateways.Made)."""

    @property
    def answer(self) -> Told: ...
    @property
    def about(self) -> str: ...
    @property
    def gateway_customer(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def site(self) -> str: ...


class Back(card_refunds.Seen, Protocol):
    """Money that went back (integrations.gateways.RefundSeen); `payment` is the gateway's name for what it is of."""

    @property
    def payment(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose money it is; not `sure` where only the number says so, which somebody else may have by now."""

    customer: Customer
    sure: bool


def site() -> str:
    """What tells this installation from others that share its account at the gateway; a restored backup is the same
    one, wherever it runs."""
    first = db.session.scalar(select(AuditEvent.at).order_by(AuditEvent.id).limit(1))
    return hashlib.sha256(first.isoformat().encode()).hexdigest()[:16] if first else ""


def since(at: datetime) -> datetime:
    """From when on the gateway is looked through: some days, and from before the newest try that is known here."""
    newest = db.session.scalar(select(func.max(PaymentAttempt.begun_at)))
    back = min(newest, at - BACK) - timedelta(days=1) if newest else at - FURTHEST
    return max(back, at - FURTHEST)


def not_here(made: Iterable[Made], gateway: str) -> list[Made]:
    """Those of these payments that are not in the books nor looked up anyway, the oldest in front. Nothing that another
    installation asked for."""
    ours = ("", site())
    found = {one.answer.gateway_id: one for one in made if one.site in ours}
    names = among_words(db.session, Payment.gateway_id, list(found))
    known = set(db.session.scalars(select(Payment.gateway_id).where(Payment.gateway == gateway, names)))
    keys = among_words(db.session, PaymentAttempt.key, [one.answer.key for one in found.values()])
    open_ = PaymentAttempt.state.in_((*card_payments.OPEN, AttemptState.SUCCEEDED))
    awaited = set(db.session.scalars(select(PaymentAttempt.key).where(PaymentAttempt.gateway == gateway, keys, open_)))
    lost = [one for name, one in found.items() if name not in known and one.answer.key not in awaited]
    return sorted(lost, key=lambda one: (one.answer.paid_at or datetime.min.replace(tzinfo=UTC), one.answer.gateway_id))


def back_not_here(refunds: Iterable[Back], gateway: str) -> list[tuple[Back, Payment]]:
    """Those of these refunds that went through and are not known here, though their payment is."""
    found = {one.gateway_id: one for one in refunds if one.state == "succeeded"}
    names = among_words(db.session, CardRefund.gateway_id, list(found))
    known = set(db.session.scalars(select(CardRefund.gateway_id).where(CardRefund.gateway == gateway, names)))
    lost = [one for name, one in found.items() if name not in known]
    mine = among_words(db.session, Payment.gateway_id, list({one.payment for one in lost}))
    paid = {row.gateway_id: row for row in db.session.scalars(select(Payment).where(Payment.gateway == gateway, mine))}
    return [(one, paid[one.payment]) for one in lost if one.payment in paid]


def payer(made: Made, gateway: str) -> Payer | None:
    """Whose money this is: of the attempt if it is here, of who has a card under that name at the gateway, or of the
    customer of that number; surely so if the e-mail address or the invoices are theirs too."""
    attempt = card_payments.find(gateway, key=made.answer.key)
    if attempt is not None:
        return Payer(attempt.customer, True)
    named = Card.gateway == gateway, Card.gateway_customer == made.gateway_customer, Card.gateway_customer != ""
    card = db.session.scalar(select(Card).where(*named).order_by(Card.id.desc()).limit(1))
    if card is not None:
        return Payer(card.customer, True)
    number = made.answer.customer
    customer = db.session.get(Customer, int(number)) if number.isascii() and number.isdecimal() else None
    if customer is None or customer.merged_into_id is not None:
        return None
    same = bool(made.email) and made.email.casefold() == customer.email.casefold()
    return Payer(customer, same or bool(invoices(made, customer)))


def invoices(made: Made, customer: Customer) -> list[Invoice]:
    """What it pays: the customer's invoices that it names, if they leave open just as much. Otherwise nothing, and it
    becomes credit."""
    numbers = [word.strip() for word in made.about.split(",") if word.strip()]
    named = Invoice.customer_id == customer.id, among_words(db.session, Invoice.number, numbers)
    found = list(db.session.scalars(select(Invoice).where(*named).order_by(Invoice.due_on, Invoice.id)))
    wanted = sum(card_payments.to_pay(one).minor for one in found if one.currency == made.answer.currency)
    busy = card_payments.running(one.id for one in found)
    return found if found and not busy and wanted == made.answer.amount_minor else []


def book(made: Made, customer: Customer, *, gateway: str, by: Actor) -> PaymentAttempt:
    """Book what the gateway has: as a try of this customer under the same key, settled by what is told of it now, with
    what went back of it. Raises CannotBook, NotAllowed. Flushes."""
    by.require("payments.edit")
    attempt = card_payments.find(gateway, key=made.answer.key)
    if attempt is None:
        attempt = _again(made, customer, gateway, by)
    elif attempt.customer_id != customer.id:
        raise CannotBook(f"This was asked for by {attempt.customer.name}. Book it there.")
    settled = card_payments.settle(attempt, made.answer, by=by)
    if settled.payment_id is None:
        raise CannotBook(settled.error or "It is not in the books. Look at it at the gateway.")
    card_refunds.take_over(settled, made.answer.refunds, by=by)
    _one_less()
    return settled


def left() -> int:
    """How many the last look found that were not booked since."""
    return int(run.counts.get("findings", 0)) if (run := _last()) else 0


def _again(made: Made, customer: Customer, gateway: str, by: Actor) -> PaymentAttempt:
    told = made.answer
    if told.currency != customer.currency:
        raise CannotBook(f"{customer.name}'s account is kept in {customer.currency}, and this came in {told.currency}.")
    paid = invoices(made, customer)
    locked = lock_invoices(one.id for one in paid)
    attempt = PaymentAttempt(
        key=told.key, customer_id=customer.id, customer=customer, asked_as=told.customer, kind=AttemptKind.PAGE,
        state=AttemptState.BEGUN, currency=told.currency, amount_minor=told.amount_minor, gateway=gateway,
        gateway_id=told.gateway_id, begun_at=by.at, begun_by=by.name, next_look_at=by.at + card_payments.SOON,
        looks=0, step=0, error="", page_id="", page_url="", save_card=False,
    )  # fmt: skip
    wanted = [(one, card_payments.to_pay(one)) for one in locked.values()]
    attempt.parts = [
        AttemptPart(invoice=one, currency=part.currency, amount_minor=part.minor, holds=True) for one, part in wanted
    ]
    if attempt.parts and sum(part.minor for _one, part in wanted) != told.amount_minor:
        raise CannotBook("One of its invoices was paid just now. Look again.")
    db.session.add(attempt)
    db.session.flush()
    after = {"amount_minor": told.amount_minor, "currency": told.currency, "gateway_id": told.gateway_id}
    audit.record(by, "card_payment.found", attempt, after=after)
    return attempt


def _last() -> Run | None:
    return db.session.scalar(select(Run).where(Run.kind == KIND).order_by(Run.id.desc()).limit(1))


def _one_less() -> None:
    run = _last()
    if run is not None and run.counts.get("findings", 0):
        run.counts = {**run.counts, "findings": run.counts["findings"] - 1}
        db.session.flush()


def told(lost: Sequence[Made], back: Sequence[tuple[Back, Payment]], gateway: str) -> list[str]:
    """What was found, a line each, for whoever runs the installation."""
    title = gateway.capitalize()
    lines = [
        f"{one.answer.gateway_id}: {Money(one.answer.amount_minor, one.answer.currency)} paid at {title}, not here"
        for one in lost
    ]
    return lines + [
        f"{one.gateway_id}: {Money(one.amount_minor, one.currency)} given back at {title}, not here"
        for one, _payment in back
    ]


def concerned(lost: Iterable[Made], gateway: str) -> set[int]:
    """The ids of the customers whose money it may be."""
    payers = (payer(one, gateway) for one in lost)
    return {one.customer.id for one in payers if one}
