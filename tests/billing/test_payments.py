"""Recording money: what it pays, what is over, and what is refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from factories import make_customer, make_draft, make_invoice
from flask import Flask
from sqlalchemy import select
from statements import spoken

from billing import balances, credits, payments
from billing.actor import Actor, NotAllowed
from billing.payments import InvalidPayment
from models import Account, Allocation, AuditEvent, Credit, Customer, Invoice, InvoiceState, LedgerPosting, Money, db

TODAY = date(2026, 11, 22)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def pay(customer: Customer, amount: str, by: Actor, **values: Any) -> Any:
    known = {"method": "Bank transfer", "received_on": TODAY}
    return payments.record(customer, eur(amount), by=by, **{**known, **values})


def entries(posting: LedgerPosting) -> dict[Account, int]:
    return {entry.account: entry.amount_minor for entry in posting.entries}


def the_posting() -> LedgerPosting:
    return db.session.scalars(select(LedgerPosting).where(LedgerPosting.kind == "payment")).one()


def refused(customer: Customer, match: str, by: Actor, amount: str = "5.00", **values: Any) -> None:
    with pytest.raises((InvalidPayment, balances.NotPayable), match=match):
        pay(customer, amount, by, **values)
    db.session.rollback()
    assert db.session.scalars(select(LedgerPosting).where(LedgerPosting.kind == "payment")).all() == []


def test_a_payment_in_full_settles_the_invoice(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 12300)
    payment = pay(customer, "123.00", by, invoices=[invoice], reference="  RF18 ")
    db.session.commit()
    assert (invoice.open_minor, customer.balance_minor, customer.credit_minor) == (0, 0, 0)
    assert (payment.reference, payment.recorded_at, payment.recorded_by) == ("RF18", by.at, "Tillbook")
    assert entries(the_posting()) == {Account.CASH: 12300, Account.RECEIVABLE: -12300}


def test_a_part_leaves_the_rest_open(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 12300)
    pay(customer, "0.01", by, invoices=[invoice])
    assert (invoice.open, customer.balance) == (eur("122.99"), eur("122.99"))


def test_what_is_over_becomes_one_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    first, second = make_invoice(customer, 1000), make_invoice(customer, 500)
    payment = pay(customer, "20.00", by, invoices=[second, first])
    credit = db.session.scalars(select(Credit)).one()
    assert (credit.amount, credit.remaining, credit.payment_id) == (eur("5.00"), eur("5.00"), payment.id)
    assert (credit.reason, credit.granted_on) == ("Overpayment", TODAY)
    assert (customer.balance, customer.credit) == (eur("-5.00"), eur("5.00"))
    assert entries(the_posting()) == {Account.CASH: 2000, Account.RECEIVABLE: -1500, Account.CREDIT: -500}


def test_invoices_are_filled_in_the_order_given(app: Flask, by: Actor) -> None:
    customer = make_customer()
    first, second, third = (make_invoice(customer, 1000) for _ in range(3))
    payment = pay(customer, "15.00", by, invoices=[third, first, second])
    assert [i.open_minor for i in (first, second, third)] == [500, 1000, 0]
    rows = db.session.scalars(select(Allocation).order_by(Allocation.id)).all()
    assert [(a.invoice_id, a.amount_minor, a.payment_id) for a in rows] == [
        (third.id, 1000, payment.id),
        (first.id, 500, payment.id),
    ]


def test_oldest_first_goes_by_due_day_and_leaves_others_alone(app: Flask, by: Actor) -> None:
    customer, noise = make_customer(), make_invoice(make_customer(), 1000)
    late = make_invoice(customer, 1000, due_on=date(2026, 12, 1))
    early = make_invoice(customer, 1000, due_on=date(2026, 11, 5))
    make_draft(customer, 1000)
    pay(customer, "15.00", by, oldest_first=True)
    assert [i.open_minor for i in (early, late, noise)] == [0, 500, 1000]
    assert balances.open_invoices(customer) == [late]


def test_without_invoices_all_of_it_is_credit(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    pay(customer, "4.00", by)
    assert (invoice.open_minor, customer.balance_minor, customer.credit_minor) == (1000, 600, 400)


def test_an_invoice_paid_already_gets_nothing_more(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    for _ in range(2):
        pay(customer, "10.00", by, invoices=[invoice, invoice])
    assert (invoice.open_minor, customer.credit_minor) == (0, 1000)
    assert db.session.scalars(select(Allocation.amount_minor)).all() == [1000]


@pytest.mark.parametrize(("amount", "match"), [("0.00", "more than zero"), ("-1.00", "more than zero")])
def test_refuses_nothing_and_less(app: Flask, by: Actor, amount: str, match: str) -> None:
    refused(make_customer(), match, by, amount)


def test_refuses_what_cannot_be_paid(app: Flask, by: Actor) -> None:
    customer, other = make_customer(name="Ann"), make_customer()
    draft, foreign, void = make_draft(customer), make_invoice(other), make_invoice(customer)
    note = make_invoice(customer)
    void.state = InvoiceState.VOID
    db.session.flush()
    db.session.execute(db.update(Invoice).where(Invoice.id == note.id).values(kind="credit_note"))
    db.session.commit()
    refused(customer, "still a draft", by, invoices=[draft])
    refused(customer, "not an invoice of Ann", by, invoices=[foreign])
    refused(customer, "is void", by, invoices=[void])
    refused(customer, "credit note", by, invoices=[note])


def test_refuses_other_currencies_future_days_and_no_method(app: Flask, by: Actor) -> None:
    customer = make_customer(currency="USD")
    db.session.commit()
    refused(customer, "kept in USD", by)
    customer = make_customer()
    db.session.commit()
    refused(customer, "in the future", by, received_on=date(2026, 11, 23))
    refused(customer, "the day the money came in", by, received_on=datetime(2026, 11, 22, 9))
    refused(customer, "how the money came", by, method="  ")
    refused(customer, "too long", by, reference="x" * 121)


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.view"}))
    with pytest.raises(NotAllowed):
        pay(make_customer(), "1.00", weak)


def test_leaves_a_trace(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 1000)
    payment = pay(customer, "15.00", by, invoices=[invoice])
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "payment.recorded")).one()
    assert (event.object_id, event.customer_id, event.object_label) == (
        payment.id,
        customer.id,
        "15.00 EUR, Bank transfer",
    )
    assert event.after["invoices"] == {invoice.number: 1000}
    assert (event.after["amount_minor"], event.after["credit_minor"]) == (1500, 500)


def test_the_books_about_an_invoice(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice, other = make_invoice(customer, 1000), make_invoice(customer, 1000)
    pay(customer, "10.00", by, invoices=[invoice])
    pay(customer, "10.00", by, invoices=[other])
    assert [p.kind for p in balances.postings_of(invoice)] == ["invoice", "payment"]


def test_the_open_amount_is_never_lowered_below_zero(app: Flask, by: Actor) -> None:
    invoice = make_invoice(make_customer(), 1000)
    with pytest.raises(balances.ChangedMeanwhile, match="Nothing was booked"):
        balances.lower_open(invoice, eur("10.01"))
    assert invoice.open_minor == 1000


def test_many_receipts_do_what_one_after_the_other_would(app: Flask, by: Actor) -> None:
    one, two = make_customer(), make_customer()
    shared, other = make_invoice(one, 1000), make_invoice(two, 500)
    receipts = [
        payments.Receipt(one, eur("6.00"), "Cash", TODAY, [shared]),
        payments.Receipt(two, eur("7.00"), "Cash", TODAY, oldest_first=True),
        payments.Receipt(one, eur("6.00"), "Cash", TODAY, oldest_first=True),
    ]
    recorded = payments.record_all(receipts, by=by)
    db.session.commit()
    assert [p.customer_id for p in recorded] == [one.id, two.id, one.id]
    assert [i.open_minor for i in (shared, other)] == [0, 0]
    assert [(c.balance_minor, c.credit_minor) for c in (one, two)] == [(-200, 200), (-200, 200)]
    rows = db.session.scalars(select(Allocation).order_by(Allocation.id)).all()
    assert [(a.payment_id, a.amount_minor) for a in rows] == [
        (recorded[0].id, 600),
        (recorded[1].id, 500),
        (recorded[2].id, 400),
    ]
    assert len(db.session.scalars(select(AuditEvent)).all()) == 3


def test_one_wrong_receipt_refuses_all(app: Flask, by: Actor) -> None:
    customer, draft = make_customer(), make_draft(make_customer())
    db.session.commit()
    good = payments.Receipt(customer, eur("6.00"), "Cash", TODAY)
    for wrong in (
        payments.Receipt(customer, eur("0.00"), "Cash", TODAY),
        payments.Receipt(customer, eur("1.00"), "Cash", TODAY, [draft]),
    ):
        with pytest.raises((InvalidPayment, balances.NotPayable)):
            payments.record_all([good, wrong], by=by)
        db.session.rollback()
    assert customer.credit_minor == 0


def test_few_statements_whatever_the_history(app: Flask, by: Actor) -> None:
    customer = make_customer()
    for _n in range(12):
        pay(customer, "10.00", by, invoices=[make_invoice(customer, 1000)])
        make_invoice(customer, 700)
    open_ = balances.open_invoices(customer)
    credits.grant(customer, eur("3.00"), reason="Outage", on=TODAY, by=by)
    db.session.commit()
    with spoken() as said:
        pay(customer, "20.00", by, oldest_first=True)
        db.session.commit()
    assert len(said) <= 18, said
    db.session.expire_all()
    parts, credit = {open_[-1]: eur("4.00")}, {open_[-1]: eur("3.00")}
    customer, _loaded = open_[-1].customer, open_[-1].open
    with spoken() as said:
        pay(customer, "4.00", by, parts=parts, credit=credit)
        db.session.commit()
    assert len(said) <= 18, said
