"""Quotes: free as drafts, frozen and numbered when sent, changed by new versions only."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_package, make_tax_rate
from quoting import follows, line, link_of, sent_quote, sold

from billing import anonymising, customers, doctor, merging, quote_answers, quote_content, quotes
from billing.actor import Actor, NotAllowed
from billing.balances import ChangedMeanwhile
from billing.doctor import Scope
from billing.document_lines import InvalidLine
from billing.money import Money
from billing.quote_answers import Answer
from billing.quotes import Offer
from models import (
    AuditEvent,
    Customer,
    LineKind,
    OptionKind,
    Package,
    PackageOption,
    Quote,
    QuoteLink,
    QuoteState,
    Series,
    db,
)

TODAY = date(2026, 11, 22)


@pytest.fixture
def customer(app: object) -> Customer:
    make_company(charge_tax=True)
    make_tax_rate("IE", "23")
    return make_customer(name="Doyle's Bakery")


@pytest.fixture
def fibre(app: object) -> Package:
    return make_package(4500, name="Fibre 500")


def seller(by: Actor, *permissions: str) -> Actor:
    return replace(by, permissions=frozenset(permissions))


def test_a_draft_has_its_sums_and_no_number(customer: Customer, fibre: Package, by: Actor) -> None:
    quote = quotes.draft(customer, Offer([sold(fibre), line(quantity="55/60")], title="New office"), by=by)
    assert (quote.state, quote.number, quote.version) == (QuoteState.DRAFT, None, 1)
    assert [one.amount_minor for one in quote.lines] == [4500, 7333]
    assert (quote.net_minor, quote.tax_minor, quote.total_minor) == (11833, 2722, 14555)


def test_discounts_come_off_lines_and_the_whole(customer: Customer, fibre: Package, by: Actor) -> None:
    items = [sold(fibre, discount_percent=Decimal(10), discount_reason="Spring"), line()]
    offer = Offer(items, discount=Money.of("20", "EUR"), discount_reason="Loyalty")
    quote = quotes.draft(customer, offer, by=by)
    assert [one.amount_minor for one in quote.lines] == [4050, 8000]
    assert (quote.discount_minor, quote.net_minor, quote.total_minor) == (2000, 10050, 12362)
    assert sum(one.document_discount_minor for one in quote.lines) == 2000
    again = quotes.offer_of(quote)
    assert (list(again.items), again.discount, again.discount_percent) == (items, Money.of("20", "EUR"), None)


def test_three_of_a_package_are_three_lines_each_with_its_options(
    customer: Customer, fibre: Package, by: Actor
) -> None:
    disk = add(PackageOption(package_id=fibre.id, name="Disk", kind=OptionKind.QUANTITY))
    items = [
        sold(fibre, quantity="3", discount=Money.of("10", "EUR")),
        follows(fibre, LineKind.OPTION, quantity="2", option_id=disk.id),
        follows(fibre, LineKind.SETUP, "30"),
    ]
    quote = quotes.draft(customer, Offer(items), by=by)
    assert [one.kind for one in quote.lines] == [LineKind.SERVICE, LineKind.OPTION, LineKind.SETUP] * 3
    assert [one.amount_minor for one in quote.lines] == [4166, 1000, 3000, 4167, 1000, 3000, 4167, 1000, 3000]
    assert quote.net_minor == 3 * 4500 - 1000 + 3 * 4000


def test_a_package_that_is_sold_once_starts_nothing(customer: Customer, fibre: Package, by: Actor) -> None:
    items = [replace(sold(fibre, quantity="55/60"), months=0), replace(follows(fibre, LineKind.SETUP), months=0)]
    quote = quotes.draft(customer, Offer(items), by=by)
    assert [(one.kind, one.package_id) for one in quote.lines] == [(LineKind.MANUAL, fibre.id)] * 2


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: [follows(p, LineKind.SETUP)], "Line 1: An option or a set-up fee stands below"),
        (lambda p: [line(), follows(p, LineKind.OPTION)], "Line 2: An option or a set-up fee stands below"),
        (lambda p: [sold(p, quantity="1.5")], "whole numbers"),
        (lambda p: [sold(p, quantity="51")], "50 services at the most"),
        (lambda p: [sold(p, price="0.001")], "fewer decimals"),
        (lambda p: [replace(sold(p), months=1, days=1)], "in months or in days"),
        (lambda p: [sold(p), follows(p, LineKind.SETUP, quantity="2")], "once for each service"),
        (lambda p: [sold(p), follows(p, LineKind.OPTION, option_id=999_999)], "not an option of"),
        (lambda p: [line(""), line()], "Line 1: The description is missing"),
        (lambda p: [line(package_id=999_999)], "not there any more"),
        (lambda p: [line(charge_id=1)], "lines of packages and lines of your own"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_sold_is_refused_with_its_place(
    spoil: object, why: str, customer: Customer, fibre: Package, by: Actor
) -> None:
    with pytest.raises(InvalidLine, match=why):
        quotes.draft(customer, Offer(spoil(fibre)), by=by)  # type: ignore[operator]


def test_two_at_one_draft_see_each_other(customer: Customer, by: Actor) -> None:
    quote = quotes.draft(customer, Offer([line()]), by=by)
    db.session.commit()
    seen = quote.version
    quotes.edit(quote, Offer([line(price="90")]), seen=seen, by=by)
    db.session.commit()
    with pytest.raises(ChangedMeanwhile):
        quotes.edit(quote, Offer([line(price="70")]), seen=seen, by=by)
    assert quote.lines[0].amount_minor == 9000


def test_what_is_sent_is_numbered_frozen_and_valid_for_a_time(customer: Customer, fibre: Package, by: Actor) -> None:
    quote = quotes.send(quotes.draft(customer, Offer([sold(fibre)]), by=by), by=by)
    assert (quote.number, quote.state, quote.sent_on) == ("Q-00001", QuoteState.SENT, TODAY)
    assert quote.valid_until == TODAY + timedelta(days=30)
    assert quote.content_hash == quote_content.of(quote)
    assert "Doyle's Bakery" in quote.buyer
    for change in (
        lambda: quotes.edit(quote, Offer(), seen=quote.version, by=by),
        lambda: quotes.delete(quote, by=by),
        lambda: quotes.send(quote, by=by),
    ):
        with pytest.raises(quotes.WrongState, match="Q-00001 was sent"):
            change()
    other = quotes.send(quotes.draft(customer, Offer([line()]), by=by), by=by)
    assert other.number == "Q-00002"


def test_tax_is_that_of_the_day_it_is_sent(customer: Customer, by: Actor) -> None:
    quote = quotes.draft(customer, Offer([line(price="100")]), by=by)
    make_tax_rate("IE", "10", valid_from=date(2026, 11, 1))
    assert quotes.send(quote, by=by).total_minor == 11000


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (Offer(), "nothing on this quote"),
        (Offer([line()], valid_until=TODAY - timedelta(days=1)), "a day that has passed"),
        (Offer([line(price="-5")]), "less than nothing"),
    ],
)
def test_what_cannot_be_offered_is_not_sent(offer: Offer, why: str, customer: Customer, by: Actor) -> None:
    quote = quotes.draft(customer, offer, by=by)
    with pytest.raises(quotes.InvalidQuote, match=why):
        quotes.send(quote, by=by)
    assert db.session.scalar(db.select(Series.id)) is None


def test_a_change_is_a_new_version_of_the_same_number(customer: Customer, by: Actor) -> None:
    first = quotes.send(quotes.draft(customer, Offer([line()]), by=by), by=by)
    second = quotes.revise(first, by=by)
    assert quotes.revise(first, by=by) is second
    assert (second.revision, second.number, first.state) == (2, None, QuoteState.SENT)
    quotes.send(second, by=by)
    assert (second.number, first.state) == ("Q-00001/2", QuoteState.SUPERSEDED)
    third = quotes.send(quotes.revise(second, by=by), by=by)
    assert (third.number, third.sequence, second.state) == ("Q-00001/3", 1, QuoteState.SUPERSEDED)
    with pytest.raises(quotes.WrongState, match="replaced by a newer version"):
        quotes.revise(first, by=by)


def test_a_deleted_draft_leaves_no_gap_and_nothing_behind(customer: Customer, by: Actor) -> None:
    first = quotes.send(quotes.draft(customer, Offer([line()]), by=by), by=by)
    quotes.delete(quotes.revise(first, by=by), by=by)
    quotes.delete(quotes.draft(customer, Offer([line()]), by=by), by=by)
    assert db.session.scalars(db.select(Quote.number)).all() == ["Q-00001"]
    assert quotes.send(quotes.revise(first, by=by), by=by).number == "Q-00001/2"


def test_a_copy_is_a_new_draft_for_the_same_customer_or_another(customer: Customer, by: Actor) -> None:
    offer = Offer([line()], title="Cabling", internal_note="call first", billing_group=make_group(customer))
    quote = quotes.send(quotes.draft(customer, offer, by=by), by=by)
    same = quotes.copy(quote, by=by)
    assert (same.state, same.title, same.internal_note) == (QuoteState.DRAFT, "Cabling", "call first")
    other = quotes.copy(quote, customer=make_customer(), by=by)
    assert (other.internal_note, other.billing_group_id, other.total_minor) == ("", None, quote.total_minor)
    with pytest.raises(quotes.InvalidQuote, match="kept in USD"):
        quotes.copy(quote, customer=make_customer(currency="USD"), by=by)


def test_nobody_writes_quotes_without_the_right(customer: Customer, by: Actor) -> None:
    viewer = seller(by, "quotes.view")
    quote = quotes.draft(customer, Offer([line()]), by=by)
    for change in (
        lambda: quotes.draft(customer, Offer(), by=viewer),
        lambda: quotes.edit(quote, Offer(), seen=1, by=viewer),
        lambda: quotes.send(quote, by=viewer),
        lambda: quotes.delete(quote, by=viewer),
        lambda: quotes.copy(quote, by=viewer),
        lambda: quotes.withdraw(quote, by=viewer),
        lambda: quotes.revise(quote, by=viewer),
        lambda: quotes.set_internal_note(quote, "x", by=viewer),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_everything_leaves_a_trace(customer: Customer, by: Actor) -> None:
    quote = quotes.send(quotes.draft(customer, Offer([line()]), by=by), by=by)
    quotes.set_internal_note(quote, "wants it by Friday", by=by)
    quotes.withdraw(quote, "wrong customer", by=by)
    verbs = db.session.scalars(db.select(AuditEvent.verb).order_by(AuditEvent.id)).all()
    assert verbs == ["quote.drafted", "quote.sent", "quote.note_changed", "quote.withdrawn"]


def test_a_customer_with_quotes_is_archived_not_deleted(customer: Customer, by: Actor) -> None:
    quotes.draft(customer, Offer([line()]), by=by)
    with pytest.raises(customers.HasHistory, match="quotes"):
        customers.delete(customer, by=by)


def test_anonymised_quotes_keep_their_figures_and_nobody_answers_them(
    customer: Customer, clock: Clock, by: Actor
) -> None:
    name = customer.name
    billed = quote_answers.accept(
        sent_quote(customer, line(price="0"), by=by), Answer("Anna", "Hi", agreed=True), by=by
    )
    waiting = sent_quote(customer, title=f"For {name}", internal_note="A secret", by=by)
    link_of(waiting, by, "a key")
    quotes.draft(customer, Offer([line()]), by=by)
    anonymising.anonymise(customer, by=by)
    assert (waiting.state, waiting.total_minor) == (QuoteState.WITHDRAWN, 9840)
    assert (billed.answered_by, billed.answer_comment, billed.answered_from) == ("Removed", "", "")
    assert name in billed.buyer if billed.invoice_id else name not in billed.buyer
    for quote in db.session.query(Quote).all():
        kept = "" if quote.invoice_id else f"{quote.buyer}{quote.title}"
        assert name not in kept and "secret" not in quote.internal_note
    assert db.session.query(Quote).filter_by(number=None).count() == db.session.query(QuoteLink).count() == 0
    assert [str(finding) for finding in doctor.examine(Scope(clock()))] == []


def test_quotes_follow_their_customer_into_another(customer: Customer, clock: Clock, by: Actor) -> None:
    quote = sent_quote(customer, by=by)
    primary = make_customer()
    merging.merge(primary, customer, by=by)
    db.session.refresh(quote)
    assert quote.customer_id == primary.id and "Doyle's Bakery" in quote.buyer
    assert quote_answers.accept(quote, Answer("Anna", agreed=True), by=by).state == QuoteState.ACCEPTED
    assert [str(finding) for finding in doctor.examine(Scope(clock()))] == []
