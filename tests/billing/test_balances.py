"""Whatever is paid, given and used, in whatever order: the sums agree (I01-I03, I05, I06, I08)."""

from __future__ import annotations

from datetime import date, timedelta

import hypothesis.strategies as st
from factories import make_customer, make_invoice
from flask import Flask
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from billing import credits, payments
from billing.actor import Actor
from billing.credits import NotEnoughCredit
from models import Account, Allocation, Credit, Invoice, LedgerEntry, LedgerPosting, Money, Payment, db

TODAY = date(2026, 11, 22)
amounts = st.integers(1, 2000)
days_ago = st.integers(0, 40)


def sums(column, by, *where):
    return dict(db.session.execute(select(by, func.sum(column)).where(*where).group_by(by)).all())


def make_machine(by: Actor) -> type[RuleBasedStateMachine]:
    class Account_(RuleBasedStateMachine):
        """One customer's account beside a noisy neighbour's."""

        def __init__(self) -> None:
            super().__init__()
            self.customer, self.neighbour = make_customer(), make_customer()
            self.invoices = [make_invoice(self.customer, 900)]
            make_invoice(self.neighbour, 700)

        @rule(total=amounts)
        def invoice(self, total: int) -> None:
            self.invoices.append(make_invoice(self.customer, total, tax_rate="23"))

        @rule(minor=amounts, picks=st.lists(st.integers(0, 99), max_size=3), oldest=st.booleans(), ago=days_ago)
        def pay(self, minor: int, picks: list[int], oldest: bool, ago: int) -> None:
            chosen = [self.invoices[pick % len(self.invoices)] for pick in picks]
            day = TODAY - timedelta(days=ago)
            money = Money(minor, "EUR")
            payments.record(
                self.customer, money, method="Cash", received_on=day, invoices=chosen, oldest_first=oldest, by=by
            )

        @rule(minor=amounts, ago=days_ago, expires=st.one_of(st.none(), st.integers(0, 60)))
        def give(self, minor: int, ago: int, expires: int | None) -> None:
            day = TODAY - timedelta(days=ago)
            end = None if expires is None else day + timedelta(days=expires)
            credits.grant(self.customer, Money(minor, "EUR"), reason="Sorry", on=day, expires_on=end, by=by)

        @precondition(lambda self: self.customer.credit_minor)
        @rule(pick=st.integers(0, 99), minor=st.one_of(st.none(), amounts))
        def use(self, pick: int, minor: int | None) -> None:
            invoice = self.invoices[pick % len(self.invoices)]
            before = (invoice.open_minor, self.customer.credit_minor)
            try:
                credits.use(invoice, minor and Money(minor, "EUR"), on=TODAY, by=by)
            except NotEnoughCredit:
                assert before == (invoice.open_minor, self.customer.credit_minor)

        @invariant()
        def postings_balance(self) -> None:
            assert set(sums(LedgerEntry.amount_minor, LedgerEntry.posting_id).values()) == {0}

        @invariant()
        def balances_are_sums_of_the_ledger(self) -> None:
            for customer, invoiced in ((self.customer, None), (self.neighbour, 700)):
                accounts = sums(LedgerEntry.amount_minor, LedgerEntry.account, LedgerEntry.customer_id == customer.id)
                receivable, credit = accounts.get(Account.RECEIVABLE, 0), accounts.get(Account.CREDIT, 0)
                assert customer.balance_minor == receivable + credit
                assert customer.credit_minor == -credit >= 0
                assert invoiced in (None, customer.balance_minor)

        @invariant()
        def open_is_total_less_allocations(self) -> None:
            allocated = sums(Allocation.amount_minor, Allocation.invoice_id)
            for invoice in db.session.scalars(select(Invoice)):
                assert invoice.open_minor == invoice.total_minor - allocated.get(invoice.id, 0) >= 0

        @invariant()
        def credits_hold_what_was_not_used(self) -> None:
            used = sums(Allocation.amount_minor, Allocation.credit_id)
            mine = db.session.scalars(select(Credit).where(Credit.customer_id == self.customer.id)).all()
            for credit in mine:
                assert credit.remaining_minor == credit.amount_minor - used.get(credit.id, 0) >= 0
            assert sum(credit.remaining_minor for credit in mine) == self.customer.credit_minor

        @invariant()
        def a_payment_is_its_allocations_and_its_rest(self) -> None:
            used = sums(Allocation.amount_minor, Allocation.payment_id)
            rest = sums(Credit.amount_minor, Credit.payment_id)
            for payment in db.session.scalars(select(Payment)):
                assert used.get(payment.id, 0) + rest.get(payment.id, 0) == payment.amount_minor

        @invariant()
        def everything_stays_with_one_customer(self) -> None:
            strays = select(Allocation).join(Invoice).where(Allocation.customer_id != Invoice.customer_id)
            assert db.session.scalars(strays).all() == []
            kinds = set(db.session.scalars(select(LedgerPosting.kind)))
            assert kinds <= {"invoice", "payment", "credit", "credit_use"}

        def teardown(self) -> None:
            db.session.rollback()

    return Account_


def test_the_sums_agree_after_anything(app: Flask, by: Actor) -> None:
    run_state_machine_as_test(
        lambda: make_machine(by)(),
        settings=settings(max_examples=20, stateful_step_count=12, deadline=None, print_blob=True),
    )
