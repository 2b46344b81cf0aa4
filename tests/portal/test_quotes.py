"""Quotes in the portal: by a link that opens one thing, or signed in; looking at one never answers it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_package, make_tax_rate
from flask import Flask
from quoting import line, link_of, sent_quote, sold
from security.conftest import prints
from signing_in import PASSWORD, Browser

from billing import portal_links, quote_answers, quotes
from billing.actor import Actor
from models import (
    Customer,
    Invoice,
    Message,
    PortalAccess,
    PortalRight,
    PortalUser,
    Quote,
    QuoteAnswer,
    QuoteState,
    Service,
    db,
)

YES = {"name": "Anna Doyle", "comment": "Start on Monday", "agreed": "y"}
SECRET_WORDS = "Cabling of the vault"


@pytest.fixture
def customer(app: Flask) -> Customer:
    make_company(email="office@harbour.example")
    make_tax_rate("IE", "23")
    return make_customer(name="Doyle's Bakery")


@pytest.fixture
def quote(customer: Customer, by: Actor) -> Quote:
    fibre = make_package(4500, name="Fibre 500")
    terms = "Payable within 14 days."
    return sent_quote(customer, sold(fibre), line(SECRET_WORDS), title="New office", terms=terms, by=by)


@pytest.fixture
def link(quote: Quote, by: Actor, app: Flask) -> str:
    return link_of(quote, by, app.config["SECRET_KEY"])


def token_from(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def post(browser: Browser, link: str, verb: str, **data: str):  # type: ignore[no-untyped-def]
    token = token_from(browser.get(link).text)
    return browser.post(f"{link}/{verb}", csrf=False, data={"csrf_token": token, **data})


def now(quote: Quote) -> Quote:
    db.session.rollback()
    return db.session.get_one(Quote, quote.id, populate_existing=True)


def test_a_link_shows_the_quote_and_accepting_makes_the_invoice(client: Browser, quote: Quote, link: str) -> None:
    page = client.get(link)
    assert page.status_code == 200
    for words in ("Q-00001", SECRET_WORDS, "New office", "Payable within 14 days.", "€153.75", "each month"):
        assert words in page.text
    answer = post(client, link, "accept", **YES)
    assert (answer.status_code, answer.location) == (303, link)
    accepted = now(quote)
    assert (accepted.state, accepted.answered_how) == (QuoteState.ACCEPTED, QuoteAnswer.LINK)
    assert (accepted.answered_by, accepted.answer_comment) == ("Anna Doyle", "Start on Monday")
    assert accepted.answered_from == "127.0.0.1"
    assert db.session.query(Invoice).one().total_minor == accepted.total_minor
    assert db.session.query(Service).one().price_minor == 4500
    told = db.session.query(Message).filter_by(kind="quote_answered").one()
    assert told.deliveries[0].address == "office@harbour.example" and "Start on Monday" in told.body
    again = client.get(link)
    assert "Accepted by Anna Doyle" in again.text and "/accept" not in again.text
    assert client.get(f"{link}/pdf").data.startswith(b"%PDF")


def test_declining_says_why(client: Browser, quote: Quote, link: str) -> None:
    assert post(client, link, "decline", name="Anna", comment="Too dear").status_code == 303
    declined = now(quote)
    assert (declined.state, declined.answer_comment) == (QuoteState.DECLINED, "Too dear")
    assert "Declined by Anna" in client.get(link).text
    assert db.session.query(Invoice).count() == 0


def test_looking_changes_nothing(client: Browser, link: str, quote: Quote) -> None:
    client.get("/portal/sign-in")
    before = prints()
    for method in (client.get, client.head):
        for address in (link, f"{link}/pdf", f"{link}/accept", f"{link}/decline"):
            assert method(address).status_code in (200, 405)
    assert prints() == before
    assert now(quote).state == QuoteState.SENT


def test_nobody_learns_the_link_from_its_page(client: Browser, link: str) -> None:
    for answer in (client.get(link), client.get(f"{link}/pdf"), client.get(f"{link[:-1]}x")):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_an_answer_needs_the_token_of_its_form(client: Browser, link: str, quote: Quote) -> None:
    for token in ("", "nonsense"):
        answer = client.post(f"{link}/accept", csrf=False, data={"csrf_token": token, **YES})
        assert answer.status_code == 400
    assert now(quote).state == QuoteState.SENT


def test_what_is_missing_is_told_at_its_field_and_what_was_typed_stays(
    client: Browser, link: str, quote: Quote
) -> None:
    answer = post(client, link, "accept", name="", comment="Start on Monday", agreed="y")
    assert answer.status_code == 400 and "Your name is missing." in answer.text and "Start on Monday" in answer.text
    answer = post(client, link, "accept", name="Anna")
    assert answer.status_code == 400 and "Tick that you accept" in answer.text and 'value="Anna"' in answer.text
    assert now(quote).state == QuoteState.SENT


def test_fields_that_nobody_asked_for_change_nothing(client: Browser, link: str, quote: Quote) -> None:
    extra = {"total_minor": "1", "state": "declined", "discount": "100", "price": "0.01", "customer_id": "99"}
    assert post(client, link, "accept", **YES, **extra).status_code == 303
    assert now(quote).total_minor == db.session.query(Invoice).one().total_minor == 15375


def test_every_other_link_opens_the_same_nothing(
    client: Browser, customer: Customer, quote: Quote, link: str, by: Actor, app: Flask
) -> None:
    """An altered byte, another purpose, another key, another quote's row: one page, and nothing on it."""
    key, path = app.config["SECRET_KEY"], "/portal/quote/"
    token = link.removeprefix(path)
    guest = add(PortalUser(email="anna@mail.example", name="Anna"))
    _row, reset = portal_links.make(guest, portal_links.WELCOME, key=key, at=by.at)
    other = link_of(sent_quote(customer, by=by), by, "another key, long enough to be one 0123456789").removeprefix(path)
    flipped = ("A" if token[0] != "A" else "B") + token[1:]
    wrong = [flipped, token[:-1], token + "A", token.swapcase(), reset, other, "x" * 43, "%2e%2e", "1"]
    answers = [client.get(f"{path}{each}") for each in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert all(SECRET_WORDS not in answer.text and "Q-0000" not in answer.text for answer in answers)
    csrf = token_from(client.get(link).text)
    for each in wrong:
        for verb in ("accept", "decline"):
            sent = client.post(f"{path}{each}/{verb}", csrf=False, data={"csrf_token": csrf, **YES})
            assert sent.status_code == 404
    assert client.get(f"/portal/set-password/{token}").status_code == 404
    assert now(quote).state == QuoteState.SENT


def test_a_link_answers_its_own_quote_only(
    client: Browser, customer: Customer, quote: Quote, link: str, by: Actor
) -> None:
    other = sent_quote(customer, by=by)
    assert post(client, link, "accept", **YES, quote_id=str(other.id), id=str(other.id)).status_code == 303
    assert (now(quote).state, now(other).state) == (QuoteState.ACCEPTED, QuoteState.SENT)


def test_a_link_that_was_used_is_of_no_further_use(client: Browser, link: str, quote: Quote) -> None:
    csrf = token_from(client.get(link).text)
    data = {"csrf_token": csrf, **YES}
    first = client.post(f"{link}/accept", csrf=False, data=data)
    for verb in ("accept", "decline"):
        again = client.post(f"{link}/{verb}", csrf=False, data={**data, "name": "Mallory"})
        assert (first.status_code, again.status_code) == (303, 303)
    assert (now(quote).state, now(quote).answered_by) == (QuoteState.ACCEPTED, "Anna Doyle")
    assert db.session.query(Invoice).count() == 1
    assert "was accepted" in client.get(link).text


def test_after_the_last_day_a_link_tells_that_and_nothing_else(
    client: Browser, link: str, quote: Quote, clock: Clock
) -> None:
    csrf = token_from(client.get(link).text)
    assert quote.valid_until is not None
    clock.set(quote.valid_until, hour=23)
    assert client.get(link).status_code == 200
    clock.set(quote.valid_until + timedelta(days=1), hour=0)
    for answer in (
        client.get(link),
        client.get(f"{link}/pdf"),
        client.post(f"{link}/accept", csrf=False, data={"csrf_token": csrf, **YES}, follow_redirects=True),
    ):
        assert "This quote was valid until" in answer.text or answer.status_code == 400
        assert SECRET_WORDS not in answer.text
    assert now(quote).state == QuoteState.SENT


def test_the_last_day_ends_in_the_zone_of_the_business(client: Browser, link: str, quote: Quote, clock: Clock) -> None:
    assert quote.valid_until is not None
    db.session.execute(db.text("UPDATE company SET timezone = 'Pacific/Auckland'"))
    db.session.commit()
    clock.set(quote.valid_until, hour=12)  # in Auckland it is past midnight
    assert client.get(link).status_code == 410


@pytest.mark.parametrize("becomes", ["withdrawn", "superseded", "expired"])
def test_what_is_no_longer_offered_says_so(becomes: str, client: Browser, link: str, quote: Quote, by: Actor) -> None:
    if becomes == "withdrawn":
        quotes.withdraw(quote, by=by)
    elif becomes == "superseded":
        quotes.send(quotes.revise(quote, by=by), by=by)
    else:
        quote_answers.expire_one(quote, by=by)
    answer = client.get(link)
    words = {"withdrawn": "was withdrawn", "superseded": "a newer version", "expired": "was valid until"}
    assert answer.status_code == 410 and words[becomes] in answer.text and SECRET_WORDS not in answer.text
    assert client.get(f"{link}/pdf").status_code == 410


def test_whoever_tries_many_links_has_to_wait(client: Browser, link: str, clock: Clock) -> None:
    for n in range(100):
        assert client.get(f"/portal/quote/{n:043}").status_code == 404
    assert client.get(f"/portal/quote/{100:043}").status_code == 429
    assert client.get(link).status_code == 429
    clock.advance(minutes=16)
    assert client.get(link).status_code == 200


def signed_in(client: Browser, customer: Customer, right: PortalRight) -> PortalUser:
    hashed = client.application.extensions["passwords"].hash(PASSWORD)
    guest = add(PortalUser(email=f"{right}@mail.example", name="Anna", password_hash=hashed))
    add(PortalAccess(portal_user_id=guest.id, customer_id=customer.id, right=right))
    assert client.post("/portal/sign-in", data={"login": guest.email, "password": PASSWORD}).status_code == 302
    return guest


def test_an_owner_reads_and_accepts_in_the_portal(client: Browser, customer: Customer, quote: Quote) -> None:
    signed_in(client, customer, PortalRight.OWNER)
    page = f"/portal/{customer.id}/quotes/{quote.id}/"
    assert (
        page in client.get(f"/portal/{customer.id}/").text and page in client.get(f"/portal/{customer.id}/quotes/").text
    )
    assert SECRET_WORDS in client.get(page).text
    assert client.get(f"/portal/{customer.id}/quotes/{quote.id}.pdf").data.startswith(b"%PDF")
    assert client.post(f"{page}accept", data=YES).status_code == 303
    accepted = now(quote)
    assert (accepted.state, accepted.answered_how) == (QuoteState.ACCEPTED, QuoteAnswer.PORTAL)


@pytest.mark.parametrize(("right", "reads"), [(PortalRight.READ_ONLY, 200), (PortalRight.TECHNICAL, 404)])
def test_others_cannot_answer(
    right: PortalRight, reads: int, client: Browser, customer: Customer, quote: Quote
) -> None:
    signed_in(client, customer, right)
    page = f"/portal/{customer.id}/quotes/{quote.id}/"
    assert client.get(page).status_code == client.get(f"/portal/{customer.id}/quotes/").status_code == reads
    assert client.post(f"{page}accept", data=YES).status_code in (303, 404)
    assert now(quote).state == QuoteState.SENT


def test_quotes_of_others_and_drafts_are_not_there(
    client: Browser, customer: Customer, quote: Quote, by: Actor
) -> None:
    signed_in(client, customer, PortalRight.OWNER)
    foreign = sent_quote(make_customer(), by=by)
    draft = quotes.draft(customer, quotes.Offer([line()]), by=by)
    for number in (foreign.id, draft.id, 999_999):
        for end in ("/", ".pdf"):
            assert client.get(f"/portal/{customer.id}/quotes/{number}{end}").status_code == 404
        assert client.post(f"/portal/{customer.id}/quotes/{number}/accept", data=YES).status_code == 404
    assert client.get(f"/portal/{foreign.customer_id}/quotes/{foreign.id}/").status_code == 404
    assert now(foreign).state == QuoteState.SENT


def test_without_signing_in_the_portal_shows_no_quote(client: Browser, customer: Customer, quote: Quote) -> None:
    assert client.get(f"/portal/{customer.id}/quotes/{quote.id}/").location.startswith("/portal/sign-in")


def test_what_people_type_is_shown_as_text(client: Browser, link: str, quote: Quote) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    post(client, link, "accept", name=hostile, comment=hostile, agreed="y")
    page = client.get(link).text
    assert hostile not in page and "&lt;img" in page
