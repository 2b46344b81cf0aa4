"""The public page of an order form: totals by the server, orders taken once, mails to their owner only."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from cardserver import taking_cards
from conftest import Clock
from factories import add, make_customer
from flask import current_app
from guests import let_in, sign_in_guest
from ordering import make_form, make_shop
from signing_in import Browser
from sqlalchemy import select
from statements import spoken

from billing import order_blocks, order_forms, order_links, orders, portal_users, settings
from models import (
    Customer,
    Delivery,
    FxRate,
    Message,
    Order,
    OrderState,
    PaymentAttempt,
    PortalAccess,
    PortalRight,
    PortalUser,
    ServiceStatus,
    db,
)
from web import wrong_links

FORM = "/order/fibre-for-shops"
ABOUT = {"name": "Niamh Doyle", "email": "niamh@doyles.example"}


@pytest.fixture
def package(app: object) -> Any:
    return make_shop(email="hello@harbour.example")


def fields(page: str) -> dict[str, str]:
    """What the page would send back by itself."""
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    return {name: value for name, value in found.items() if name != "csrf_token"}


def fill(client: Browser, clock: Clock, **typed: str) -> dict[str, str]:
    """Open the page, and read it for a minute."""
    page = client.get(FORM).text
    clock.advance(minutes=1)
    return {**fields(page), **ABOUT, **typed}


def order(client: Browser, clock: Clock, **typed: str) -> Any:
    return client.post(FORM, data=fill(client, clock, **typed))


def the_order() -> Order:
    db.session.expire_all()
    return db.session.scalars(select(Order)).one()


def test_from_form_to_invoice(client, package, clock, by):
    make_form(package, by=by, thanks="**Welcome** aboard")
    page = client.get(FORM)
    assert page.status_code == 200 and len(page.data) < 40_000
    assert "€59.00" in page.text and "€97.17" in page.text  # 59 + 20 set-up, and 23 % on it
    sent = order(client, clock)
    assert sent.status_code == 303, sent.text
    thanks = client.get(sent.location)
    assert "niamh@doyles.example" in thanks.text and "<strong>Welcome</strong>" in thanks.text
    done = the_order()
    assert done.state == OrderState.ACCEPTED and done.address == "127.0.0.1"
    assert done.invoice.total_minor == done.total_minor == 9717
    assert done.service.status == ServiceStatus.PENDING
    assert done.customer.registration_ip == "127.0.0.1"
    kinds = set(db.session.scalars(select(Message.kind)))
    assert kinds == {"invoice", "portal_welcome"}


def test_a_double_click_is_one_order(client, package, clock, by):
    make_form(package, by=by)
    sent = fill(client, clock)
    first, second = client.post(FORM, data=sent), client.post(FORM, data=sent)
    assert first.location == second.location
    assert the_order().invoice_id


def test_confirmed_by_mail_then_signed_in_and_led_to_pay(client, package, clock, by, app):
    make_form(package, by=by, confirm_email=True)
    sent = order(client, clock)
    assert "look into your mailbox" in client.get(sent.location).text
    assert db.session.scalar(select(Customer.id)) is None
    token = token_of(app)
    with spoken() as asked:
        form, page = client.get(FORM), client.get(f"/order/confirm/{token}")
    assert page.status_code == form.status_code == 200 and "€97.17" in page.text
    assert len(asked) <= 20, "\n".join(asked)  # of both pages
    done = client.post(f"/order/confirm/{token}", data={"total": fields(page.text)["total"]})
    assert done.status_code == 303 and f"/portal/{the_order().customer_id}/" in done.location
    assert client.get(done.location, follow_redirects=True).status_code == 200
    assert client.get(f"/order/confirm/{token}").status_code == 404  # it works once


def token_of(app: Any) -> str:
    from billing import order_links

    token = order_links.token_of(the_order(), app.config["SECRET_KEY"])
    assert token
    return token


def test_another_total_than_shown_is_shown_first(client, package, clock, by, app):
    make_form(package, by=by, confirm_email=True)
    order(client, clock)
    answer = client.post(f"/order/confirm/{token_of(app)}", data={"total": "1"})
    assert answer.status_code == 409 and "€97.17" in answer.text
    sent = order(client, clock, total="1", email="other@doyles.example")
    assert sent.status_code == 400 and "It comes to €97.17 now" in sent.text


def test_a_known_address_gets_the_same_answer(client, package, clock, by):
    """S42: what a stranger sees does not depend on whether the address is known."""
    make_form(package, by=by)
    known = make_customer(name="Known", email="known@doyles.example", currency="EUR")
    portal_users.add(known, "login@doyles.example", by=by)
    pages = []
    for email in ("new@doyles.example", "known@doyles.example", "login@doyles.example"):
        sent = order(client, clock, email=email)
        assert sent.status_code == 303
        text = client.get(sent.location).text.replace(email, "E")
        text = text.replace(sent.location.rpartition("/")[2], "")
        text = re.sub(r"\b[A-Z2-9]{8}\b|/order/pay/[^\"]+|nonce=\"[^\"]*\"", "", text)
        pages.append(re.sub(r'name="csrf_token" value="[^"]*"', "", text))
    assert pages[0] == pages[1] == pages[2]
    states = set(db.session.scalars(select(Order.state).where(Order.email != "new@doyles.example")))
    assert states == {OrderState.BEGUN}  # and what is asked of them is asked by mail


def test_who_has_a_login_confirms_signed_in(client, package, clock, by, app):
    make_form(package, by=by)
    known = make_customer(name="Doyle's Bakery", currency="EUR")
    access, _new = portal_users.add(known, ABOUT["email"], by=by)
    user_id = access.portal_user_id
    order(client, clock)
    page = client.get(f"/order/confirm/{token_of(app)}")
    assert "Sign in to finish" in page.text and 'name="total"' not in page.text
    refused = client.post(f"/order/confirm/{token_of(app)}", data={"total": "9717", "customer": str(known.id)})
    assert "/portal/sign-in" in refused.location and the_order().state == OrderState.BEGUN
    enter(client, user_id)
    page = client.get(f"/order/confirm/{token_of(app)}")
    done = client.post(f"/order/confirm/{token_of(app)}", data=fields(page.text))
    assert done.status_code == 303 and the_order().customer_id == known.id
    assert the_order().invoice.customer_id == known.id


def enter(client: Browser, user_id: int) -> None:
    from web import sessions

    with client.visiting("/portal/sign-in", method="POST"):
        sessions.start(db.session.get_one(PortalUser, user_id))
        db.session.commit()


def test_signed_in_one_orders_for_ones_own_customers_only(client, package, clock, by):
    make_form(package, by=by, confirm_email=True)
    mine, other = make_customer(name="Mine", currency="EUR"), make_customer(name="Other", currency="EUR")
    access, _new = portal_users.add(mine, "anna@shop.example", by=by)
    enter(client, access.portal_user_id)
    page = client.get(FORM).text
    assert "You order for Mine" in page and 'name="email"' not in page
    assert order(client, clock, customer=str(other.id)).status_code == 409
    done = order(client, clock, customer=str(mine.id))
    assert done.status_code == 303 and the_order().customer_id == mine.id
    assert the_order().state == OrderState.ACCEPTED and f"/portal/{mine.id}/" in done.location


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"website": "http://spam.example"}, "field that people do not see"),
        ({"email": "x@mailinator.com"}, "to throw away"),
        ({"name": "Win at www.casino.example"}, "web address"),
        ({"email": "bad@blocked.example"}, "blocked.example is blocked: Spam."),
    ],
)
def test_what_looks_wrong_is_held_and_gets_no_mail(client, package, clock, by, typed, why):
    make_form(package, by=by)
    order_blocks.block("blocked.example", "Spam", by=by)
    sent = order(client, clock, **typed)
    assert sent.status_code == 303
    assert the_order().state == OrderState.HELD and why in the_order().why_held
    assert db.session.scalar(select(Delivery.id)) is None and db.session.scalar(select(Customer.id)) is None


def test_too_quick_is_held_and_too_old_is_asked_again(client, package, clock, by):
    make_form(package, by=by)
    data = {**fields(client.get(FORM).text), **ABOUT}
    client.post(FORM, data=data)
    assert "sent 0.0 seconds after" in the_order().why_held
    late = fill(client, clock)
    clock.advance(days=2)
    answer = client.post(FORM, data=late)
    assert answer.status_code == 400 and "open for long" in answer.text and "Niamh Doyle" in answer.text
    forged = {**fill(client, clock), "opened": "1790000000.0.x"}
    assert client.post(FORM, data=forged).status_code == 400


def test_a_flood_ends_in_429_whatever_the_proxy_header_says(client, package, clock, by):
    """S22: mails stay under the cap too."""
    make_form(package, by=by, confirm_email=True)
    settings.change({"orders_per_address": 1}, by=by)
    codes = []
    for n in range(5):
        data = fill(client, clock, email=f"victim{n % 2}@mail.example")
        codes.append(client.post(FORM, data=data, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code)
    assert codes == [303, 303, 303, 429, 429]
    assert len(db.session.scalars(select(Delivery)).all()) == 1


def test_one_mail_an_hour_to_one_address(client, package, clock, by):
    make_form(package, by=by, confirm_email=True)
    for _n in range(3):
        order(client, clock)
    due = db.session.scalars(select(Delivery.next_try_at).order_by(Delivery.id)).all()
    assert [round((later - due[0]).total_seconds() / 3600, 3) for later in due] == [0, 1, 2]


HOSTILE = "\"'><img src=x onerror=1>{{7*7}}</script><b id=z>"


def test_hostile_words_are_words(client, package, clock, by):
    make_form(package, by=by, intro="<script>x</script>", fields=[{"name": "street", "required": True}])
    page = order(client, clock, name=HOSTILE, street=HOSTILE, coupon=HOSTILE, email="no@@mail")
    assert page.status_code == 400 and "<img src=x" not in page.text and "<b id=z" not in page.text
    assert "<script>x" not in page.text and "{{7*7}}" in page.text
    for name in ("package", "period", "options_of", "customer", "opened", "total", "form_token"):
        assert order(client, clock, **{name: "1'); DROP TABLE x--"}).status_code in (303, 400)
    assert (
        client.post(FORM, data={**fill(client, clock), "email": "a@b.example\r\nBcc: x@y.example"}).status_code == 400
    )
    assert client.post(FORM, csrf=False, data=fill(client, clock)).status_code == 400


def test_prices_come_from_the_server(client, package, clock, by):
    """S16, S51: nothing that is sent beside the fields changes anything."""
    make_form(package, by=by)
    order(client, clock, price="1", price_minor="1", discount="100", tax="0", state="accepted", number="MINE1234")
    assert the_order().total_minor == 9717 and the_order().number != "MINE1234"


def test_the_total_follows_what_is_chosen_and_keeps_nothing(client, package, clock, by):
    make_form(package, by=by, coupons=True)
    static = next(o for o in package.options if o.name == "Static address")
    sent = {**fill(client, clock), "show": "1", f"option.{static.id}": "yes"}
    page = client.post(FORM, data=sent).text
    assert "€102.09" in page  # four more, and 23 % on it
    yearly = client.post(FORM, data={**sent, "period": "m12"}).text
    assert "€590.00" in yearly and "a year" in yearly and "Static address" not in yearly  # not sold by the year
    assert "does nothing here" in client.post(FORM, data={**sent, "coupon": "NOPE"}).text
    assert db.session.scalar(select(Order.id)) is None


def test_closed_drafts_and_other_addresses(client, package, clock, by):
    form = make_form(package, by=by, closed_text="Back in spring.")
    order_forms.close(form, by=by)
    assert "Back in spring." in client.get(FORM).text
    assert client.post(FORM, data={"form_token": "x" * 20}).status_code == 200
    order_forms.archive(form, by=by)
    for url in (
        FORM,
        "/order/none",
        "/order/" + "x" * 80,
        f"{FORM}/thanks/ABCDEFGH",
        f"{FORM}/logo",
        "/order/confirm/x",
    ):
        assert client.get(url).status_code == 404


def test_only_our_own_hosts_are_led_back_to(client, package, clock, by):
    settings.change({"order_return_hosts": "www.harbour.example"}, by=by)
    form = make_form(package, by=by, return_url="https://www.harbour.example/done")
    paid = client.get(order(client, clock).location).text  # whoever can pay here does so first
    assert "Pay €97.17 now" in paid and 'href="https://www.harbour.example/done"' in paid
    form.approval = "by_hand"
    db.session.commit()
    assert order(client, clock, email="c@doyles.example").location == "https://www.harbour.example/done"
    form.return_url = "https://www.harbour.example?x;sandbox;y"
    db.session.commit()
    assert (
        client.get(FORM).headers["Content-Security-Policy"].endswith("form-action 'self' https://www.harbour.example")
    )
    settings.change({"order_return_hosts": ""}, by=by)
    sent = order(client, clock, email="b@doyles.example")
    assert sent.location.startswith(f"/order/{form.slug}/thanks/")


def test_statements_from_form_to_invoice(client, package, clock, by):
    make_form(package, by=by)
    order(client, clock)  # the first invoice begins the series
    data = fill(client, clock, email="second@doyles.example")
    with spoken() as seen:
        sent = client.post(FORM, data=data)
    assert sent.status_code == 303
    asked = [" ".join(s.split())[:110] for s in seen]
    # A customer, a login, a service and an issued invoice with its ledger, mails and audit: each table is written once
    # but for the audit and the outbox, whose rules each write their own. On PostgreSQL it is one statement less.
    assert len(asked) <= 40, "\n".join(f"{n} {s}" for n, s in enumerate(asked, 1))


def link_of(found: Order) -> str:
    """The link of the mail that asks to confirm it."""
    return f"/order/confirm/{order_links.token_of(found, current_app.config['SECRET_KEY'])}"


@pytest.mark.parametrize("total", ["²", "9" * 5000, "", "-1"])
def test_a_total_that_is_none_confirms_nothing(client, package, clock, by, total):
    make_form(package, by=by, confirm_email=True)
    order(client, clock)
    assert client.post(link_of(the_order()), data={"total": total}).status_code == 409
    assert the_order().state == OrderState.BEGUN


def test_who_has_a_login_confirms_what_their_own_account_pays(client, package, clock, by):
    """The total is that of the account that is billed, with its own tax."""
    make_form(package, by=by, confirm_email=True)
    exempt = make_customer(name="Doyles", tax_exempt=True)
    access = let_in(exempt, by, ABOUT["email"])
    order(client, clock)
    sign_in_guest(client, access)
    total = fields(client.get(link_of(the_order())).text)["total"]
    assert total == "7900"  # without tax
    sent = client.post(link_of(the_order()), data={"total": total, "customer": str(exempt.id)})
    assert sent.status_code == 303 and the_order().invoice.total_minor == 7900


def test_an_account_of_another_currency_confirms_what_it_pays(client, package, clock, by):
    """Without a rate a sentence says why not; with one, the total is that of the account, and in its currency."""
    make_form(package, by=by, confirm_email=True)
    dollars = make_customer(name="Doyles", currency="USD")
    access = let_in(dollars, by, ABOUT["email"])
    order(client, clock)
    sign_in_guest(client, access)
    assert "kept in USD" in client.get(link_of(the_order())).text
    add(FxRate(base="EUR", quote="USD", on=clock().date(), rate=Decimal(2), source="ECB"))
    db.session.commit()
    page = client.get(link_of(the_order()))
    assert "$194.34" in page.text and "1 EUR = 2 USD" in page.text
    sent = {**fields(page.text), "customer": str(dollars.id)}
    assert client.post(link_of(the_order()), data={**sent, "currency": "EUR"}).status_code == 409
    assert client.post(link_of(the_order()), data=sent).status_code == 303
    assert (the_order().currency, the_order().invoice.total_minor) == ("USD", 19434)


def test_an_order_is_never_put_on_another_account_than_was_chosen(client, package, clock, by):
    make_form(package, by=by)
    access = let_in(make_customer(name="Anna A"), by)
    other = portal_users.add(second := make_customer(name="Anna B"), "anna@m.example", by=by)[0]
    sign_in_guest(client, access)
    sent = fill(client, clock, customer=str(second.id))
    db.session.get(PortalAccess, other.id).right = PortalRight.READ_ONLY
    db.session.commit()
    assert client.post(FORM, data=sent).status_code == 409
    assert db.session.scalar(select(Order.id)) is None


def test_who_tries_many_codes_waits_also_when_ordering(client, package, clock, by, monkeypatch):
    monkeypatch.setattr(wrong_links, "MOST", 3)
    make_form(package, by=by, coupons=True)
    sent = {**fill(client, clock), "coupon": "NOPE"}
    answers = [client.post(FORM, data={**sent, "form_token": f"token-number-{n}"}).status_code for n in range(4)]
    assert answers == [400, 400, 400, 429]
    assert client.post(FORM, data={**sent, "coupon": ""}).status_code == 303


@pytest.mark.database("postgresql")
def test_a_nul_is_no_address_and_no_code(client, package, clock, by):
    make_form(package, by=by, coupons=True)
    for url in ("/order/%00", f"{FORM}/thanks/%00"):
        assert client.get(url).status_code == 404
    assert order(client, clock, coupon="a\0b").status_code == 400


@pytest.mark.parametrize("show", ["", "1"])
def test_only_what_keeps_nothing_reads_only(client, package, clock, by, monkeypatch, show):
    make_form(package, by=by)
    sent, reading = {**fill(client, clock), "show": show}, []
    monkeypatch.setattr("models.engine.set_reading", reading.append)
    client.post(FORM, data=sent)
    assert (True in reading) == (show == "1") == (db.session.scalar(select(Order.id)) is None)


def paying_here(page: str) -> str:
    """Where the button of the page of thanks leads."""
    return html.unescape(re.search(r'action="(/order/pay/[^"]+)"', page)[1])


def test_who_just_ordered_pays_in_the_same_browser_without_a_login(client, package, clock, by, app):
    """For an hour, the order's own invoice; in another browser and later the link opens nothing."""
    make_form(package, by=by)
    thanks = order(client, clock).location
    link = paying_here(client.get(thanks).text)
    page = client.get(client.post(link).location)
    assert page.status_code == 200 and "€97.17" in page.text and the_order().invoice.number in page.text
    assert "Save the card" not in page.text and page.headers["Referrer-Policy"] == "no-referrer"
    assert client.get(f"/portal/{the_order().customer_id}/pay").status_code == 302  # nobody is signed in
    other = Browser(app)
    assert other.get(link).status_code == 404 and "/order/pay/" not in other.get(thanks).text
    assert client.get(link[:-9] + ("A" if link[-9] != "A" else "B") + link[-8:]).status_code == 404
    clock.advance(minutes=61)
    assert client.get(link).status_code == 404 and "/order/pay/" not in client.get(thanks).text


