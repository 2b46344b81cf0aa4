"""SPEC 3.2 and 3.3: half-open periods of whole days, renewals computed from the anchor."""

from calendar import monthrange
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.periods import (
    BillingPeriod,
    InvalidPeriod,
    full_period,
    next_renewal,
    previous_anchor,
    renewal_dates,
    renewal_dates_by_days,
)

days = st.dates(date(1990, 1, 1), date(2110, 12, 31))
lengths = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 12, 18, 24, 36])
anchors = st.integers(1, 31)
anchor_months = st.none() | st.integers(1, 12)


def dates(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]


def is_anchor(day: date, anchor_day: int) -> bool:
    return day.day == min(anchor_day, monthrange(day.year, day.month)[1])


class TestBillingPeriod:
    def test_ends_before_the_day_it_ends_on(self):
        january = BillingPeriod(date(2026, 1, 1), date(2026, 2, 1))
        assert january.days == 31
        assert january.last_day == date(2026, 1, 31)
        assert date(2026, 1, 1) in january and date(2026, 1, 31) in january
        assert date(2026, 2, 1) not in january and date(2025, 12, 31) not in january
        assert str(january) == "2026-01-01 to 2026-01-31"

    def test_has_at_least_one_day(self):
        assert BillingPeriod(date(2026, 1, 1), date(2026, 1, 2)).days == 1
        for end in (date(2026, 1, 1), date(2025, 12, 31)):
            with pytest.raises(InvalidPeriod, match="has to end after it starts"):
                BillingPeriod(date(2026, 1, 1), end)

    def test_has_no_time_of_day(self):
        with pytest.raises(InvalidPeriod, match="without a time of day"):
            BillingPeriod(datetime(2026, 1, 1, 12), datetime(2026, 1, 2))


