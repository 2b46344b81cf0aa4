"""Which steps are due: day by day, after days off, and after the rules have changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.dunning import ladder
from billing.dunning.ladder import NEVER, Case, Done, Rules, Take
from models import StepKind, StepState

DUE = date(2026, 12, 1)  # a Tuesday
BEFORE, AFTER, FEE, WARNING, SUSPEND, CANCEL = StepKind
FULL = Rules((3,), (3, 7, 14), 5, (1,), 21, 60)


def case(on: date, *, since: date | None = None, done: tuple[Done, ...] = (), **more: object) -> Case:
    return Case(DUE, DUE - timedelta(days=14), on, since or DUE - timedelta(days=14), done, **more)  # type: ignore[arg-type]


def run(rules: Rules, days: list[int], **more: object) -> list[Take]:
    """What runs on these days after the due day take, the first after the invoice was written."""
    found: list[Take] = []
    since, next_on = DUE - timedelta(days=14), DUE - timedelta(days=14)
    for day in days:
        on = DUE + timedelta(days=day)
        if on < next_on:
            continue
        done = tuple(Done(step.kind, step.days, step.on, step.state) for step in found)
        look = ladder.look(rules, case(on, since=since, done=done, **more))
        assert look.next_on > on
        found += look.steps
        since = next_on = look.next_on
    return found


def taken(steps: list[Take]) -> list[tuple[str, int]]:
    return [(step.kind.value, (step.on - DUE).days) for step in steps if step.state is StepState.DONE]


def test_day_by_day_each_step_comes_on_its_day() -> None:
    assert taken(run(FULL, list(range(-14, 100)))) == [
        ("before", -3), ("after", 3), ("fee", 5), ("after", 7), ("after", 14), ("warning", 20), ("suspend", 21),
        ("cancel", 60),
    ]  # fmt: skip


def test_after_days_off_only_the_newest_is_said_and_all_else_has_its_true_day() -> None:
    found = run(FULL, [-14, 25])
    assert taken(found) == [("fee", 5), ("after", 14), ("suspend", 21)]
    left_out = [(s.kind.value, s.days, s.reason) for s in found if s.state is StepState.SKIPPED]
    assert left_out == [
        ("before", -3, "was_due"), ("after", 3, "newer"), ("after", 7, "newer"), ("warning", 20, "newer"),
    ]  # fmt: skip


MESSAGES = {BEFORE, AFTER, WARNING}
DAYS = st.lists(st.integers(0, 40), max_size=4, unique=True).map(lambda days: tuple(sorted(days)))


@st.composite
def plans(draw: st.DrawFn) -> Rules:
    suspend = draw(st.none() | st.integers(0, 40))
    warn = draw(DAYS) if suspend is not None else ()
    cancel = draw(st.none() | st.integers(1, 30))
    return Rules(
        tuple(day for day in draw(DAYS) if day), draw(DAYS), draw(st.none() | st.integers(0, 40)),
        tuple(day for day in warn if day), suspend,
        suspend + cancel if suspend is not None and cancel else None, draw(st.booleans()),
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(rules=plans(), off=st.sets(st.integers(-13, 110)), never=st.booleans())
def test_catching_up_comes_to_the_same_as_day_by_day(rules: Rules, off: set[int], never: bool) -> None:
    every = list(range(-14, 121))
    control = run(rules, every, never_suspend=never)
    caught_up = run(rules, [day for day in every if day not in off], never_suspend=never)
    hard = [step for step in control if step.kind not in MESSAGES]
    assert [step for step in caught_up if step.kind not in MESSAGES] == hard
    everything = {(step.kind, step.days) for step in control}
    assert {(step.kind, step.days) for step in caught_up} == everything
    assert len(caught_up) == len(everything)
    for step in caught_up:
        assert step.on in {there.on for there in control if (there.kind, there.days) == (step.kind, step.days)}
    assert [s.on for s in caught_up] == sorted(s.on for s in caught_up)
    assert ladder.timeline(rules, case(DUE - timedelta(days=14), never_suspend=never)) == [
        step for step in control if step.state is StepState.DONE
    ]


def test_what_lies_before_the_rules_is_announced_first_and_costs_no_fee() -> None:
    """An invoice fifty days late comes under a strict plan on a day."""
    day = DUE + timedelta(days=50)
    found = ladder.look(FULL, case(day, since=day))
    assert [(s.kind.value, s.state.value, s.reason) for s in found.steps] == [
        ("before", "skipped", "was_due"), ("after", "skipped", "newer"), ("after", "skipped", "newer"),
        ("after", "done", ""), ("fee", "skipped", "before_rule"), ("warning", "done", ""),
    ]  # fmt: skip
    assert {step.on for step in found.steps} == {day}
    assert found.next_on == day + timedelta(days=1)
    done = tuple(Done(step.kind, step.days, step.on, step.state) for step in found.steps)
    after = ladder.look(FULL, case(found.next_on, since=found.next_on, done=done))
    assert taken(after.steps) == [("suspend", 51)]
    assert after.next_on == DUE + timedelta(days=51 + 39)  # as long after the suspension as the plan says


def test_a_promise_puts_the_fee_off_and_lets_the_warning_be_said_first() -> None:
    broken = DUE + timedelta(days=30)
    found = ladder.look(FULL, case(broken, since=broken, fee_since=DUE - timedelta(days=3)))
    assert taken(found.steps) == [("fee", 5), ("after", 30), ("warning", 30)]


def test_of_a_changed_plan_only_what_comes_after_the_last_reminder_counts() -> None:
    done = (Done(AFTER, 3, DUE + timedelta(days=3)), Done(AFTER, 7, DUE + timedelta(days=7)))
    changed = Rules(after=(1, 5, 10))
    eighth = DUE + timedelta(days=8)
    found = ladder.look(changed, case(eighth, since=eighth, done=done))
    assert found.steps == []
    assert found.next_on == DUE + timedelta(days=10)


def test_never_suspend_is_written_down_and_nothing_is_cancelled() -> None:
    found = run(FULL, list(range(-14, 100)), never_suspend=True)
    (kept,) = [step for step in found if step.kind in {WARNING, SUSPEND, CANCEL}]
    assert (kept.kind, kept.state, kept.reason) == (SUSPEND, StepState.SKIPPED, "never_suspend")


def test_proformas_and_fees_are_only_reminded_of() -> None:
    assert {step.kind for step in run(FULL, list(range(-14, 100)), reminders_only=True)} == {BEFORE, AFTER}


def test_services_that_came_back_can_be_suspended_again_after_a_new_warning() -> None:
    done = (
        Done(AFTER, 14, DUE + timedelta(days=14)),
        Done(WARNING, 20, DUE + timedelta(days=20), StepState.UNDONE),
        Done(SUSPEND, 21, DUE + timedelta(days=21), StepState.UNDONE),
        Done(FEE, 5, DUE + timedelta(days=5)),
    )
    again = DUE + timedelta(days=40)
    assert taken(ladder.look(FULL, case(again, since=again, done=done)).steps) == [("warning", 40)]


def test_a_word_before_the_day_is_not_said_right_after_the_invoice_or_when_it_is_late() -> None:
    short = replace(case(DUE - timedelta(days=2)), issued_on=DUE - timedelta(days=2), since=DUE - timedelta(days=2))
    (step,) = ladder.look(Rules(before=(3,)), short).steps
    assert step.reason == "too_early"
    assert [s.reason for s in ladder.look(Rules(before=(3,)), case(DUE)).steps] == ["was_due"]


@pytest.mark.parametrize(("day", "monday"), [(4, 6), (5, 6), (6, 6)])
def test_weekends_are_skipped_if_the_plan_says_so(day: int, monday: int) -> None:
    rules = Rules(after=(day,), skip_weekends=True)  # 1 December 2026 + 4 is a Saturday
    assert rules.day(DUE, day) == DUE + timedelta(days=monday)
    assert replace(rules, skip_weekends=False).day(DUE, day) == DUE + timedelta(days=day)


def test_without_rules_nothing_comes() -> None:
    assert ladder.look(Rules(), case(DUE)).next_on == NEVER