def test_a_known_address_pays_on_the_same_pages_and_touches_nobody(client, package, clock, by):
    """S42: its order is made for a customer of its own, and staff are told. Mails alone differ, to the mailbox."""
    known = make_customer(name="Known", email="known@doyles.example")
    access = let_in(known, by, "login@doyles.example")
    make_form(package, by=by)
    pages = []
    for email in ("new@doyles.example", "known@doyles.example", "login@doyles.example"):
        thanks = order(client, clock, email=email).location
        link = paying_here(client.get(thanks).text)
        early = client.get(link), client.post(f"{link}/card"), client.get(f"{link}/1")
        assert {one.location for one in early} == {thanks}  # also where it is made already
        page = client.get(client.post(link).location).text
        page = re.sub(r'name="(csrf|form)_token" value="[^"]*"|/order/pay/[^"]+|nonce="[^"]*"', "", page)
        pages.append(re.sub(r"INV-?\d+|Order [A-Z2-9]{8}|[a-z]+@doyles.example", "", page))
    assert pages[0] == pages[1] == pages[2]
    made = db.session.scalars(select(Order).where(Order.email != "new@doyles.example").order_by(Order.id)).all()
    assert {one.state for one in made} == {OrderState.ACCEPTED} and all("Merge them" in one.trouble for one in made)
    assert known.id not in {one.customer_id for one in made}
    assert [one.customer_id for one in portal_users.accesses(access.portal_user)] == [known.id]
    assert [one.customer_id for one in portal_users.invitations(access.portal_user)] == [made[1].customer_id]
    (own,) = portal_users.of(made[0].customer)  # had no login before, and gets one by its mailbox
    assert own.portal_user.email == "known@doyles.example" and own.accepted and not own.portal_user.password_hash
    mails = db.session.execute(select(Message.kind, Delivery.address).join(Message.deliveries)).all()
    assert ("portal_welcome", "known@doyles.example") in mails and ("portal_added", "login@doyles.example") in mails


