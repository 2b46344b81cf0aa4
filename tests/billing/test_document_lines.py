"""What lines come to: amounts rounded once, discounts, shares of the document's discount, tax once per rate."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from factories import add, make_company, make_customer, make_group, make_package, make_service, make_tax_rate
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing.document_lines import (
    Amount,
    InvalidLine,
    LineInput,
    WorkedOut,
    line_of,
    line_values,
    quantity_of,
    read_quantity,
    taxed,
    unit_price,
    work_out,
)
from billing.money import Money, UnitPrice
from billing.periods import BillingPeriod
from billing.proration import share
from billing.tax_rates import Tax, TaxTable
from jobs import renewals
from models import Charge, Customer, Invoice, Payer, ServiceOption, db

NOVEMBER = date(2026, 11, 22)
REDUCED = Tax(Decimal("13.5"), "S")
STANDARD = Tax(Decimal(23), "S")


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def line(price: str = "10", quantity: str = "1", **values: Any) -> LineInput:
    return LineInput("Work", UnitPrice.of(price, "EUR"), read_quantity(quantity), **{"tax": STANDARD, **values})


def worked(*lines: LineInput, **values: Any) -> WorkedOut:
    """Every line says its tax, so nobody has to be asked for one."""
    asked: Any = None
    return work_out(lines, **{"buyer": asked, "currency": "EUR", "tax": asked, "on": NOVEMBER, **values})


class TestQuantity:
    @pytest.mark.parametrize("typed", ["1", "2.5", "0.000001", "55/60", "110/60", "1000000"])
    def test_is_kept_as_it_was_typed(self, typed: str) -> None:
        quantity = read_quantity(f" {typed} ")
        stored = SimpleNamespace(quantity=quantity.stored, quantity_per=quantity.per)
        assert str(quantity_of(stored)) == str(quantity) == typed

    @given(number=st.integers(1, 10**6), per=st.integers(2, 10**6 - 1))
    def test_any_fraction_survives_its_six_decimals(self, number: int, per: int) -> None:
        quantity = Amount(Decimal(number), per)
        again = quantity_of(SimpleNamespace(quantity=quantity.stored, quantity_per=quantity.per))
        assert again == quantity
        assert again.exact == Fraction(number, per)

    @pytest.mark.parametrize("typed", ["", "0", "-1", "1/0", "0/5", "1e3", "2,5", "55/", "1.2345678", "1000001", "½"])
    def test_what_is_no_quantity_is_refused(self, typed: str) -> None:
        with pytest.raises(InvalidLine):
            read_quantity(typed)

    def test_a_fraction_is_worked_out_exactly(self) -> None:
        assert worked(line("60", "55/60")).lines[0].amount == eur("55.00")
        assert worked(line("600000", "55/60")).lines[0].amount == eur("550000.00"), "six decimals would be 20 cents off"


class TestLines:
    def test_quantity_times_price_times_share_is_rounded_once(self) -> None:
        found = worked(line("0.0125", "3"), line("9.99", "2", share=Fraction(1, 3)), line("-4", "1"))
        assert [one.amount for one in found.lines] == [eur("0.04"), eur("6.66"), eur("-4.00")]
        assert found.totals.net == found.sum_of_lines == eur("2.70")

    def test_discounts_come_off_the_rounded_amount(self) -> None:
        found = worked(
            line("10.05", discount_percent=Decimal("12.5"), discount_reason="Loyal"), line("3", discount=eur("1"))
        )
        assert [(one.full, one.discount, one.amount) for one in found.lines] == [
            (eur("10.05"), eur("1.26"), eur("8.79")),
            (eur("3.00"), eur("1.00"), eur("2.00")),
        ]

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            ({"discount": eur("10.01")}, "larger than what it is taken off"),
            ({"discount": eur("0")}, "more than zero"),
            ({"discount": Money(1, "USD")}, "in USD"),
            ({"discount_percent": Decimal("100.1")}, "at most 100"),
            ({"discount_percent": Decimal("0.00001")}, "four decimals"),
            ({"discount_percent": Decimal(5), "discount": eur("1")}, "not both"),
            ({"price": "-10", "discount_percent": Decimal(5)}, "below zero"),
            ({"price": "999999999999", "quantity": "1000000"}, "too large"),
        ],
    )
    def test_what_cannot_be_billed_names_the_line(self, values: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InvalidLine, match=sentence) as refused:
            worked(line(), line(**values))
        assert refused.value.line == 2
        assert str(refused.value).startswith("Line 2: ")

    def test_another_currency_is_refused(self) -> None:
        with pytest.raises(InvalidLine, match="in USD"):
            worked(LineInput("Work", UnitPrice.of("1", "USD"), tax=STANDARD))

    def test_a_stored_line_is_the_line_again(self) -> None:
        period = BillingPeriod(date(2026, 12, 1), date(2027, 1, 1))
        inputs = (
            line("10", "55/60", discount=eur("1"), discount_reason="Late", period=period, tax=None, taxed_as="R"),
            line("-1", tax=None, details="Returned"),
            line("7.1234", "2.5", tax=None, discount_percent=Decimal("3.3")),
        )
        table: Any = SimpleNamespace(tax_for=lambda buyer, taxed_as, on: Tax(Decimal(9), "S"))
        asked = {"buyer": None, "tax": table, "discount_percent": Decimal(2)}
        found = worked(*inputs, **asked)
        again = worked(*(line_of(SimpleNamespace(**line_values(one))) for one in found.lines), **asked)
        assert again == found


class TestDocumentDiscount:
    def test_is_shared_by_largest_remainder_before_tax(self) -> None:
        found = worked(line("10"), line("10", tax=REDUCED), line("10"), discount=eur("1"), prices_include_tax=False)
        assert [one.document_discount.minor for one in found.lines] == [34, 33, 33]
        assert [(s.rate, s.taxable.minor, s.tax.minor) for s in found.totals.subtotals] == [
            (Decimal(23), 1933, 445),
            (Decimal("13.5"), 967, 131),
        ]
        assert found.totals.net == found.sum_of_lines - found.discount == eur("29.00")

    def test_a_percentage_is_of_what_the_lines_come_to(self) -> None:
        assert worked(line("10"), line("-4"), discount_percent=Decimal(10)).discount == eur("0.60")
        assert worked(discount_percent=Decimal(10)).totals.gross == eur("0")

    def test_more_than_the_document_is_refused(self) -> None:
        with pytest.raises(InvalidLine, match="larger") as refused:
            worked(line("10"), discount=eur("10.01"))
        assert refused.value.line == 0

    @settings(max_examples=30)
    @given(data=st.data(), inclusive=st.booleans())
    def test_everything_adds_up(self, data: Any, inclusive: bool) -> None:
        cents = st.integers(-50_000, 500_000)
        lines = [
            LineInput(
                "Work",
                UnitPrice(data.draw(cents) * 10**4, "EUR"),
                Amount(Decimal(data.draw(st.integers(1, 90))), data.draw(st.sampled_from([None, 7, 60]))),
                tax=data.draw(st.sampled_from([STANDARD, REDUCED])),
            )
            for _ in range(data.draw(st.integers(1, 8)))
        ]
        percent = data.draw(st.none() | st.integers(1, 10**6).map(lambda n: Decimal(n).scaleb(-4)))
        found = worked(*lines, discount_percent=percent, prices_include_tax=inclusive)
        sums, whole = found.totals, found.sum_of_lines - found.discount
        assert sum(one.document_discount.minor for one in found.lines) == found.discount.minor
        assert all(0 <= one.document_discount.minor <= max(one.amount.minor, 0) for one in found.lines)
        assert (sums.gross if inclusive else sums.net) == whole
        assert sums.net + sums.tax == sums.gross
        for one in sums.subtotals:
            mine = [w.amount - w.document_discount for w in found.lines if w.tax.rate == one.rate]
            share_of = sum(mine, Money.zero("EUR")).minor
            assert (one.taxable + one.tax if inclusive else one.taxable).minor == share_of


def test_the_payer_is_taxed_under_the_customers_switches() -> None:
    payer = Payer(country="DE", account_type="business", tax_id="DE136695976")
    customer = Customer(country="IE", charge_tax=True, tax_exempt=True, tax_rate=None)
    found = taxed(customer, payer)
    assert (found.country, found.tax_id, found.tax_exempt) == ("DE", "DE136695976", True)
    assert taxed(customer) is customer


@pytest.mark.parametrize("inclusive", [False, True])
def test_renewals_come_to_the_same_figures(app: Flask, inclusive: bool) -> None:
    """Their own way is faster; a bill with parts of periods, options, a fee, a charge, two rates must agree."""
    company = make_company(prices_include_tax=inclusive)
    make_tax_rate(), make_tax_rate(rate="13.5", category="R")
    customer = make_customer()
    group = make_group(customer)
    started = date(2026, 12, 1)
    package = make_package(tax_category="R")
    service = make_service(
        customer, package, billing_group_id=group.id, price_minor=3333, anchor_day=20, setup_fee_minor=1999,
        started_on=started, billed_from=started,
    )  # fmt: skip
    add(ServiceOption(service_id=service.id, name="Seats", quantity=Decimal("2.5"), currency="EUR", price_minor=777))
    charge = {"customer_id": customer.id, "billing_group_id": group.id, "currency": "EUR", "description": "Rack"}
    add(Charge(**charge, price_minor=1001, quantity=Decimal("1.25"), months=0, starts_on=started, next_on=started))
    db.session.commit()
    renewals.run(started)
    invoice = db.session.scalars(select(Invoice)).one()
    whole = BillingPeriod(date(2026, 11, 20), date(2026, 12, 20))
    inputs = [
        LineInput(
            row.description, UnitPrice(row.unit_price_micro, "EUR"), Amount(row.quantity), kind=row.kind,
            share=share(whole, row.period_start, row.period_end) if row.period_start else Fraction(1),
            taxed_as="S" if row.charge_id else "R",
        )
        for row in invoice.lines
    ]  # fmt: skip
    found = work_out(
        inputs,
        buyer=taxed(customer),
        currency="EUR",
        tax=TaxTable.of(company),
        on=started,
        prices_include_tax=inclusive,
    )
    assert [one.amount.minor for one in found.lines] == [row.amount_minor for row in invoice.lines]
    assert len(invoice.lines) == 4 and len(invoice.taxes) == 2
    assert [(s.rate, s.taxable, s.tax) for s in found.totals.subtotals] == [
        (t.rate, t.taxable, t.tax) for t in invoice.taxes
    ]
    assert (found.totals.net, found.totals.tax, found.totals.gross) == (invoice.net, invoice.tax, invoice.total)


def test_a_price_of_whole_cents_is_the_price_of_one() -> None:
    assert unit_price(Money(1230, "EUR")) == UnitPrice.of("12.30", "EUR")
    assert unit_price(Money(7, "JPY")).times(1) == Money(7, "JPY")
