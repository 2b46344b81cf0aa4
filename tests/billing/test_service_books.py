"""Whatever happens to a service and to its bills, in whatever order: every day it runs is charged once and given back
at the most once, at what it was charged for, and all that was billed is accounted for.

The machine keeps the worth of each day by itself: read from the lines of the documents, moved where an absence moves
the days. What lies behind was served, what lies ahead could be given back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from changing import at, documents, findings, price_for, priced, renewed, reviewed, running
from factories import make_customer
from flask import Flask
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from billing import (
    change_undo,
    credit_notes,
    endings,
    package_changes,
    payments,
    reactivations,
    service_pauses,
    services,
    settings,
)
from billing.credit_notes import Chosen
from billing.endings import Wanted
from billing.unused import Unused, unused
from models import BillingError, Invoice, LineKind, Money, Package, Service, db

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "4"))
STEPS = int(os.environ.get("MACHINE_STEPS", "8"))
CENTS = 2
"""Minor units by which sums of parts that are each rounded once may differ from the whole."""
NOVEMBER = date(2026, 11, 1)
ONE = timedelta(days=1)
some = st.integers(1, 12)


class Books(RuleBasedStateMachine):
    """One service. `worth` is what each day that was charged came to, in minor units, where the day lies now; `beside`
    what else the documents come to: credit notes for days that were given back before. `since`: when it went away."""

    clock: Any
    packages: list[Package]
    last = NOVEMBER

    @initialize(start=st.integers(0, 30), billed=st.booleans())
    def begin(self, start: int, billed: bool) -> None:
        self.today = Books.last + timedelta(days=start)  # numbers follow the days
        settings.change({"bill_suspended_days": billed}, by=self.by)
        self.billed, self.state, self.since, self.pause = billed, "active", self.today, None
        self.worth: dict[date, Fraction] = {}
        self.beside, self.cash, self.seen = Fraction(0), 0, set[int]()
        self.change: Any = None
        self.ends_on: date | None = None
        self.before_change: Any = None
        customer = make_customer(tax_rate="23")
        service = running(
            self.clock, "31", start=self.today, customer=customer, package_name=f"Basic {customer.id}"
        )  # fmt: skip
        self.service_id = service.id
        self.absorb()
        self.look()

    def teardown(self) -> None:
        db.session.rollback()
        Books.last = getattr(self, "today", Books.last)

    @property
    def by(self) -> Any:
        return at(self.clock, self.today)

    @property
    def service(self) -> Service:
        return db.session.get_one(Service, self.service_id)

    @property
    def kept(self) -> bool:
        """Whether its days are not used up at present."""
        return self.state == "paused" or (self.state == "suspended" and not self.billed)

    @property
    def first(self) -> date:
        """The first day not used up."""
        return self.since if self.kept or self.state == "cancelled" else self.today

    def do(self, act: Callable[[], Any]) -> bool:
        """Done and kept, or refused in words."""
        try:
            with db.session.begin_nested():
                act()
                db.session.flush()
        except BillingError as refusal:
            assert str(refusal)
            db.session.expire_all()
            return False
        db.session.commit()
        return True

    # The days

    def absorb(self) -> None:
        """What new documents say of days: no day is charged that is charged already, none given back that is not."""
        for one in documents(self.service):
            if one.id in self.seen or one.state != "issued":
                continue
            self.seen.add(one.id)
            sign = -1 if one.kind == "credit_note" else 1
            for line in one.lines:
                if line.kind is LineKind.UNUSED:
                    self.give_back(line.period_start, line.period_end)
            for line in one.lines:
                if line.kind is not LineKind.UNUSED and line.original_line_id is None:
                    self.charge(line.period_start, line.period_end, sign * line.amount_minor)

    def give_back(self, first: date, last: date) -> None:
        for day in days(first, last):
            assert day in self.worth, f"{day} was given back and not charged"
            del self.worth[day]

    def charge(self, first: date, last: date, minor: int) -> None:
        for day in days(first, last):
            assert not self.worth.get(day), f"{day} is charged twice"
            self.worth[day] = Fraction(minor, (last - first).days)

    def move(self, first: date, to: date) -> None:
        """Days from the first on lie from another one on now."""
        self.worth = {day + (to - first) if day >= first else day: one for day, one in self.worth.items()}

    def take_over(self) -> None:
        """The days ahead as they are told now: after what has spread their worth anew."""
        ahead = days(self.first, max(self.worth, default=self.first) + ONE)
        self.worth.update(dict.fromkeys([day for day in ahead if day in self.worth], Fraction(0)))
        for one in self.left():
            for day in days(one.period.start, one.period.end):
                self.worth[day] = self.worth.get(day, Fraction(0)) + Fraction(one.amount.minor, one.period.days)
        self.beside = self.net() - sum(self.worth.values())

    def left(self, day: date | None = None) -> list[Unused]:
        return unused(self.service, day or self.first)

    def net(self) -> int:
        """What all documents come to."""
        there = [one for one in documents(self.service) if one.state == "issued"]
        return sum(-one.net_minor if one.kind == "credit_note" else one.net_minor for one in there)

    # Time

    @rule(n=some)
    def time_passes(self, n: int) -> None:
        for _ in range(n):
            self.today += ONE
            self.turn()
        self.look()

    def turn(self) -> None:
        """A day begins: bills are made where some are to come."""
        service = self.service
        pause = self.pause
        if pause and pause[0] == self.today and self.state == "active":
            self.state, self.since = "paused", pause[0]
        if pause and pause[1] is not None and pause[1] <= self.today and self.state == "paused":
            self.move(pause[0], pause[1])
            self.state, self.pause = "active", None
        if self.ends_on == self.today:
            self.ended(self.today)
            renewed(self.clock, self.today)
            self.absorb()
        due = self.state == "active" and service.next_renewal_on <= self.today
        if due or (pause and self.today in pause):
            renewed(self.clock, self.today)
            self.absorb()

    # The service

    @precondition(lambda self: self.state != "cancelled")
    @rule(which=st.integers(0, 2), months=st.sampled_from([0, 1, 3, 12]))
    def change_it(self, which: int, months: int) -> None:
        self.change_to(self.packages[which], months=months)

    @precondition(lambda self: self.state != "cancelled" and self.ends_on is None)
    @rule(days_=st.sampled_from([20, 45, 90]))
    def change_for_nothing(self, days_: int) -> None:
        """To another length at a price that what is left pays for."""
        worth = sum(one.amount.minor for one in self.left())
        if worth and self.service.days != days_:
            price = {"price": Money(worth, "EUR"), "price_reason": "As it was"}
            if self.change_to(self.service.package, months=0, days=days_, **price):
                assert self.change.invoice is None

    def spread(self) -> None:
        """The same worth pays for other days."""
        worth = sum(one for day, one in self.worth.items() if day >= self.first)
        self.worth = {day: one for day, one in self.worth.items() if day < self.first}
        self.take_over()
        assert abs(sum(one for day, one in self.worth.items() if day >= self.first) - worth) <= CENTS

    def change_to(self, package: Package, **wanted: Any) -> bool:
        before = dict(self.worth)
        change, review = reviewed(self.service, package, self.by, **wanted)
        if review.refusals:
            db.session.rollback()
            return False
        change = package_changes.carry_out(change, review.fingerprint, by=self.by)
        db.session.commit()
        self.change, self.before_change = change, (before, self.beside)
        if review.outcome == "scheduled":
            return False
        if review.figures is not None:  # what came to nothing need not be given back
            self.worth = {day: one for day, one in self.worth.items() if day < self.first or one}
        spreads = review.new_period and review.figures is None and review.back
        self.absorb()
        if spreads:
            self.spread()
        self.look()
        return True

    @precondition(lambda self: self.change is not None)
    @rule()
    def undo(self) -> None:
        change, self.change = db.session.merge(self.change), None
        if change_undo.why_not(change, by=self.by):
            return
        note = change.invoice is not None and change.invoice.kind == "credit_note"
        if self.do(lambda: change_undo.undo(change, by=self.by)):
            if note:
                self.absorb()
            else:
                self.worth, self.beside = self.before_change
            self.look()

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule()
    def suspend(self) -> None:
        assert self.do(lambda: services.suspend([self.service], by=self.by))
        self.state, self.since = "suspended", self.today
        self.look()

    @precondition(lambda self: self.state == "suspended")
    @rule()
    def come_back(self) -> None:
        assert self.do(lambda: services.unsuspend([self.service], by=self.by))
        self.returned(self.today)

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule()
    def pause_now(self) -> None:
        if self.do(lambda: service_pauses.pause(self.service, self.today, None, "", by=self.by)):
            self.state, self.since, self.pause = "paused", self.today, (self.today, None)
            self.look()

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule(ahead=some, length=some)
    def pause_later(self, ahead: int, length: int) -> None:
        start = self.today + timedelta(days=ahead)
        until = start + timedelta(days=length)
        if self.do(lambda: service_pauses.pause(self.service, start, until, "", by=self.by)):
            self.pause = (start, until)
            self.look()

    @precondition(lambda self: self.state == "paused" or (self.state == "active" and self.pause is not None))
    @rule()
    def resume(self) -> None:
        if self.state == "active":
            assert self.do(lambda: service_pauses.call_off(self.service, by=self.by))
            self.pause = None
            self.look()
        else:
            assert self.do(lambda: service_pauses.resume([self.service], by=self.by))
            self.returned(self.today)

    def returned(self, day: date) -> None:
        """Days not used up follow from that day on, and bills are up to date."""
        if self.kept:
            self.move(self.since, day)
        self.state, self.pause, self.change = "active", None, None
        renewed(self.clock, self.today)
        self.absorb()
        self.look()

    @precondition(lambda self: self.state != "cancelled")
    @rule(credit=st.booleans(), bill=st.booleans())
    def end(self, credit: bool, bill: bool) -> None:
        service, wanted = self.service, Wanted(self.today, credit=credit, bill=bill)
        since = self.first
        if self.do(lambda: endings.carry_out(service.customer, [service], wanted, seen="", by=self.by)):
            self.absorb()
            if credit:
                self.worth = {day: one for day, one in self.worth.items() if day < since or one}
            self.ended(self.today)
            self.look()

    def ended(self, day: date) -> None:
        """Days not used up follow the end."""
        if self.kept:
            self.move(self.since, day)
        self.state, self.since, self.pause, self.change, self.ends_on = "cancelled", day, None, None, None

    @precondition(lambda self: self.state != "cancelled" and self.ends_on is None)
    @rule(ahead=some)
    def end_later(self, ahead: int) -> None:
        self.ends_on = self.today + timedelta(days=ahead)
        assert self.do(lambda: services.cancel(self.service, self.ends_on, "", by=self.by))
        self.change = None

    @precondition(lambda self: self.state != "cancelled" and self.ends_on is not None)
    @rule()
    def go_on(self) -> None:
        assert self.do(lambda: reactivations.remove_end(self.service, by=self.by))
        self.ends_on = None
        renewed(self.clock, self.today)
        self.absorb()
        self.look()

    @precondition(lambda self: self.state == "cancelled")
    @rule(earlier=some)
    def bring_back(self, earlier: int) -> None:
        on = max(self.since, self.today - timedelta(days=earlier))
        foreseen = reactivations.foresee(self.service, on, by=self.by)
        assert self.do(lambda: reactivations.reactivate(self.service, on, by=self.by))
        assert self.service.next_renewal_on == foreseen.next_renewal_on
        self.state, self.since = "active", on
        renewed(self.clock, self.today)
        self.absorb()
        self.look()

    # The money

    @precondition(lambda self: any(one.open_minor for one in self.invoices()))
    @rule(data=st.data(), share=st.sampled_from([1, 2, 3]))
    def pay(self, data: Any, share: int) -> None:
        invoice = data.draw(st.sampled_from([one for one in self.invoices() if one.open_minor]))
        money = Money(max(invoice.open_minor // share, 1), "EUR")
        known = {"method": "Cash", "received_on": self.today, "invoices": [invoice]}
        assert self.do(lambda: payments.record(self.service.customer, money, by=self.by, **known))
        self.cash += money.minor
        self.look()

    @precondition(lambda self: self.invoices())
    @rule(data=st.data(), way=st.sampled_from(["whole", "line", "amount"]), share=st.sampled_from([1, 2, 5]))
    def credit(self, data: Any, way: str, share: int) -> None:
        """All that is left of an invoice, of a line, or a part of a line."""
        invoice = data.draw(st.sampled_from(self.invoices()))
        there = [one for one in credit_notes.left(invoice) if one.amount.minor > 0]
        if not there:
            return
        one = data.draw(st.sampled_from(there))
        amount = Money(max(one.amount.minor // share, 1), "EUR")
        chosen = {"whole": None, "line": [Chosen(one.line.id)], "amount": [Chosen(one.line.id, amount=amount)]}[way]
        before, net = {u.line_id: u for u in self.left()}, self.net()
        lines = [one.line.id] if chosen else [one.line.id for one in there]
        if not self.do(lambda: credit_notes.credit(invoice, chosen, reason="", send=False, by=self.by)):
            return
        after = {u.line_id: u.amount.minor for u in self.left()}
        for number, was in before.items():
            expected = was.amount.minor
            if number in lines:
                taken = amount.minor if way == "amount" else was.left.minor
                rest = was.charged - Money(taken, "EUR")
                expected = min(rest.times(was.share).minor, was.left.minor - taken) if rest.minor > 0 else 0
            assert after.get(number, 0) == max(expected, 0)
        assert self.net() < net
        self.seen.add(max(one.id for one in documents(self.service)))
        self.change = None
        self.take_over()
        self.look()

    def invoices(self) -> list[Invoice]:
        return [one for one in documents(self.service) if one.state == "issued" and one.kind == "invoice"]

    # What holds after each

    def look(self) -> None:
        assert findings(self.by) == []
        service = db.session.get_one(Service, self.service_id, populate_existing=True)
        customer = service.customer
        db.session.refresh(customer)
        assert str(service.status) == {"paused": "suspended"}.get(self.state, self.state)
        there = [one for one in documents(service) if one.state == "issued"]
        billed = sum(-one.total_minor if one.kind == "credit_note" else one.total_minor for one in there)
        owed = sum(one.open_minor for one in there)
        assert customer.balance_minor == billed - self.cash == owed - customer.credit_minor
        assert abs(self.net() - self.beside - sum(self.worth.values())) <= CENTS
        self.look_ahead(service)

    def look_ahead(self, service: Service) -> None:
        """What is left is the worth of the days ahead, on each of them; and they are all up to the next bill."""
        ahead = sorted(day for day in self.worth if day >= self.first)
        for day in {self.first, self.first + ONE, self.first + timedelta(days=9), *ahead[-2:]}:
            worth = sum(one for when, one in self.worth.items() if when >= day)
            left = self.left(day)
            assert all(0 <= one.amount.minor <= one.left.minor and 0 < one.share <= 1 for one in left)
            assert abs(sum(one.amount.minor for one in left) - worth) <= CENTS, (day, left, worth)
        if self.state == "active" or self.kept:
            assert ahead in [days(self.first, day) for day in (service.next_renewal_on, service.ends_on) if day]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days)]


@pytest.mark.database("sqlite")
def test_each_day_is_charged_once_and_given_back_once(app: Flask, clock: Any) -> None:
    first = running(clock)
    Books.clock, Books.packages = clock, [first.package, priced("Plus", "60"), priced("Mini", "10")]
    for package in Books.packages:
        for months, price in ((3, "80"), (12, "300")):
            price_for(package, price, months)
    settings.change({"shorter_period_when": "now", "downgrade_when": "now"}, by=at(clock, NOVEMBER))
    db.session.commit()
    examples = how(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, derandomize=not os.environ.get("MACHINE_SEED"),
        database=None, report_multiple_bugs=False, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Books, settings=examples)
