"""Paying by card in the portal: one effect for a double click, sums from our books, and only by whoever may pay."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cardserver import BASE, come_in, make_card, now, pay, pay_on_page, taking_cards, to_page
from factories import make_company, make_customer, make_invoice
from flask import Flask
from signing_in import Browser
from sqlalchemy import select

from billing import settings
from integrations.fakes.stripe_server import ALWAYS_SECURE, GOOD, Stripe
from models import AttemptState, Card, Credit, Invoice, PaymentAttempt, PortalRight, db


@pytest.fixture
def stripe(app: Flask) -> Iterator[Stripe]:
    with taking_cards(app) as made:
        yield made


@pytest.fixture
def invoice(client: Browser, stripe: Stripe) -> Invoice:
    make_company()
    found = make_invoice(make_customer(), 12300)
    come_in(client, found.customer)
    return found


def attempts() -> list[PaymentAttempt]:
    db.session.expire_all()
    return list(db.session.scalars(select(PaymentAttempt).order_by(PaymentAttempt.id)))


def asked_for(stripe: Stripe) -> list[str]:
    return [one["asked"]["line_items"]["0"]["price_data"]["unit_amount"] for one in stripe.of("checkout.session")]


def test_f39_a_double_click_and_the_way_back_begin_one_payment(
    app: Flask, client: Browser, stripe: Stripe, invoice: Invoice
) -> None:
    form = {"csrf_token": client.csrf_token(), "form_token": secrets.token_urlsafe(24), "invoice": str(invoice.id)}
    cookies = client.get_cookie("tillbook")
    address = f"/portal/{invoice.customer_id}/pay/card"
    db.session.commit()

    def click(_n: int) -> str:
        with app.app_context():
            browser = app.test_client()
            browser.set_cookie("tillbook", cookies.value)
            return browser.post(address, data=form).location.split("?")[0]

    with ThreadPoolExecutor(2) as pool:
        led = set(pool.map(click, range(2))) | {click(2)}
    assert len(led) == 1 and len(attempts()) == 1 and len(stripe.of("checkout.session")) == 1


def test_the_sum_comes_from_our_books_and_the_invoices_are_ones_own(
    client: Browser, stripe: Stripe, invoice: Invoice
) -> None:
    other, foreign = make_invoice(invoice.customer, 1000), make_invoice(make_customer(), 5)
    assert pay(client, invoice, foreign).status_code == 404
    assert pay(client, invoice, form_token="").status_code == 400
    to_page(client, invoice, other, amount="0.01", amount_minor="1", currency="USD")
    assert asked_for(stripe) == ["13300"]
    assert [part.holds for part in attempts()[0].parts] == [True, True]


def test_whoever_begins_anew_closes_the_page_that_waits_and_a_paid_one_counts(
    client: Browser, stripe: Stripe, invoice: Invoice
) -> None:
    first = to_page(client, invoice)
    second = to_page(client, invoice)
    assert pay_on_page(first) == "" and [one.state for one in attempts()] == ["expired", "redirected"]
    pay_on_page(second)
    third = pay(client, invoice)  # paid in the meantime: found out before anything else is asked for
    assert "go=1" not in third.location and [one.state for one in attempts()] == ["expired", "succeeded"]
    assert len(stripe.charges()) == 1 and "Paid, thank you" in client.get(third.location).text


def test_breaking_off_lets_go_of_the_invoice(client: Browser, stripe: Stripe, invoice: Invoice) -> None:
    to_page(client, invoice)
    here = f"/portal/{invoice.customer_id}/card-payments/{attempts()[0].id}"
    assert "data-submit-now" in client.get(here).text
    client.post(f"{here}/check")
    assert "Go on at Stripe" in client.get(f"{here}?checked=1").text
    client.post(f"{here}/cancel")
    assert attempts()[0].state == AttemptState.EXPIRED and "Nothing was paid" in client.get(here).text


def test_what_cannot_be_reached_says_so_and_can_be_tried_again(
    client: Browser, stripe: Stripe, invoice: Invoice
) -> None:
    client.application.config["STRIPE_API_BASE"] = "http://127.0.0.1:9"
    answer = pay(client, invoice)
    assert "cannot be reached" in client.get(answer.location).text and attempts()[0].state == AttemptState.EXPIRED
    client.application.config["STRIPE_API_BASE"] = stripe.address
    assert to_page(client, invoice)


def test_money_onto_the_account_is_credit(client: Browser, stripe: Stripe, invoice: Invoice) -> None:
    pay_on_page(to_page(client, customer_id=invoice.customer_id, amount="25,50"))
    client.post(f"/portal/{invoice.customer_id}/card-payments/{attempts()[0].id}/check")
    assert db.session.scalars(select(Credit)).one().remaining_minor == 2550
    refused = pay(client, customer_id=invoice.customer_id, amount="-1")
    assert len(attempts()) == 1 and refused.status_code == 303


def saved(stripe: Stripe, invoice: Invoice, number: str = GOOD, **values: object) -> Card:
    """A card of the invoice's customer that Stripe keeps."""
    holder = stripe.new("cus", "customer")["id"]
    kept = stripe._card(number, (12, 2030), holder)["id"]
    return make_card(invoice.customer, gateway_card=kept, gateway_customer=holder, **values)


