"""Which steps of a plan are due for one invoice: pure rules about days, without rows.

Days are whole days in the business's time zone, counted from the day the invoice is due. Three rows of steps run beside
each other: reminders, the late fee, and warning, suspension, cancellation. What was done is never done again, and of
reminders only what comes after the last one counts, so that a plan can be changed at any time.

`since` divides what a run is to catch up with from what lies before the invoice came under these rules (it is new, its
plan was changed, it is open again, a promise has held it back). A step that fell due since then, while nobody ran, is
taken with its true day; of messages only the newest is sent. Of what lies before, only the newest reminder is sent, no
fee is charged, and a suspension is announced first: it follows as long after the warning as the plan says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from billing.dunning_plans import days_of
from models import DunningPlan, FeeKind, StepKind, StepState

NEVER = date.max
"""The next day of an invoice about which nothing more is to be done."""
ONE_DAY = timedelta(days=1)

NEWER, TOO_EARLY, WAS_DUE, BEFORE_RULE, NEVER_SUSPENDED, NO_SERVICE, NO_AMOUNT, NOT_SUSPENDED = (
    "newer", "too_early", "was_due", "before_rule", "never_suspend", "no_service", "no_amount", "not_suspended",
)  # fmt: skip
"""Why a step was left out, as it is stored."""
RANK = {kind: place for place, kind in enumerate(StepKind)}
REMINDERS = (StepKind.BEFORE, StepKind.AFTER)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a plan says about days."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    fee_after: int | None = None
    warn_before: tuple[int, ...] = ()
    suspend_after: int | None = None
    cancel_after: int | None = None
    skip_weekends: bool = False

    @staticmethod
    def of(plan: DunningPlan) -> Rules:
        return Rules(
            days_of(plan.before), days_of(plan.after),
            plan.fee_after if plan.fee_kind != FeeKind.NONE else None,
            days_of(plan.warn_before), plan.suspend_after, plan.cancel_after, plan.skip_weekends,
        )  # fmt: skip

    def day(self, due_on: date, days: int) -> date:
        """The day of a step; the Monday after, where it falls on a weekend and those are skipped."""
        return self.working(due_on + timedelta(days=days))

    def working(self, day: date) -> date:
        return day + timedelta(days=max(7 - day.weekday(), 0)) if self.skip_weekends and day.weekday() > 4 else day


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was taken or left out before."""

    kind: StepKind
    days: int
    on: date
    state: StepState = StepState.DONE


@dataclass(frozen=True, slots=True)
class Take:
    """A step to take now, or (`state` skipped) to write down as left out, with its day and why."""

    kind: StepKind
    days: int
    on: date
    state: StepState = StepState.DONE
    reason: str = ""


@dataclass(slots=True)
class Look:
    """What a look at an invoice found: the steps due, in their order, and when to look again."""

    steps: list[Take] = field(default_factory=list)
    next_on: date = NEVER


@dataclass(frozen=True, slots=True)
class Case:
    """An invoice as the rules see it on the day `on`. `fee_since` is `since` for the fee, which a promise only puts
    off. `reminders_only`: no fee and no suspension hangs on it. `never_suspend` is the customer's."""

    due_on: date
    issued_on: date
    on: date
    since: date
    done: Sequence[Done] = ()
    fee_since: date | None = None
    reminders_only: bool = False
    never_suspend: bool = False


def look(rules: Rules, case: Case) -> Look:
    """The steps that are due up to the day of the case, and the day of the next one."""
    found = _Finder(rules, case)
    found.reminders()
    if not case.reminders_only:
        found.fee()
        found.suspension()
    found.look.steps.sort(key=lambda step: (step.on, RANK[step.kind], step.days))
    return found.look


def suspension_day(rules: Rules, case: Case) -> date:
    """When services are suspended if nothing is paid, with the warnings that were said; NEVER without that."""
    return _Finder(rules, case).suspension_day() if rules.suspend_after is not None else NEVER


def timeline(rules: Rules, case: Case, until: date = NEVER) -> list[Take]:
    """What will come if nothing is paid and nothing is changed, in its order: for people to see."""
    found: list[Take] = []
    done = list(case.done)
    on, since = case.on, case.since
    while on < until and len(found) < 100:
        now = look(rules, replace(case, on=on, since=since, done=done))
        found += [step for step in now.steps if step.state is StepState.DONE]
        done += [Done(step.kind, step.days, step.on, step.state) for step in now.steps]
        if now.next_on == NEVER:
            break
        on, since = now.next_on, now.next_on
    return found


