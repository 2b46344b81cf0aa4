"""Addresses and numbers: real ones pass, others are explained."""

from __future__ import annotations

import pytest
from babel import Locale

from billing.contact_details import (
    InvalidContact,
    check_phone,
    country_code,
    email_address,
    phone_digits,
    phone_e164,
    phone_number,
    phone_shown,
)
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


@pytest.mark.parametrize(
    ("typed", "country", "e164", "at_home"),
    [
        ("085 012 3456", "IE", "+353850123456", "085 012 3456"),
        ("0044 20 7946 0958", "IE", "+442079460958", "+44 20 7946 0958"),
        ("+353 (1) 555-0142", "", "+35315550142", "(01) 555 0142"),
        ("٠٨٥ ٠١٢ ٣٤٥٦", "IE", "+353850123456", "085 012 3456"),
    ],
)
def test_a_number_has_one_form_for_texting_and_one_for_reading(typed, country, e164, at_home) -> None:
    check_phone(typed, country)
    assert phone_e164(typed, country) == e164
    assert phone_shown(typed, e164, "IE") == at_home
    assert phone_shown(typed, e164, "FR").startswith("+")


@pytest.mark.parametrize(
    ("typed", "country", "match"),
    [
        ("085 01", "IE", r"area code is missing|too short for a number in Ireland"),
        ("085 012 3456 789 000", "IE", "too long for a number in Ireland. One looks like"),
        ("5550142", "", r"with its country, such as \+353"),
        ("+999 12345678", "IE", "not a telephone number in Ireland"),
        ("call me", "IE", "not a telephone number in Ireland"),
    ],
)
def test_a_wrong_number_says_how_to_mend_it(typed: str, country: str, match: str) -> None:
    assert phone_e164(typed, country) == ""
    with pytest.raises(InvalidContact, match=match):
        check_phone(typed, country)


def test_a_number_that_is_none_is_shown_as_typed() -> None:
    check_phone("  ")
    assert phone_shown("ext. 5", "", "IE") == "ext. 5"
