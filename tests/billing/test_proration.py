"""SPEC 3.4 and 3.5: price × actual days ÷ days in the period, rounded once."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import Money
from billing.periods import BillingPeriod, full_period
from billing.proration import OutsidePeriod, prorate, share

JANUARY = BillingPeriod(date(2026, 1, 1), date(2026, 2, 1))


def eur(text: str) -> Money:
    return Money.of(text, "EUR")


class TestProrate:
    def test_counts_actual_days_never_30(self):
        assert prorate(eur("31.00"), JANUARY, date(2026, 1, 16), JANUARY.end) == eur("16.00")
        february = BillingPeriod(date(2026, 2, 1), date(2026, 3, 1))
        assert prorate(eur("28.00"), february, date(2026, 2, 15), february.end) == eur("14.00")
        leap = BillingPeriod(date(2028, 2, 1), date(2028, 3, 1))
        assert prorate(eur("29.00"), leap, date(2028, 2, 29), leap.end) == eur("1.00")

    def test_rounds_half_away_from_zero(self):
        two_days = BillingPeriod(date(2026, 1, 1), date(2026, 1, 3))
        for price, half in (("0.01", "0.01"), ("-0.01", "-0.01"), ("0.03", "0.02"), ("-0.03", "-0.02")):
            assert prorate(eur(price), two_days, date(2026, 1, 1), date(2026, 1, 2)) == eur(half)

    def test_the_whole_period_is_the_whole_price_and_no_day_is_free(self):
        assert prorate(eur("9.99"), JANUARY, JANUARY.start, JANUARY.end) == eur("9.99")
        assert prorate(eur("9.99"), JANUARY, JANUARY.end, JANUARY.end) == eur("0")

    def test_a_change_credits_the_old_package_and_charges_the_new_one_from_the_change_day(self):
        change_day = date(2026, 1, 11)  # 21 days left; the change day belongs to the new package
        credit = prorate(eur("10.00"), JANUARY, change_day, JANUARY.end)
        charge = prorate(eur("20.00"), JANUARY, change_day, JANUARY.end)
        assert (credit, charge) == (eur("6.77"), eur("13.55"))

    def test_a_short_first_period_is_a_share_of_the_full_one(self):
        full = full_period(date(2026, 1, 15), 1, 1)
        assert prorate(eur("31.00"), full, date(2026, 1, 15), full.end) == eur("17.00")

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (date(2025, 12, 31), date(2026, 1, 10)),
            (date(2026, 1, 10), date(2026, 2, 2)),
            (date(2026, 1, 10), date(2026, 1, 9)),
            (date(2026, 3, 1), date(2026, 3, 2)),
        ],
    )
    def test_raises_outside_the_period(self, start, end):
        with pytest.raises(OutsidePeriod, match="is not within the billing period 2026-01-01 to 2026-01-31"):
            prorate(eur("1"), JANUARY, start, end)
        with pytest.raises(OutsidePeriod):
            share(JANUARY, start, end)


@st.composite
def cut_periods(draw):
    start = draw(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
    length = draw(st.integers(1, 400))
    cuts = sorted(draw(st.lists(st.integers(0, length), max_size=6)))
    days = [start + timedelta(days=n) for n in (0, *cuts, length)]
    return BillingPeriod(start, days[-1]), list(zip(days, days[1:], strict=False))


@given(cut_periods(), st.integers(-(10**9), 10**9))
def test_parts_add_up_to_the_whole_but_for_half_a_unit_each(cut, minor):
    period, parts = cut
    price = Money(minor, "EUR")
    amounts = [prorate(price, period, start, end) for start, end in parts]
    assert sum(share(period, start, end) for start, end in parts) == 1
    assert abs(sum(amount.minor for amount in amounts) - minor) * 2 <= len(parts)
    for amount, (start, end) in zip(amounts, parts, strict=True):
        assert abs(amount.minor - Fraction(minor * (end - start).days, period.days)) * 2 <= 1
        assert amount == price.times(share(period, start, end)) == -prorate(-price, period, start, end)


@given(cut_periods(), st.integers(0, 10**9))
def test_more_days_never_cost_less(cut, minor):
    period, parts = cut
    amounts = [prorate(Money(minor, "EUR"), period, period.start, end) for _, end in parts]
    assert amounts == sorted(amounts)
