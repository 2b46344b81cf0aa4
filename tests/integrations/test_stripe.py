"""Stripe by its library against the fake: every way a question can end is an answer, and sums are counted as theirs."""

from __future__ import annotations

import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from integrations import stripe as gateway
from integrations import stripe_http
from integrations import stripe_reading as reading
from integrations.fakes.stripe_server import GOOD, Server, Stripe
from integrations.gateways import Ask, NotSigned, RefundAsk, Standing

BEGUN = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[Stripe]:
    made = Stripe(clock=BEGUN.timestamp)
    server = Server(0, made)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(5)


def asked(**more: object) -> Ask:
    known = {"kind": "page", "amount_minor": 1234, "currency": "EUR", "begun_at": BEGUN}
    return Ask("pay-1", "7", **{**known, **more})  # type: ignore[arg-type]


def to(fake: Stripe, **more: str) -> gateway.Stripe:
    return gateway.Stripe(**{"secret_key": fake.key, "webhook_secret": fake.secret, "url": fake.address, **more})


def opened(stripe: gateway.Stripe, **more: object):
    until = BEGUN + timedelta(minutes=45)
    return stripe.open_page(asked(**more), back="http://b.example/", cancelled="http://b.example/", until=until)


@pytest.mark.parametrize(
    ("currency", "minor", "theirs"),
    [("EUR", 1234, "1234"), ("JPY", 500, "500"), ("ISK", 70, "7000"), ("MGA", 1200, "12"), ("KWD", 1230, "1230")],
)
def test_sums_are_counted_as_stripe_counts_and_back(fake: Stripe, currency: str, minor: int, theirs: str) -> None:
    fake._sum = lambda told: 10**9  # type: ignore[method-assign]  # its smallest amounts are another matter
    opened(to(fake), currency=currency, amount_minor=minor)
    assert fake.of("checkout.session")[0]["asked"]["line_items"]["0"]["price_data"]["unit_amount"] == theirs
    assert reading.counted(int(theirs), currency) == minor


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 1234), ("MGA", 1234)])
def test_what_stripe_cannot_take_is_refused_before_it_is_asked(fake: Stripe, currency: str, minor: int) -> None:
    assert opened(to(fake), currency=currency, amount_minor=minor).state == Standing.DECLINED and fake.asked == []


def test_every_way_a_question_ends_is_an_answer(fake: Stripe) -> None:
    stripe = to(fake)
    page = opened(stripe)
    assert page.state == Standing.OPEN and page.page_url.startswith(fake.address)
    assert opened(stripe).page_id == page.page_id  # the same key does nothing twice
    assert opened(stripe, amount_minor=99).state == Standing.UNKNOWN  # … and is good for nothing else
    assert stripe.look_up(asked(page_id="cs_none")).state == Standing.MISSING
    assert stripe.look_up(asked()).page_id == page.page_id  # found by the key alone
    fake.pay(fake.things[page.page_id], GOOD)
    paid = stripe.look_up(asked())
    assert (paid.state, paid.amount_minor, paid.currency, paid.customer) == (Standing.SUCCEEDED, 1234, "EUR", "7")
    assert stripe.close_page(asked()).state == Standing.SUCCEEDED
    for rule in ({"status": 500}, {"drop": True}, {"lose": True}):
        fake.rules.append({"on": "POST /v1/checkout", **rule})
        assert stripe.open_page(
            Ask(f"pay-{rule}"[:20], "7", "save", 0, "EUR", BEGUN), back="http://b", cancelled="http://b", until=BEGUN
        ).state == Standing.UNKNOWN  # fmt: skip
    wrong = to(fake, secret_key="sk_test_other")
    assert opened(wrong).state == Standing.CLOSED and "STRIPE_SECRET_KEY" in wrong.check()
    assert opened(to(fake, url="http://127.0.0.1:9")).state == Standing.CLOSED and stripe.check() == ""


@pytest.mark.parametrize("answer", [b"HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", b"", b"huge"])
def test_no_redirect_is_followed_and_no_answer_waited_for_or_read_for_ever(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(stripe_http, "TIMEOUT", 0.3)
    monkeypatch.setattr(stripe_http, "LARGEST", 1000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        hits = []

        def serve() -> None:
            with ExitStack() as held:
                while True:
                    try:
                        connection, _address = listener.accept()
                    except OSError:
                        return
                    held.enter_context(connection)
                    hits.append(connection.recv(65_536).split(b" ")[1])
                    if answer == b"huge":
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b" " * 9000)
                    elif answer:
                        connection.sendall(answer.replace(b"{}", url.encode() + b"/elsewhere"))

        threading.Thread(target=serve, daemon=True).start()
        stripe = gateway.Stripe("sk_test_fake", url=url)
        assert (
            opened(stripe).state == Standing.UNKNOWN and stripe.look_up(asked(page_id="cs_1")).state == Standing.UNKNOWN
        )
        assert b"/elsewhere" not in hits


def test_a_webhook_is_as_old_as_the_moment_that_was_signed(fake: Stripe) -> None:
    """A second moment beside it makes nothing fresh."""
    event = {"id": "evt_1", "type": "charge.updated", "livemode": False, "data": {"object": {"object": "charge"}}}
    body, signature = fake.signed(event, at=BEGUN.timestamp() - 3600)
    for more in ("", f",t={int(BEGUN.timestamp())}"):
        with pytest.raises(NotSigned):
            to(fake).read_event(body, signature + more, at=BEGUN)


def test_whose_customer_was_removed_there_can_pay_all_the_same(fake: Stripe) -> None:
    assert opened(to(fake), gateway_customer="cus_gone").state == Standing.OPEN
    (page,) = fake.of("checkout.session")
    assert page["customer"] is None and page["client_reference_id"] == "pay-1"


def test_without_a_secret_nobody_can_sign(fake: Stripe) -> None:
    event = {"id": "evt_1", "type": "charge.updated", "livemode": False, "data": {"object": {"object": "charge"}}}
    moment = int(BEGUN.timestamp())
    body = json.dumps(event).encode()
    mark = hmac.new(b"", f"{moment}.".encode() + body, "sha256").hexdigest()
    with pytest.raises(NotSigned):
        to(fake, webhook_secret="").read_event(body, f"t={moment},v1={mark}", at=BEGUN)


def test_what_stripe_cannot_give_back_is_refused_before_it_is_asked(fake: Stripe) -> None:
    seen = to(fake).refund(RefundAsk("back-1", "pi_1", 1234, "KWD", BEGUN))
    assert seen.state == Standing.DECLINED and "end in zero" in seen.reason and fake.asked == []
