"""The winner of each day and what it takes off, against a reference that goes day by day and shares no code."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.discount_rules import (
    AUDIENCE,
    LARGER,
    OLDER,
    PRIORITY,
    TARGET,
    WHOLE,
    Cut,
    Live,
    Offer,
    Part,
    better,
    cut,
    rank,
    windows,
)
from billing.document_lines import Amount, LineInput, unit_price, work_out
from billing.money import Money
from billing.periods import BillingPeriod
from billing.tax_rates import OUTSIDE
from models import DiscountAudience, DiscountCovers, DiscountKind, DiscountTarget, LineKind

FIRST = date(2026, 12, 1)
DECEMBER = BillingPeriod(FIRST, date(2027, 1, 1))
EVERYONE = rank(100, DiscountAudience.EVERYONE, DiscountTarget.ALL, 0, one_period=False)


def offer(number: int = 1, percent: str = "10", **values: object) -> Offer:
    known = {"id": number, "name": f"D{number}", "reason": f"R{number}", "rank": EVERYONE}
    known |= {"kind": DiscountKind.PERCENT, "percent": int(Decimal(percent).scaleb(4))}
    return Offer(**(known | values))  # type: ignore[arg-type]


def amount(number: int, minor: int, kind: DiscountKind = DiscountKind.AMOUNT, **values: object) -> Offer:
    return offer(number, "0", kind=kind, amounts=(("EUR", minor),), **values)


def always(*offers: Offer) -> list[Live]:
    return windows(offers, DECEMBER, {}, {})


def off(live: list[Live], minor: int = 3100, kind: LineKind = LineKind.SERVICE, **more: int) -> Cut | None:
    return cut(live, kind, Money(minor, "EUR"), more.get("price", minor), DECEMBER)


def test_a_percentage_is_of_the_rounded_line_and_rounded_once() -> None:
    assert off(always(offer())) == Cut(310, Decimal(10), "R1", 1, (Part(1, 310, FIRST),))
    assert off(always(offer(1, "12.5")), 1004).minor == 126, "125.5 is rounded away from zero"  # type: ignore[union-attr]
    assert off(always(offer(1, "0.0001")), 100) is None, "less than half a cent is nothing"


def test_an_amount_never_takes_more_than_the_line_and_a_special_price_never_adds() -> None:
    assert off(always(amount(1, 5000))).minor == 3100  # type: ignore[union-attr]
    assert off(always(amount(1, 2000, DiscountKind.SPECIAL))).minor == 1100  # type: ignore[union-attr]
    assert off(always(amount(1, 3100, DiscountKind.SPECIAL))) is None
    assert off(always(amount(1, 4000, DiscountKind.SPECIAL))) is None
    assert off(always(amount(1, 0, DiscountKind.SPECIAL))).minor == 3100, "free of charge"  # type: ignore[union-attr]


def test_an_amount_in_another_currency_does_not_apply() -> None:
    dollars = offer(1, "0", kind=DiscountKind.AMOUNT, amounts=(("USD", 500),))
    assert off(always(dollars)) is None
    assert off(always(dollars, offer(2))).discount_id == 2  # type: ignore[union-attr]


def test_only_the_days_inside_the_window_are_discounted() -> None:
    ten = offer(1, "100", starts_on=date(2026, 12, 22))
    found = off(always(ten))
    assert found and (found.minor, found.percent, found.reason) == (1000, None, "R1 (100 % for 10 of 31 days)")
    assert off(always(offer(1, stops_on=FIRST))) is None, "over before the period begins"
    assert off(always(offer(1, starts_on=DECEMBER.end))) is None, "begins with the next one"
    assert off(always(offer(1, "100", stops_on=date(2026, 12, 2)))).minor == 100  # type: ignore[union-attr]


def test_an_amount_is_shared_by_the_days_as_the_price_is() -> None:
    half = BillingPeriod(date(2026, 12, 17), date(2027, 1, 1))
    found = cut(windows([amount(1, 310)], half, {}, {}), LineKind.SERVICE, Money(1500, "EUR"), 3100, half)
    assert found and found.minor == 150, "15 of 31 days of 3.10"


@pytest.mark.parametrize(
    ("one", "why"),
    [
        ({"rank": EVERYONE._replace(priority=101)}, PRIORITY),
        ({"rank": rank(100, DiscountAudience.GROUP, DiscountTarget.ALL, 0, one_period=False)}, AUDIENCE),
        ({"rank": rank(100, DiscountAudience.EVERYONE, DiscountTarget.PROJECT, 0, one_period=False)}, TARGET),
        ({"rank": rank(100, DiscountAudience.EVERYONE, DiscountTarget.ALL, 0, one_period=True)}, TARGET),
        ({"percent": "60"}, LARGER),
        ({"percent": "50"}, OLDER),
    ],
)
def test_what_decides_comes_in_this_order(one: dict[str, object], why: str) -> None:
    mine, other = offer(**{"number": 1, "percent": "5", **one}), offer(2, "50")  # type: ignore[arg-type]
    assert better(mine, other, mine.percent, other.percent) == why
    assert better(other, mine, other.percent, mine.percent) == ""
    assert off(always(other, mine)).discount_id == 1  # type: ignore[union-attr]


def test_one_package_is_narrower_than_several_than_a_project_than_all() -> None:
    def at(target: DiscountTarget, packages: int = 0, *, one_period: bool = False) -> object:
        return rank(100, DiscountAudience.EVERYONE, target, packages, one_period=one_period)

    packages = DiscountTarget.PACKAGES
    order = [
        at(DiscountTarget.ALL),
        at(DiscountTarget.ALL, one_period=True),
        at(DiscountTarget.PROJECT),
        at(packages, 3),
        at(packages, 3, one_period=True),
        at(packages, 1),
        at(packages, 1, one_period=True),
    ]
    assert order == sorted(order)  # type: ignore[type-var]
    assert len(set(order)) == len(order)


def test_a_discount_that_takes_nothing_off_does_not_keep_others_away() -> None:
    dear = amount(1, 9900, DiscountKind.SPECIAL, rank=EVERYONE._replace(priority=900))
    assert off(always(dear, offer(2))).discount_id == 2  # type: ignore[union-attr]


def test_a_better_day_leaves_the_other_days_to_the_next_best() -> None:
    friday = offer(1, "5", rank=EVERYONE._replace(priority=900), starts_on=FIRST, stops_on=date(2026, 12, 2))
    found = off(always(friday, offer(2, "50")))
    assert found and (found.minor, found.discount_id, found.percent) == (1505, 2, None)
    assert {part.discount_id: part.minor for part in found.parts} == {1: 5, 2: 1500}
    assert found.reason == "R1 (5 % for 1 of 31 days); R2 (50 % for 30 of 31 days)"


def test_only_a_percentage_takes_options_down_and_set_up_is_asked_for() -> None:
    assert off(always(offer()), kind=LineKind.OPTION).minor == 310  # type: ignore[union-attr]
    assert off(always(amount(1, 500)), kind=LineKind.OPTION) is None
    assert off(always(offer()), kind=LineKind.SETUP) is None
    setup = offer(1, covers=DiscountCovers.SETUP)
    assert off(always(setup)) is None
    assert off(always(setup), kind=LineKind.SETUP).minor == 310  # type: ignore[union-attr]
    both = offer(1, covers=DiscountCovers.BOTH)
    assert off(always(both)) and off(always(both), kind=LineKind.SETUP)


def test_it_lasts_from_the_first_use_and_at_most_so_many_bills() -> None:
    lasting = offer(1, lasts_months=1)
    assert windows([lasting], DECEMBER, {}, {})[0].stop == date(2027, 1, 1)
    assert windows([lasting], DECEMBER, {1: date(2026, 11, 15)}, {})[0].stop == date(2026, 12, 15)
    assert windows([lasting], DECEMBER, {1: date(2026, 11, 1)}, {}) == []
    assert windows([offer(1, lasts_days=10)], DECEMBER, {}, {})[0].stop == date(2026, 12, 11)
    late = offer(1, lasts_days=10, starts_on=date(2026, 12, 20))
    assert windows([late], DECEMBER, {}, {})[0].stop == date(2026, 12, 30)
    cut_short = offer(1, lasts_days=10, starts_on=date(2026, 12, 20), stops_on=date(2026, 12, 24))
    assert windows([cut_short], DECEMBER, {}, {})[0].stop == date(2026, 12, 24), "never a day outside the window"
    thrice = offer(1, bills=3)
    assert windows([thrice], DECEMBER, {}, {1: 2}) and not windows([thrice], DECEMBER, {}, {1: 3})


KINDS = st.sampled_from(list(DiscountKind))
DAYS = st.integers(-5, 40).map(lambda n: FIRST + timedelta(days=n))


@st.composite
def offers(draw: st.DrawFn) -> list[Offer]:
    found = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        kind = draw(KINDS)
        start, length = draw(DAYS), draw(st.integers(1, 50))
        where = rank(
            draw(st.sampled_from([1, 2])),
            draw(st.sampled_from(list(DiscountAudience))),
            draw(st.sampled_from(list(DiscountTarget))),
            draw(st.integers(1, 2)),
            one_period=draw(st.booleans()),
        )
        known = {"rank": where, "starts_on": start, "stops_on": start + timedelta(days=length), "kind": kind}
        if kind is DiscountKind.PERCENT:
            found.append(offer(number, draw(st.sampled_from(["0.5", "10", "33.3333", "100"])), **known))
        else:
            found.append(amount(number, draw(st.integers(0, 5000)), **known))
    return found


def brute(offers: list[Offer], full: int, price: int, billed: BillingPeriod) -> tuple[int, set[int]]:
    """Day by day: sort all that run that day, take the first. (off in minor units, who won a day)."""
    whole, winners = Fraction(0), set()
    for n in range(billed.days):
        day = billed.start + timedelta(days=n)
        running = []
        for one in offers:
            if one.starts_on <= day < one.stops_on:
                if one.kind is DiscountKind.PERCENT:
                    less = Fraction(price * one.percent, WHOLE)
                elif one.kind is DiscountKind.AMOUNT:
                    less = Fraction(min(price, one.amounts[0][1]))
                else:
                    less = Fraction(max(0, price - one.amounts[0][1]))
                if less:
                    narrow = -one.rank.audience, -one.rank.target[0], -one.rank.target[1]
                    running.append((-one.rank.priority, *narrow, -less, one.id))
        if running:
            *_order, less, winner = min(running)
            whole -= less / price
            winners.add(winner)
    exact = full * whole / billed.days
    return int(exact + Fraction(1, 2)), winners


@settings(max_examples=120, deadline=None)
@given(offers(), st.integers(1, 4000), st.integers(0, 30), st.randoms(use_true_random=False))
def test_it_is_what_going_day_by_day_comes_to_in_whatever_order(
    found: list[Offer], price: int, start: int, chance: random.Random
) -> None:
    billed = BillingPeriod(FIRST + timedelta(days=start), DECEMBER.end)
    full = Money(price, "EUR").times(Fraction(billed.days, 31))
    expected, winners = brute(found, full.minor, price, billed)
    got = cut(windows(found, billed, {}, {}), LineKind.SERVICE, full, price, billed)
    assert (got.minor if got else 0) == expected
    if got:
        assert 0 < got.minor <= full.minor
        assert sum(part.minor for part in got.parts) == got.minor
        assert {part.discount_id for part in got.parts} <= winners and got.discount_id in winners
        assert all(billed.start <= part.first_on < billed.end for part in got.parts)
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert cut(windows(shuffled, billed, {}, {}), LineKind.SERVICE, full, price, billed) == got


@settings(max_examples=30, deadline=None)
@example(1005, "10")
@given(st.integers(1, 10**7), st.sampled_from(["10", "33.3333", "12.5", "100", "0.5"]))
def test_a_percentage_is_the_same_on_a_renewal_and_on_a_line_by_hand(minor: int, percent: str) -> None:
    got = off(always(offer(1, percent)), minor)
    typed = LineInput(
        "Fibre",
        unit_price(Money(minor, "EUR")),
        Amount(Decimal(1)),
        discount_percent=Decimal(percent),
        tax=OUTSIDE,
    )
    known = {"buyer": None, "currency": "EUR", "tax": None, "on": FIRST}
    by_hand = work_out([typed], **known).lines[0]  # type: ignore[arg-type]
    assert by_hand.discount.minor == (got.minor if got else 0)