class TestRenewalDates:
    def test_anchor_31_is_clamped_to_the_month_and_comes_back(self):
        assert renewal_dates(date(2026, 3, 31), 1, 31, 4) == dates(
            "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31"
        )
        assert renewal_dates(date(2027, 12, 31), 1, 31, 3) == dates("2028-01-31", "2028-02-29", "2028-03-31")
        assert renewal_dates(date(2026, 1, 30), 1, 30, 2) == dates("2026-02-28", "2026-03-30")
        assert renewal_dates(date(2026, 2, 28), 1, 31, 1) == dates("2026-03-31")

    def test_off_the_anchor_the_first_is_the_next_anchor_day(self):
        assert renewal_dates(date(2026, 1, 15), 1, 1, 2) == dates("2026-02-01", "2026-03-01")
        assert renewal_dates(date(2026, 1, 15), 1, 20, 2) == dates("2026-01-20", "2026-02-20")
        assert renewal_dates(date(2026, 1, 15), 3, 1, 2) == dates("2026-02-01", "2026-05-01")
        assert renewal_dates(date(2026, 2, 27), 1, 31, 2) == dates("2026-02-28", "2026-03-31")

    def test_a_leap_day_comes_back_every_four_years(self):
        expected = dates("2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29")
        assert renewal_dates(date(2024, 2, 29), 12, 29, 4) == expected
        assert renewal_dates(date(2024, 2, 29), 12, 29, 4, anchor_month=2) == expected
        assert renewal_dates(date(2024, 2, 29), 12, 31, 1, anchor_month=2) == dates("2025-02-28")
        assert renewal_dates(date(2096, 2, 29), 48, 29, 2) == dates("2100-02-28", "2104-02-29")

    def test_a_yearly_service_keeps_its_month(self):
        assert renewal_dates(date(2026, 3, 10), 12, 1, 2, anchor_month=1) == dates("2027-01-01", "2028-01-01")
        assert renewal_dates(date(2026, 1, 1), 12, 1, 1, anchor_month=1) == dates("2027-01-01")
        assert renewal_dates(date(2026, 1, 10), 12, 15, 1, anchor_month=1) == dates("2026-01-15")
        assert renewal_dates(date(2026, 1, 20), 12, 15, 1, anchor_month=1) == dates("2027-01-15")
        assert renewal_dates(date(2026, 3, 10), 24, 1, 2, anchor_month=1) == dates("2027-01-01", "2029-01-01")

    def test_a_quarterly_service_with_a_month_keeps_its_quarters(self):
        assert renewal_dates(date(2026, 2, 10), 3, 1, 2, anchor_month=1) == dates("2026-04-01", "2026-07-01")
        assert renewal_dates(date(2026, 2, 1), 3, 1, 1, anchor_month=1) == dates("2026-04-01")

    def test_periods_of_days(self):
        assert renewal_dates_by_days(date(2026, 2, 20), 14, 3) == dates("2026-03-06", "2026-03-20", "2026-04-03")
        assert renewal_dates_by_days(date(2026, 2, 20), 1, 0) == []

    def test_none_are_none(self):
        assert renewal_dates(date(2026, 1, 1), 1, 1, 0) == []

    @pytest.mark.parametrize(
        ("months", "anchor_day", "anchor_month"),
        [(0, 1, None), (-1, 1, None), (1, 0, None), (1, 32, None), (12, 1, 0), (12, 1, 13)],
    )
    def test_refuses_lengths_and_anchors_that_do_not_exist(self, months, anchor_day, anchor_month):
        for rule in (next_renewal, previous_anchor, full_period):
            with pytest.raises(InvalidPeriod):
                rule(date(2026, 1, 1), months, anchor_day, anchor_month)

    def test_refuses_dates_beyond_the_calendar(self):
        for rule in (
            lambda: renewal_dates(date(9999, 11, 1), 1, 1, 2),
            lambda: next_renewal(date(2026, 1, 1), 10**9, 1),
            lambda: previous_anchor(date(1, 1, 1), 1, 1),
            lambda: renewal_dates_by_days(date(2026, 1, 1), 10**9, 1),
            lambda: renewal_dates_by_days(date(2026, 1, 1), 10**20, 1),
            lambda: renewal_dates_by_days(date(2026, 1, 1), 0, 1),
        ):
            with pytest.raises(InvalidPeriod):
                rule()

    @pytest.mark.parametrize("months", [1, 3, 12])
    @pytest.mark.parametrize("anchor_day", [1, 28, 29, 30, 31])
    def test_400_start_days_and_60_periods_have_no_gap_and_no_overlap(self, months, anchor_day):
        for offset in range(400):
            start = date(2023, 3, 1) + timedelta(days=offset)  # over the leap day of 2024
            renewals = renewal_dates(start, months, anchor_day, 60)
            periods = [BillingPeriod(*pair) for pair in zip([start, *renewals], renewals, strict=False)]
            assert sum(period.days for period in periods) == (renewals[-1] - start).days
            assert all(is_anchor(day, anchor_day) for day in renewals)
            first = renewals[0].year * 12 + renewals[0].month
            assert [day.year * 12 + day.month for day in renewals] == [first + k * months for k in range(60)]

    @given(days, lengths, anchors, anchor_months, st.integers(1, 60))
    def test_one_step_at_a_time_gives_the_same_dates(self, start, months, anchor_day, anchor_month, count):
        stepped, day = [], start
        for _ in range(count):
            day = next_renewal(day, months, anchor_day, anchor_month)
            stepped.append(day)
        assert stepped == renewal_dates(start, months, anchor_day, count, anchor_month=anchor_month)

    @given(days, lengths, anchors)
    def test_the_first_renewal_is_the_nearest_anchor_day_found_by_looking_at_each_day(self, start, months, anchor):
        if is_anchor(start, anchor):
            return
        day = start + timedelta(days=1)
        while not is_anchor(day, anchor):
            day += timedelta(days=1)
        assert next_renewal(start, months, anchor) == day

    @given(days, st.sampled_from([12, 24]), anchors, st.integers(1, 12))
    def test_a_yearly_first_renewal_is_the_nearest_in_its_month(self, start, months, anchor_day, anchor_month):
        first = next_renewal(start, months, anchor_day, anchor_month)
        assert first.month == anchor_month and is_anchor(first, anchor_day)
        on_anchor = start.month == anchor_month and is_anchor(start, anchor_day)
        assert (first - start).days <= (366 * months // 12 if on_anchor else 366)


class TestFullPeriod:
    def test_is_the_denominator_of_a_short_first_period(self):
        assert full_period(date(2026, 1, 15), 1, 1) == BillingPeriod(date(2026, 1, 1), date(2026, 2, 1))
        assert full_period(date(2026, 1, 15), 3, 1) == BillingPeriod(date(2025, 11, 1), date(2026, 2, 1))
        assert full_period(date(2026, 2, 10), 3, 1, 1) == BillingPeriod(date(2026, 1, 1), date(2026, 4, 1))
        assert full_period(date(2026, 3, 10), 12, 29, 2) == BillingPeriod(date(2026, 2, 28), date(2027, 2, 28))
        assert full_period(date(2027, 3, 10), 12, 29, 2) == BillingPeriod(date(2027, 2, 28), date(2028, 2, 29))

    def test_started_on_the_anchor_it_is_the_period_itself(self):
        assert full_period(date(2026, 4, 30), 1, 31) == BillingPeriod(date(2026, 4, 30), date(2026, 5, 31))

    @given(days, lengths, anchors, anchor_months)
    def test_holds_the_day_and_ends_at_its_renewal(self, day, months, anchor_day, anchor_month):
        full = full_period(day, months, anchor_day, anchor_month)
        assert day in full
        assert full.end == next_renewal(day, months, anchor_day, anchor_month)
        assert is_anchor(full.start, anchor_day) and is_anchor(full.end, anchor_day)
        apart = (full.end.year - full.start.year) * 12 + full.end.month - full.start.month
        assert apart == months

    def test_off_the_anchor_the_previous_one_is_the_last_anchor_day(self):
        assert previous_anchor(date(2026, 1, 15), 1, 1) == date(2026, 1, 1)
        assert previous_anchor(date(2026, 1, 15), 1, 31) == date(2025, 12, 31)
        assert previous_anchor(date(2026, 1, 15), 12, 20, 1) == date(2025, 1, 20)
        assert previous_anchor(date(2026, 2, 15), 3, 1, 1) == date(2026, 1, 1)
        assert previous_anchor(date(2026, 1, 1), 3, 1, 1) == date(2025, 10, 1)

    @given(days, lengths, anchors, anchor_months)
    def test_previous_anchor_takes_a_step_back(self, day, months, anchor_day, anchor_month):
        renewal = next_renewal(day, months, anchor_day, anchor_month)
        later = next_renewal(renewal, months, anchor_day, anchor_month)
        assert previous_anchor(later, months, anchor_day, anchor_month) == renewal
        assert previous_anchor(day, months, anchor_day, anchor_month) < day
