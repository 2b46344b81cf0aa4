"""After a restored backup (F42): what Stripe took and gave back meanwhile is found, and booked and charged once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cardserver import make_card, taking_cards
from conftest import Clock
from documents import field
from factories import make_company, make_customer, make_invoice
from flask import Flask
from signing_in import Browser
from sqlalchemy import select

from billing import card_finds, doctor
from billing.doctor import Scope
from integrations.fakes.stripe_server import GOOD, Stripe
from jobs import card_charges
from jobs import cards as job
from models import Credit, Customer, Invoice, Payment, PaymentAttempt, PaymentMethod, Refund, db

FOUND, BOOK = "/admin/payments/found/", "/admin/payments/found/book/"


@pytest.fixture
def stripe(app: Flask) -> Iterator[Stripe]:
    make_company()
    with taking_cards(app) as made:
        yield made


@pytest.fixture
def invoice(stripe: Stripe) -> Invoice:
    """Open here, of somebody whose saved card is charged by itself."""
    invoice = make_invoice(make_customer(name="Anna Lindqvist", payment_method=PaymentMethod.CARD), 12300)
    holder = stripe.new("cus", "customer")["id"]
    card = stripe._card(GOOD, (12, 2030), holder)["id"]
    make_card(invoice.customer, gateway_card=card, gateway_customer=holder)
    db.session.commit()
    return invoice


def took(stripe: Stripe, customer: Customer, minor: int, holder: str = "", about: str = "", **known: str) -> str:
    """A charge whose attempt is in no row any more; Stripe's name for it."""
    known = {"tillbook_attempt": f"pay-{len(stripe.things)}", "tillbook_customer": str(customer.id), **known}
    told = {"amount": minor, "currency": "eur", "customer": holder or None, "metadata": known, "description": about}
    return str(stripe.intent(told, stripe._card(GOOD, (12, 2030), holder or None))["id"])


def holder_of(stripe: Stripe) -> str:
    return str(stripe.of("customer")[0]["id"])


def form(client: Browser, name: str, **more: str) -> dict[str, str]:
    page = client.get(f"{BOOK}?payment={name}" + "".join(f"&{key}={value}" for key, value in more.items())).text
    return {"payment": name, "customer": field(page, "customer"), "form_token": field(page, "form_token")}


def healthy(app: Flask) -> list[str]:
    db.session.commit()
    return [str(one) for one in doctor.examine(Scope(at=app.clock())) if one.code != "I16"]  # the factory seals nothing


def test_what_stripe_took_after_the_backup_is_booked_once_and_nobody_is_charged_twice(
    app: Flask, staff_client: Browser, stripe: Stripe, invoice: Invoice, clock: Clock
):
    name = took(stripe, invoice.customer, 12300, holder_of(stripe), f"{invoice}")
    stripe.refund({"payment_intent": name, "amount": "2300"})
    stripe.intent({"amount": 500, "currency": "eur"}, stripe._card(GOOD, (12, 2030), None))  # made by hand over there
    clock.advance(minutes=5)
    assert card_charges.run(clock().date()) == {"found": 1} and len(stripe.charges()) == 2
    told = app.test_cli_runner().invoke(args=["doctor", "--gateway"])
    assert told.exit_code == 1 and f"{name}: 123.00 EUR paid at Stripe, not here" in told.output
    assert "1 card payment or refund is not in the books" in staff_client.get("/admin/").text
    shown = staff_client.get(FOUND).text
    assert name in shown and "Anna Lindqvist" in shown and shown.count(">Book<") == 1
    typed = form(staff_client, name)
    page = staff_client.get(f"{BOOK}?payment={name}").text
    assert f"It pays {invoice}." in page and "€23.00 of it went back" in page
    answers = [staff_client.post(BOOK, data=typed).location for _twice in range(2)]
    other = staff_client.post(BOOK, data=form(staff_client, name))  # another form, later
    assert answers[0] == answers[1] == other.location
    db.session.expire_all()
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.gateway_id, payment.amount_minor, payment.refunded_minor) == (name, 12300, 2300)
    assert invoice.open_minor == 2300 and db.session.scalars(select(Refund)).one().amount_minor == 2300
    assert "not in the books" not in staff_client.get("/admin/").text and healthy(app) == []
    assert "is in the books" in staff_client.get(FOUND).text
    assert card_charges.run(clock().date()) == {} and len(stripe.charges()) == 2


def test_a_refund_that_nobody_told_of_is_found_and_what_another_installation_took_is_not_ours(
    app: Flask, staff_client: Browser, stripe: Stripe, invoice: Invoice, clock: Clock
):
    theirs = took(stripe, invoice.customer, 900, tillbook_site="another")
    assert staff_client.get(f"{BOOK}?payment={theirs}").status_code == 404
    assert card_charges.run(clock().date()) == {"succeeded": 1}
    payment = db.session.scalars(select(Payment)).one()
    assert stripe.charges()[0]["metadata"]["tillbook_site"] == card_finds.site() != ""
    stripe.refund({"payment_intent": payment.gateway_id, "amount": "500"})
    clock.advance(minutes=5)
    assert card_charges.run(clock().date()) == {"found": 1}
    assert "Given back, and not in the books" in staff_client.get(FOUND).text
    staff_client.post(BOOK, data=form(staff_client, payment.gateway_id))
    db.session.expire_all()
    assert payment.refunded_minor == 500 and card_charges.run(clock().date()) == {} and healthy(app) == []


def test_whose_number_may_be_somebody_elses_by_now_is_asked_for(
    app: Flask, staff_client: Browser, stripe: Stripe, invoice: Invoice
):
    right = make_customer(name="Bea Brandt")
    dollars = make_customer(name="Dee Dollar", currency="USD")
    db.session.commit()
    name = took(stripe, invoice.customer, 700)
    page = staff_client.get(f"{BOOK}?payment={name}").text
    assert "belongs to Anna Lindqvist now" in page and "Book it" not in page
    typed = form(staff_client, name, customer=str(right.id))
    refused = staff_client.post(BOOK, data={**typed, "customer": str(dollars.id)})
    assert "account is kept in USD" in refused.text
    staff_client.post(BOOK, data=typed)
    credit = db.session.scalars(select(Credit)).one()
    assert (credit.customer_id, credit.remaining_minor) == (right.id, 700) and healthy(app) == []
    again = staff_client.post(BOOK, data={**form(staff_client, name), "customer": str(invoice.customer_id)})
    assert "asked for by Bea Brandt" in again.text and len(db.session.scalars(select(Payment)).all()) == 1


def test_when_stripe_does_not_say_what_it_took_nothing_is_charged(stripe: Stripe, invoice: Invoice, clock: Clock):
    stripe.rules.append({"on": "GET /v1/payment_intents", "status": 500})
    with pytest.raises(card_charges.NotTold, match="so nothing is charged"):
        card_charges.run(clock().date())
    assert stripe.charges() == [] and db.session.scalars(select(PaymentAttempt.step)).all() == [0]
    job.run()
    assert card_charges.run(clock().date()) == {"succeeded": 1}
