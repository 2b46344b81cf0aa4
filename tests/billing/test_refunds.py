"""Money that goes back: from what is left of a payment, from its invoices, with a credit note; and slips taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from factories import make_customer, make_invoice
from flask import Flask
from money import TODAY, booked, eur, well
from sqlalchemy import select

from billing import allocations, credit_notes, credits, payments, refunds
from billing.actor import Actor, NotAllowed
from billing.credit_notes import Chosen
from billing.refunds import CannotRefund
from billing.texts import InvalidText
from models import Account, AuditEvent, Credit, Customer, Invoice, Money, Payment, Refund, db


@pytest.fixture(autouse=True)
def stays_well(app: Flask) -> Iterator[None]:
    yield
    assert well() == []


def pay(customer: Customer, amount: str, by: Actor, **values: Any) -> Payment:
    return payments.record(customer, eur(amount), by=by, **{"method": "Cash", "received_on": TODAY, **values})


def give_back(payment: Payment, amount: str, by: Actor, **values: Any) -> Refund:
    known = {"method": "Bank transfer", "refunded_on": TODAY, "reason": "Paid twice"}
    return refunds.refund(payment, eur(amount), by=by, **{**known, **values})


def refused(payment: Payment, amount: str, match: str, by: Actor, **values: Any) -> None:
    db.session.commit()
    with pytest.raises((CannotRefund, InvalidText), match=match):
        give_back(payment, amount, by, **values)
    db.session.rollback()


def note_credit(invoice: Invoice, minor: int, by: Actor) -> Credit:
    """A credit note about a paid invoice leaves its total as credit (SPEC 3.7)."""
    part = Chosen(invoice.lines[0].id, amount=Money(minor, invoice.currency))
    note = credit_notes.credit(invoice, [part], reason="", by=by)
    return db.session.scalars(select(Credit).where(Credit.invoice_id == note.id)).one()


def test_what_is_left_of_a_payment_goes_back_first(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    payment = pay(customer, "15.00", by, invoices=[invoice])
    row = give_back(payment, "2.00", by, reference=" TX-1 ")
    assert (invoice.open_minor, payment.refunded_minor) == (0, 200)
    assert (customer.balance_minor, customer.credit_minor) == (-300, 300)
    assert booked("refund") == [{Account.CREDIT: 200, Account.CASH: -200}]
    assert (row.reference, row.recorded_by, row.refunded_on) == ("TX-1", "Tillbook", TODAY)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "payment.refunded")).one()
    assert (event.object_id, event.after["amount_minor"], event.after["reason"]) == (payment.id, 200, "Paid twice")


def test_what_an_invoice_got_goes_back_and_the_invoice_is_open_again(app: Flask, by: Actor) -> None:
    customer = make_customer()
    one, two = make_invoice(customer, 1000), make_invoice(customer, 1000)
    payment = pay(customer, "21.00", by, invoices=[one, two])
    planned = refunds.plan(payment, eur("13.00"))
    assert (planned.rest, planned.reopened) == (eur("1.00"), [(two, eur("10.00")), (one, eur("2.00"))])
    give_back(payment, "13.00", by)
    assert ([i.open_minor for i in (one, two)], customer.balance_minor, customer.credit_minor) == ([200, 1000], 1200, 0)
    assert booked("refund") == [{Account.RECEIVABLE: 1200, Account.CREDIT: 100, Account.CASH: -1300}]
    give_back(payment, "8.00", by)
    assert ([i.open_minor for i in (one, two)], payment.refunded_minor) == ([1000, 1000], 2100)
    assert [r.amount_minor for r in refunds.of_payment(payment)] == [1300, 800]


def test_what_the_rest_was_put_on_later_goes_back_too(app: Flask, by: Actor) -> None:
    customer = make_customer()
    payment = pay(customer, "10.00", by)
    invoice = make_invoice(customer, 600)
    credits.use(invoice, on=TODAY, by=by)
    give_back(payment, "9.00", by)
    assert (invoice.open_minor, customer.credit_minor, customer.balance_minor) == (500, 0, 500)


def test_more_than_came_in_never_goes_back(app: Flask, by: Actor) -> None:
    customer = make_customer()
    payment = pay(customer, "10.00", by)
    refused(payment, "10.01", "Only 10.00 EUR came in", by)
    give_back(payment, "4.00", by)
    refused(payment, "6.01", "Only 6.00 EUR .* 4.00 EUR went back already", by)
    refused(payment, "0.00", "more than zero", by)
    refused(payment, "-1.00", "more than zero", by)
    db.session.commit()
    with pytest.raises(CannotRefund, match="in EUR"):
        refunds.refund(payment, Money(1, "USD"), method="Cash", refunded_on=TODAY, reason="x", by=by)
    db.session.rollback()
    assert (payment.refunded_minor, customer.credit_minor) == (400, 600)


def test_a_refund_says_when_how_and_why(app: Flask, by: Actor) -> None:
    payment = pay(make_customer(), "10.00", by, received_on=date(2026, 11, 20))
    refused(payment, "1.00", "The reason is missing", by, reason=" ")
    refused(payment, "1.00", "The method is missing", by, method=" ")
    refused(payment, "1.00", "The reason is too long", by, reason="x" * 201)
    refused(payment, "1.00", "between the payment's", by, refunded_on=date(2026, 11, 19))
    refused(payment, "1.00", "and today", by, refunded_on=date(2026, 11, 23))


def test_the_credit_of_a_credit_note_is_not_given_back_before_its_day(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000, issued_on=date(2026, 11, 1))
    payment = pay(customer, "10.00", by, invoices=[invoice], received_on=date(2026, 11, 10))
    credit_notes.credit(invoice, None, reason="", send=False, by=by)
    (credit,) = refunds.note_credits(payment)
    refused(payment, "1.00", "between the credit note's", by, credit=credit, refunded_on=date(2026, 11, 21))
    give_back(payment, "10.00", by, credit=credit)


def test_a_credit_note_about_what_was_paid_can_be_refunded(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    payment = pay(customer, "10.00", by, invoices=[invoice])
    other = pay(customer, "1.00", by)
    assert refunds.note_credits(payment) == []
    credit = note_credit(invoice, 400, by)
    db.session.commit()
    assert (refunds.note_credits(payment), refunds.note_credits(other)) == ([credit], [])
    refused(payment, "4.01", "Only 4.00 EUR of that credit note", by, credit=credit)
    refused(other, "1.00", "does not come from a credit note", by, credit=credit)
    give_back(payment, "4.00", by, credit=credit)
    assert (invoice.open_minor, credit.remaining_minor, payment.refunded_minor) == (0, 0, 400)
    assert booked("refund") == [{Account.CREDIT: 400, Account.CASH: -400}]
    planned = refunds.plan(payment, eur("6.00"))
    assert planned.reopened == [(invoice, eur("6.00"))]


def test_a_slip_is_taken_back_as_if_it_had_not_been(app: Flask, by: Actor) -> None:
    customer = make_customer()
    one, two = make_invoice(customer, 1000), make_invoice(customer, 300)
    payment = pay(customer, "15.00", by, invoices=[one])
    allocations.put(payment, {two: eur("3.00")}, by=by)
    later = replace(by, today=date(2026, 12, 1))
    refunds.reverse(payment, reason="Typed for the wrong customer", by=later)
    assert ([i.open_minor for i in (one, two)], customer.balance_minor, customer.credit_minor) == ([1000, 300], 1300, 0)
    assert (payment.reversed_on, payment.refunded_minor) == (date(2026, 12, 1), 1500)
    (entries,) = booked("payment_reversed")
    assert entries == {Account.RECEIVABLE: 1300, Account.CREDIT: 200, Account.CASH: -1500}
    db.session.commit()
    for wrong in (lambda: refunds.reverse(payment, reason="x", by=by), lambda: give_back(payment, "1.00", by)):
        with pytest.raises(CannotRefund, match="taken back"):
            wrong()
        db.session.rollback()


def test_what_did_come_in_is_no_slip(app: Flask, by: Actor) -> None:
    payment, card = pay(make_customer(), "15.00", by), pay(make_customer(), "5.00", by)
    give_back(payment, "1.00", by)
    card.gateway, card.gateway_id = "stripe", "pi_1"
    db.session.commit()
    for one, match in ((payment, "did come in"), (card, "Stripe reported")):
        with pytest.raises(CannotRefund, match=match):
            refunds.reverse(one, reason="x", by=by)
        db.session.rollback()


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    payment = pay(make_customer(), "15.00", by)
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.view", "payments.edit"}))
    with pytest.raises(NotAllowed):
        give_back(payment, "1.00", weak)
    with pytest.raises(NotAllowed):
        refunds.reverse(payment, reason="x", by=weak)
