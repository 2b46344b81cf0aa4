"""Money on invoices: exactly as much as was said, put on later, moved and taken off; the books follow each step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from factories import make_company, make_customer, make_draft, make_invoice
from flask import Flask
from invoicing import issued, line
from money import TODAY, booked, eur, well
from sqlalchemy import select

from billing import allocations, credits, payments, write_offs
from billing.actor import Actor, NotAllowed
from billing.allocations import InvalidAllocation
from billing.credits import NotEnoughCredit
from billing.payments import InvalidPayment
from models import Account, Allocation, AuditEvent, BillingError, Credit, Customer, Money, Payment, WriteOff, db


@pytest.fixture(autouse=True)
def stays_well(app: Flask) -> Iterator[None]:
    yield
    assert well() == []


def pay(customer: Customer, amount: str, by: Actor, **values: Any) -> Payment:
    return payments.record(customer, eur(amount), by=by, **{"method": "Cash", "received_on": TODAY, **values})


def rests(payment: Payment) -> tuple[int, int]:
    credit = allocations.credit_of(payment)
    return (credit.amount_minor, credit.remaining_minor) if credit else (0, 0)


def test_exactly_as_much_goes_on_each_invoice_as_was_said(app: Flask, by: Actor) -> None:
    customer = make_customer()
    one, two, three = (make_invoice(customer, 1000) for _n in range(3))
    payment = pay(customer, "20.00", by, parts={three: eur("4.00"), one: eur("10.00"), two: eur("0.00")})
    assert [i.open_minor for i in (one, two, three)] == [0, 1000, 600]
    assert rests(payment) == (600, 600)
    assert (customer.balance, customer.credit) == (eur("10.00"), eur("6.00"))
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "payment.recorded")).one()
    assert event.after["invoices"] == {three.number: 400, one.number: 1000}


def test_no_part_at_all_keeps_everything_as_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    pay(customer, "4.00", by, parts={}, oldest_first=True)
    assert (invoice.open_minor, customer.credit_minor) == (1000, 400)


def test_credit_in_hand_is_used_beside_the_payment(app: Flask, by: Actor) -> None:
    customer = make_customer()
    old = credits.grant(customer, eur("3.00"), reason="Outage", on=date(2026, 11, 1), by=by)
    young = credits.grant(customer, eur("5.00"), reason="Sorry", on=TODAY, by=by)
    one, two = make_invoice(customer, 1000), make_invoice(customer, 400)
    parts, credit = {one: eur("6.00"), two: eur("1.00")}, {one: eur("4.00"), two: eur("2.00")}
    pay(customer, "7.00", by, parts=parts, credit=credit)
    assert [i.open_minor for i in (one, two)] == [0, 100]
    assert (old.remaining_minor, young.remaining_minor, customer.credit_minor) == (0, 200, 200)
    assert sum(p[Account.CREDIT] for p in booked("credit_use")) == 600
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "payment.recorded")).one()
    assert event.after["credit_used"] == {one.number: 400, two.number: 200}


def test_a_payment_that_does_not_add_up_is_refused(app: Flask, by: Actor) -> None:
    customer, other = make_customer(), make_customer()
    invoice, foreign, draft = make_invoice(customer, 1000), make_invoice(other), make_draft(customer)
    credits.grant(customer, eur("2.00"), reason="Outage", on=TODAY, by=by)
    db.session.commit()
    wrong: list[tuple[dict[str, Any], type[BillingError], str]] = [
        ({"parts": {invoice: eur("5.01")}}, InvalidPayment, "5.01 EUR is put on invoices, but 5.00 EUR came in"),
        ({"parts": {invoice: eur("-1.00")}}, InvalidPayment, "more than zero"),
        ({"parts": {invoice: Money(100, "USD")}}, InvalidPayment, "in EUR"),
        ({"parts": {foreign: eur("1.00")}}, BillingError, "not an invoice of"),
        ({"parts": {draft: eur("1.00")}}, BillingError, "still a draft"),
        ({"parts": {}, "credit": {invoice: eur("2.01")}}, NotEnoughCredit, "has 2.00 EUR"),
        ({"parts": {}, "credit": {foreign: eur("1.00")}}, BillingError, "not an invoice of"),
    ]
    for values, kind, match in wrong:
        with pytest.raises(kind, match=match):
            pay(customer, "5.00", by, **values)
        db.session.rollback()
    with pytest.raises(InvalidAllocation, match="Only 10.00 EUR"):
        pay(customer, "20.00", by, parts={invoice: eur("10.01")})
    db.session.rollback()
    with pytest.raises(InvalidAllocation, match="Only 1.00 EUR"):
        pay(customer, "20.00", by, parts={invoice: eur("9.00")}, credit={invoice: eur("1.01")})
    db.session.rollback()
    assert (invoice.open_minor, customer.balance_minor, booked("payment")) == (1000, 800, [])


def test_what_is_left_of_a_payment_goes_on_further_invoices(app: Flask, by: Actor) -> None:
    customer = make_customer()
    payment = pay(customer, "20.00", by)
    one, two = make_invoice(customer, 1500), make_invoice(customer, 1000)
    allocations.put(payment, {one: eur("15.00"), two: eur("1.00")}, by=by)
    assert ([i.open_minor for i in (one, two)], rests(payment)) == ([0, 900], (2000, 400))
    assert {(s.invoice, s.amount) for s in allocations.settled_by(payment)} == {(one, eur("15.00")), (two, eur("1.00"))}
    with pytest.raises(InvalidAllocation, match="Only 4.00 EUR of this payment is not used"):
        allocations.put(payment, {two: eur("4.01")}, by=by)
    with pytest.raises(InvalidAllocation, match="paid already"):
        allocations.put(payment, {one: eur("1.00")}, by=by)
    with pytest.raises(InvalidAllocation, match="Type how much"):
        allocations.put(payment, {one: eur("0.00")}, by=by)


def test_what_is_taken_off_an_invoice_is_in_hand_again(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    payment = pay(customer, "12.00", by, invoices=[invoice])
    (there,) = allocations.settled_on(invoice)
    assert allocations.take_off(invoice, there.allocation, eur("4.00"), by=by) == eur("4.00")
    assert (invoice.open_minor, rests(payment), customer.balance_minor) == (400, (600, 600), -200)
    assert allocations.take_off(invoice, there.allocation, by=by) == eur("6.00")
    assert (invoice.open_minor, rests(payment), allocations.settled_on(invoice)) == (1000, (1200, 1200), [])
    assert booked("taken_off") == [
        {Account.RECEIVABLE: 400, Account.CREDIT: -400},
        {Account.RECEIVABLE: 600, Account.CREDIT: -600},
    ]
    rows = db.session.scalars(select(Allocation.amount_minor).order_by(Allocation.id)).all()
    assert rows == [1000, -400, -600], "rows of their own, none removed"
    with pytest.raises(InvalidAllocation, match="taken off .* already"):
        allocations.take_off(invoice, there.allocation, by=by)


def test_credit_taken_off_an_invoice_goes_back_where_it_came_from(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = credits.grant(customer, eur("5.00"), reason="Outage", on=TODAY, by=by)
    invoice = make_invoice(customer, 1000)
    credits.use(invoice, on=TODAY, by=by)
    (there,) = allocations.settled_on(invoice)
    for amount, match in (("5.01", "5.00 EUR of it"), ("0.00", "at most"), ("-1.00", "at most")):
        with pytest.raises(InvalidAllocation, match=match):
            allocations.take_off(invoice, there.allocation, eur(amount), by=by)
    allocations.take_off(invoice, there.allocation, eur("2.00"), by=by)
    assert (credit.amount_minor, credit.remaining_minor, invoice.open_minor) == (500, 200, 700)
    with pytest.raises(InvalidAllocation, match="another invoice"):
        allocations.take_off(make_invoice(customer), there.allocation, by=by)


def test_money_moves_from_one_invoice_to_another(app: Flask, by: Actor) -> None:
    customer = make_customer()
    wrong, right = make_invoice(customer, 1000), make_invoice(customer, 700)
    payment = pay(customer, "10.00", by, invoices=[wrong])
    (there,) = allocations.settled_on(wrong)
    allocations.move(there.allocation, right, eur("7.00"), by=by)
    assert ((wrong.open_minor, right.open_minor), rests(payment)) == ((700, 0), (700, 0))
    db.session.commit()
    with pytest.raises(InvalidAllocation, match="paid already"):
        allocations.move(there.allocation, right, by=by)
    db.session.rollback()
    with pytest.raises(InvalidAllocation, match="another invoice"):
        allocations.move(there.allocation, wrong, by=by)
    (there,) = allocations.settled_on(right)
    allocations.move(there.allocation, wrong, by=by)
    assert ((wrong.open_minor, right.open_minor), rests(payment)) == ((0, 700), (700, 0))
    assert db.session.scalars(select(Credit)).one().payment_id == payment.id


def test_money_for_what_was_written_off_brings_it_back(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    write_offs.write_off(invoice, eur("7.00"), reason="Moved away", on=TODAY, by=by)
    payment = pay(customer, "8.00", by, parts={invoice: eur("8.00")})
    assert (invoice.open_minor, invoice.written_off_minor, customer.balance_minor) == (0, 200, 0)
    row = db.session.scalars(select(WriteOff).where(WriteOff.undoes_id.is_not(None))).one()
    assert (row.amount_minor, row.payment_id, row.reason) == (-500, payment.id, "Paid after all")
    db.session.commit()
    with pytest.raises(InvalidAllocation, match="Only 2.00 EUR"):
        pay(customer, "8.00", by, parts={invoice: eur("2.01")})
    db.session.rollback()


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    payment = pay(customer, "12.00", by, invoices=[invoice])
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.view"}))
    (there,) = allocations.settled_on(invoice)
    with pytest.raises(NotAllowed):
        allocations.put(payment, {invoice: eur("1.00")}, by=weak)
    with pytest.raises(NotAllowed):
        allocations.take_off(invoice, there.allocation, by=weak)


def test_a_proforma_that_is_paid_becomes_the_invoice_the_money_lies_on(app: Flask, by: Actor) -> None:
    make_company(number_when_paid=True)
    customer = make_customer()
    credits.grant(customer, eur("2.00"), reason="Outage", on=TODAY, by=by)
    proforma = issued(customer, by, line("10.00"))
    assert (proforma.kind, proforma.open_minor, customer.balance_minor) == ("proforma", 0, -200)
    other = make_invoice(customer, 300)
    parts, credit = {proforma: eur("4.00"), other: eur("3.00")}, {proforma: eur("2.00")}
    pay(customer, "7.00", by, parts=parts, credit=credit)
    became = db.session.get_one(type(other), proforma.became_id)
    assert (became.kind, became.open_minor, other.open_minor, customer.balance_minor) == ("invoice", 400, 0, 400)
    with pytest.raises(BillingError, match="not a document of"):
        pay(make_customer(), "1.00", by, parts={issued(customer, by): eur("1.00")})
    db.session.rollback()
