"""SPEC 3.8: credit is used oldest first, partly if it does not cover all, never more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.credit import apply
from billing.money import CurrencyMismatch, InvalidAmount, Money


def eur(*texts: str) -> list[Money]:
    return [Money.of(text, "EUR") for text in texts]


def one(text: str) -> Money:
    return Money.of(text, "EUR")


def test_the_oldest_credit_goes_first():
    assert apply(one("12.00"), eur("10.00", "5.00", "7.00")) == (eur("10.00", "2.00", "0.00"), one("0.00"))


def test_credit_that_does_not_cover_all_is_used_up():
    assert apply(one("12.00"), eur("1.00", "2.00")) == (eur("1.00", "2.00"), one("9.00"))


def test_without_credit_all_is_due_and_without_due_no_credit_is_used():
    assert apply(one("12.00"), []) == ([], one("12.00"))
    assert apply(one("0.00"), eur("5.00")) == (eur("0.00"), one("0.00"))


def test_refuses_negative_amounts():
    with pytest.raises(InvalidAmount, match="cannot be below zero"):
        apply(one("1.00"), eur("2.00", "-1.00"))
    with pytest.raises(InvalidAmount, match="is not due"):
        apply(one("-1.00"), eur("2.00"))


def test_refuses_credit_in_another_currency_even_when_it_is_not_needed():
    with pytest.raises(CurrencyMismatch, match="Credit in USD cannot pay an amount in EUR"):
        apply(one("1.00"), [one("5.00"), Money(1, "USD")])


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), max_size=10))
def test_nothing_is_over_used_and_nothing_is_lost(due, credits):
    used, still_due = apply(Money(due, "EUR"), [Money(credit, "EUR") for credit in credits])
    taken = [part.minor for part in used]
    assert sum(taken) + still_due.minor == due
    assert all(0 <= part <= credit for part, credit in zip(taken, credits, strict=True))
    assert still_due.minor == max(0, due - sum(credits))
    first_left = next((i for i, part in enumerate(taken) if part < credits[i]), len(credits))
    assert not any(taken[first_left + 1 :])
