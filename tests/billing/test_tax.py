"""SPEC 3.6: tax once per rate on the document."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import AmountTooLarge, CurrencyMismatch, InvalidAmount, Money
from billing.tax import DocumentTotals, InvalidTaxRate, TaxLine, TaxSubtotal, totals


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def line(amount: str, rate: str = "19", category: str = "S") -> TaxLine:
    return TaxLine(eur(amount), Decimal(rate), category)


def sums(document: DocumentTotals) -> tuple[str, str, str]:
    return tuple(str(money.decimal()) for money in (document.net, document.tax, document.gross))


class TestTotals:
    def test_one_line(self):
        document = totals([line("10.00")], currency="EUR")
        assert sums(document) == ("10.00", "1.90", "11.90")
        assert document.subtotals == (TaxSubtotal("S", Decimal(19), eur("10.00"), eur("1.90")),)

    def test_tax_is_rounded_once_per_rate_not_per_line(self):
        three = totals([line("0.13")] * 3, currency="EUR")  # 0.0247 each would be 0.02 × 3 = 0.06
        assert sums(three) == ("0.39", "0.07", "0.46")

    def test_half_a_cent_rounds_away_from_zero(self):
        assert totals([line("0.50", "5")], currency="EUR").tax == eur("0.03")
        assert totals([line("-0.50", "5")], currency="EUR").tax == eur("-0.03")

    def test_one_subtotal_per_category_and_rate_in_order_of_appearance(self):
        document = totals(
            [line("5", "7"), line("10"), line("1", "0", "AE"), line("2", "7.0"), line("3", "0", "Z")],
            currency="EUR",
        )
        assert [(s.category, s.rate, s.taxable, s.tax) for s in document.subtotals] == [
            ("S", Decimal(7), eur("7"), eur("0.49")),
            ("S", Decimal(19), eur("10"), eur("1.90")),
            ("AE", Decimal(0), eur("1"), eur("0")),
            ("Z", Decimal(0), eur("3"), eur("0")),
        ]
        assert sums(document) == ("21.00", "2.39", "23.39")

    def test_inclusive_prices_hold_their_tax(self):
        document = totals([line("11.90"), line("10.70", "7")], currency="EUR", prices_include_tax=True)
        assert sums(document) == ("20.00", "2.60", "22.60")
        assert sums(totals([line("0.01")], currency="EUR", prices_include_tax=True)) == (
            "0.01",
            "0.00",
            "0.01",
        )

    def test_discounts_come_off_and_charges_are_added_before_tax(self):
        document = totals(
            [line("100.00"), line("50.00", "7")],
            currency="EUR",
            allowances=[line("10.00")],
            charges=[line("4.00", "7")],
        )
        assert [(s.taxable, s.tax) for s in document.subtotals] == [
            (eur("90.00"), eur("17.10")),
            (eur("54.00"), eur("3.78")),
        ]
        assert sums(document) == ("144.00", "20.88", "164.88")

    def test_a_change_may_credit_at_the_old_rate_and_charge_at_todays(self):
        document = totals([line("-6.77", "16"), line("13.55", "19")], currency="EUR")
        assert sums(document) == ("6.78", "1.49", "8.27")

    def test_currencies_without_minor_units_are_taxed_in_whole_units(self):
        document = totals([TaxLine(Money.of("105", "JPY"), Decimal(10))], currency="JPY")
        assert document.gross == Money.of("116", "JPY")

    def test_an_empty_document_is_zero(self):
        assert totals([], currency="EUR") == DocumentTotals(eur("0"), eur("0"), eur("0"), ())

    def test_takes_any_iterable_once(self):
        assert totals(iter([line("1")]), currency="EUR", allowances=iter([line("1")])).gross == eur("0")

    @pytest.mark.parametrize(
        "rate",
        [
            Decimal("-1"),
            Decimal("100.01"),
            Decimal("NaN"),
            Decimal("sNaN"),
            Decimal("Infinity"),
            Decimal("1E-999999"),
            19.0,
            19,
            True,
            "19",
            None,
        ],
    )
    def test_refuses_bad_rates_even_when_an_equal_good_one_is_known(self, rate):
        lines = [line("1"), line("1", "1"), TaxLine(eur("1"), rate)]
        for inclusive in (False, True):
            with pytest.raises(InvalidTaxRate):
                totals(lines, currency="EUR", prices_include_tax=inclusive)

    @pytest.mark.parametrize("category", ["Z", "E", "AE", "K", "G", "O"])
    def test_categories_without_tax_carry_none(self, category):
        assert totals([line("1", "0", category)], currency="EUR").tax == eur("0")
        with pytest.raises(InvalidTaxRate, match="carry no tax"):
            totals([line("1", "19", category)], currency="EUR")

    def test_rates_from_0_to_100(self):
        assert totals([line("1", "100")], currency="EUR").tax == eur("1")
        assert totals([line("1000", "9.8125")], currency="EUR").tax == eur("98.13")

    def test_refuses_other_currencies_and_negative_allowances(self):
        dollars = TaxLine(Money(1, "USD"), Decimal(0))
        for extra in ({}, {"allowances": [dollars]}, {"charges": [dollars]}):
            with pytest.raises(CurrencyMismatch, match="USD cannot stand on a document in EUR"):
                totals([] if extra else [dollars], currency="EUR", **extra)
        for name in ("allowances", "charges"):
            with pytest.raises(InvalidAmount, match="positive"):
                totals([line("1")], currency="EUR", **{name: [line("-1")]})

    def test_refuses_absurd_sums(self):
        with pytest.raises(AmountTooLarge):
            totals([line("9000000000000")] * 2, currency="EUR")


rates = st.decimals(0, 100, places=4)
tax_lines = st.builds(
    TaxLine, st.builds(Money, st.integers(-(10**9), 10**9), st.just("EUR")), rates, st.sampled_from("SL")
)


@given(st.lists(tax_lines, max_size=12), st.booleans())
def test_sums_agree_with_each_other_and_each_tax_is_within_half_a_unit(lines, inclusive):
    document = totals(lines, currency="EUR", prices_include_tax=inclusive)
    assert document.net + document.tax == document.gross
    assert document.net.minor == sum(s.taxable.minor for s in document.subtotals)
    assert document.tax.minor == sum(s.tax.minor for s in document.subtotals)
    given_total = document.gross if inclusive else document.net
    assert given_total.minor == sum(line.amount.minor for line in lines)
    for subtotal in document.subtotals:
        base = subtotal.taxable + subtotal.tax if inclusive else subtotal.taxable
        exact = base.minor * Fraction(subtotal.rate) / (100 + (Fraction(subtotal.rate) if inclusive else 0))
        assert abs(subtotal.tax.minor - exact) * 2 <= 1


@given(st.integers(-(10**9), 10**9), rates)
def test_what_is_taken_out_of_a_gross_price_can_be_put_back(minor, rate):
    gross = Money(minor, "EUR")
    inside = totals([TaxLine(gross, rate)], currency="EUR", prices_include_tax=True)
    outside = totals([TaxLine(inside.net, rate)], currency="EUR")
    assert inside.gross == gross
    assert abs(outside.gross.minor - minor) <= 1


@given(st.lists(tax_lines, max_size=8), st.booleans())
def test_the_opposite_document_is_exactly_opposite(lines, inclusive):
    document = totals(lines, currency="EUR", prices_include_tax=inclusive)
    opposite = totals(
        [TaxLine(-line.amount, line.rate, line.category) for line in lines],
        currency="EUR",
        prices_include_tax=inclusive,
    )
    assert (opposite.net, opposite.tax, opposite.gross) == (-document.net, -document.tax, -document.gross)
