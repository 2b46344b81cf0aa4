"""Money by card: each try is written down before the gateway is asked, and settled by what the gateway then tells.

Three steps, with a commit of the caller between them, so that nothing goes out inside a transaction: `begin` writes
the attempt and takes hold of its invoices; the caller asks the gateway (messaging.cards); `settle` does what
follows from the answer. A webhook, the customer's return and the job that looks attempts up all end in `settle`, in any
order and as often as they like: money is booked once. What a gateway tells counts only if amount, currency, customer
and attempt are those that were written down. Without an answer an attempt is unknown, and is looked up under its key
until the gateway says how it stands; it is never guessed, and never asked for under another key.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select

from models import (
    AttemptKind,
    AttemptPart,
    AttemptState,
    BillingError,
    Card,
    Customer,
    CustomerStatus,
    Invoice,
    InvoiceState,
    Money,
    Payment,
    PaymentAttempt,
    PortalAccess,
    PortalRight,
    db,
)

from . import audit, card_sayings, cards, company, notes, payments, top_ups
from .actor import Actor, NotAllowed
from .balances import NotPayable, lock_invoices
from .cards import CardSeen

METHOD = "Card"
"""What a payment by card is called, beside the shop's own words for the ways to pay."""
OPEN = (AttemptState.BEGUN, AttemptState.REDIRECTED, AttemptState.PROCESSING, AttemptState.UNKNOWN)
MAY_PAY = frozenset({PortalRight.OWNER, PortalRight.BILLING})
"""What a portal user may do for the customer, to be able to pay."""
LONGEST_ERROR = 300
SOON = timedelta(minutes=2)
"""A try of which nothing was heard by then is looked up: the process that asked may be gone."""
SETTLES_IN = timedelta(minutes=15)
"""How long a gateway may take until what it was asked for is found there. What is missing then was never asked."""
LOOKS = (SOON, timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1))
"""Between one look and the next; the last goes on."""


class CannotPay(BillingError):
    """This cannot be paid by card like that."""


class BeingPaid(CannotPay):
    """A payment by card is under way; `attempt` is it."""

    def __init__(self, attempt: PaymentAttempt) -> None:
        super().__init__("A card payment for this is being processed. Wait until it is decided before paying again.")
        self.attempt = attempt