def test_a_saved_card_pays_with_one_press(client: Browser, stripe: Stripe, invoice: Invoice) -> None:
    card, strangers = saved(stripe, invoice), make_card(make_customer())
    over = make_card(invoice.customer, is_default=False, expires_year=2026, expires_month=10, last_four="1881")
    page = client.get(f"/portal/{invoice.customer_id}/pay").text
    assert "Pay €123.00 with Visa ···· 4242" in page and "Pay with another card" in page and "1881" not in page
    for wrong in (strangers.id, over.id, 2**62, "x"):
        assert pay(client, invoice, card=wrong).status_code == 404
    token = secrets.token_urlsafe(24)
    led = {pay(client, invoice, card=card.id, form_token=token, amount="0.01").location for _twice in range(2)}
    assert len(led) == 1 and "Paid, thank you" in client.get(led.pop()).text
    assert [one["amount"] for one in stripe.charges()] == [12300] and stripe.of("checkout.session") == []
    assert stripe.charges()[0]["asked"].get("off_session") is None  # its holder is here
    assert invoice.open_minor == 0 and attempts()[-1].state == AttemptState.SUCCEEDED


def test_what_the_bank_asks_about_a_saved_card_opens_its_page(
    client: Browser, stripe: Stripe, invoice: Invoice
) -> None:
    card = saved(stripe, invoice, ALWAYS_SECURE)
    asks = to_page(client, invoice, card=card.id)
    assert asks.startswith(f"{stripe.address}/pay/pi_") and invoice.open_minor == 12300
    back = pay_on_page(asks, answer="fail").removeprefix(BASE)
    client.post(f"{back}/check")
    assert "Your bank did not confirm" in client.get(back).text and attempts()[-1].state == AttemptState.DECLINED
    asks = to_page(client, invoice, card=card.id)
    again = to_page(client, invoice, card=card.id)  # thought better of it: what the bank asked is over
    assert pay_on_page(asks, answer="complete") == "" and stripe.charges() == []
    back = pay_on_page(again, answer="complete").removeprefix(BASE)
    client.post(f"{back}/check")
    assert "Paid, thank you" in client.get(back).text and [one["amount"] for one in stripe.charges()] == [12300]
    db.session.expire_all()
    assert [one.state for one in attempts()][-2:] == ["expired", "succeeded"] and invoice.open_minor == 0


def test_only_those_who_may_pay_do_and_nobody_while_staff_look_in(app: Flask, stripe: Stripe, invoice: Invoice) -> None:
    make_card(invoice.customer)
    for right, status in ((PortalRight.READ_ONLY, 403), (PortalRight.TECHNICAL, 404), (PortalRight.BILLING, 303)):
        browser = app.test_client()
        come_in(browser, invoice.customer, right)
        assert pay(browser, invoice).status_code == status
    assert len(attempts()) == 2


def test_a_card_is_chosen_and_removed_by_its_owner(client: Browser, stripe: Stripe, invoice: Invoice) -> None:
    first, second = make_card(invoice.customer), make_card(invoice.customer, is_default=False, last_four="1881")
    strangers = make_card(make_customer())
    here = f"/portal/{invoice.customer_id}/cards"
    assert client.post(f"{here}/{strangers.id}/remove").status_code == 404
    client.post(f"{here}/{second.id}/default")
    db.session.expire_all()
    assert (first.is_default, second.is_default) == (False, True)
    client.post(f"{here}/{second.id}/remove")
    db.session.expire_all()
    assert first.is_default and second.removed_at is not None and strangers.removed_at is None
    client.get(here)  # what was said is said
    page = client.get(here).text
    assert "1881" not in page and "4242" in page and db.session.query(Card).count() == 3


def test_money_onto_the_account_only_where_the_settings_take_it(app, client, stripe, invoice):
    settings.change({"portal_top_up": False}, by=now(app))
    db.session.commit()
    pay(client, customer_id=invoice.customer_id, amount="25.00")
    assert attempts() == [] and stripe.of("checkout.session") == []


def test_the_gateways_page_is_shown_to_those_who_may_pay_only(client, stripe, invoice):
    page, (attempt,) = to_page(client, invoice), attempts()
    here = f"/portal/{invoice.customer_id}/card-payments/{attempt.id}"
    assert page in client.get(f"{here}?go=1").text
    come_in(client, invoice.customer, PortalRight.READ_ONLY)
    for address in (f"{here}?go=1", f"{here}?checked=1"):
        assert page not in client.get(address).text
