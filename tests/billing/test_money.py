"""SPEC 3.1, 3.5 and 3.9: exact amounts in one currency, rounded once, shared without loss."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import (
    AmountTooLarge,
    CurrencyMismatch,
    InvalidAmount,
    InvalidExchangeRate,
    Money,
    UnitPrice,
    UnknownCurrency,
    convert,
    round_half_away,
)
from models.currencies import DECIMALS
from models.errors import BillingError
from models.money import LARGEST_MICRO, LARGEST_MINOR

BAD_NUMBERS = [
    "",
    " ",
    ".",
    "-",
    "+",
    "abc",
    "NaN",
    "sNaN",
    "Infinity",
    "-inf",
    "1e309",
    "1E2",
    "0x10",
    "1_000",
    "1,5",
    "1,000.00",
    "1 000",
    "1.2.3",
    "--1",
    "1-",
    "12.",
    "0.001",
    "1.000",
    "١٢",
    "１２",
    "²",
    "12\n.30",
    "12.30 EUR",
    "=1+1",
    "12\x00",
]
minors = st.integers(-LARGEST_MINOR, LARGEST_MINOR)
currencies = st.sampled_from(sorted(DECIMALS))
quantities = st.one_of(
    st.integers(-1000, 1000),
    st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=6),
    st.fractions(-1000, 1000, max_denominator=10_000),
)


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


def nearest(value: Fraction) -> int:
    """Half away from zero, written another way than in the rules."""
    whole = abs(value) // 1
    up = whole + (1 if abs(value) - whole >= Fraction(1, 2) else 0)
    return int(up if value >= 0 else -up)


class TestAmount:
    def test_is_minor_units_of_a_currency(self):
        assert eur("12.30") == Money(1230, "EUR")
        assert eur("12.3") == eur("+12.30") == eur(" 12.30 ") == Money.of(Decimal("12.3"), "EUR")
        assert (eur("-0.05").minor, eur(".5").minor, eur("-0").minor) == (-5, 50, 0)
        assert Money.of(12, "EUR") == Money(1200, "EUR")

    def test_each_currency_has_its_own_decimals(self):
        assert Money.of("500", "JPY").minor == 500
        assert Money.of("1.234", "KWD").minor == 1234
        assert Money.of("1.2345", "CLF").minor == 12345
        assert Money.of("1.50", "RSD").minor == 150  # ISO 4217, not the 0 decimals that CLDR prints
        with pytest.raises(InvalidAmount, match="an amount in JPY has none"):
            Money.of("500.0", "JPY")

    def test_reads_as_people_write_it(self):
        assert str(eur("12.30")) == "12.30 EUR"
        assert str(Money(-5, "EUR")) == "-0.05 EUR"
        assert str(Money(500, "JPY")) == "500 JPY"
        assert str(Money(7, "KWD")) == "0.007 KWD"
        assert str(Money(LARGEST_MINOR, "EUR")) == "10000000000000.00 EUR"

    @pytest.mark.parametrize("text", [*BAD_NUMBERS, "9" * 400, "9" * 5000, "0." + "1" * 400])
    def test_refuses_what_is_no_number(self, text):
        with pytest.raises(InvalidAmount) as refusal:
            eur(text)
        assert len(str(refusal.value)) < 120

    @pytest.mark.parametrize("value", [1.5, True, None, [], Decimal("NaN"), Decimal("inf"), Decimal("0.001")])
    def test_refuses_floats_and_what_is_no_exact_number(self, value):
        with pytest.raises(InvalidAmount):
            Money.of(value, "EUR")

    @pytest.mark.parametrize("minor", [1.0, True, None, "1", Decimal(1)])
    def test_minor_units_are_an_int(self, minor):
        with pytest.raises(InvalidAmount):
            Money(minor, "EUR")

    @pytest.mark.parametrize("currency", ["eur", "EURO", "", "XXX", "XAU", "BTC", None, "€"])
    def test_refuses_what_is_no_currency(self, currency):
        for make in (
            lambda: Money(1, currency),
            lambda: Money.of("1", currency),
            lambda: UnitPrice(1, currency),
        ):
            with pytest.raises(UnknownCurrency, match="three capital letters"):
                make()

    def test_refuses_absurd_amounts(self):
        assert Money(LARGEST_MINOR, "EUR") and Money(-LARGEST_MINOR, "EUR")
        for make in (
            lambda: Money(LARGEST_MINOR + 1, "EUR"),
            lambda: Money(-LARGEST_MINOR - 1, "EUR"),
            lambda: eur("99999999999999"),
            lambda: Money.of(Decimal("1E+999999"), "EUR"),
            lambda: Money.of(Decimal("1E-999999"), "EUR"),
            lambda: Money.of(10**5000, "EUR"),
            lambda: Money(LARGEST_MINOR, "EUR") + Money(1, "EUR"),
            lambda: Money(LARGEST_MINOR, "EUR").times(2),
            lambda: Money(1, "EUR").times(Decimal("1E+999999")),
        ):
            with pytest.raises(AmountTooLarge):
                make()

    def test_errors_can_be_shown_and_stand_beside_a_form_field(self):
        with pytest.raises(BillingError, match="“1,5” is not an amount. Write digits and a point"):
            eur("1,5")
        with pytest.raises(ValueError, match="“0.001” has too many decimals: an amount in EUR has 2"):
            eur("0.001")

    def test_cannot_be_changed_and_can_be_a_key(self):
        money = eur("1.00")
        with pytest.raises(AttributeError):
            money.minor = 2
        assert {money: "x"}[Money(100, "EUR")] == "x"

    @given(minors, currencies)
    def test_decimal_and_back_loses_nothing(self, minor, currency):
        money = Money(minor, currency)
        assert Money.of(money.decimal(), currency) == money
        assert Money.of(str(money).split()[0], currency) == money


class TestArithmetic:
    def test_adds_subtracts_negates_and_compares(self):
        assert eur("1.10") + eur("2.20") == eur("3.30")
        assert eur("1.10") - eur("2.20") == eur("-1.10") == -eur("1.10")
        assert abs(eur("-1.10")) == eur("1.10")
        assert sum([eur("0.10")] * 3, Money.zero("EUR")) == eur("0.30")
        assert eur("1") < eur("2") <= eur("2") and eur("2") > eur("1") >= eur("1")
        assert not eur("1") > eur("1") and not eur("1") < eur("1")
        assert max(eur("1"), eur("2")) == eur("2")
        assert not Money.zero("EUR") and eur("-0.01")

    def test_different_currencies_never_meet(self):
        dollar, euro = Money(1, "USD"), Money(1, "EUR")
        assert dollar != euro
        for meet in (
            lambda: dollar + euro,
            lambda: dollar - euro,
            lambda: dollar < euro,
            lambda: dollar <= euro,
            lambda: dollar > euro,
            lambda: dollar >= euro,
        ):
            with pytest.raises(CurrencyMismatch, match="USD and EUR"):
                meet()

    @pytest.mark.parametrize("other", [1, 0, 1.0, Decimal(1), "1", None])
    def test_money_and_bare_numbers_never_meet(self, other):
        for meet in (
            lambda: eur("1") + other,
            lambda: other + eur("1"),
            lambda: eur("1") - other,
            lambda: eur("1") < other,
            lambda: eur("1") * other,
        ):
            with pytest.raises(TypeError):
                meet()


class TestTimes:
    def test_rounds_once_half_away_from_zero(self):
        assert eur("0.01").times(Decimal("0.5")) == eur("0.01")
        assert eur("-0.01").times(Decimal("0.5")) == eur("-0.01")
        assert eur("0.01").times(Decimal("0.49")) == eur("0")
        assert eur("10.00").times(Fraction(1, 3)) == eur("3.33")
        assert eur("10.00").times(3) == eur("30.00")

    @pytest.mark.parametrize("quantity", [1.5, True, None, "2", Decimal("NaN"), Decimal("-Infinity")])
    def test_refuses_what_is_no_exact_quantity(self, quantity):
        with pytest.raises(InvalidAmount):
            eur("1").times(quantity)
        with pytest.raises(InvalidAmount):
            UnitPrice.of("1", "EUR").times(quantity)

    @given(st.integers(-(10**9), 10**9), quantities)
    def test_is_the_nearest_to_the_exact_product(self, minor, quantity):
        exact = minor * Fraction(quantity)
        assert Money(minor, "EUR").times(quantity).minor == nearest(exact)

    def test_round_half_away(self):
        halves = [Fraction(n, 2) for n in (-3, -1, 1, 3)]
        assert [round_half_away(half) for half in halves] == [-2, -1, 1, 2]
        assert round_half_away(Fraction(10**40 + 1, 2)) == 10**40 // 2 + 1
        assert round_half_away(7) == 7


class TestAllocate:
    def test_left_over_units_go_to_the_largest_remainders_ties_to_the_earlier(self):
        assert eur("0.10").allocate([1, 1, 1]) == [eur("0.04"), eur("0.03"), eur("0.03")]
        assert eur("0.05").allocate([1, 1]) == [eur("0.03"), eur("0.02")]
        assert eur("1.00").allocate([Decimal("0.333"), Decimal("0.667")]) == [eur("0.33"), eur("0.67")]
        assert eur("0.10").allocate([1, 5, 3]) == [eur("0.01"), eur("0.06"), eur("0.03")]
        assert eur("1.00").allocate([Fraction(1, 3), 0, Fraction(2, 3)]) == [
            eur("0.33"),
            eur("0"),
            eur("0.67"),
        ]

    def test_a_credit_is_split_like_the_charge_it_takes_back(self):
        assert eur("-0.10").allocate([1, 1, 1]) == [eur("-0.04"), eur("-0.03"), eur("-0.03")]

    def test_refuses_ratios_that_share_nothing(self):
        for ratios in ([], [0, 0], [2, -1], [0.5, 0.5], [Decimal("NaN")]):
            with pytest.raises(InvalidAmount):
                eur("1").allocate(ratios)

    def test_nothing_can_be_shared_by_anything(self):
        assert Money.zero("EUR").allocate([0, 0]) == [Money.zero("EUR")] * 2
        assert Money.zero("EUR").allocate([]) == []

    @given(minors, currencies, st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
    def test_parts_sum_to_the_whole_and_are_within_one_unit_of_exact(self, minor, currency, ratios):
        parts = Money(minor, currency).allocate(ratios)
        assert sum(part.minor for part in parts) == minor
        for part, ratio in zip(parts, ratios, strict=True):
            assert abs(part.minor - Fraction(minor * ratio, sum(ratios))) < 1
            assert ratio or not part

    @given(minors, st.lists(quantities.filter(lambda q: q >= 0), min_size=1, max_size=8).filter(any))
    def test_the_scale_of_the_ratios_and_the_sign_of_the_amount_do_not_matter(self, minor, ratios):
        parts = Money(minor, "EUR").allocate(ratios)
        assert parts == Money(minor, "EUR").allocate([Fraction(ratio) * 7 for ratio in ratios])
        assert [-part for part in parts] == Money(-minor, "EUR").allocate(ratios)

    @given(minors, st.lists(st.integers(1, 1000), min_size=2, max_size=12))
    def test_equal_shares_never_grow_along_the_list(self, minor, ratios):
        parts = Money(abs(minor), "EUR").allocate([3] * len(ratios))
        assert parts == sorted(parts, reverse=True)


class TestUnitPrice:
    def test_is_finer_than_the_minor_unit_and_its_lines_are_not(self):
        price = UnitPrice.of("0.000125", "EUR")
        assert price.micro == 125
        assert str(price) == "0.000125 EUR"
        assert price.times(100_000) == eur("12.50")
        assert price.times(40) == eur("0.01")  # half a cent, away from zero
        assert price.times(39) == eur("0.00")
        assert UnitPrice.of("0.5", "JPY").times(3) == Money.of("2", "JPY")
        assert UnitPrice.of("0.0005", "KWD").times(1) == Money.of("0.001", "KWD")

    def test_knows_the_same_bad_numbers_and_bounds(self):
        for text in ["NaN", "1e309", "1,5", "١٢", "0.0000001"]:
            with pytest.raises(InvalidAmount):
                UnitPrice.of(text, "EUR")
        with pytest.raises(InvalidAmount):
            UnitPrice(1.5, "EUR")
        for make in (lambda: UnitPrice(LARGEST_MICRO + 1, "EUR"), lambda: UnitPrice.of("9" * 400, "EUR")):
            with pytest.raises(AmountTooLarge):
                make()

    @given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), quantities)
    def test_times_is_the_nearest_to_the_exact_product(self, micro, currency, quantity):
        exact = Fraction(micro, 10**6) * Fraction(quantity) * 10 ** DECIMALS[currency]
        assert UnitPrice(micro, currency).times(quantity).minor == nearest(exact)


class TestConvert:
    def test_one_unit_buys_rate_units(self):
        assert convert(eur("100.00"), Decimal("1.0845"), "USD") == Money.of("108.45", "USD")
        assert convert(eur("10.00"), Decimal("163.25"), "JPY") == Money.of("1633", "JPY")  # 1632.5
        assert convert(Money.of("1000", "JPY"), Decimal("0.00188"), "KWD") == Money.of("1.880", "KWD")

    @pytest.mark.parametrize("rate", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("inf"), 1.1, "1.1", None])
    def test_refuses_what_is_no_rate(self, rate):
        with pytest.raises(InvalidExchangeRate):
            convert(eur("1"), rate, "USD")

    @given(st.integers(-(10**10), 10**10), st.decimals("0.0001", "1000", places=6))
    def test_is_the_nearest_to_the_exact_value(self, minor, rate):
        assert convert(Money(minor, "EUR"), rate, "JPY").minor == nearest(Fraction(minor, 100) * Fraction(rate))
