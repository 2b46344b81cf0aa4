"""Money asked for many times at the same moment: spent once, given back once, the others told in words (S21, F38, F39).

On PostgreSQL the requests really run side by side; on SQLite they take turns at the write lock.
"""

from __future__ import annotations

from typing import Any

import pytest
from factories import make_customer, make_invoice
from flask import Flask
from money import TODAY, eur, well
from racing import MANY, count, form, worst
from racing import side_by_side as side_by_side

from admin.refund_form import mark
from billing import allocations, credits, payments, refunds
from billing.actor import Actor
from billing.allocations import Settled
from models import Allocation, Customer, Invoice, Payment, Refund, WriteOff, db

PAY = "/admin/payments/"
INVOICES = "/admin/invoices/"


@pytest.fixture
def customer(app: Flask, side_by_side: Any, by: Actor) -> Customer:
    """Five of credit in hand."""
    found = make_customer()
    credits.grant(found, eur("5.00"), reason="Outage", on=TODAY, by=by)
    return found


def paid(customer: Customer, invoice: Invoice, by: Actor) -> tuple[Payment, Settled]:
    """Twenty, half of it on the invoice; the credit in hand is fifteen then."""
    payment = payments.record(
        customer, eur("20.00"), method="Cash", received_on=TODAY, parts={invoice: eur("10.00")}, by=by
    )
    return payment, allocations.settled_on(invoice)[0]


def test_a_credit_is_used_once_beside_a_payment(side_by_side: Any, customer: Customer) -> None:
    known = {"customer": str(customer.id), "amount": "1.00", "received_on": "2026-11-22", "method": "Cash"}
    sent = []
    for n in range(MANY):
        number = make_invoice(customer, 600).id
        sent.append((f"{PAY}new/", form(n, **known, **{f"part_{number}": "1.00", f"credit_{number}": "5.00"})))
    answers = side_by_side(sent)
    assert worst(answers) < 500 and sum(answer.status_code == 302 for answer in answers) == 1
    assert (count(Payment), customer.credit_minor, well()) == (1, 0, [])


def test_an_invoice_is_paid_once(side_by_side: Any, customer: Customer) -> None:
    number = make_invoice(customer, 600).id
    known = {"customer": str(customer.id), "amount": "6.00", "received_on": "2026-11-22", "method": "Cash"}
    sent = [(f"{PAY}new/", form(n, **known, **{f"part_{number}": "6.00"})) for n in range(MANY)]
    answers = side_by_side(sent)
    assert worst(answers) < 500 and sum(answer.status_code == 302 for answer in answers) == 1
    assert (count(Payment), count(Allocation), well()) == (1, 1, [])


def test_a_payment_goes_back_once(side_by_side: Any, customer: Customer, by: Actor) -> None:
    payment, _there = paid(customer, make_invoice(customer, 1000), by)
    db.session.commit()
    shown = mark(refunds.plan(payment, eur("20.00")))
    known = {"amount": "20.00", "method": "Cash", "refunded_on": "2026-11-22", "reason": "Back", "source": "payment"}
    gives = [(f"{PAY}refund/?id={payment.id}", form(n, **known, seen=shown)) for n in range(MANY // 2)]
    slips = [(f"{PAY}reverse/?id={payment.id}", form(100 + n, reason="Slip")) for n in range(MANY // 2)]
    answers = side_by_side([*gives, *slips])
    assert worst(answers) < 500
    assert (count(Refund), payment.refunded_minor, well()) == (1, 2000, [])


def test_money_is_taken_off_put_on_and_used_without_being_doubled(
    side_by_side: Any, customer: Customer, by: Actor
) -> None:
    invoice, other = make_invoice(customer, 1000), make_invoice(customer, 900)
    payment, there = paid(customer, invoice, by)
    off = f"{INVOICES}take-off/?id={invoice.id}&allocation={there.allocation.id}"
    sent = []
    for n in range(MANY // 4):
        sent += [
            (off, form(4 * n, amount="6.00", to="")),
            (off, form(4 * n + 1, amount="6.00", to=str(other.id))),
            (f"{PAY}put/?id={payment.id}", form(4 * n + 2, **{f"part_{other.id}": "9.00"})),
            (f"{INVOICES}use-credit/", form(4 * n + 3, id=str(other.id), amount="900")),
        ]
    answers = side_by_side(sent)
    assert worst(answers) < 500
    back = sum(one.amount_minor for one in db.session.query(Allocation) if one.undoes_id)
    assert (back, well()) == (-600, [])
    assert payment.amount_minor == 2000 and customer.balance_minor == 1900 - 2500


def test_an_invoice_is_written_off_or_paid(side_by_side: Any, customer: Customer) -> None:
    number = make_invoice(customer, 600).id
    known = {"customer": str(customer.id), "amount": "6.00", "received_on": "2026-11-22", "method": "Cash"}
    pays = [(f"{PAY}new/", form(n, **known, **{f"part_{number}": "6.00"})) for n in range(MANY // 2)]
    gone = {"amount": "6.00", "on": "2026-11-22", "reason": "Gone"}
    loses = [(f"{INVOICES}write-off/?id={number}", form(100 + n, **gone)) for n in range(MANY // 2)]
    answers = side_by_side([*pays, *loses])
    assert worst(answers) < 500 and well() == []
    assert count(Payment) <= 2 and count(WriteOff, WriteOff.undoes_id.is_(None)) <= 1
    assert db.session.get_one(Invoice, number).open_minor == 0
