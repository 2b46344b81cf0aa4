"""Which gateway takes cards here, and the questions it is asked about our attempts and refunds.

Everything that asks is called with nothing open in the database, and its answer goes to billing.card_payments.settle
or billing.card_refunds.settle.
"""

from __future__ import annotations

from flask import current_app
from flask_babel import gettext as _

from billing import card_finds, card_payments, cards
from integrations.gateways import Ask, Gateway, RefundAsk
from integrations.stripe import API, Stripe
from models import CardRefund, Customer, PaymentAttempt, PaymentMethod

NEEDED = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")


def missing() -> list[str]:
    """What the environment still has to say before cards can be taken, by name."""
    return [name for name in NEEDED if not current_app.config.get(name)]


def why_not_set_up() -> str:
    """What is missing before any card can be charged; empty if nothing is."""
    if names := missing():
        return _("Cards are not set up. Missing: %(names)s.", names=", ".join(names))
    return ""


def hook() -> str:
    """The address that the gateway is to tell what happened."""
    return f"{current_app.config.get('BASE_URL') or ''}/hooks/stripe"


def gateway() -> Gateway:
    """Who takes cards here. Whether it can is for `missing` to say."""
    get = current_app.config.get
    return Stripe(get("STRIPE_SECRET_KEY") or "", get("STRIPE_WEBHOOK_SECRET") or "", get("STRIPE_API_BASE") or API)


def offered(customer: Customer) -> bool:
    """Whether this customer may pay by card here and now."""
    return card_payments.offered(customer, set_up=not missing())


def charged_by_itself(customer: Customer) -> str:
    """The card that this customer's invoices are charged to without anybody doing anything; empty for others."""
    if customer.payment_method != PaymentMethod.CARD or not offered(customer):
        return ""
    card = cards.default_of(customer)
    return str(card) if card and card.gateway == gateway().name else ""


def ask(attempt: PaymentAttempt) -> Ask:
    """What the gateway is to be asked for, or about. Reads rows: call it while they may be read."""
    customer, card = attempt.customer, attempt.card
    return Ask(
        key=attempt.key, customer=attempt.asked_as or str(attempt.customer_id), kind=str(attempt.kind),
        amount_minor=attempt.amount_minor, currency=attempt.currency, begun_at=attempt.begun_at,
        about=", ".join(str(part.invoice) for part in attempt.parts[:8]), email=customer.email,
        language=customer.language or "", save_card=attempt.save_card,
        gateway_customer=card.gateway_customer if card else cards.known_as(customer, attempt.gateway),
        gateway_card=card.gateway_card if card else "", gateway_id=attempt.gateway_id, page_id=attempt.page_id,
        site=card_finds.site(),
    )  # fmt: skip


def ask_refund(row: CardRefund) -> RefundAsk:
    """The same for money that is to go back."""
    return RefundAsk(
        key=row.key, payment=row.payment.gateway_id or "", amount_minor=row.amount_minor, currency=row.currency,
        begun_at=row.begun_at, gateway_id=row.gateway_id,
    )  # fmt: skip
