"""Credit notes: never more than is left of each line, taxes that add up, and where the money goes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_service, make_tax_rate
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from invoicing import books, findings, issued, line
from sqlalchemy import select

from billing import credit_notes, drafts, invoices, payments, write_offs
from billing.actor import Actor, NotAllowed
from billing.credit_notes import CannotCredit, Chosen
from billing.document_lines import read_quantity
from billing.money import Money
from jobs import renewals
from models import Company, Credit, Delivery, Invoice, ServiceOption, db


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def some(invoice: Invoice, place: int = 0, quantity: str = "", amount: str = "") -> Chosen:
    how = {"quantity": read_quantity(quantity)} if quantity else {"amount": eur(amount)} if amount else {}
    return Chosen(invoice.lines[place].id, **how)  # type: ignore[arg-type]


def pay(invoice: Invoice, amount: str, by: Actor) -> None:
    payments.record(invoice.customer, eur(amount), method="Cash", received_on=by.today, invoices=[invoice], by=by)


@pytest.fixture(autouse=True)
def seller(app: Flask) -> Company:
    make_tax_rate()
    make_tax_rate(rate="13.5", category="R")
    return make_company()


class TestWhole:
    def test_mirrors_what_was_billed_and_clears_it(self, by: Actor) -> None:
        customer = make_customer(email="ann@mail.example")
        lines = [line("60", "55/60", discount_percent=Decimal(10)), line("20", taxed_as="R"), line("-5")]
        invoice = issued(customer, by, *lines, discount=eur("3"))
        note = credit_notes.credit(invoice, None, reason="Sorry", by=by)
        assert (note.number, note.original_id, note.total, note.note) == (
            "CN-00001",
            invoice.id,
            invoice.total,
            "Sorry",
        )
        assert [(row.amount_minor, row.discount_minor, row.document_discount_minor) for row in note.lines] == [
            (row.amount_minor, row.discount_minor, row.document_discount_minor) for row in invoice.lines
        ]
        assert [(t.rate, t.taxable, t.tax) for t in note.taxes] == [(t.rate, t.taxable, t.tax) for t in invoice.taxes]
        assert (invoice.open_minor, invoice.credited, customer.balance_minor, books(customer)) == (
            0, invoice.total, 0, {},
        )  # fmt: skip
        assert db.session.scalars(select(Delivery.address)).all() == ["ann@mail.example"] * 2
        assert findings(by) == []
        with pytest.raises(CannotCredit, match="already"):
            credit_notes.credit(invoice, None, reason="", by=by)

    def test_what_was_paid_becomes_credit(self, by: Actor) -> None:
        customer = make_customer()
        invoice = issued(customer, by)
        pay(invoice, "100", by)
        worked, effects = credit_notes.work_out(invoice, None)
        assert (effects.off_open, effects.to_credit, worked.totals.gross) == (eur("23"), eur("100"), eur("123"))
        note = credit_notes.credit(invoice, None, reason="", send=False, by=by)
        given_ = db.session.scalars(select(Credit)).one()
        assert (given_.invoice_id, given_.remaining, customer.credit, customer.balance_minor) == (
            note.id, eur("100"), eur("100"), -10000,
        )  # fmt: skip
        assert findings(by) == []

    def test_what_was_written_off_is_no_credit(self, by: Actor) -> None:
        customer = make_customer()
        invoice = issued(customer, by)
        pay(invoice, "20", by)
        write_offs.write_off(invoice, reason="Bankrupt", on=by.today, by=by)
        credit_notes.credit(invoice, None, reason="", by=by)
        assert (customer.credit, invoice.written_off_minor, invoice.open_minor) == (eur("20"), 0, 0)
        assert books(customer) == {"cash": 2000, "credit": -2000}
        assert findings(by) == []

    def test_of_a_renewal_and_where_prices_include_tax(self, seller: Company, by: Actor) -> None:
        seller.prices_include_tax = True
        service = make_service(make_customer(), anchor_day=20, price_minor=3333)
        add(
            ServiceOption(service_id=service.id, name="Seats", quantity=Decimal("2.5"), currency="EUR", price_minor=777)
        )
        db.session.commit()
        renewals.run(date(2026, 12, 1))
        later = Actor(by.name, by.at + timedelta(days=10), date(2026, 12, 2), None)
        invoice = db.session.scalars(select(Invoice)).one()
        credit_notes.credit(invoice, [some(invoice, 1, amount="5")], reason="", by=later)
        note = credit_notes.credit(invoice, None, reason="", by=later)
        assert (invoice.credited, note.issued_on, findings(by)) == (invoice.total, date(2026, 12, 2), [])


class TestParts:
    def test_a_quantity_takes_its_share_of_the_discounts(self, by: Actor) -> None:
        invoice = issued(make_customer(), by, line("10", "3", discount=eur("3")), line("70"), discount=eur("9.70"))
        note = credit_notes.credit(invoice, [some(invoice, quantity="1")], reason="", by=by)
        row = note.lines[0]
        assert (row.quantity, row.discount_minor, row.amount_minor, row.document_discount_minor) == (1, 100, 900, 90)
        assert (note.net_minor, note.tax_minor, note.total_minor) == (810, 186, 996)
        assert (invoice.open, [one.amount for one in credit_notes.left(invoice)][0]) == (
            invoice.total - note.total, eur("16.20"),
        )  # fmt: skip
        assert findings(by) == []

    def test_parts_come_to_the_whole_to_the_cent(self, by: Actor) -> None:
        make_tax_rate("DE", "5")
        invoice = issued(make_customer(country="DE"), by, *[line("0.50")] * 3)
        for place in range(3):
            credit_notes.credit(invoice, [some(invoice, place)], reason="", by=by)
        taxes = [note.tax_minor for note in credit_notes.of_invoice(invoice)]
        assert (taxes, sum(taxes), invoice.credited) == ([3, 2, 3], invoice.tax_minor, invoice.total)
        assert findings(by) == []

    @settings(max_examples=12, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_any_parts_stay_within_the_invoice(self, by: Actor, data: Any) -> None:
        cents = st.integers(1, 99_999)
        lines = [
            line(
                f"{data.draw(cents) / 100:.2f}",
                str(data.draw(st.integers(1, 9))),
                taxed_as=data.draw(st.sampled_from("SR")),
            )
            for _ in range(data.draw(st.integers(1, 3)))
        ]
        percent = data.draw(st.none() | st.integers(1, 60).map(Decimal))
        invoice = issued(make_customer(), by, *lines, send=False, discount_percent=percent)
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(lines) - 1))
            still = credit_notes.left(invoice)[place]
            if still.amount.minor <= 0:
                continue
            part = Money(data.draw(st.integers(1, still.amount.minor)), "EUR")
            credit_notes.credit(invoice, [Chosen(still.line.id, amount=part)], reason="", send=False, by=by)
        if invoice.credited < invoice.total:
            credit_notes.credit(invoice, None, reason="", send=False, by=by)
        assert (invoice.credited, invoice.open_minor) == (invoice.total, 0)
        assert findings(by) == []

    @pytest.mark.parametrize(
        ("how", "error"),
        [
            ({"amount": "100.01"}, "only 100.00 EUR is left"),
            ({"amount": "-1"}, "more than zero"),
            ({"quantity": "3"}, "at most 2"),
        ],
    )
    def test_more_than_is_left_is_refused(self, by: Actor, how: dict[str, str], error: str) -> None:
        invoice = issued(make_customer(), by, line("50", "2"))
        with pytest.raises(CannotCredit, match=error) as refused:
            credit_notes.credit(invoice, [some(invoice, **how)], reason="", by=by)
        assert refused.value.line == invoice.lines[0].id
        assert (invoice.credited_minor, invoice.open_minor) == (0, 12300)

    def test_what_is_below_zero_cannot_stay_behind(self, by: Actor) -> None:
        """Taking back only what was charged, not what came off it, would be more than was billed."""
        invoice = issued(make_customer(), by, line("50"), line("-20"))
        with pytest.raises(CannotCredit, match="Only 36.90 EUR"):
            credit_notes.credit(invoice, [some(invoice)], reason="", by=by)
        with pytest.raises(CannotCredit, match="as a whole"):
            credit_notes.credit(invoice, [some(invoice, 1, amount="1")], reason="", by=by)

    def test_lines_of_another_invoice_are_refused(self, by: Actor) -> None:
        first, second = (issued(make_customer(), by) for _ in range(2))
        with pytest.raises(CannotCredit, match="no line"):
            credit_notes.credit(first, [some(second)], reason="", by=by)


class TestRefused:
    def test_where_there_is_nothing_to_take_back(self, by: Actor) -> None:
        customer = make_customer()
        draft, void = drafts.begin(customer, by=by), invoices.void(issued(customer, by), "Wrong", by=by)
        note = credit_notes.credit(issued(customer, by), None, reason="", by=by)
        for wrong in (draft, void, note):
            with pytest.raises(CannotCredit):
                credit_notes.credit(wrong, None, reason="", by=by)

    def test_an_invoice_with_one_is_not_voided(self, by: Actor) -> None:
        invoice = issued(make_customer(), by)
        note = credit_notes.credit(invoice, [some(invoice, amount="1")], reason="", by=by)
        with pytest.raises(invoices.NotVoidable, match="credit note for"):
            invoices.void(invoice, "Wrong", by=by)
        with pytest.raises(invoices.NotVoidable, match="credit note, which stays"):
            invoices.void(note, "Wrong", by=by)

    def test_without_the_right(self, by: Actor) -> None:
        invoice = issued(make_customer(), by)
        with pytest.raises(NotAllowed):
            credit_notes.credit(
                invoice, None, reason="", by=Actor("Eve", by.at, by.today, frozenset({"payments.edit"}))
            )


def test_a_line_named_twice_is_not_taken_back_beyond_what_it_was(app: Flask, by: Actor) -> None:
    invoice = issued(make_customer(), by, line("100"), line("100"), send=False)
    db.session.commit()
    with pytest.raises(CannotCredit, match="named twice"):
        credit_notes.credit(
            invoice, [some(invoice, amount="60"), some(invoice, amount="60")], reason="", send=False, by=by
        )
    db.session.rollback()
    assert [one.amount for one in credit_notes.left(invoice)] == [eur("100"), eur("100")] and findings(by) == []
