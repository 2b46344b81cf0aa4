"""The sums of a change, over many days, periods, prices and taxes: nothing is lost, nothing is given back twice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from billing import change_figures, change_terms
from billing.change_figures import Figures, Outcome
from billing.change_terms import OptionTerms, Terms, after_one, new_period, pieces, plain, read
from billing.document_lines import Amount, quantity_of
from billing.money import Money
from billing.periods import BillingPeriod
from billing.renewals.bill import period_from
from billing.tax import TaxLine, totals
from billing.tax_rates import Tax
from billing.unused import Unused, given_back
from models import LineKind

DAYS = st.dates(date(2023, 11, 1), date(2028, 3, 31))
PERIODS = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3, 6, 12, 24]), st.just(0)),
    st.tuples(st.just(0), st.sampled_from([1, 7, 30, 365])),
)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
PRICES = st.integers(0, 10**7)
RATES = st.sampled_from(["0", "7", "19", "23", "8.1"])


@st.composite
def services(draw: st.DrawFn) -> Terms:
    """A service that was billed from some day up to its next renewal, its first period as short as it comes."""
    (months, days), start = draw(PERIODS), draw(DAYS)
    anchor = draw(st.sampled_from([start.day, 1, 15, 29, 30, 31]))
    currency = draw(CURRENCIES)
    options = draw(st.lists(st.tuples(st.decimals("0.5", 40, places=2), PRICES), max_size=2))
    terms = Terms(
        package_id=1, package="Basic", description="Basic", price=Money(draw(PRICES), currency),
        setup_fee=Money.zero(currency), months=months, days=days, anchor_day=anchor,
        anchor_month=start.month if months >= 12 else None, anchored_on=None, next_on=start, ends_on=None,
        options=tuple(OptionTerms(None, f"Option {n}", "", q, Money(p, currency)) for n, (q, p) in enumerate(options)),
    )  # fmt: skip
    for _ in range(draw(st.integers(1, 3))):
        terms = after_one(terms)
    return terms


def billed(terms: Terms, start: date, tax: Tax) -> list[Unused]:
    """What the bill of the period from `start` has charged, all of it left."""
    period, whole = period_from(start, terms.months, terms.days, terms.anchor_day, terms.anchor_month)
    figures = change_figures.work_out((), terms, [(period, whole)], service_id=1, tax=tax)
    return [
        Unused(1, n, 1, "INV-1", line.input.kind, line.input.description, period, period.days, line.amount, line.amount,
               tax, prices_include_tax=False)
        for n, line in enumerate(figures.lines, 1)
    ]  # fmt: skip


def cut(back: list[Unused], day: date) -> list[Unused]:
    """The same from a later day on."""
    found = []
    for one in back:
        left = BillingPeriod(max(day, one.period.start), one.period.end)
        values = {name: getattr(one, name) for name in one.__slots__}
        found.append(Unused(**{**values, "period": left}))
    return found


def start_of(terms: Terms) -> date:
    """The first day of the last period billed."""
    return pieces(terms, terms.next_on - timedelta(days=1))[0][1].start


@given(services(), st.integers(0, 800))
@settings(max_examples=100)
def test_the_days_up_to_the_renewal_are_covered_once(terms: Terms, before: int) -> None:
    day = terms.next_on - timedelta(days=before)
    found = pieces(terms, day)
    edges = [day, *(days.end for days, _whole in found)]
    assert [days.start for days, _whole in found] == edges[:-1]
    assert edges[-1] == (terms.next_on if found else day)
    for days, whole in found:
        assert whole.start <= days.start < days.end <= whole.end
    for _days, whole in found[1:]:
        assert after_one(change_terms.replace(terms, next_on=whole.start)).next_on == whole.end


@given(services(), st.integers(1, 400), RATES)
@settings(max_examples=100)
def test_what_is_left_and_what_was_used_come_to_the_whole(terms: Terms, after: int, rate: str) -> None:
    start = start_of(terms)
    day = min(start + timedelta(days=after), terms.next_on - timedelta(days=1))
    for one in billed(terms, start, Tax(Decimal(rate), "S")):
        (left,) = cut([one], max(day, one.period.start))
        used = 1 - left.share
        assert 0 <= left.amount.minor <= one.left.minor
        rest = one.charged.times(used)
        assert abs((left.amount + rest - one.charged).minor) <= 1


@given(services(), st.integers(0, 400), RATES, st.booleans())
@settings(max_examples=100)
def test_the_same_price_nets_to_nothing_and_makes_only_a_record(
    terms: Terms, before: int, rate: str, inclusive: bool
) -> None:
    terms = change_terms.replace(terms, options=())  # parts of an option are rounded before they are charged
    start, tax = start_of(terms), Tax(Decimal(rate), "S" if Decimal(rate) else "Z")
    day = max(start, terms.next_on - timedelta(days=before + 1))
    back = [one for one in billed(terms, start, tax) if one.days == pieces(terms, start)[0][1].days]
    figures = change_figures.work_out(
        cut(back, day), terms, pieces(terms, day), service_id=1, tax=tax, prices_include_tax=inclusive
    )
    if back:
        assert figures.outcome is Outcome.RECORD and not figures.total


def worked(
    terms: Terms, day: date, price: int, rates: tuple[str, str], inclusive: bool
) -> tuple[list[Unused], Figures]:
    old, new = (Tax(Decimal(rate), "S" if Decimal(rate) else "Z") for rate in rates)
    back = cut(billed(terms, start_of(terms), old), day)
    other = change_terms.replace(terms, price=Money(price, terms.price.currency), package="Plus")
    return back, change_figures.work_out(
        back, other, pieces(other, day), service_id=1, tax=new, prices_include_tax=inclusive
    )


@given(services(), st.integers(0, 400), PRICES, st.tuples(RATES, RATES), st.booleans())
@settings(max_examples=100)
def test_a_document_adds_up_and_a_note_is_the_same_turned_round(
    terms: Terms, before: int, price: int, rates: tuple[str, str], inclusive: bool
) -> None:
    day = max(start_of(terms), terms.next_on - timedelta(days=before + 1))
    back, figures = worked(terms, day, price, rates, inclusive)
    sums = figures.worked.totals
    again = totals(
        [TaxLine(line.amount, line.tax.rate, line.tax.category) for line in figures.lines],
        currency=terms.price.currency, prices_include_tax=inclusive,
    )  # fmt: skip
    assert sums == again and sums.net + sums.tax == sums.gross
    assert -figures.sum_of(LineKind.UNUSED).minor == sum(one.amount.minor for one in back)
    assert {line.tax.rate for line in figures.lines if line.input.kind is LineKind.UNUSED} <= {Decimal(rates[0])}
    turned = change_figures.turned(figures.worked)
    assert turned.totals.gross == -sums.gross and turned.totals.tax == -sums.tax
    assert [line.amount for line in turned.lines] == [-line.amount for line in figures.lines]
    assert figures.outcome is {1: Outcome.INVOICE, -1: Outcome.CREDIT_NOTE}.get(
        (sums.gross.minor > 0) - (sums.gross.minor < 0), figures.outcome
    )


@given(services(), st.integers(0, 400), PRICES, st.tuples(RATES, RATES))
@settings(max_examples=100)
def test_changing_back_on_the_same_day_gives_back_what_it_took(
    terms: Terms, before: int, price: int, rates: tuple[str, str]
) -> None:
    day = max(start_of(terms), terms.next_on - timedelta(days=before + 1))
    _back, there = worked(terms, day, price, rates, False)
    charged = [line for line in there.lines if line.input.kind is not LineKind.UNUSED]
    back = [
        Unused(1, n, 2, "INV-2", line.input.kind, "", line.input.period, line.input.period.days, line.amount,
               line.amount, line.tax, prices_include_tax=False)
        for n, line in enumerate(charged)
    ]  # fmt: skip
    for one in back:
        assert one.amount == one.charged and one.share == 1


@given(st.integers(0, 10**9), st.integers(1, 400), st.integers(1, 400), st.integers(0, 10**9))
def test_never_more_than_is_left_is_given_back(charged: int, left: int, days: int, rest: int) -> None:
    share = Fraction(min(left, days), days)
    back = given_back(Money(charged, "EUR"), share, Money(min(rest, charged), "EUR"))
    assert 0 <= back.minor <= min(rest, charged)


@given(st.integers(1, 400), st.integers(1, 400), st.decimals("0.000001", 1000, places=6))
def test_a_share_is_stored_and_read_back_exactly_or_told_by_the_period(left: int, days: int, many: Decimal) -> None:
    left = min(left, days)
    typed = change_figures.amount_of(left, days, many)

    class Row:
        quantity, quantity_per = typed.stored, typed.per

    share = Fraction(left, days) * Fraction(many)
    if typed.exact == share:
        assert Fraction(quantity_of(Row).exact) == share
    else:
        assert days * Fraction(many).denominator >= change_figures.FINEST and isinstance(typed, Amount)


@given(services(), DAYS)
@settings(max_examples=100)
def test_a_new_period_begins_on_its_day_and_steps_from_there(terms: Terms, day: date) -> None:
    begun = after_one(new_period(terms, day))
    assert begun.anchored_on == day and begun.next_on > day
    assert pieces(begun, day) == [(BillingPeriod(day, begun.next_on),) * 2]
    for _ in range(5):
        last, begun = begun.next_on, after_one(begun)
        assert pieces(begun, last) == [(BillingPeriod(last, begun.next_on),) * 2]
        if terms.months:
            assert begun.next_on.day == min(day.day, (begun.next_on.replace(day=28) + timedelta(days=4)).replace(day=1)
                                            .__sub__(timedelta(days=1)).day)  # fmt: skip


@given(services())
def test_terms_survive_as_plain_values(terms: Terms) -> None:
    assert read(plain(terms)) == terms
