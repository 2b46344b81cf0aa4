"""The fake Stripe as threads of the test, an installation that takes cards by it, and a customer at its page."""

from __future__ import annotations

import html
import re
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from factories import add
from flask import Flask
from signing_in import Browser
from werkzeug.test import TestResponse

from billing import portal_users
from billing.actor import Actor, system
from integrations.fakes import stripe_server
from integrations.fakes.stripe_server import Server, Stripe
from models import Card, Customer, Invoice, PaymentAttempt, PortalRight, PortalUser, db
from web.proving import enter

MOMENT = datetime(2026, 11, 20, 8, tzinfo=UTC)
BASE = "http://127.0.0.1:5121"


@contextmanager
def taking_cards(app: Flask, **more: Any) -> Iterator[Stripe]:
    """A Stripe that lives by the app's clock, and an app that knows its keys."""
    stripe = Stripe(clock=lambda: app.clock().timestamp(), **more)  # type: ignore[attr-defined]
    server = Server(0, stripe)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    app.config.update(
        STRIPE_SECRET_KEY=stripe.key, STRIPE_WEBHOOK_SECRET=stripe.secret, STRIPE_API_BASE=stripe.address, BASE_URL=BASE
    )
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def pay_on_page(url: str, number: str = stripe_server.GOOD, answer: str = "") -> str:
    """What the customer does on the gateway's page; where it sends them, empty if it keeps them."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: Any) -> None:
            return None

    fields = {"number": number, **({"answer": answer} if answer else {})}
    request = urllib.request.Request(url, urllib.parse.urlencode(fields).encode())
    try:
        urllib.request.build_opener(Stay).open(request, timeout=10)
    except urllib.error.HTTPError as found:
        return str(found.headers["Location"])
    return ""


def come_in(client: Browser, customer: Customer, right: PortalRight = PortalRight.OWNER) -> PortalUser:
    """Sign `client` in as a portal user of the customer."""
    email = f"{right}@{customer.id}.example"
    user = portal_users.by_email(email)
    if user is None:
        user = portal_users.add(customer, email, right=right, by=now(client.application))[0].portal_user
    number = user.id
    with client.visiting("/portal/sign-in", method="POST"):
        enter(db.session.get_one(PortalUser, number))
        db.session.commit()
    return db.session.get_one(PortalUser, number)


def now(app: Flask) -> Actor:
    return system(app.clock(), app.clock().date())  # type: ignore[attr-defined]


def make_card(customer: Customer, **values: Any) -> Card:
    """A saved card, and a try to pay with it that came to nothing."""
    known = {
        "gateway": "stripe", "gateway_customer": f"cus_{customer.id}", "gateway_card": f"pm_{secrets.token_hex(6)}",
        "brand": "Visa", "last_four": "4242", "expires_month": 12, "expires_year": 2030, "is_default": True,
        "added_at": MOMENT, "added_by": "Ann",
    }  # fmt: skip
    card = add(Card(customer_id=customer.id, **{**known, **values}))
    add(PaymentAttempt(
        key=f"pay-{secrets.token_hex(8)}", customer_id=customer.id, kind="charge", state="declined", card_id=card.id,
        currency=customer.currency, amount_minor=1200, gateway="stripe", error="Your card was declined.",
        begun_at=MOMENT, begun_by="Tillbook", ended_at=MOMENT,
    ))  # fmt: skip
    return card


def pay(client: Browser, *invoices: Invoice, **fields: Any) -> TestResponse:
    """Tick these invoices in the portal and press the button; where that leads."""
    customer_id = invoices[0].customer_id if invoices else fields.pop("customer_id")
    data = {"invoice": [str(one.id) for one in invoices], "form_token": secrets.token_urlsafe(24), **fields}
    return client.post(f"/portal/{customer_id}/pay/card", data=data)


def to_page(client: Browser, *invoices: Invoice, **fields: Any) -> str:
    """The address of the gateway's page that paying these leads to."""
    answer = pay(client, *invoices, **fields)
    shown = client.get(answer.location).text
    return html.unescape(re.findall(r'content="0; url=([^"]*)"', shown)[0])


def tell(client: Browser, stripe: Stripe, event: dict[str, Any], **signing: Any) -> int:
    """A webhook as Stripe sends it."""
    body, signature = stripe.signed(event, **signing)
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    return client.post("/hooks/stripe", data=body, headers=headers, csrf=False).status_code
