"""Whatever is done with money, in whatever order: the doctor stays content, and the books come to what was done.

A machine issues, pays, refunds, writes off, voids and credits as it likes. Beside the invariants of the doctor it keeps
sums of its own, which know nothing of invoices and credits: what was billed, what came in, what was given.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import make_company, make_customer, make_tax_rate
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from invoicing import books, issued, line
from money import ABOUT_MONEY
from sqlalchemy import select

from billing import allocations, balances, credit_notes, credits, doctor, invoices, payments, refunds, write_offs
from billing.actor import Actor
from billing.credited_lines import Chosen
from billing.doctor import Scope
from models import Account, BillingError, Invoice, InvoiceState, Money, Payment, db

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "4"))
cents = st.integers(min_value=1, max_value=5000)
shares = st.sampled_from([1, 2, 3, 10])
"""A half, a third … of what there is; one is all of it."""


def part(whole: Money, share: int) -> Money:
    return Money(max(whole.minor // share, 1), whole.currency)


class Business(RuleBasedStateMachine):
    """One customer. `sums` is what was done, by what it did."""

    by: Actor

    @initialize()
    def begin(self) -> None:
        self.customer = make_customer(tax_rate="23")
        self.sums: Counter[str] = Counter()
        db.session.commit()

    def teardown(self) -> None:
        db.session.rollback()

    # What there is

    def invoices(self, *where: Any) -> list[Invoice]:
        mine = select(Invoice).where(Invoice.customer_id == self.customer.id, Invoice.kind == "invoice")
        return list(db.session.scalars(mine.where(Invoice.state == InvoiceState.ISSUED, *where).order_by(Invoice.id)))

    def payments(self) -> list[Payment]:
        mine = select(Payment).where(Payment.customer_id == self.customer.id, Payment.reversed_on.is_(None))
        return list(db.session.scalars(mine.order_by(Payment.id)))

    def do(self, rule: Any) -> Any:
        """Done and kept, or refused in words and nothing changed."""
        before = (books(self.customer), [(i.id, i.open_minor) for i in self.invoices()])
        try:
            done = rule()
            db.session.commit()
            return done
        except BillingError as refusal:
            db.session.rollback()
            assert str(refusal)
            assert before == (books(self.customer), [(i.id, i.open_minor) for i in self.invoices()])
            return None

    # What can be done

    @rule(price=cents, share=shares)
    def bill(self, price: int, share: int) -> None:
        lines = [line(f"{price / 100:.2f}"), line("0.99", quantity=f"{share}/60")]
        self.sums["billed"] += issued(self.customer, self.by, *lines, send=False).total_minor
        db.session.commit()

    @rule(amount=cents, spread=st.booleans(), days=st.integers(min_value=0, max_value=9))
    def pay(self, amount: int, spread: bool, days: int) -> None:
        money, on = Money(amount, "EUR"), self.by.today - timedelta(days=days)
        values = {"method": "Cash", "received_on": on, "oldest_first": spread}
        self.do(lambda: payments.record(self.customer, money, by=self.by, **values))
        self.sums["cash"] += amount

    @precondition(lambda self: self.invoices())
    @rule(data=st.data(), amount=cents, share=shares, with_credit=st.booleans())
    def pay_some(self, data: Any, amount: int, share: int, with_credit: bool) -> None:
        """Parts of any size on any invoices: mostly too much of something; written-off ones come back."""
        chosen = data.draw(st.lists(st.sampled_from(self.invoices()), min_size=1, max_size=3, unique_by=lambda i: i.id))
        parts = {one: part(Money(amount, "EUR"), share) for one in chosen}
        credit = {chosen[0]: part(self.customer.credit, share)} if with_credit else {}
        back = sum(max(p.minor - one.open_minor, 0) for one, p in parts.items())
        known = {"method": "Cash", "received_on": self.by.today, "parts": parts, "credit": credit}
        if self.do(lambda: payments.record(self.customer, Money(amount, "EUR"), by=self.by, **known)):
            self.sums["cash"] += amount
            self.sums["lost"] -= back

    @rule(amount=cents)
    def give_credit(self, amount: int) -> None:
        money, on = Money(amount, "EUR"), self.by.today
        self.do(lambda: credits.grant(self.customer, money, reason="Outage", on=on, by=self.by))
        self.sums["lost"] += amount

    @precondition(lambda self: self.invoices())
    @rule(data=st.data(), share=shares)
    def use_credit(self, data: Any, share: int) -> None:
        invoice = data.draw(st.sampled_from(self.invoices()))
        money, on = part(self.customer.credit, share), self.by.today
        self.do(lambda: credits.use(invoice, money, on=on, by=self.by))

    @precondition(lambda self: self.payments() and self.invoices())
    @rule(data=st.data(), amount=cents)
    def put_rest(self, data: Any, amount: int) -> None:
        payment, invoice = data.draw(st.sampled_from(self.payments())), data.draw(st.sampled_from(self.invoices()))
        wanted = min(Money(amount, "EUR"), invoice.open)
        self.do(lambda: allocations.put(payment, {invoice: wanted}, by=self.by))

    @precondition(lambda self: self.invoices())
    @rule(data=st.data(), share=shares, moves=st.booleans())
    def take_off(self, data: Any, share: int, moves: bool) -> None:
        invoice, other = (data.draw(st.sampled_from(self.invoices())) for _n in range(2))
        there = allocations.settled_on(invoice)
        if there:
            one = data.draw(st.sampled_from(there))
            money = part(one.amount, share)
            if moves:
                self.do(lambda: allocations.move(one.allocation, other, money, by=self.by))
            else:
                self.do(lambda: allocations.take_off(invoice, one.allocation, money, by=self.by))

    @precondition(lambda self: self.payments())
    @rule(data=st.data(), share=shares, too_much=st.booleans())
    def refund(self, data: Any, share: int, too_much: bool) -> None:
        payment = data.draw(st.sampled_from(self.payments()))
        left = refunds.refundable(payment)
        money = left + Money(1, "EUR") if too_much else part(left, share)
        credit = next(iter(refunds.note_credits(payment)), None) if share == 2 else None
        known = {"method": "Cash", "refunded_on": self.by.today, "reason": "Back", "credit": credit}
        if self.do(lambda: refunds.refund(payment, money, by=self.by, **known)):
            assert not too_much and money <= left
            self.sums["cash"] -= money.minor

    @precondition(lambda self: self.payments())
    @rule(data=st.data())
    def reverse(self, data: Any) -> None:
        payment = data.draw(st.sampled_from(self.payments()))
        if self.do(lambda: refunds.reverse(payment, reason="Slip", by=self.by)):
            self.sums["cash"] -= payment.amount_minor

    @precondition(lambda self: self.invoices(Invoice.open_minor > 0))
    @rule(data=st.data(), share=shares)
    def write_off(self, data: Any, share: int) -> None:
        invoice = data.draw(st.sampled_from(self.invoices(Invoice.open_minor > 0)))
        money, on = part(invoice.open, share), self.by.today
        self.do(lambda: write_offs.write_off(invoice, money, reason="Gone", on=on, by=self.by))
        self.sums["lost"] += money.minor

    @precondition(lambda self: self.invoices(Invoice.written_off_minor > 0))
    @rule(data=st.data(), share=shares)
    def expect_again(self, data: Any, share: int) -> None:
        invoice = data.draw(st.sampled_from(self.invoices(Invoice.written_off_minor > 0)))
        money = part(invoice.written_off, share)
        self.do(lambda: write_offs.take_back(invoice, money, reason="Here", by=self.by))
        self.sums["lost"] -= money.minor

    @precondition(lambda self: self.invoices())
    @rule(data=st.data())
    def void(self, data: Any) -> None:
        invoice = data.draw(st.sampled_from(self.invoices()))
        total, lost = invoice.total_minor, invoice.written_off_minor
        if self.do(lambda: invoices.void(invoice, "Wrong", by=self.by)):
            self.sums["billed"] -= total
            self.sums["lost"] -= lost

    @precondition(lambda self: self.invoices())
    @rule(data=st.data(), whole=st.booleans())
    def credit_note(self, data: Any, whole: bool) -> None:
        invoice = data.draw(st.sampled_from(self.invoices()))
        chosen = None if whole else [Chosen(invoice.lines[0].id)]
        lost = invoice.written_off_minor
        note = self.do(lambda: credit_notes.credit(invoice, chosen, reason="", send=False, by=self.by))
        if note:
            self.sums["billed"] -= note.total_minor
            db.session.refresh(invoice)
            self.sums["lost"] -= lost - invoice.written_off_minor

    @rule(days=st.integers(min_value=1, max_value=40))
    def wait(self, days: int) -> None:
        kind = type(self)  # numbers follow the days, in the next example too
        kind.by = replace(kind.by, today=kind.by.today + timedelta(days=days))

    # What holds after each

    @invariant()
    def books_come_to_what_was_done(self) -> None:
        found = Counter(books(self.customer))
        assert found[Account.CASH] == self.sums["cash"]
        assert found[Account.WRITE_OFF] == self.sums["lost"]
        assert -found[Account.REVENUE] - found[Account.TAX] == self.sums["billed"]
        owed = self.sums["billed"] - self.sums["cash"] - self.sums["lost"]
        open_ = sum(one.open_minor for one in balances.open_invoices(self.customer))
        assert self.customer.balance_minor == owed == open_ - self.customer.credit_minor

    @invariant()
    def doctor_is_content(self) -> None:
        scope = Scope(self.by.at)
        checks = [check for check in doctor.CHECKS if check.code in ABOUT_MONEY]
        assert [str(found) for check in checks if (found := check.ask(scope))] == []


@pytest.fixture
def shop(app: Flask, by: Actor) -> type[Business]:
    make_company()
    make_tax_rate()
    db.session.commit()
    return type("Shop", (Business,), {"by": by})


def test_money_stays_in_order_whatever_is_done(shop: type[Business]) -> None:
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        shop,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=20, deadline=None, derandomize=True, database=None,
            suppress_health_check=quiet, phases=[Phase.generate],
        ),
    )  # fmt: skip
