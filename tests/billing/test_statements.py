"""Statements: opening balance plus movements is the closing balance, in every currency, and what is still owed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from factories import add, make_customer, make_invoice
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from statements import spoken

from billing import credit_outflows, credits, expenses, ledger, payments, statements
from billing.actor import Actor, NotAllowed
from billing.money import Money
from billing.statements import MOVEMENTS, OPEN_ITEMS, InvalidPeriod, NobodyToMail
from models import Account, AuditEvent, Contact, Customer, Delivery, InvoiceAddress, Message, db

FIRST, LAST, TODAY = date(2026, 11, 1), date(2026, 11, 30), date(2026, 11, 22)
CASH = {"method": "Cash"}


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def moved(customer: Customer, since: date = FIRST, until: date = LAST) -> list[tuple[str, int, int]]:
    (account,) = statements.statement(customer, since, until).accounts
    return [(one.kind, one.change, one.balance) for one in account.movements]


def test_what_moved_the_account_with_the_balance_after_each(app: Flask, by: Actor) -> None:
    customer, other = make_customer(), make_customer()
    make_invoice(other, 99900)
    make_invoice(customer, 5000, issued_on=date(2026, 10, 15))
    payments.record(customer, eur("20"), received_on=date(2026, 10, 20), by=by, **CASH)
    invoice = make_invoice(customer, 12300, issued_on=date(2026, 11, 3))
    payments.record(customer, eur("30"), received_on=date(2026, 11, 5), reference="R 7", by=by, **CASH)
    credits.use(invoice, eur("10"), on=TODAY, by=by)
    credits.grant(customer, eur("5"), reason="Outage", on=TODAY, by=by)
    credit_outflows.pay_out(customer, eur("1"), method="Cash", on=TODAY, by=by)
    with spoken() as said:
        found = statements.statement(customer, FIRST, LAST)
    assert len(said) == 2
    (account,) = found.accounts
    assert (account.opening, account.closing) == (eur("30"), customer.balance)
    assert moved(customer) == [
        ("invoice", 12300, 15300), ("payment", -3000, 12300), ("credit", -500, 11800), ("payout", 100, 11900),
    ]  # fmt: skip
    assert (account.charged, account.settled) == (eur("124"), eur("35"))
    paid = account.movements[1]
    assert (paid.method, paid.reference, account.movements[0].number) == ("Cash", "R 7", invoice.number)
    assert moved(customer, date(2026, 11, 4), date(2026, 11, 5)) == [("payment", -3000, 12300)]
    assert not found.is_empty and statements.statement(make_customer(), FIRST, LAST).is_empty


def test_each_currency_by_itself(app: Flask, by: Actor) -> None:
    customer = make_customer(currency="JPY")
    make_invoice(customer, 500, issued_on=date(2026, 10, 1))
    customer.currency = "EUR"
    db.session.flush()
    make_invoice(customer, 1000, issued_on=date(2026, 11, 2))
    euros, yen = statements.statement(customer, FIRST, LAST).accounts
    assert (euros.opening, euros.closing, yen.opening, yen.closing, yen.movements) == (
        Money(0, "EUR"), Money(1000, "EUR"), Money(500, "JPY"), Money(500, "JPY"), [],
    )  # fmt: skip


def test_days_that_make_no_period(app: Flask) -> None:
    customer = make_customer()
    for since, until in ((LAST, FIRST), (date(1, 1, 1), LAST), (FIRST, date(9999, 1, 1))):
        with pytest.raises(InvalidPeriod):
            statements.statement(customer, since, until)


def test_open_items(app: Flask, by: Actor) -> None:
    customer = make_customer()
    young, old = make_invoice(customer, 1000, issued_on=date(2026, 11, 20)), make_invoice(customer, 500)
    payments.record(customer, eur("2"), received_on=TODAY, invoices=[old], by=by, **CASH)
    credits.grant(customer, eur("1"), reason="Outage", on=TODAY, by=by)
    paid = make_invoice(customer, 300)
    payments.record(customer, eur("3"), received_on=TODAY, invoices=[paid], by=by, **CASH)
    found = statements.open_items(customer, TODAY)
    assert (found.invoices, found.owed, found.overdue, found.credit) == ([old, young], eur("13"), eur("3"), eur("1"))


def test_a_mail_goes_to_everybody_who_gets_invoices(app: Flask, by: Actor) -> None:
    customer = make_customer(email="own@mail.example")
    add(InvoiceAddress(customer_id=customer.id, email="books@mail.example"))
    for name, gets in (("Ann", True), ("Bob", False)):
        add(Contact(customer_id=customer.id, name=name, email=f"{name}@mail.example", gets_invoices=gets))
    message = statements.mail(customer, FIRST, LAST, by=by)
    to = db.session.scalars(select(Delivery.address).order_by(Delivery.id)).all()
    assert to == ["own@mail.example", "books@mail.example", "Ann@mail.example"]
    assert message.about == {"since": "2026-11-01", "until": "2026-11-30", "variant": "movements"}
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.statement_mailed")).one()
    assert event.customer_id == customer.id and "books@mail.example" in event.after["to"]


def test_mails_that_make_no_sense(app: Flask, by: Actor) -> None:
    weak = Actor("Vic", by.at, by.today, frozenset({"payments.view"}))
    with pytest.raises(NotAllowed):
        statements.mail(make_customer(), FIRST, LAST, by=weak)
    with pytest.raises(NobodyToMail, match="no e-mail"):
        statements.mail(make_customer(email=""), FIRST, LAST, by=by)
    for variant in (MOVEMENTS, OPEN_ITEMS):
        with pytest.raises(NobodyToMail, match="nothing to say"):
            statements.mail(make_customer(), FIRST, LAST, variant=variant, even_empty=False, by=by)
    with pytest.raises(InvalidPeriod):
        statements.mail(make_customer(), FIRST, LAST, variant="all", by=by)
    assert not db.session.scalars(select(Message)).all()


def test_the_table_for_spreadsheets(app: Flask, by: Actor) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 12300, issued_on=date(2026, 11, 3))
    payments.record(
        customer, eur("23"), received_on=date(2026, 11, 5), invoices=[invoice], reference="=1+1", by=by, **CASH
    )
    rows = [",".join(row) for row in statements.csv_rows(statements.statement(customer, FIRST, LAST))]
    assert rows[1:] == [
        "2026-11-01,opening_balance,,,EUR,,,0.00",
        f"2026-11-03,invoice,{invoice.number},,EUR,123.00,,123.00",
        "2026-11-05,payment,,Cash =1+1,EUR,,23.00,100.00",
        "2026-11-30,closing_balance,,,EUR,,,100.00",
    ]


@given(moves=st.lists(st.tuples(st.integers(0, 60), st.integers(-9999, 9999).filter(bool)), max_size=30),
       cut=st.tuples(st.integers(0, 60), st.integers(0, 60)))  # fmt: skip
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_statements_of_following_periods_meet(
    app: Flask, by: Actor, moves: list[tuple[int, int]], cut: tuple[int, int]
) -> None:
    """However a year is cut, one closes as the next one opens, and the last closes with the balance."""
    customer, start = make_customer(), date(2026, 1, 1)
    for day, minor in moves:
        money = Money(minor, "EUR")
        entries = {Account.RECEIVABLE: money, Account.REVENUE: -money}
        ledger.post("invoice", customer, start + timedelta(days=day), entries)
    db.session.flush()
    first, second = (start + timedelta(days=n) for n in sorted(cut))
    spans = [(start, first), (first + timedelta(days=1), second), (second + timedelta(days=1), date(2026, 12, 31))]
    parts = [statements.statement(customer, a, b).accounts[0] for a, b in spans if a <= b]
    assert parts[0].opening == eur("0") and parts[-1].closing == customer.balance
    for before, after in zip(parts, parts[1:], strict=False):
        assert before.closing == after.opening
    assert sum(len(part.movements) for part in parts) == len(moves)
    for part in parts:
        balance = part.opening.minor
        for one in part.movements:
            balance += one.change
            assert one.balance == balance
    db.session.rollback()


def test_a_long_time_is_told_in_parts_and_its_file_is_whole(
    app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make_customer()
    usd = {Account.RECEIVABLE: Money.of("3", "USD"), Account.REVENUE: -Money.of("3", "USD")}
    for place in range(9):
        day = FIRST + timedelta(days=place // 3)
        entries = {Account.RECEIVABLE: eur("10"), Account.REVENUE: -eur("10")}
        ledger.post("invoice", customer, day, entries)
    customer.currency = "USD"
    db.session.flush()
    ledger.post("invoice", customer, FIRST, usd)
    parts = statements.parts(customer, FIRST, LAST, 7)
    assert [part[:2] for part in parts] == [(FIRST, FIRST + timedelta(days=1)), (FIRST + timedelta(days=2), LAST)]
    assert [len(statements.statement(customer, *part).accounts[-1].movements) for part in parts] == [6, 3]
    for most in (1, 2, 3):  # a day with more is cut
        cut = [statements.statement(customer, *part).accounts for part in statements.parts(customer, FIRST, LAST, most)]
        counts = [sum(len(one.movements) for one in accounts) for accounts in cut]
        assert max(counts) == most and sum(counts) == 10 and 0 not in counts
        closing: dict[str, Money] = {}
        for one in (one for accounts in cut for one in accounts):
            assert one.opening == closing.get(one.currency, Money.zero(one.currency))
            closing[one.currency] = one.closing
        assert closing == {"EUR": eur("90"), "USD": Money.of("3", "USD")}
    whole = list(statements.rows_of_all(customer, FIRST, LAST))
    assert whole == list(statements.csv_rows(statements.statement(customer, FIRST, LAST)))
    monkeypatch.setattr(statements, "MOST_ROWS", 4)
    for refused in (statements.statement, statements.mail):
        with pytest.raises(InvalidPeriod, match="too many for one document"):
            refused(customer, FIRST, LAST, **({"by": by} if refused is statements.mail else {}))
    assert list(statements.rows_of_all(customer, FIRST, LAST)) == whole


@pytest.mark.parametrize("counted", [expenses.COUNTED, 2])
def test_expenses_of_one_currency_are_found_by_their_entries(
    app: Flask, by: Actor, counted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expenses, "COUNTED", counted)
    customer = make_customer()
    for currency, times in (("EUR", 4), ("USD", 3), ("GBP", 1)):
        customer.currency = currency
        db.session.flush()
        one = Money.of("5", currency)
        for _time in range(times):
            ledger.post("invoice", customer, FIRST, {Account.RECEIVABLE: one, Account.REVENUE: -one})
    for currency, times in (("EUR", 4), ("USD", 3), ("GBP", 1), ("JPY", 0)):
        found = expenses.page(customer, expenses.Asked(currency=currency), 10)
        assert [one.currency for one in found] == [currency] * times