class _Finder:
    def __init__(self, rules: Rules, case: Case) -> None:
        self.rules, self.case, self.look = rules, case, Look()
        self.done = [step for step in case.done if step.state is not StepState.UNDONE]

    def reminders(self) -> None:
        offsets = sorted({*(-days for days in self.rules.before), *self.rules.after})
        last = max((step.days for step in self.done if step.kind in REMINDERS), default=None)
        due, later = self._split(days for days in offsets if last is None or days > last)
        self._wait(later)
        wanted = [days for days in due if not self._pointless(days)]
        for days in due:
            kind = StepKind.BEFORE if days < 0 else StepKind.AFTER
            reason = self._pointless(days) or (NEWER if days != wanted[-1] else "")
            self._take(kind, days, self._day(days), reason)

    def _pointless(self, days: int) -> str:
        """A word before the day is said while there is time, and not right after the invoice itself."""
        if days >= 0:
            return ""
        if self._day(days) <= self.case.issued_on:
            return TOO_EARLY
        return WAS_DUE if self.case.on >= self.case.due_on else ""

    def fee(self) -> None:
        days = self.rules.fee_after
        if days is None or any(step.kind is StepKind.FEE for step in self.done):
            return
        day = self._day(days)
        if day > self.case.on:
            self._wait([days])
            return
        since = self.case.since if self.case.fee_since is None else self.case.fee_since
        self._take(StepKind.FEE, days, day, "" if day >= since else BEFORE_RULE, since)

    def suspension(self) -> None:
        days = self.rules.suspend_after
        if days is None:
            return
        before = self._last(StepKind.SUSPEND)
        if before is None:
            before = self._suspend(days)
        if before is not None and before.state is StepState.DONE:
            self._cancel(days, before.on)

    def _suspend(self, days: int) -> Done | None:
        """Warn, or suspend; what became of the suspension if it was its day."""
        never = NEVER_SUSPENDED if self.case.never_suspend else ""
        warned, day = self._last(StepKind.WARNING), self.suspension_day()
        due, later = self._split(one for one in self._warnings() if warned is None or one > warned.days)
        for one in due:
            self._take(StepKind.WARNING, one, self._day(one), NEWER if day <= self.case.on or one != due[-1] else "")
        if day > self.case.on:
            self._wait(later)
            self._wait_for(day)
            return None
        on = self._take(StepKind.SUSPEND, days, day, never)
        return Done(StepKind.SUSPEND, days, on, StepState.SKIPPED if never else StepState.DONE)

    def suspension_day(self) -> date:
        """Never earlier after the last warning than the plan says; one that lies before `since` is said now."""
        days, offsets, warned = self.rules.suspend_after or 0, self._warnings(), self._last(StepKind.WARNING)
        day = self._day(days)
        if not offsets:
            return day
        last = offsets[-1]
        if warned is not None and warned.days >= last:
            return max(day, self._after(warned.on, days - warned.days))
        said = self._day(last)
        return max(day, self._after(self.case.on if said < self.case.since else said, days - last))

    def _warnings(self) -> list[int]:
        """Nothing is announced that will not come."""
        if self.case.never_suspend:
            return []
        return sorted((self.rules.suspend_after or 0) - lead for lead in self.rules.warn_before)

    def _cancel(self, suspended: int, on: date) -> None:
        days = self.rules.cancel_after
        if days is None or self._last(StepKind.CANCEL) is not None:
            return
        day = max(self._day(days), self._after(on, days - suspended))
        if day > self.case.on:
            self._wait_for(day)
        else:
            self._take(StepKind.CANCEL, days, day, "")

    def _last(self, kind: StepKind) -> Done | None:
        mine = [step for step in self.done if step.kind is kind]
        return max(mine, key=lambda step: step.days) if mine else None

    def _day(self, days: int) -> date:
        return self.rules.day(self.case.due_on, days)

    def _after(self, day: date, days: int) -> date:
        return self.rules.working(day + timedelta(days=days))

    def _split(self, offsets: Iterable[int]) -> tuple[list[int], list[int]]:
        """Those that are due, and those to come."""
        listed = list(offsets)
        due = [days for days in listed if self._day(days) <= self.case.on]
        return due, [days for days in listed if days not in due]

    def _wait(self, offsets: Sequence[int]) -> None:
        for days in offsets:
            self._wait_for(self._day(days))

    def _wait_for(self, day: date) -> None:
        self.look.next_on = min(self.look.next_on, day)

    def _take(self, kind: StepKind, days: int, day: date, reason: str, since: date | None = None) -> date:
        """What lies before the rules held belongs to the day of the run, all else to its own day."""
        on = day if day >= (self.case.since if since is None else since) else self.case.on
        state = StepState.SKIPPED if reason else StepState.DONE
        self.look.steps.append(Take(kind, days, on, state, reason))
        return on
