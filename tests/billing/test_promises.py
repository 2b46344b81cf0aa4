"""Promises to pay hold an invoice back until their day, and end when it is paid, void or late."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from factories import make_company, make_customer, make_invoice
from sqlalchemy import select

from billing import allocations, credit_notes, invoices, payments, promises, refunds
from billing.actor import Actor, NotAllowed
from billing.money import Money
from billing.promises import InvalidPromise
from models import AuditEvent, Customer, Invoice, PromiseState, db


@pytest.fixture
def customer(by: Actor) -> Customer:
    make_company()
    return make_customer()


def late(customer: Customer, by: Actor) -> Invoice:
    on = by.today - timedelta(days=30)
    return make_invoice(customer, 10_000, issued_on=on, due_on=on + timedelta(days=14))


def verbs(invoice: Invoice) -> list[str]:
    mine = AuditEvent.object_type == "invoice", AuditEvent.object_id == invoice.id
    return list(db.session.scalars(select(AuditEvent.verb).where(*mine).order_by(AuditEvent.id)))


def pay(invoice: Invoice, minor: int, by: Actor) -> None:
    on = by.today
    payments.record(
        invoice.customer, Money(minor, "EUR"), method="Cash", received_on=on, invoices=[invoice], by=by
    )  # fmt: skip


def test_a_promise_is_kept_by_paying_and_remembers_who_took_it(customer: Customer, by: Actor) -> None:
    invoice = late(customer, by)
    day = by.today + timedelta(days=5)
    (made,) = promises.promise([invoice], day, "Will pay on Friday", by=by)
    assert (invoice.promised_on, invoice.dunning_on) == (day, day + timedelta(days=1))
    assert (made.amount, made.made_by, made.note) == (Money(10_000, "EUR"), by.name, "Will pay on Friday")

    pay(invoice, 4_000, by)
    assert made.state == PromiseState.OPEN
    assert invoice.promised_on == day
    pay(invoice, 6_000, by)
    assert (made.state, made.ended_on) == (PromiseState.KEPT, by.today)
    assert invoice.promised_on is None
    assert "invoice.promised" in verbs(invoice)


def test_another_promise_replaces_the_first_and_withdrawing_goes_back(customer: Customer, by: Actor) -> None:
    invoice = late(customer, by)
    invoice.dunning_on = by.today
    (first,) = promises.promise([invoice], by.today + timedelta(days=2), by=by)
    (second,) = promises.promise([invoice], by.today + timedelta(days=9), by=by)
    assert [first.state, second.state] == [PromiseState.WITHDRAWN, PromiseState.OPEN]
    assert promises.of_invoice(invoice) == [second, first]
    assert promises.withdraw([invoice], by=by) == 1
    assert (invoice.promised_on, invoice.dunning_on) == (None, by.today)
    assert promises.withdraw([invoice], by=by) == 0
    assert verbs(invoice)[-1] == "invoice.promise_withdrawn"


def test_it_is_broken_after_its_day_once(customer: Customer, by: Actor) -> None:
    invoice = late(customer, by)
    (made,) = promises.promise([invoice], by.today, by=by)
    assert promises.break_due([invoice], by.today, by=by) == {}
    after = by.today + timedelta(days=3)
    assert not promises.is_broken(invoice, by.today)
    assert promises.is_broken(invoice, after)
    assert promises.break_due([invoice], after, by=by) == {invoice.id: made}
    assert (made.state, made.ended_on) == (PromiseState.BROKEN, by.today + timedelta(days=1))
    assert promises.break_due([invoice], after, by=by) == {invoice.id: made}
    db.session.flush()
    assert verbs(invoice).count("invoice.promise_broken") == 1
    pay(invoice, 10_000, by)
    assert made.state == PromiseState.BROKEN


def test_a_void_and_a_credit_note_end_it(customer: Customer, by: Actor) -> None:
    one, two = late(customer, by), late(customer, by)
    first, second = promises.promise([one, two], by.today + timedelta(days=5), by=by)
    invoices.void(one, "Wrong customer", by=by)
    credit_notes.credit(two, None, reason="Goodwill", by=by)
    assert [first.state, second.state] == [PromiseState.WITHDRAWN, PromiseState.KEPT]
    assert [one.promised_on, two.promised_on] == [None, None]


@pytest.mark.parametrize("days", [-1, 367])
def test_the_day_has_bounds(customer: Customer, by: Actor, days: int) -> None:
    invoice = late(customer, by)
    with pytest.raises(InvalidPromise, match="between today"):
        promises.promise([invoice], by.today + timedelta(days=days), by=by)


def test_only_for_what_is_open_and_by_those_who_may(customer: Customer, by: Actor) -> None:
    invoice = late(customer, by)
    with pytest.raises(NotAllowed):
        promises.promise([invoice], date.max, by=replace(by, permissions=frozenset({"invoices.edit"})))
    with pytest.raises(InvalidPromise, match="at least one"):
        promises.promise([], by.today, by=by)
    pay(invoice, 10_000, by)
    with pytest.raises(InvalidPromise, match="not open"):
        promises.promise([invoice], by.today, by=by)


def test_an_invoice_that_is_open_again_is_looked_at_again(customer: Customer, by: Actor) -> None:
    invoice = late(customer, by)
    invoice.dunning_on = date.max
    pay(invoice, 10_000, by)
    (there,) = allocations.settled_on(invoice)
    assert there.allocation.payment
    refunds.reverse(there.allocation.payment, reason="Bounced", by=by)
    assert (invoice.open_minor, invoice.dunning_on) == (10_000, None)