class Told(Protocol):
    """What a gateway says about an attempt (integrations.gateways.Answer). `state` is open, processing, succeeded,
    declined, closed, missing or unknown; `key` and `customer` are what it was asked with, as it kept them."""

    @property
    def state(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def customer(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def gateway_id(self) -> str: ...
    @property
    def page_id(self) -> str: ...
    @property
    def page_url(self) -> str: ...
    @property
    def page_until(self) -> datetime | None: ...
    @property
    def paid_at(self) -> datetime | None: ...
    @property
    def card(self) -> CardSeen | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def final(self) -> bool: ...


def offered(customer: Customer, *, set_up: bool) -> bool:
    """Whether this customer may pay by card. `set_up`: the gateway has what it needs; messaging.cards.offered knows."""
    return set_up and bool(company.value("cards_on")) and customer.status == CustomerStatus.ACTIVE


def begin(
    customer: Customer,
    invoices: Sequence[Invoice] = (),
    *,
    gateway: str,
    amount: Money | None = None,
    save_card: bool = False,
    card: Card | None = None,
    charged: tuple[Invoice, int] | None = None,
    by: Actor,
) -> PaymentAttempt:
    """Write down a try to pay `invoices` (open ones, or proformas), and hold them until it is decided.

    `amount` is what all of them leave open unless told otherwise, and never more; without invoices it is put onto the
    account. `card`: one they have saved is charged, otherwise they go to the gateway's page. `charged`: an automatic
    charge of this invoice, and which try. `by` is staff with ``payments.edit``, the system, or a portal user who may
    pay. Raises CannotPay, BeingPaid, NotAllowed. Flushes; commit before asking the gateway.
    """
    _check_may(customer, by)
    if card is not None and ((card.customer_id, card.gateway) != (customer.id, gateway) or card.removed_at is not None):
        raise CannotPay("This card is not there any more. Choose another one.")
    locked = lock_invoices(invoice.id for invoice in invoices)
    found = [_payable(customer, locked.get(invoice.id)) for invoice in invoices]
    if busy := running(locked):
        raise BeingPaid(next(iter(busy.values())))
    wanted = [(invoice, to_pay(invoice)) for invoice in found]
    whole = Money(sum(part.minor for _invoice, part in wanted), customer.currency)
    paid = _amount(customer, amount, whole if found else None)
    attempt = _new(customer, AttemptKind.CHARGE if card else AttemptKind.PAGE, gateway, by)
    attempt.amount, attempt.card, attempt.save_card = paid, card, save_card
    if charged:
        attempt.charged_id, attempt.step = charged[0].id, charged[1]
    attempt.parts = list(_parts(wanted, paid))
    db.session.add(attempt)
    db.session.flush()
    audit.record(by, "card_payment.begun", attempt, after=_trace(attempt))
    return attempt


def begin_saving(customer: Customer, *, gateway: str, by: Actor) -> PaymentAttempt:
    """Write down a try to save a card without paying anything. Raises NotAllowed. Flushes."""
    _check_may(customer, by)
    attempt = _new(customer, AttemptKind.SAVE, gateway, by)
    attempt.amount, attempt.save_card = Money.zero(customer.currency), True
    db.session.add(attempt)
    db.session.flush()
    return attempt


def settle(attempt: PaymentAttempt, told: Told, *, by: Actor) -> PaymentAttempt:
    """Do what follows from what the gateway tells: book the money, let go of the invoices, or wait and look again.

    By right of the gateway, whatever `by` may do otherwise. What succeeded stays so. Flushes.
    """
    by = replace(by, permissions=None)
    attempt = _locked(attempt)
    if attempt.state == AttemptState.SUCCEEDED:
        return attempt
    if wrong := _contradiction(attempt, told):
        _look_later(attempt, AttemptState.UNKNOWN, by, wrong)
    elif told.state == "succeeded":
        _succeed(attempt, told, by)
    elif attempt.state in OPEN:
        _go_on(attempt, told, by)
    db.session.flush()
    return attempt


def disputed(attempt: PaymentAttempt, decided: str = "", *, by: Actor) -> None:
    """The holder of the card has the bank take the money back: staff are told to answer, and how it was `decided` (won,
    lost, or another word of the gateway's). Flushes."""
    named = ", ".join(str(part.invoice) for part in attempt.parts) or "the account"
    title, paid = attempt.gateway.capitalize(), f"The card payment of {attempt.amount} for {named}"
    ends = {
        "": f"{paid} is disputed: its holder asked the bank to take it back. Answer at {title}, where the day is until "
        "which that is possible. If the money goes back, record it as a refund on the payment's page.",
        "won": f"{paid}: the dispute is won, and the money stays with you.",
        "lost": f"{paid}: the dispute is lost, and the bank took the money back. Record it as a refund on the page of "
        f"payment {attempt.payment_id}.",
    }
    words = ends.get(decided, f"{paid}: the dispute is closed. Look at {title} how it ended.")
    notes.add_note(attempt.customer, words, pinned=True, by=replace(by, permissions=None))


def to_pay(invoice: Invoice) -> Money:
    """What is to be paid of an invoice that is in force, or of a proforma nobody has paid."""
    if invoice.state != InvoiceState.ISSUED:
        return Money.zero(invoice.currency)
    if invoice.kind == "proforma":
        return invoice.total if invoice.became_id is None else Money.zero(invoice.currency)
    return invoice.open if invoice.kind == "invoice" else Money.zero(invoice.currency)


def running(invoice_ids: Iterable[int]) -> dict[int, PaymentAttempt]:
    """Invoice's id -> the attempt that holds it: it is being paid by card, and cannot be paid again. One statement."""
    held = select(AttemptPart.invoice_id, PaymentAttempt).join(AttemptPart.attempt)
    held = held.where(AttemptPart.invoice_id.in_(list(invoice_ids)), AttemptPart.holds)
    return {row[0]: row[1] for row in db.session.execute(held.order_by(AttemptPart.id))}


def due_for_a_look(at: datetime, limit: int = 50) -> list[int]:
    """Attempts whose outcome is to be looked up at the gateway now, those that waited longest in front."""
    due = select(PaymentAttempt.id).where(PaymentAttempt.next_look_at <= at)
    return list(db.session.scalars(due.order_by(PaymentAttempt.next_look_at, PaymentAttempt.id).limit(limit)))


def look_soon(attempt: PaymentAttempt, *, at: datetime) -> None:
    """Have the job look this attempt up next. Flushes."""
    if attempt.state in OPEN:
        attempt.next_look_at = at
        db.session.flush()


def find(gateway: str, *, key: str = "", gateway_id: str = "", page_id: str = "") -> PaymentAttempt | None:
    """The attempt of any of these names."""
    mine = select(PaymentAttempt).where(PaymentAttempt.gateway == gateway)
    for column, value in (
        (PaymentAttempt.key, key), (PaymentAttempt.gateway_id, gateway_id), (PaymentAttempt.page_id, page_id),
    ):  # fmt: skip
        if value and (found := db.session.scalar(mine.where(column == value))):
            return found
    return None


def of_customer(customer: Customer, limit: int = 10) -> list[PaymentAttempt]:
    """The newest attempts of a customer."""
    mine = select(PaymentAttempt).where(PaymentAttempt.customer_id == customer.id)
    return list(db.session.scalars(mine.order_by(PaymentAttempt.id.desc()).limit(limit)))


def of_payment(payment: Payment) -> PaymentAttempt | None:
    """The attempt by which a payment came in."""
    return db.session.scalar(select(PaymentAttempt).where(PaymentAttempt.payment_id == payment.id))


def _check_may(customer: Customer, by: Actor) -> None:
    if by.may("payments.edit"):
        return
    person = by.portal_user_id
    rights = select(PortalAccess.right).where(
        PortalAccess.customer_id == customer.id, PortalAccess.portal_user_id == person,
        PortalAccess.active, PortalAccess.accepted,
    )  # fmt: skip
    if person is None or db.session.scalar(rights) not in MAY_PAY:
        raise NotAllowed("Your access does not allow payments. Ask the account's owner for the right to pay.")


def _payable(customer: Customer, invoice: Invoice | None) -> Invoice:
    if invoice is None or invoice.customer_id != customer.id:
        raise NotPayable(f"This is not an invoice of {customer.name}. Choose one of the customer's own invoices.")
    if invoice.currency != customer.currency:
        raise NotPayable(f"{invoice} is in {invoice.currency}, but the account is kept in {customer.currency}.")
    if not to_pay(invoice):
        raise CannotPay(f"Nothing is open on {invoice}, so there is nothing to pay.")
    return invoice


def _amount(customer: Customer, amount: Money | None, whole: Money | None) -> Money:
    paid = amount if amount is not None else whole
    if paid is None or paid.minor <= 0:
        raise CannotPay("A payment is more than zero.")
    if paid.currency != customer.currency:
        raise CannotPay(f"The account is kept in {customer.currency}. Pay in {customer.currency}.")
    if whole is not None and paid > whole:
        raise CannotPay(f"Only {whole} is open. Pay at most that much.")
    return paid


def _parts(wanted: Sequence[tuple[Invoice, Money]], paid: Money) -> Iterable[AttemptPart]:
    """One invoice after the other is filled."""
    for invoice, open_ in wanted:
        part = min(open_, paid)
        if part:
            yield AttemptPart(invoice=invoice, currency=part.currency, amount_minor=part.minor, holds=True)
        paid -= part


def _new(customer: Customer, kind: AttemptKind, gateway: str, by: Actor) -> PaymentAttempt:
    return PaymentAttempt(
        key=f"pay-{secrets.token_hex(16)}", customer_id=customer.id, customer=customer,
        asked_as=str(customer.id), kind=kind,
        state=AttemptState.BEGUN, gateway=gateway, begun_at=by.at, begun_by=by.name, next_look_at=by.at + SOON,
        looks=0, step=0, error="", gateway_id="", page_id="", page_url="",
    )  # fmt: skip


def _locked(attempt: PaymentAttempt) -> PaymentAttempt:
    mine = select(PaymentAttempt).where(PaymentAttempt.id == attempt.id).with_for_update(key_share=True)
    return db.session.scalars(mine.execution_options(populate_existing=True)).one()


def _contradiction(attempt: PaymentAttempt, told: Told) -> str:
    """Why this cannot be about the attempt: what a gateway tells of money is bound to what was written down."""
    if told.state not in ("succeeded", "processing"):
        return ""
    if (told.key, told.customer) != (attempt.key, attempt.asked_as or str(attempt.customer_id)):
        return "The gateway tells of a payment of somebody else. Look at it there; nothing was booked."
    if attempt.kind == AttemptKind.SAVE:
        return ""
    if (told.amount_minor, told.currency) != (attempt.amount_minor, attempt.currency):
        amount = Money(told.amount_minor, told.currency) if told.currency else told.amount_minor
        return (
            f"The gateway tells of {amount}, but {attempt.amount} was asked for. Look at it there; nothing was booked."
        )
    return ""


def _succeed(attempt: PaymentAttempt, told: Told, by: Actor) -> None:
    if told.card and (attempt.save_card or attempt.kind == AttemptKind.SAVE):
        attempt.card = cards.save(attempt.customer, told.card, gateway=attempt.gateway, by=by)
    attempt.gateway_id = attempt.gateway_id or told.gateway_id
    if attempt.kind != AttemptKind.SAVE:
        try:
            with db.session.begin_nested():
                # Who reported the money recorded it; who asked for it stands on the attempt.
                payment = _book(attempt, told, replace(by, name=attempt.gateway.capitalize()))
        except BillingError as refusal:
            _look_later(attempt, AttemptState.UNKNOWN, by, f"The money came, and could not be booked: {refusal}")
            return
        attempt.payment_id = payment.id
    _end(attempt, AttemptState.SUCCEEDED, "", by)


def _book(attempt: PaymentAttempt, told: Told, by: Actor) -> Payment:
    """The money came in: put it on what it was for, as far as that still wants it. The rest is the customer's credit,
    and staff are told."""
    customer = attempt.customer
    wanted = [part.invoice for part in attempt.parts if _still_there(part.invoice, customer)]
    on = min(company.day_of(told.paid_at), by.today) if told.paid_at else by.today
    shown = told.card or attempt.card
    how = {
        "method": METHOD, "received_on": on, "reference": str(shown) if shown else "",
        "gateway": attempt.gateway, "gateway_id": told.gateway_id or attempt.key,
    }  # fmt: skip
    if not attempt.parts:
        return top_ups.top_up(customer, attempt.amount, **how, by=by)  # type: ignore[arg-type]
    payment = payments.record(customer, attempt.amount, invoices=wanted, **how, by=by)  # type: ignore[arg-type]
    db.session.expire(payment, ["credits"])
    for credit in payment.credits:
        numbers = ", ".join(str(part.invoice) for part in attempt.parts)
        notes.add_note(
            customer,
            f"Card payment of {attempt.amount} for {numbers}: {credit.amount} was not needed any more when the money "
            "came, because something was paid, credited or voided meanwhile. It is the customer's credit now. Use it, "
            "or give it back on the payment's page.",
            by=by,
        )
    return payment


def _still_there(invoice: Invoice, customer: Customer) -> bool:
    known = invoice.kind in ("invoice", "proforma") and invoice.state == InvoiceState.ISSUED
    return known and invoice.customer_id == customer.id and invoice.currency == customer.currency


def _go_on(attempt: PaymentAttempt, told: Told, by: Actor) -> None:
    attempt.gateway_id = attempt.gateway_id or told.gateway_id
    if told.state == "open":
        attempt.state, attempt.error = AttemptState.REDIRECTED, told.reason[:LONGEST_ERROR]
        attempt.page_id, attempt.page_url = told.page_id, told.page_url or attempt.page_url
        attempt.page_until = told.page_until
        attempt.next_look_at = max(told.page_until or by.at, by.at) + SOON
    elif told.state == "processing":
        _look_later(attempt, AttemptState.PROCESSING, by, told.reason)
    elif told.state == "declined":
        attempt.final = told.final
        _end(attempt, AttemptState.DECLINED, told.reason or "The card was declined.", by)
    elif told.state == "closed":
        _end(attempt, AttemptState.EXPIRED, told.reason, by)
    elif told.state == "missing" and by.at - attempt.begun_at >= SETTLES_IN:
        _end(attempt, AttemptState.EXPIRED, "The gateway was never asked for it, so no money moved.", by)
    else:
        _look_later(attempt, attempt.state if told.state == "missing" else AttemptState.UNKNOWN, by, told.reason)


def _look_later(attempt: PaymentAttempt, state: AttemptState, by: Actor, reason: str) -> None:
    attempt.state, attempt.error = state, reason[:LONGEST_ERROR]
    attempt.next_look_at = by.at + LOOKS[min(attempt.looks, len(LOOKS) - 1)]
    attempt.looks += 1


def _end(attempt: PaymentAttempt, state: AttemptState, error: str, by: Actor) -> None:
    attempt.state, attempt.error, attempt.ended_at = state, error[:LONGEST_ERROR], by.at
    attempt.next_look_at, attempt.page_url = None, ""
    for part in attempt.parts:
        part.holds = False
    db.session.flush()
    if attempt.kind != AttemptKind.SAVE:
        audit.record(by, f"card_payment.{state}", attempt, after=_trace(attempt))
    if state == AttemptState.DECLINED and attempt.charged_id:
        card_sayings.declined(attempt, by=by)


def _trace(attempt: PaymentAttempt) -> dict[str, object]:
    told = {
        "amount_minor": attempt.amount_minor, "currency": attempt.currency,
        "invoices": {str(part.invoice): part.amount_minor for part in attempt.parts},
    }  # fmt: skip
    return {**told, **({"error": attempt.error} if attempt.error else {})}