def test_who_signs_in_with_the_address_takes_the_order_or_declines_it(client, package, clock, by, app):
    """Nothing of it is theirs before; the link of the first mail leads there too."""
    access = let_in(make_customer(name="Known"), by, ABOUT["email"])
    make_form(package, by=by)
    thanks = order(client, clock).location
    link = link_of(the_order())
    client.post(paying_here(client.get(thanks).text))
    number, new = the_order().number, the_order().customer_id
    asked = db.session.scalars(select(Message.body).where(Message.kind == "portal_added")).one()
    assert "Fibre 300" in asked and asked.count("/portal/accounts") == 1
    assert Browser(app).get(link).location == "/portal/accounts"
    person = Browser(app)
    sign_in_guest(person, access)
    assert person.get(f"/portal/{new}/").status_code == 404 and "To your account" not in person.get(thanks).text
    accounts = person.get("/portal/accounts").text
    assert f"Order {number}" in accounts and "Fibre 300" in accounts
    (accept,) = re.findall(r'action="(/portal/accounts/\d+/accept)"', accounts)
    assert person.post(accept).location == f"/portal/{new}/"
    assert the_order().invoice.number in person.get(f"/portal/{new}/").text
    assert "To your account" in person.get(thanks).text


def test_who_signs_in_before_paying_orders_for_their_own_account(client, package, clock, by):
    access = let_in(make_customer(name="Known"), by, ABOUT["email"])
    make_form(package, by=by)
    thanks = order(client, clock).location
    other = let_in(make_customer(name="Other"), by, "other@doyles.example")
    assert client.get(thanks).status_code == sign_in_guest(client, other).get(thanks).status_code == 200
    page = client.get(sign_in_guest(client, access).get(thanks).location)
    assert page.request.path == link_of(the_order()) and "Known" in page.text
    sent = client.post(page.request.path, data={**fields(page.text), "customer": str(access.customer_id)})
    assert sent.status_code == 303 and the_order().customer_id == access.customer_id


