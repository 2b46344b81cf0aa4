"""Tax numbers: put into one form where it is known, explained where they are wrong, kept where nobody knows."""

from __future__ import annotations

import pytest

from billing.tax_numbers import InvalidTaxNumber, tax_number


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("DE 136 695 976", "DE", "DE136695976"),
        ("136695976", "DE", "DE136695976"),
        ("DE136695976", "", "DE136695976"),
        ("EL 094259216", "GR", "EL094259216"),
        ("094259216", "GR", "EL094259216"),
        ("ATU13585627", "DE", "ATU13585627"),
        ("181/815/0815 5", "DE", "181/815/0815 5"),
        ("12-3456789", "US", "12-3456789"),
        ("CHE-123.456.788", "CH", "CHE-123.456.788"),
        ("anything 5", "AE", "anything 5"),
        ("anything 5", "", "anything 5"),
        ("  ", "DE", ""),
    ],
)
def test_numbers_are_kept_in_their_form(typed: str, country: str, kept: str) -> None:
    assert tax_number(typed, country) == kept


@pytest.mark.parametrize(
    ("typed", "country", "match"),
    [
        ("DE136695977", "DE", "Germany has a wrong digit"),
        ("DE136695977", "", "Germany has a wrong digit"),
        ("IE12", "IE", "Ireland"),
        ("123", "US", "no tax number of United States"),
        ("SEKO 12", "GB", "United Kingdom"),
    ],
)
def test_a_wrong_number_is_explained(typed: str, country: str, match: str) -> None:
    with pytest.raises(InvalidTaxNumber, match=match):
        tax_number(typed, country)
