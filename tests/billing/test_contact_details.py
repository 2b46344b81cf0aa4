"""Addresses and numbers: real ones pass, others are explained."""

from __future__ import annotations

import pytest
from babel import Locale

from billing.contact_details import InvalidContact, country_code, email_address, phone_digits, phone_number
from billing.countries import COUNTRIES


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ann@Doyle.IE ", "ann@doyle.ie"),
        ("o'neill+bills@mail.example.co.uk", "o'neill+bills@mail.example.co.uk"),
        ("a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
        ("a@münchen.de", "a@münchen.de"),
    ],
)
def test_addresses_are_kept_in_small_letters(typed: str, kept: str) -> None:
    assert email_address(typed) == kept


@pytest.mark.parametrize(
    ("typed", "match"),
    [
        ("", "looks like"),
        ("ann", "looks like"),
        ("@doyle.ie", "looks like"),
        ("ann@", "looks like"),
        ("ann@doylesbakery", "no ending"),
        ("ann@192.0.2.7", "no ending"),
        ("ann@doyle.", "no ending"),
        ("ann doyle@mail.ie", "before @"),
        ("a..b@mail.ie", "before @"),
        ("a@b@mail.ie", "before @"),
        ("a@ma il.ie", "no domain name"),
        ("a@-mail.ie", "no domain name"),
        ("a@mail-.ie", "no domain name"),
        ("a@b.ie\r\nBcc: x@y.zz", "before @"),
        ("a@mail.ie\r\nBcc", "no domain name"),
        (f"{'x' * 65}@mail.ie", "too long"),
        (f"a@{'x' * 250}.ie", "too long"),
    ],
)
def test_what_is_no_address_is_explained(typed: str, match: str) -> None:
    with pytest.raises(InvalidContact, match=match):
        email_address(typed)


def test_numbers_stay_as_typed_and_are_found_by_their_digits() -> None:
    assert phone_number(" +49 (30) 12-34.56 ") == "+49 (30) 12-34.56"
    assert phone_number("  ") == ""
    for typed in ("+49 30 123", "0049 30/123", "٤٩ ٣٠ ١٢٣"):
        assert phone_digits(typed) == "4930123"


@pytest.mark.parametrize("typed", ["call me", "123", "1" * 21, "12+345", "+1 555 0100 x7", "555\n0100"])
def test_refuses_numbers_nobody_can_dial(typed: str) -> None:
    with pytest.raises(InvalidContact, match="telephone number has"):
        phone_number(typed)


def test_countries_are_those_the_world_knows() -> None:
    names = Locale("en").territories
    no_country = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
    assert {code for code in names if len(code) == 2 and code.isalpha()} - no_country == COUNTRIES
    assert (country_code(" de "), country_code("")) == ("DE", "")
    with pytest.raises(InvalidContact, match="two letters"):
        country_code("Germany")