def test_what_is_held_or_given_to_a_customer_is_not_paid_here(client, package, clock, by):
    known = make_customer(name="Known")
    make_form(package, by=by)
    link = paying_here(client.get(order(client, clock, website="spam").location).text)
    assert "We look at your order first" in client.get(client.post(link).location).text
    assert the_order().state == OrderState.HELD
    orders.approve(the_order(), customer=known, by=by)
    db.session.commit()
    assert client.get(link).status_code == 404


def test_by_card_without_a_login(client, package, clock, by, app):
    make_form(package, by=by)
    link = paying_here(client.get(order(client, clock).location).text)
    with taking_cards(app) as stripe:
        page = client.get(client.post(link).location).text
        assert f'action="{link}/card"' in page
        begun = client.post(f"{link}/card", data={"form_token": "a form of its own"})
        asked = client.get(begun.location)
        assert stripe.address in asked.text
        attempt = db.session.scalars(select(PaymentAttempt)).one()
        assert (attempt.amount_minor, attempt.save_card, attempt.customer_id) == (9717, False, the_order().customer_id)
        assert client.get(link).location == f"{link}/{attempt.id}"  # it is under way
        other = client.get(f"{link}/{attempt.id + 1}").status_code
        assert other == 404 and client.post(f"{link}/{attempt.id}/check", data={"stop": "1"}).status_code == 303
        assert "Nothing was paid" in client.get(f"{link}/{attempt.id}").text
