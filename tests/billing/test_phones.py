"""Numbers in one form, and when it is night where they are."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from billing.phones import WrongNumber, country_of, e164, quiet_until

DUBLIN = ZoneInfo("Europe/Dublin")


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("086 123 4567", "IE", "+353861234567"),
        ("+353 (0)86 123-4567", "", "+353861234567"),
        ("00 353 86 123 4567", "IE", "+353861234567"),
        (" +1 415-555-0100 ", "DE", "+14155550100"),
        ("٠٨٦ ١٢٣ ٤٥٦٧", "IE", "+353861234567"),
        ("0151 12345678", "DE", "+4915112345678"),
    ],
)
def test_one_form(typed: str, country: str, number: str) -> None:
    assert e164(typed, country) == number
    assert e164(number) == number
    assert country_of(number)


@pytest.mark.parametrize(
    ("typed", "country", "why"),
    [
        ("", "IE", "not a telephone number"),
        ("086 123 4567", "", "country's code"),
        ("no number", "IE", "not a telephone number"),
        ("086 123", "IE", "no such"),
        ("+353 1 679 2777", "", "landline"),
        ("+1 800 555 1234", "", "toll-free"),
        ("+353 1550 123456", "", "premium"),
        ("1" * 300, "IE", "telephone number"),
    ],
)
def test_no_text_arrives_there(typed: str, country: str, why: str) -> None:
    with pytest.raises(WrongNumber, match=why):
        e164(typed, country)


@pytest.mark.parametrize(
    ("number", "at", "until"),
    [
        ("+353861234567", "2026-11-22T12:00", None),
        ("+353861234567", "2026-11-22T20:59", None),
        ("+353861234567", "2026-11-22T21:00", "2026-11-23T08:00"),
        ("+353861234567", "2026-11-22T03:00", "2026-11-22T08:00"),
        ("+4915112345678", "2026-07-22T18:59", None),  # 20:59 there
        ("+4915112345678", "2026-07-22T19:00", "2026-07-23T06:00"),
        ("+14155550100", "2026-11-22T14:00", "2026-11-22T16:00"),
        ("+14155550100", "2026-11-23T04:30", None),
        ("+79161234567", "2026-11-22T22:00", "2026-11-23T08:00"),  # could be in 16 zones: the business's own counts
        ("+353861234567", "2026-10-24T22:00", "2026-10-25T08:00"),  # the clocks go back that night
    ],
)
def test_quiet_hours_are_theirs(number: str, at: str, until: str | None) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert quiet_until(number, moment, 21, 8, DUBLIN) == expected


def test_quiet_hours_within_a_day_and_none() -> None:
    moment = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
    assert quiet_until("+353861234567", moment, 13, 14, DUBLIN) == datetime(2026, 11, 22, 14, tzinfo=UTC)
    assert quiet_until("+353861234567", moment, 0, 0, DUBLIN) is None
