"""Whose card the demo company has, what was paid with them by itself and on a page, and a charge that was declined.

No gateway takes part: its answers are made up here and settled by the rules. The cards are kept by a gateway called
`demo`, so that no real one is ever asked about them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Select, select

from billing import card_payments, cards
from billing.actor import Actor
from integrations.gateways import Answer, CardSeen, Standing
from models import Card, Customer, CustomerStatus, Invoice, PaymentAttempt, PaymentMethod, PortalAccess, PortalRight, db

from .diary import Diary, Moment
from .logins import signed_in

if TYPE_CHECKING:
    from .paying import Till

GATEWAY = "demo"
CHARGED, BACK = 6, timedelta(days=100)
BRANDS = (("Visa", "4242"), ("Mastercard", "4444"), ("American Express", "0005"))
NO_FUNDS = "Your card has insufficient funds. (Example of the demo company.)"


def plan(diary: Diary, till: Till, last: date) -> None:
    """Write it down for the months up to `last`, the day the story ends on."""
    diary.plan(last - BACK, lambda moment: _keep_cards(till, moment))
    diary.plan(last - timedelta(days=20), _pay_on_page)


def charge(invoice: Invoice, card: Card, *, declined: bool, step: int, by: Actor) -> PaymentAttempt:
    """A charge by itself, and how it ended."""
    attempt = card_payments.begin(
        invoice.customer, [invoice], gateway=GATEWAY, card=card, charged=(invoice, step), by=by
    )
    return _ended(attempt, by, declined=declined)


def _keep_cards(till: Till, moment: Moment) -> None:
    """Some of those who pay by card saved one; the first of them will see a charge declined."""
    mine = (Customer.payment_method == PaymentMethod.CARD, Customer.status == CustomerStatus.ACTIVE)
    found = db.session.scalars(select(Customer).where(*mine).order_by(Customer.id).limit(CHARGED)).all()
    for n, customer in enumerate(found):
        card = cards.save(customer, _seen(customer, n, moment), gateway=GATEWAY, by=moment.by("billing"))
        till.cards[customer.id] = card.id
    till.declines = {found[0].id} if found else set()


def _pay_on_page(moment: Moment) -> None:
    """Who signs in to the portal pays what is open on the gateway's page and saves the card, or only saves it."""
    owners = select(PortalAccess).where(PortalAccess.right == PortalRight.OWNER).order_by(PortalAccess.id)
    for n, access in enumerate(db.session.scalars(owners).all()):
        by, customer = signed_in(access, moment), access.customer
        invoice = db.session.scalar(_open(customer))
        if invoice is not None:
            attempt = card_payments.begin(customer, [invoice], gateway=GATEWAY, save_card=True, by=by)
        else:
            attempt = card_payments.begin_saving(customer, gateway=GATEWAY, by=by)
        _ended(attempt, by, card=_seen(customer, n, moment))


def _ended(
    attempt: PaymentAttempt, by: Actor, *, card: CardSeen | None = None, declined: bool = False
) -> PaymentAttempt:
    told = Answer(
        Standing.DECLINED if declined else Standing.SUCCEEDED, attempt.key, attempt.asked_as,
        attempt.amount_minor, attempt.currency, gateway_id=f"demo-{attempt.id}", paid_at=None if declined else by.at,
        card=card, reason=NO_FUNDS if declined else "",
    )  # fmt: skip
    return card_payments.settle(attempt, told, by=replace(by, permissions=None))


def _seen(customer: Customer, n: int, moment: Moment) -> CardSeen:
    brand, digits = BRANDS[n % len(BRANDS)]
    return CardSeen(
        gateway_customer=f"demo-{customer.id}", gateway_card=f"demo-card-{customer.id}", fingerprint="", brand=brand,
        last_four=digits, expires_month=n % 12 + 1, expires_year=moment.today.year + 2,
    )  # fmt: skip


def _open(customer: Customer) -> Select[tuple[Invoice]]:
    mine = (Invoice.customer_id == customer.id, Invoice.kind == "invoice", Invoice.open_minor > 0)
    return select(Invoice).where(*mine, Invoice.currency == customer.currency).order_by(Invoice.due_on).limit(1)
