"""Cards in the panel: what is missing, the customer's cards, and a refund that goes back to the card."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cardserver import make_card, now, taking_cards
from documents import field
from factories import make_company, make_customer, make_invoice
from flask import Flask
from signing_in import Browser, make_role, sign_in

from billing import card_payments
from integrations.fakes.stripe_server import GOOD, Stripe
from jobs import cards as job
from messaging import cards, compose, templates
from models import AuditEvent, Card, CardRefund, Payment, PaymentMethod, Refund, db

REFUND = "/admin/payments/refund/?id={}"
GIVEN = {"method": "to-card", "refunded_on": "2026-11-22", "reason": "Too much", "source": "payment"}


@pytest.fixture
def stripe(app: Flask) -> Iterator[Stripe]:
    make_company(email="billing@harbour.example")
    with taking_cards(app) as made:
        yield made


@pytest.fixture
def payment(app: Flask, stripe: Stripe) -> Payment:
    """By a saved card, as the job charges it."""
    invoice, by = make_invoice(make_customer(name="Anna Lindqvist"), 10000), now(app)
    holder = stripe.new("cus", "customer")["id"]
    card = make_card(
        invoice.customer, gateway_card=stripe._card(GOOD, (12, 2030), holder)["id"], gateway_customer=holder
    )
    attempt = card_payments.begin(invoice.customer, [invoice], gateway="stripe", card=card, by=by)
    asked = cards.ask(attempt)
    db.session.commit()
    card_payments.settle(attempt, cards.gateway().charge(asked), by=by)
    db.session.commit()
    assert attempt.payment
    return attempt.payment


def give_back(client: Browser, payment: Payment, **typed: str):
    page = client.get(REFUND.format(payment.id)).text
    known = {"form_token": field(page, "form_token"), "seen": re.search(r'name="seen"[^>]* value="([^"]*)"', page)[1]}
    answer = client.post(REFUND.format(payment.id), data={**GIVEN, **known, **typed})
    if answer.status_code == 200:  # it says first what it does
        known["seen"] = re.search(r'name="seen"[^>]* value="([^"]*)"', answer.text)[1]
        answer = client.post(REFUND.format(payment.id), data={**GIVEN, **known, **typed})
    db.session.expire_all()
    return answer, {**GIVEN, **known, **typed}


def test_a_refund_goes_back_to_the_card_once_however_often_it_is_sent(
    staff_client: Browser, stripe: Stripe, payment: Payment
):
    assert "Back to Visa ···· 4242, by Stripe" in staff_client.get(REFUND.format(payment.id)).text
    answer, form = give_back(staff_client, payment, amount="40.00")
    again = staff_client.post(REFUND.format(payment.id), data=form)  # F39
    assert answer.status_code == again.status_code == 302 and answer.location == again.location
    db.session.expire_all()
    refund, row = db.session.query(Refund).one(), db.session.query(CardRefund).one()
    assert (refund.amount_minor, refund.method, payment.refunded_minor) == (4000, "Card", 4000)
    assert row.refund_id == refund.id and [one["amount"] for one in stripe.of("refund")] == [4000]
    shown = staff_client.get(answer.location).text
    assert "Card payment" in shown and "Too much" in shown and "Came back" not in shown
    stripe.fail_refund(row.gateway_id)
    job.look_up_refund(row.id)
    shown = staff_client.get(answer.location).text
    assert "The refund of €40.00 did not arrive" in shown and "lost or stolen card" in shown
    assert "Came back on 22 Nov 2026" in shown and "Refund came back" in shown


def test_a_refund_that_stripe_refuses_books_nothing_and_says_why(
    staff_client: Browser, stripe: Stripe, payment: Payment
):
    stripe.refund({"payment_intent": payment.gateway_id, "amount": "9000"})
    answer, _form = give_back(staff_client, payment, amount="40.00")
    shown = staff_client.get(answer.location).text
    assert "Nothing went back." in shown and "did not go back to the card" in shown
    assert db.session.query(Refund).count() == 0 and payment.refunded_minor == 0


def test_the_panel_says_what_is_missing_and_shows_the_cards(
    app: Flask, client: Browser, stripe: Stripe, payment: Payment
):
    sign_in(client)
    address = f"/admin/customer/details/?id={payment.customer_id}&tab=payments"
    shown = client.get(address).text
    assert (
        "Visa ···· 4242" in shown
        and "Succeeded" in shown
        and "STRIPE" not in client.get("/admin/settings/payments/").text
    )
    app.config.update(STRIPE_SECRET_KEY="", STRIPE_WEBHOOK_SECRET="")
    shown = client.get("/admin/settings/payments/").text
    assert "Cards: Not set up." in shown and "<code>STRIPE_SECRET_KEY</code>" in shown and "WEBHOOK_SECRET" in shown
    assert "STRIPE_SECRET_KEY" in client.get("/admin/settings/").text
    assert "Back to" not in client.get(REFUND.format(payment.id)).text


def test_staff_who_take_payments_remove_a_card_here_and_at_the_gateway(
    app: Flask, client: Browser, stripe: Stripe, payment: Payment
):
    card = db.session.query(Card).one()
    number, strangers = card.id, make_card(make_customer())
    door = f"/admin/customer/saved-card/remove/?id={payment.customer_id}&card="
    page = f"/admin/customer/details/?id={payment.customer_id}&tab=payments"
    looks = app.test_client()
    sign_in(looks, make_role("Looks", "customers.view", "payments.view").name)
    assert "Remove Visa" not in looks.get(page).text and looks.post(f"{door}{number}").status_code == 403
    sign_in(client)
    assert "Remove Visa" in client.get(page).text and client.post(f"{door}{strangers.id}").status_code == 404
    for _twice in range(2):
        assert client.post(f"{door}{number}").status_code == 302
    db.session.expire_all()
    assert card.removed_at is not None and strangers.removed_at is None
    told = db.session.query(AuditEvent).filter_by(verb="card.removed").one()
    assert told.customer_id == payment.customer_id and told.staff_id is not None
    job.run()
    db.session.expire_all()
    assert not card.to_forget and stripe.things[card.gateway_card]["customer"] is None


def test_what_is_being_paid_by_card_is_said_before_another_payment_and_the_mail_asks_for_nothing(
    app: Flask, client: Browser, stripe: Stripe, payment: Payment
):
    sign_in(client)
    invoice = make_invoice(payment.customer, 900, buyer='{"name": "Anna"}')
    payment.customer.payment_method = PaymentMethod.CARD
    card_payments.begin(payment.customer, [invoice], gateway="stripe", by=now(app))
    db.session.commit()
    shown = client.get(f"/admin/payments/new/?invoice={invoice.id}").text
    assert "is being paid by card since" in shown and f"for {invoice.number}" in shown
    with app.test_request_context():
        _brand, values = compose.invoice_values(invoice, "en", app.clock())
        said = templates.write("invoice", values, "en")
    assert "Nothing to do: we charge it to your card Visa ···· 4242." in said.text
