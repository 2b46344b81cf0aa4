"""Credit that runs out, is paid out or taken back: booked once, never more than there is, however many try at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from factories import make_company, make_customer, make_invoice
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from billing import credit_outflows, credits, doctor, payments, top_ups
from billing.actor import Actor, NotAllowed
from billing.balances import ChangedMeanwhile
from billing.credit_outflows import CannotTakeBack, InvalidPayout
from billing.credits import InvalidCredit, NotEnoughCredit
from billing.doctor import Scope
from models import (
    Account,
    AuditEvent,
    BillingError,
    Credit,
    CreditOutflow,
    Customer,
    Delivery,
    Invoice,
    LedgerPosting,
    Message,
    Money,
    Outflow,
    db,
)

TODAY = date(2026, 11, 22)
LAST = date(2026, 11, 30)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def give(customer: Customer, amount: str, by: Actor, on: date = TODAY, **values: Any) -> Credit:
    return credits.grant(customer, eur(amount), by=by, on=on, **{"reason": "Outage", **values})


def pay_out(customer: Customer, amount: str, by: Actor, **values: Any) -> int:
    return credit_outflows.pay_out(customer, eur(amount), **{"method": "Bank transfer", "on": TODAY, **values}, by=by)


def booked(kind: str) -> list[dict[Account, int]]:
    postings = db.session.scalars(select(LedgerPosting).where(LedgerPosting.kind == kind).order_by(LedgerPosting.id))
    return [{entry.account: entry.amount_minor for entry in posting.entries} for posting in postings]


def codes(app: Flask) -> list[str]:
    """What the doctor finds, but for the fingerprint that invoices of the factory have none of."""
    db.session.flush()
    return [finding.code for finding in doctor.examine(Scope(app.clock())) if finding.code != "I16"]


def later(by: Actor, days: int) -> Actor:
    return replace(by, at=by.at + timedelta(days=days), today=by.today + timedelta(days=days))


def test_a_payout_takes_the_oldest_first_and_leaves_a_row_of_each(app: Flask, by: Actor) -> None:
    customer = make_customer()
    young, old = give(customer, "7.00", by), give(customer, "10.00", by, on=date(2026, 1, 5))
    posting = pay_out(customer, "12.00", by, reference="SEPA 17")
    rows = db.session.scalars(select(CreditOutflow).order_by(CreditOutflow.id)).all()
    assert [(row.credit_id, row.amount_minor, row.posting_id) for row in rows] == [
        (old.id, 1000, posting), (young.id, 200, posting),
    ]  # fmt: skip
    assert {(row.kind, row.method, row.reference, row.on) for row in rows} == {
        (Outflow.PAID_OUT, "Bank transfer", "SEPA 17", TODAY)
    }
    assert booked("payout") == [{Account.CREDIT: 1200, Account.CASH: -1200}]
    assert (customer.credit_minor, customer.balance_minor, young.remaining_minor) == (500, -500, 500)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.paid_out")).one()
    assert (event.customer_id, event.after["amount_minor"], event.after["on"]) == (customer.id, 1200, "2026-11-22")
    assert codes(app) == []


def test_a_payout_of_one_credit_leaves_the_others(app: Flask, by: Actor) -> None:
    customer = make_customer()
    old, young = give(customer, "10.00", by, on=date(2026, 1, 5)), give(customer, "7.00", by)
    posting = pay_out(customer, "7.00", by, credit=young)
    assert (old.remaining_minor, young.remaining_minor) == (1000, 0)
    assert db.session.get_one(LedgerPosting, posting).credit_id == young.id
    with pytest.raises(NotEnoughCredit, match="0.00 EUR can be paid out"):
        pay_out(customer, "1.00", by, credit=young)


@pytest.mark.parametrize(
    ("amount", "values", "error"),
    [
        ("0.00", {}, InvalidPayout),
        ("5.01", {}, NotEnoughCredit),
        ("1.00", {"on": date(2026, 11, 23)}, InvalidPayout),
        ("1.00", {"on": date(2026, 11, 19)}, NotEnoughCredit),
        ("1.00", {"method": " "}, BillingError),
        ("1.00", {"reference": "x" * 121}, BillingError),
    ],
)
def test_refuses_payouts_that_make_no_sense(
    app: Flask, by: Actor, amount: str, values: dict[str, Any], error: type[BillingError]
) -> None:
    customer = make_customer()
    give(customer, "5.00", by, on=date(2026, 11, 20))
    give(customer, "9.00", by, on=date(2026, 11, 1), expires_on=date(2026, 11, 2))
    with pytest.raises(error):
        pay_out(customer, amount, by, **values)
    with pytest.raises(InvalidPayout, match="kept in EUR"):
        credit_outflows.pay_out(customer, Money(1, "JPY"), method="Cash", on=TODAY, by=by)
    assert customer.credit_minor == 1400 and not booked("payout")


def test_credit_runs_out_after_its_last_day_dated_truly(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5.00", by, expires_on=LAST)
    give(customer, "2.00", by)
    credits.use(make_invoice(customer, 100), on=TODAY, by=by)
    assert credit_outflows.expire(LAST, by=by) == 0
    assert credit_outflows.expire(LAST + timedelta(days=4), by=later(by, 12)) == 1
    assert credit_outflows.expire(LAST + timedelta(days=4), by=later(by, 12)) == 0
    row = db.session.scalars(select(CreditOutflow)).one()
    assert (row.kind, row.on, row.amount_minor, credit.remaining_minor) == (Outflow.EXPIRED, date(2026, 12, 1), 400, 0)
    assert booked("credit_expired") == [{Account.CREDIT: 400, Account.WRITE_OFF: -400}]
    assert customer.credit_minor == 200 and not db.session.scalars(select(Message)).all()
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.expired")).one()
    assert event.after == {"amount_minor": 400, "currency": "EUR", "expires_on": "2026-11-30"}
    assert codes(app) == []


def test_many_run_out_some_at_a_time_and_are_told_once(app: Flask, by: Actor) -> None:
    customers = [make_customer() for _ in range(3)]
    for customer in customers:
        give(customer, "5.00", by, expires_on=LAST)
    day, at = LAST + timedelta(days=1), later(by, 9)
    assert [credit_outflows.expire(day, tell=True, limit=2, by=at) for _ in range(3)] == [2, 1, 0]
    told = db.session.execute(select(Message.customer_id, Message.kind, Delivery.address).join(Delivery)).all()
    assert sorted(told) == [(one.id, "credit_expired", one.email) for one in customers]


def test_taking_back_what_was_given_by_mistake(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5.00", by)
    credits.use(make_invoice(customer, 100), on=TODAY, by=by)
    credit_outflows.take_back(credit, reason="Wrong customer", by=by)
    assert booked("credit_taken_back") == [{Account.CREDIT: 400, Account.WRITE_OFF: -400}]
    assert (credit.remaining_minor, customer.credit_minor) == (0, 0)
    with pytest.raises(CannotTakeBack, match="Nothing"):
        credit_outflows.take_back(credit, reason="Again", by=by)
    assert codes(app) == []


def test_a_top_up_is_a_payment_that_is_all_kept(app: Flask, by: Actor) -> None:
    customer = make_customer()
    make_invoice(customer, 100)
    payment = top_ups.top_up(customer, eur("50.00"), method="Cash", received_on=TODAY, reference="A 7", by=by)
    credit = db.session.scalars(select(Credit)).one()
    assert (credit.payment_id, credit.reason, credit.remaining_minor) == (payment.id, "Top-up", 5000)
    assert (payment.reference, customer.balance_minor, payment.allocations) == ("A 7", -4900, [])
    with pytest.raises(CannotTakeBack, match="own money"):
        credit_outflows.take_back(credit, reason="No", by=by)
    with pytest.raises(InvalidCredit, match="own money"):
        credits.change(credit, reason="Top-up", expires_on=LAST, by=by)
    assert codes(app) == []


def test_reason_and_last_day_can_change_while_something_is_left(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit = give(customer, "5.00", by, expires_on=LAST)
    credits.change(credit, reason=" Sorry ", expires_on=None, by=by)
    assert (credit.reason, credit.expires_on) == ("Sorry", None)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "credit.changed")).one()
    assert (event.before, event.after) == (
        {"reason": "Outage", "expires_on": "2026-11-30"}, {"reason": "Sorry", "expires_on": None},
    )  # fmt: skip
    with pytest.raises(InvalidCredit, match="today"):
        credits.change(credit, reason="Sorry", expires_on=TODAY - timedelta(days=1), by=by)
    with pytest.raises(InvalidCredit, match="what the credit is for"):
        credits.change(credit, reason=" ", expires_on=None, by=by)
    credit_outflows.take_back(credit, reason="Wrong", by=by)
    with pytest.raises(InvalidCredit, match="Nothing"):
        credits.change(credit, reason="Sorry", expires_on=LAST, by=by)
    assert credits.change(credit, reason="Other words", expires_on=None, by=by).reason == "Other words"


def test_needs_the_right_to_do_it(app: Flask, by: Actor) -> None:
    weak = Actor(name="Vic", at=by.at, today=by.today, permissions=frozenset({"payments.view"}))
    credit = give(make_customer(), "5.00", by, expires_on=LAST)
    tries: list[Callable[[], Any]] = [
        lambda: pay_out(credit.customer, "1.00", weak),
        lambda: credit_outflows.take_back(credit, reason="x", by=weak),
        lambda: credit_outflows.expire(date(2027, 1, 1), by=weak),
        lambda: credits.change(credit, reason="x", expires_on=None, by=weak),
        lambda: top_ups.top_up(credit.customer, eur("1"), method="Cash", received_on=TODAY, by=weak),
    ]
    for attempt in tries:
        with pytest.raises(NotAllowed):
            attempt()
    assert credit.remaining_minor == 500


def at_once(app: Flask, works: list[Callable[[], Any]]) -> list[str]:
    """Do these at the same moment, each in a transaction of its own; what each said."""
    start = Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        with app.app_context():
            start.wait()
            try:
                work()
                db.session.commit()
            except BillingError as refusal:
                db.session.rollback()
                return type(refusal).__name__
            return "done"

    db.session.commit()
    db.session.remove()
    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_a_credit_cannot_be_paid_out_used_taken_back_and_run_out_at_once(app: Flask, by: Actor) -> None:
    customer = make_customer()
    credit_id, invoice_id = give(customer, "10.00", by, expires_on=TODAY).id, make_invoice(customer, 1000).id
    customer_id = customer.id

    def take_back() -> None:
        credit_outflows.take_back(db.session.get(Credit, credit_id), reason="Wrong", by=by)

    works = [
        *[lambda: pay_out(db.session.get(Customer, customer_id), "6.00", by)] * 4,
        *[lambda: credits.use(db.session.get(Invoice, invoice_id), eur("6.00"), on=TODAY, by=by)] * 3,
        *[take_back] * 2,
        *[lambda: credit_outflows.expire(TODAY + timedelta(days=1), by=by)] * 2,
    ]
    said = at_once(app, works)
    assert set(said) <= {"done", "NotEnoughCredit", "CannotTakeBack", ChangedMeanwhile.__name__, "NotPayable"}
    credit = db.session.scalars(select(Credit)).one()
    out = db.session.scalar(select(func.sum(CreditOutflow.amount_minor))) or 0
    used = 1000 - db.session.scalars(select(Invoice)).one().open_minor
    assert credit.remaining_minor + out + used == 1000 and credit.remaining_minor >= 0
    assert credit.remaining_minor == credit.customer.credit_minor
    assert codes(app) == []


@given(st.lists(st.tuples(st.sampled_from(["give", "top", "use", "out", "back", "expire", "bill"]),
                          st.integers(1, 5000), st.integers(0, 5)), max_size=25))  # fmt: skip
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_the_books_hold(app: Flask, by: Actor, steps: list[tuple[str, int, int]]) -> None:
    customer = make_customer()
    for day, (what, minor, days) in enumerate(steps):
        now, amount = later(by, day), Money(minor, "EUR")
        first = db.session.scalars(
            select(Credit).where(Credit.customer_id == customer.id).order_by(Credit.remaining_minor.desc()).limit(1)
        ).first()
        until = now.today + timedelta(days=days) if days else None
        try:
            if what == "give":
                credits.grant(customer, amount, reason="Gift", on=now.today, expires_on=until, by=now)
            elif what == "top":
                top_ups.top_up(customer, amount, method="Cash", received_on=now.today, by=now)
            elif what == "bill":
                make_invoice(customer, minor)
            elif what == "expire":
                credit_outflows.expire(now.today, by=now)
            elif what == "out":
                credit_outflows.pay_out(customer, amount, method="Cash", on=now.today, by=now)
            elif what == "back" and first:
                credit_outflows.take_back(first, reason="Wrong", by=now)
            elif what == "use" and (
                found := db.session.scalars(select(Invoice).where(Invoice.open_minor > 0).limit(1)).first()
            ):
                credits.use(found, on=now.today, by=now)
        except BillingError:
            pass
    wrong = {"I01", "I02", "I03", "I05", "I06", "I38", "I70", "I71"} & set(codes(app))
    db.session.rollback()
    assert not wrong


CORRUPTIONS: dict[str, tuple[set[str], Callable[[], Any]]] = {
    "a credit left more than it had": ({"I06", "I38", "I70"}, lambda: _change("paid_out", amount_minor=1)),
    "an outflow on another day": ({"I70"}, lambda: _change("taken_back", on=date(2026, 11, 1))),
    "an outflow of another kind": ({"I70", "I71"}, lambda: _change("taken_back", kind="expired")),
    "credit ran out on its last day": ({"I71"}, lambda: db.session.execute(
        update(Credit).where(Credit.expires_on.is_not(None)).values(expires_on=date(2026, 12, 5)))),
    "own money with a last day": ({"I71"}, lambda: db.session.execute(
        update(Credit).where(Credit.payment_id.is_not(None)).values(expires_on=LAST))),
}  # fmt: skip


def _change(of: str, **values: Any) -> None:
    db.session.execute(update(CreditOutflow).where(CreditOutflow.kind == of).values(values))


@pytest.mark.parametrize(("wanted", "corrupt"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_the_doctor_finds_it(app: Flask, by: Actor, wanted: set[str], corrupt: Callable[[], Any]) -> None:
    make_company()
    customer = make_customer()
    payments.record(customer, eur("20.00"), method="Cash", received_on=TODAY, by=by)
    pay_out(customer, "5.00", by)
    credit_outflows.take_back(give(customer, "3.00", by), reason="Wrong", by=by)
    give(customer, "4.00", by, expires_on=LAST)
    credit_outflows.expire(LAST + timedelta(days=1), by=later(by, 9))
    assert codes(app) == []
    corrupt()
    db.session.expire_all()
    assert set(codes(app)) == wanted
