"""Money, days and moments as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from factories import make_company

from billing.document_lines import InvalidLine
from models import BillingError, Money, db
from models.currencies import DECIMALS
from web import formatters, languages


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "shown"),
    [
        (123450, "EUR", "en", "€1,234.50"),
        (-2500, "EUR", "en", "−€25.00"),
        (0, "USD", "en", "$0.00"),
        (1234, "JPY", "en", "¥1,234"),
        (12345, "KWD", "en", "KWD\xa012.345"),
        (1500, "IQD", "en", "IQD\xa01.500"),
        (100, "RSD", "en", "RSD\xa01.00"),
        (123450, "EUR", "de", "1.234,50\xa0€"),
        (-123450, "EUR", "de", "−1.234,50\xa0€"),
        (10**14, "EUR", "en", "€1,000,000,000,000.00"),
        (999, "ZAR", "en", "ZAR\xa09.99"),
        (999, "CAD", "en", "CA$9.99"),
        (5, "GBP", "en", "£0.05"),
    ],
)
def test_money(app, minor, currency, locale, shown):
    assert formatters.money(Money(minor, currency), locale) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Only 1500.00 EUR is left; this comes to -3 JPY.", "Only €1,500.00 is left; this comes to −¥3."),
        ("Fibre 10.00 EUR to 11.000 KWD", "Fibre €10.00 to KWD\xa011.000"),
        ("12.5 EUR, 1.2.00 EUR, 7 EUR, 3.00 ABC, 5.00 EURO", "12.5 EUR, 1.2.00 EUR, 7 EUR, 3.00 ABC, 5.00 EURO"),
        ("It begins today (2026-11-23) or later.", "It begins today (23 Nov 2026) or later."),
        ("2026-13-40 is no day; write it such as 2026-11-22.", "2026-13-40 is no day; write it such as 2026-11-22."),
    ],
)
def test_refusals_write_amounts_and_days_as_screens_do(app, said, shown):
    assert str(BillingError(said)) == said, "what jobs and commands keep is the same for every reader"
    with app.test_request_context():
        assert str(BillingError(said)) == InvalidLine(said, 2).reason == shown
        assert str(InvalidLine(said, 2)) == f"Line 2: {shown}"


def test_every_currency_has_its_own_decimals(app):
    for currency, decimals in DECIMALS.items():
        shown = formatters.money(Money(10**decimals, currency), "en")
        assert shown.endswith("1." + "0" * decimals if decimals else "1"), (currency, shown)


@pytest.mark.parametrize(
    ("locale", "shown"),
    [("en", "14 Mar 2026"), ("en_US", "Mar 14, 2026"), ("de", "14. März 2026"), ("ja", "2026年3月14日")],
)
def test_short_date(app, locale, shown):
    assert formatters.short_date(date(2026, 3, 14), locale) == shown


def test_a_moment_is_no_day(app):
    with pytest.raises(TypeError):
        formatters.short_date(datetime(2026, 3, 14, tzinfo=UTC))


def test_moments_are_told_in_the_business_zone(app):
    make_company(timezone="Pacific/Auckland")
    at = datetime(2026, 3, 14, 20, 5, 9, tzinfo=UTC)
    assert formatters.moment_text(at) == "15 Mar 2026, 09:05"
    shown = formatters.moment(at)
    assert shown.startswith('<time datetime="2026-03-14T20:05:09+00:00" title="Sunday')
    assert shown.endswith(">15 Mar 2026, 09:05</time>")


@pytest.mark.parametrize(("rate", "shown"), [("23", "23%"), ("7.5", "7.5%"), ("0", "0%"), ("8.875", "8.875%")])
def test_percent(app, rate, shown):
    assert formatters.percent(Decimal(rate), "en") == shown


def test_counts(app):
    assert formatters.counted(1, "customer", "customers") == "1 customer"
    assert formatters.counted(4812, "customer", "customers") == "4,812 customers"


def test_the_language_is_ones_own_then_the_companys_then_the_browsers(app, client):
    with app.test_request_context(headers={"Accept-Language": "de-AT,de;q=0.8"}):
        assert languages.choose() == "de_AT"
        make_company(locale="fr")
        assert languages.choose() == "fr"
    db.session.commit()


def test_the_account_page_follows_the_chosen_language(staff_client):
    make_company(locale="en")
    answer = staff_client.post("/admin/account/details", data={"name": "Olga", "language": "de", "theme": "dark"})
    assert answer.status_code == 302
    assert staff_client.get_cookie("theme").value == "dark"
    page = staff_client.get("/admin/account/").text
    assert '<html lang="de" data-theme="dark">' in page
    assert "22. Nov" in page
