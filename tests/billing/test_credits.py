"""Giving and using credit; and that nobody can spend it twice, however many try at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from factories import make_customer, make_draft, make_invoice
from flask import Flask
from guests import as_guest, let_in
from sqlalchemy import func, select

from billing import balances, card_payments, credits, own_credit, payments
from billing.actor import Actor, NotAllowed
from billing.credits import InvalidCredit, NotEnoughCredit
from billing.texts import InvalidText
from models import (
    Account,
    Allocation,
    AuditEvent,
    BillingError,
    Credit,
    Customer,
    Invoice,
    LedgerPosting,
    Money,
    PortalRight,
    db,
)

TODAY = date(2026, 11, 22)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def give(customer: Customer, amount: str, by: Actor, on: date = TODAY, **values: Any) -> Credit:
    return credits.grant(customer, eur(amount), by=by, on=on, **{"reason": "Outage", **values})


def booked(kind: str) -> list[dict[Account, int]]:
    postings = db.session.scalars(select(LedgerPosting).where(LedgerPosting.kind == kind).order_by(LedgerPosting.id))
    return [{entry.account: entry.amount_minor for entry in posting.entries} for posting in postings]


def test_a_credit_is_money_in_hand(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5.00", by, expires_on=date(2026, 12, 31))
    assert (credit.remaining, customer.credit, customer.balance) == (eur("5.00"), eur("5.00"), eur("-5.00"))
    assert booked("credit") == [{Account.WRITE_OFF: 500, Account.CREDIT: -500}]
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.granted")).one()
    assert (event.customer_id, event.after["reason"], event.after["amount_minor"]) == (customer.id, "Outage", 500)


@pytest.mark.parametrize(
    ("amount", "values", "match"),
    [
        ("0.00", {}, "more than zero"),
        ("-1.00", {}, "more than zero"),
        ("1.00", {"reason": " "}, "what the credit is for"),
        ("1.00", {"reason": "x" * 201}, "200 letters"),
        ("1.00", {"on": date(2026, 11, 23)}, "today"),
        ("1.00", {"expires_on": date(2026, 11, 21)}, "cannot lie before"),
    ],
)
def test_refuses_credits_that_make_no_sense(
    app: Flask, by: Actor, amount: str, values: dict[str, Any], match: str
) -> None:
    customer = make_customer()
    with pytest.raises(InvalidCredit, match=match):
        give(customer, amount, by, **values)
    assert customer.credit_minor == 0


def test_a_reason_is_text_that_can_be_read(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5", by)
    for do in (
        lambda: give(customer, "5", by, reason="Out\x00age"),
        lambda: credits.change(credit, reason="Out\nage", expires_on=None, by=by),
    ):
        with pytest.raises(InvalidText, match="control characters"):
            do()


def test_refuses_credit_in_another_currency(app: Flask, by: Actor) -> None:
    with pytest.raises(InvalidCredit, match="kept in JPY"):
        give(make_customer(currency="JPY"), "1.00", by)


def test_the_oldest_credit_goes_first(app: Flask, by: Actor) -> None:
    customer = make_customer()
    young, old = give(customer, "7.00", by), give(customer, "10.00", by, on=date(2026, 1, 5))
    invoice = make_invoice(customer, 1200)
    taken = credits.use(invoice, on=TODAY, by=by)
    assert [(a.credit_id, a.amount_minor, a.payment_id) for a in taken] == [(old.id, 1000, None), (young.id, 200, None)]
    assert (old.remaining_minor, young.remaining_minor, invoice.open_minor) == (0, 500, 0)
    assert (customer.credit_minor, customer.balance_minor) == (500, -500)
    assert booked("credit_use") == [{Account.CREDIT: 1200, Account.RECEIVABLE: -1200}]
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.used")).one()
    assert (event.object_id, event.customer_id, event.after["amount_minor"]) == (invoice.id, customer.id, 1200)


def test_credit_that_does_not_cover_all_is_used_up(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "5.00", by)
    invoice = make_invoice(customer, 1200)
    credits.use(invoice, on=TODAY, by=by)
    assert (invoice.open_minor, customer.credit_minor, customer.balance_minor) == (700, 0, 700)


def test_only_as_much_as_asked_for(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5.00", by)
    invoice = make_invoice(customer, 1200)
    credits.use(invoice, eur("2.00"), on=TODAY, by=by)
    assert (credit.remaining_minor, invoice.open_minor) == (300, 1000)


def test_credit_counts_from_its_day_to_its_last_day(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "5.00", by, on=date(2026, 11, 10), expires_on=date(2026, 11, 20))
    days = [date(2026, 11, 9), date(2026, 11, 10), date(2026, 11, 20), date(2026, 11, 21)]
    assert [len(balances.usable_credits(customer, day)) for day in days] == [0, 1, 1, 0]
    with pytest.raises(NotEnoughCredit, match="no credit to use"):
        credits.use(make_invoice(customer), on=date(2026, 11, 21), by=by)


def test_refuses_more_than_there_is(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "5.00", by)
    give(make_customer(), "50.00", by)
    invoice, small = make_invoice(customer, 1200), make_invoice(customer, 100)
    for target, amount, match in [
        (invoice, "5.01", "has 5.00 EUR of credit"),
        (small, "1.01", "Only 1.00 EUR"),
        (invoice, "0.00", "more than zero"),
        (invoice, "-1.00", "more than zero"),
    ]:
        with pytest.raises(NotEnoughCredit, match=match):
            credits.use(target, eur(amount), on=TODAY, by=by)
    with pytest.raises(NotEnoughCredit, match="in EUR"):
        credits.use(invoice, Money(1, "USD"), on=TODAY, by=by)
    assert (customer.credit_minor, invoice.open_minor) == (500, 1200)


def test_never_on_drafts_and_never_on_what_is_paid(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "5.00", by)
    with pytest.raises(balances.NotPayable, match="still a draft"):
        credits.use(make_draft(customer), on=TODAY, by=by)
    invoice = make_invoice(customer, 500)
    credits.use(invoice, on=TODAY, by=by)
    give(customer, "5.00", by)
    with pytest.raises(NotEnoughCredit, match="already paid"):
        credits.use(invoice, on=TODAY, by=by)


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"invoices.edit"}))
    customer = make_customer()
    with pytest.raises(NotAllowed):
        give(customer, "1.00", weak)
    with pytest.raises(NotAllowed):
        credits.use(make_invoice(customer), on=TODAY, by=weak)


def at_once(app: Flask, count: int, work: Callable[[int], Any]) -> list[str]:
    """Do `work` in that many threads at the same moment, each with its own transaction; what each said."""
    start = Barrier(count)

    def one(number: int) -> str:
        with app.app_context():
            start.wait()
            try:
                work(number)
                db.session.commit()
            except BillingError as refusal:
                db.session.rollback()
                return type(refusal).__name__
            return "done"

    db.session.commit()
    db.session.remove()
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_twenty_at_once_cannot_spend_a_credit_twice(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "10.00", by)
    ids = [make_invoice(customer, 400).id for _ in range(20)]
    said = at_once(app, 20, lambda n: credits.use(db.session.get(Invoice, ids[n]), on=TODAY, by=by))
    assert sorted(set(said)) == ["NotEnoughCredit", "done"]
    assert said.count("done") == 3  # 4.00, 4.00 and the last 2.00
    credit, customer = db.session.scalars(select(Credit)).one(), db.session.scalars(select(Customer)).one()
    assert (credit.remaining_minor, customer.credit_minor) == (0, 0)
    assert db.session.scalar(select(func.sum(Allocation.amount_minor))) == 1000
    assert db.session.scalar(select(func.sum(Invoice.open_minor))) == 20 * 400 - 1000 == customer.balance_minor


def test_two_tabs_pay_one_invoice_with_the_same_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "10.00", by)
    invoice_id = make_invoice(customer, 1000).id
    said = at_once(
        app, 2, lambda n: credits.use(db.session.get(Invoice, invoice_id), Money(1000, "EUR"), on=TODAY, by=by)
    )
    assert sorted(said) == ["NotEnoughCredit", "done"]
    assert db.session.scalars(select(Allocation.amount_minor)).all() == [1000]


def test_ten_payments_at_once_never_overpay_an_invoice(app: Flask, by: Actor) -> None:
    customer = make_customer()
    first, second = make_invoice(customer, 1000), make_invoice(customer, 1000)
    customer_id, pair = customer.id, [first.id, second.id]

    def work(number: int) -> None:
        order = [db.session.get(Invoice, i) for i in (pair if number % 2 else reversed(pair))]
        mine = db.session.get(Customer, customer_id)
        payments.record(mine, eur("3.00"), method="Cash", received_on=TODAY, invoices=order, by=by)

    assert at_once(app, 10, work) == ["done"] * 10
    customer = db.session.get(Customer, customer_id)
    assert [i.open_minor for i in db.session.scalars(select(Invoice))] == [0, 0]
    assert (customer.balance_minor, customer.credit_minor) == (-1000, 1000)
    assert db.session.scalar(select(func.sum(Allocation.amount_minor))) == 2000


def test_customers_pay_what_is_due_first_with_the_oldest_of_their_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    late, soon = (make_invoice(customer, 1000, due_on=date(2026, 11, day)) for day in (10, 20))
    old, new = give(customer, "3.00", by, date(2026, 11, 1)), give(customer, "9.30", by)
    give(customer, "5.00", by, date(2026, 11, 2), expires_on=date(2026, 11, 21))  # over since yesterday
    anna = as_guest(let_in(customer, by), by)
    assert own_credit.usable(customer, [soon, late], on=TODAY) == eur("12.30")
    with pytest.raises(balances.ChangedMeanwhile):
        own_credit.pay(customer, [soon, late], seen=eur("12.31"), by=anna)
    assert own_credit.pay(customer, [soon, late], seen=eur("12.30"), by=anna) == eur("12.30")
    assert (late.open, soon.open, old.remaining, new.remaining) == (eur("0.00"), eur("7.70"), eur("0"), eur("0"))
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.used").order_by(AuditEvent.id))
    assert [(one.object_id, one.portal_user_id) for one in told] == [
        (late.id, anna.portal_user_id), (soon.id, anna.portal_user_id)]  # fmt: skip
    with pytest.raises(balances.ChangedMeanwhile):  # nothing is left
        own_credit.pay(customer, [soon], seen=eur("0.00"), by=anna)


def test_customers_pay_their_own_invoices_only_and_not_what_is_being_paid(app: Flask, by: Actor) -> None:
    customer = make_customer()
    give(customer, "50.00", by)
    mine, foreign = make_invoice(customer, 1000), make_invoice(make_customer(), 1000)
    anna = as_guest(let_in(customer, by), by)
    for right in (PortalRight.READ_ONLY, PortalRight.TECHNICAL):
        other = as_guest(let_in(customer, by, f"{right}@m.example", right), by)
        with pytest.raises(NotAllowed):
            own_credit.pay(customer, [mine], seen=eur("10.00"), by=other)
    with pytest.raises(balances.NotPayable):
        own_credit.pay(customer, [mine, foreign], seen=eur("20.00"), by=anna)
    card_payments.begin(customer, [mine], gateway="stripe", by=by)
    with pytest.raises(card_payments.BeingPaid):
        own_credit.pay(customer, [mine], seen=eur("10.00"), by=anna)
    assert (customer.credit, mine.open) == (eur("50.00"), eur("10.00"))
