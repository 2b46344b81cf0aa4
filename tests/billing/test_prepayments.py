"""Prepayments: every bill takes off what it can, no bill falls below zero, and nothing is lost to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from conftest import empty_all_tables
from factories import add, make_company, make_customer, make_group, make_service, make_tax_rate
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from billing import charges, credit_notes, doctor, invoices, periods, proration
from billing.actor import Actor
from billing.charges import InvalidCharge, add_charge, delete_charge, edit_charge, end_charge
from billing.doctor import Scope
from billing.money import Money
from jobs import renewals
from models import (
    BillingGroup,
    Charge,
    Customer,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LedgerPosting,
    PaymentMethod,
    RunUnit,
    db,
)

DECEMBER, JANUARY, FEBRUARY = date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def prepay(group: BillingGroup, amount: str, by: Actor, **values: Any) -> Charge:
    return add_charge(group, "Paid in advance", -eur(amount), **{"starts_on": DECEMBER, **values}, by=by)


def run(*days: date) -> list[Invoice]:
    """The invoices there are after these runs, oldest first."""
    db.session.commit()
    for day in days:
        renewals.run(day)
    return list(db.session.scalars(select(Invoice).order_by(Invoice.id)))


def lines(invoice: Invoice) -> list[int]:
    return [line.amount_minor for line in invoice.lines]


def healthy(app: Flask) -> bool:
    found = doctor.examine(Scope(app.clock()))
    assert not found, [str(one) for one in found]
    return True


@pytest.fixture
def group(app: Flask) -> BillingGroup:
    """Billed 30.00 a month."""
    customer = make_customer()
    group = make_group(customer)
    make_service(customer, price_minor=3000, billing_group_id=group.id)
    return group


def test_what_a_bill_leaves_over_goes_to_the_next(app: Flask, group: BillingGroup, by: Actor) -> None:
    charge = prepay(group, "70", by)
    first, second, third = run(DECEMBER, JANUARY, FEBRUARY)
    assert [(lines(one), one.total_minor, one.open_minor) for one in (first, second)] == [([3000, -3000], 0, 0)] * 2
    assert (lines(third), third.total_minor) == ([3000, -1000], 2000)
    assert [line.details for line in first.lines] == ["", "40.00 EUR left for the next bill"]
    db.session.refresh(charge)
    assert (charge.left_minor, charge.next_on) == (0, None)
    assert third.customer.balance == eur("20.00")
    assert db.session.scalars(select(LedgerPosting.invoice_id)).all() == [third.id], "nothing to book at zero"
    assert healthy(app)


def test_it_is_never_due_by_itself_and_waits_for_its_day(app: Flask, group: BillingGroup, by: Actor) -> None:
    prepay(group, "70", by, starts_on=date(2026, 12, 15))
    first, second = run(DECEMBER, date(2026, 12, 20), JANUARY)
    assert (lines(first), lines(second)) == ([3000], [3000, -3000])
    assert len(db.session.scalars(select(RunUnit)).all()) == 2


def test_two_bills_on_one_day_share_it(app: Flask, group: BillingGroup, by: Actor) -> None:
    prepay(group, "70", by)
    run(DECEMBER)
    add_charge(group, "Router", eur("50"), starts_on=DECEMBER, by=by)
    _first, second = run(DECEMBER)
    assert lines(second) == [5000, -4000]
    assert healthy(app)


def test_the_oldest_is_used_first_and_other_groups_are_left_alone(app: Flask, group: BillingGroup, by: Actor) -> None:
    young, old = prepay(group, "20", by), prepay(group, "20", by, starts_on=date(2026, 11, 30))
    other = prepay(make_group(group.customer), "20", by)
    run(DECEMBER)
    for one in (young, old, other):
        db.session.refresh(one)
    assert (young.left_minor, old.left_minor, other.left_minor) == (1000, 0, 2000)


def test_it_lowers_only_what_has_its_tax(app: Flask, by: Actor) -> None:
    """Otherwise the tax of its rate would fall below zero."""
    make_company()
    make_tax_rate("IE", "23")
    make_tax_rate("IE", "9", category="R")
    customer = make_customer()
    group = make_group(customer)
    for category, price in (("S", 1000), ("R", 5000)):
        add_charge(group, category, Money(price, "EUR"), starts_on=DECEMBER, tax_category=category, by=by)
    charge = prepay(group, "40", by)
    (invoice,) = run(DECEMBER)
    assert {(int(tax.rate), tax.taxable_minor, tax.tax_minor) for tax in invoice.taxes} == {(23, 0, 0), (9, 5000, 450)}
    db.session.refresh(charge)
    assert (charge.left_minor, invoice.total_minor) == (3000, 5450)
    assert healthy(app)


def test_free_customers_keep_theirs(app: Flask, by: Actor) -> None:
    customer = make_customer(payment_method=PaymentMethod.FREE)
    group = make_group(customer)
    make_service(customer, billing_group_id=group.id)
    charge = prepay(group, "70", by)
    assert run(DECEMBER) == []
    db.session.refresh(charge)
    assert charge.left_minor == 7000


def test_a_bill_paid_in_advance_makes_the_next_one_no_surprise(app: Flask, group: BillingGroup, by: Actor) -> None:
    prepay(group, "29.99", by)
    first, second = run(DECEMBER, JANUARY)
    assert (first.total_minor, second.total_minor) == (1, 3000)


def test_an_absurd_bill_is_not_hidden_by_it(app: Flask, group: BillingGroup, by: Actor) -> None:
    run(DECEMBER)
    add_charge(group, "A slip of the keyboard", eur("900"), starts_on=JANUARY, by=by)
    prepay(group, "900", by)
    assert len(run(JANUARY)) == 1
    db.session.refresh(group)
    assert "times the usual" in group.parked_reason


def test_an_end_lets_the_rest_lapse(app: Flask, group: BillingGroup, by: Actor) -> None:
    charge = prepay(group, "70", by, ends_on=date(2026, 12, 15))
    run(DECEMBER)
    assert charges.lapse(date(2026, 12, 14), by=by) == 0
    assert charges.lapse(date(2026, 12, 15), by=by) == 1
    _first, second = run(JANUARY)
    db.session.refresh(charge)
    assert (lines(second), charge.left_minor, charge.next_on) == ([3000], 4000, None)
    assert healthy(app)


def test_ending_it_now_and_later(app: Flask, group: BillingGroup, by: Actor) -> None:
    now, later = (prepay(group, "70", by, starts_on=date(2026, 11, 1)) for _ in range(2))
    end_charge(now, by.today, by=by)
    end_charge(later, date(2026, 12, 24), by=by)
    assert (now.next_on, later.next_on) == (None, date(2026, 11, 1))
    run(DECEMBER)
    for one in (now, later):
        db.session.refresh(one)
    assert (now.left_minor, later.left_minor) == (7000, 4000)


def test_a_change_never_falls_below_what_is_used(app: Flask, group: BillingGroup, by: Actor) -> None:
    charge = prepay(group, "70", by)
    run(DECEMBER)
    terms = {"starts_on": DECEMBER, "anchor_day": 1}
    edit_charge(charge, charges.Terms("Advance", eur("-100"), **terms), group, None, by=by)
    assert (charge.left_minor, charge.description) == (7000, "Advance")
    for amount, words in (("-30", "took off"), ("-20", "took off"), ("100", "does not become")):
        with pytest.raises(InvalidCharge, match=words):
            edit_charge(charge, charges.Terms("Advance", eur(amount), **terms), group, None, by=by)
    assert charge.left_minor == 7000 and healthy(app)


@pytest.mark.parametrize("values", [{"months": 1}, {"days": 30}, {"proratable": True}])
def test_it_comes_once_and_whole(app: Flask, group: BillingGroup, by: Actor, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidCharge, match="comes once"):
        prepay(group, "70", by, **values)


def test_a_void_invoice_gives_it_back(app: Flask, group: BillingGroup, by: Actor) -> None:
    charge = prepay(group, "30", by)
    (invoice,) = run(DECEMBER)
    invoice.state = InvoiceState.VOID
    charges.restore_prepaid(invoice, by=by)
    db.session.refresh(charge)
    assert (charge.left_minor, charge.next_on) == (3000, DECEMBER)


@pytest.mark.parametrize(("days", "waits_from"), [(1, DECEMBER), (0, None)])
def test_one_that_was_used_up_waits_again_until_its_last_day(
    app: Flask, group: BillingGroup, by: Actor, days: int, waits_from: date | None
) -> None:
    make_company()
    charge = prepay(group, "30", by, ends_on=JANUARY)
    (invoice,) = run(DECEMBER)
    db.session.refresh(charge)
    assert (charge.left_minor, charge.next_on) == (0, None)
    app.clock.set(JANUARY - timedelta(days=days))
    later = replace(by, today=app.clock().date(), at=app.clock())
    invoices.void(invoice, "Wrong", by=later)
    db.session.refresh(charge)
    assert (charge.left_minor, charge.next_on) == (3000, waits_from)
    assert healthy(app)


def test_a_proforma_takes_it_off_once_with_the_invoice_it_becomes(app: Flask, group: BillingGroup, by: Actor) -> None:
    make_company(number_when_paid=True)
    charge = prepay(group, "10", by)
    (proforma,) = run(DECEMBER)
    db.session.refresh(charge)
    assert (proforma.kind, lines(proforma), charge.left_minor) == ("proforma", [3000, -1000], 0)
    app.clock.set(DECEMBER)
    assert healthy(app)
    then = replace(by, today=DECEMBER, at=app.clock())
    invoice = invoices.number_proforma(proforma, by=then)
    assert healthy(app)
    invoices.void(invoice, "Wrong", by=then)
    db.session.refresh(charge)
    assert (charge.left_minor, charge.next_on) == (1000, DECEMBER)
    assert healthy(app)


def test_a_credit_note_gives_back_what_its_lines_took_off(app: Flask, group: BillingGroup, by: Actor) -> None:
    make_company()
    charge = prepay(group, "20", by)
    (invoice,) = run(DECEMBER)
    note = credit_notes.credit(invoice, None, reason="Wrong", send=False, by=by)
    db.session.refresh(charge)
    assert (note.total_minor, charge.left_minor, charge.next_on) == (1000, 2000, DECEMBER)
    assert healthy(app)


def test_unused_it_can_be_removed(app: Flask, group: BillingGroup, by: Actor) -> None:
    unused, used = prepay(group, "5", by, starts_on=JANUARY), prepay(group, "5", by)
    run(DECEMBER)
    delete_charge(unused, by=by)
    with pytest.raises(charges.AlreadyBilled):
        delete_charge(used, by=by)
    assert db.session.scalars(select(Charge.id)).all() == [used.id]


@pytest.fixture(scope="module")
def shared(migrated_app: Flask) -> Iterator[Flask]:
    migrated_app.clock.__init__()
    with migrated_app.app_context():
        yield migrated_app
        db.session.remove()
        empty_all_tables()


amounts = st.integers(1, 9_999)
prepaid = st.lists(st.tuples(amounts, st.integers(0, 70), st.sampled_from("SR")), max_size=4)
once = st.lists(st.tuples(amounts, st.integers(0, 90), st.sampled_from("SR")), min_size=1, max_size=6)


@given(service=st.integers(0, 9_999), prepaid=prepaid, once=once, inclusive=st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_is_lost_to_the_cent(
    shared: Flask, service: int, prepaid: list[Any], once: list[Any], inclusive: bool
) -> None:
    """Whatever is paid in advance and billed: what was taken off and what is left come to what was paid, no bill and
    no tax falls below zero, and no more is left than could not be used."""
    by = Actor("Test", shared.clock(), shared.clock().date(), None)
    customer = _open(service, inclusive)
    group = db.session.scalars(select(BillingGroup).where(BillingGroup.customer_id == customer.id)).one()
    for minor, after, goods in once:
        terms = {"starts_on": DECEMBER + timedelta(days=after), "tax_category": goods, "by": by}
        add_charge(group, "Once", Money(minor, "EUR"), **terms)
    for minor, after, goods in prepaid:
        terms = {"starts_on": DECEMBER + timedelta(days=after), "tax_category": goods, "by": by}
        add_charge(group, "Advance", Money(-minor, "EUR"), **terms)
    db.session.commit()
    renewals.run(date(2027, 3, 15))
    invoices = db.session.scalars(select(Invoice).where(Invoice.customer_id == customer.id)).all()
    assert all(one.total_minor >= 0 for one in invoices)
    assert all(tax.taxable_minor >= 0 and tax.tax_minor >= 0 for one in invoices for tax in one.taxes)
    for charge in db.session.scalars(select(Charge).where(Charge.price_minor < 0)):
        off = select(func.sum(InvoiceLine.amount_minor)).where(InvoiceLine.charge_id == charge.id)
        assert -int(db.session.scalar(off) or 0) + charge.left_minor == -charge.price_minor
    assert healthy(shared)
    db.session.remove()
    empty_all_tables()


def _open(service: int, inclusive: bool) -> Customer:
    make_company(prices_include_tax=inclusive)
    make_tax_rate("IE", "23")
    make_tax_rate("IE", "9", category="R")
    customer = make_customer()
    group = add(BillingGroup(customer_id=customer.id, name="Main", usual_minor=10**8))
    if service:
        make_service(customer, price_minor=service, billing_group_id=group.id)
    return customer


@given(price=st.integers(1, 99_999), start=st.integers(0, 60), length=st.integers(1, 120), months=st.integers(1, 3),
       quantity=st.integers(1, 5))  # fmt: skip
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_proratable_charge_costs_its_days_and_others_the_whole(
    shared: Flask, price: int, start: int, length: int, months: int, quantity: int
) -> None:
    """First and last part by their days of the full period between anchors; one that is not proratable in full."""
    by = Actor("Test", shared.clock(), shared.clock().date(), None)
    customer = _open(0, False)
    group = db.session.scalars(select(BillingGroup).where(BillingGroup.customer_id == customer.id)).one()
    first = DECEMBER + timedelta(days=start)
    last = first + timedelta(days=length)
    terms = {"starts_on": first, "ends_on": last, "months": months, "anchor_day": 1, "quantity": Decimal(quantity)}
    shares = add_charge(group, "By days", Money(price, "EUR"), proratable=True, **terms, by=by)
    wholes = add_charge(group, "Whole", Money(price, "EUR"), **terms, by=by)
    db.session.commit()
    renewals.run(date(2027, 7, 1))
    for charge, proratable in ((shares, True), (wholes, False)):
        billed = db.session.scalars(
            select(InvoiceLine).where(InvoiceLine.charge_id == charge.id).order_by(InvoiceLine.period_start)
        ).all()
        assert [line.period_start for line in billed][0] == first and billed[-1].period_end == last
        for line in billed:
            whole = periods.full_period(line.period_start, months, 1)
            part = proration.share(whole, line.period_start, line.period_end) if proratable else 1
            assert line.amount_minor == Money(price, "EUR").times(part * quantity).minor
        db.session.refresh(charge)
        assert charge.next_on is None
    assert healthy(shared)
    db.session.remove()
    empty_all_tables()


def _change(**values: Any) -> None:
    db.session.execute(update(Charge).where(Charge.price_minor < 0).values(values))
    db.session.expire_all()


@pytest.mark.parametrize("values", [{"left_minor": 3999}, {"left_minor": 0}, {"price_minor": -8000}])
def test_the_doctor_finds_a_rest_that_is_not_what_bills_left(
    app: Flask, group: BillingGroup, by: Actor, values: dict[str, int]
) -> None:
    prepay(group, "70", by)
    run(DECEMBER)
    assert healthy(app)
    _change(**values)
    assert {finding.code for finding in doctor.examine(Scope(app.clock()))} == {"I72"}


def test_the_doctor_finds_a_charge_with_something_left(app: Flask, group: BillingGroup, by: Actor) -> None:
    add_charge(group, "Router", eur("5"), starts_on=JANUARY, by=by)
    db.session.execute(update(Charge).values(left_minor=1))
    assert [finding.code for finding in doctor.examine(Scope(app.clock()))] == ["I72"]
