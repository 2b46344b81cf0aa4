"""Whatever happens to a service, in whatever order: no day is billed twice, and no day it runs is left out.

The machine keeps the days that are to be billed by itself, one by one, and knows nothing of renewals: those it ran,
and those of a suspension that were to be billed. Whenever the service runs and bills are up to date, the days paid for
are as many as these, and those up to the next renewal, and those lost by an end.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from factories import make_company, make_customer, make_package
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from servicing import at, bill
from sqlalchemy import select

from billing import doctor, paid_days, reactivations, service_edits, service_pauses, services
from billing.actor import Actor
from billing.doctor import Scope
from billing.service_edits import copy_of
from models import BillingError, Renewal, Service, db

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "4"))
ABOUT_SERVICES = ("I02", "I12", "I13", "I14", "I18", "I45", "I46", "I47", "I48")
START = date(2027, 1, 1)
few, some = st.integers(1, 12), st.integers(1, 70)


class Life(RuleBasedStateMachine):
    """One service. `days` are to be billed; `since` is the day its absence began."""

    clock: Any

    @initialize(
        start=st.integers(0, 60),
        anchor=st.sampled_from([None, 1, 15, 31]),
        terms=st.sampled_from([(1, 0), (3, 0), (0, 10)]),
    )
    def begin(self, start: int, anchor: int | None, terms: tuple[int, int]) -> None:
        self.today = START + timedelta(days=start)
        self.days: set[date] = set()
        self.lost, self.state, self.pause = 0, "active", None
        self.since = self.today
        by = self.by
        months, days = terms
        self.service: Service = services.start(
            make_customer(), self.package, start=self.today, months=months, days=days,
            anchor_day=anchor if months else None, price=self.price, by=by,
        )  # fmt: skip
        self.renew()

    def teardown(self) -> None:
        db.session.rollback()

    @property
    def by(self) -> Actor:
        return at(self.clock, self.today)

    def do(self, act: Any) -> bool:
        """Done and kept, or refused in words."""
        try:
            with db.session.begin_nested():
                act()
                db.session.flush()
        except BillingError:
            db.session.expire_all()
            return False
        db.session.commit()
        return True

    def is_away(self, day: date) -> bool:
        return self.state != "active" or (self.pause is not None and self.pause[0] <= day < self.pause[1])

    @rule()
    def renew(self) -> None:
        at(self.clock, self.today)
        bill(self.today)
        self.look()

    @rule(n=some)
    def time_passes(self, n: int) -> None:
        for _ in range(n):
            if not self.is_away(self.today):
                self.days.add(self.today)
            self.today += timedelta(days=1)
        if self.pause and self.pause[1] <= self.today and self.state == "active":
            self.pause = None
        self.renew()

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule()
    def suspend(self) -> None:
        assert self.do(lambda: services.suspend([self.service], by=self.by))
        self.state, self.since = "suspended", self.today

    @precondition(lambda self: self.state == "suspended")
    @rule(billed=st.booleans())
    def come_back(self, billed: bool) -> None:
        assert self.do(lambda: services.unsuspend([self.service], billed=billed, by=self.by))
        if billed:
            self.days |= {self.since + timedelta(days=n) for n in range((self.today - self.since).days)}
        self.state = "active"

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule(ahead=st.integers(0, 40), length=some)
    def set_pause(self, ahead: int, length: int) -> None:
        start = self.today + timedelta(days=ahead)
        until = start + timedelta(days=length)
        if self.do(lambda: service_pauses.pause(self.service, start, until, "", by=self.by)):
            self.pause = (start, until)

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule()
    def pause_now(self) -> None:
        if self.do(lambda: service_pauses.pause(self.service, self.today, None, "", by=self.by)):
            self.state = "paused"

    @precondition(lambda self: self.state == "paused" or (self.state == "active" and self.pause is not None))
    @rule()
    def resume(self) -> None:
        if self.state == "active" and self.pause[0] > self.today:
            assert self.do(lambda: service_pauses.call_off(self.service, by=self.by))
        else:
            assert self.do(lambda: service_pauses.resume([self.service], by=self.by))
        self.state, self.pause = "active", None

    @precondition(lambda self: self.state == "active" and self.pause is None)
    @rule()
    def end(self) -> None:
        assert self.do(lambda: services.cancel(self.service, self.today, "", by=self.by))
        self.state, self.since = "cancelled", self.today

    @precondition(lambda self: self.state == "cancelled")
    @rule(earlier=few)
    def bring_back(self, earlier: int) -> None:
        on = max(self.since, self.today - timedelta(days=earlier))
        paid = paid_days.paid_until(self.service)
        assert self.do(lambda: reactivations.reactivate(self.service, on, by=self.by))
        self.lost += max((min(paid, on) - self.since).days, 0)
        self.days |= {on + timedelta(days=n) for n in range((self.today - on).days)}
        self.state = "active"

    @precondition(lambda self: self.state != "cancelled" and self.service.months)
    @rule(anchor=st.sampled_from([1, 10, 29, 31]))
    def move_renewal_day(self, anchor: int) -> None:
        copy = replace(copy_of(self.service), anchor_day=anchor)
        assert self.do(lambda: service_edits.edit(self.service, copy, version=self.service.version, by=self.by))

    def look(self) -> None:
        """With bills up to date."""
        scope = Scope(self.clock())
        checks = [check for check in doctor.CHECKS if check.code in ABOUT_SERVICES]
        assert [str(found) for check in checks if (found := check.ask(scope))] == []
        service = db.session.get_one(Service, self.service.id, populate_existing=True)
        runs = not self.is_away(self.today)
        assert (service.status == "active") == runs, (service.status, self.state, self.pause)
        db.session.refresh(service.customer)
        assert service.customer.service_count == int(runs)
        if runs:
            ahead = (service.next_renewal_on - self.today).days
            assert ahead > 0, "bills are up to date"
            assert self.paid() == len(self.days) + ahead + self.lost

    def paid(self) -> int:
        living = select(Renewal).where(Renewal.service_id == self.service.id, ~Renewal.void)
        return sum(((one.cut_on or one.period_end) - one.period_start).days for one in db.session.scalars(living))


def test_no_day_is_billed_twice_and_none_is_left_out(app: Flask, clock: Any) -> None:
    make_company()
    Life.clock = clock
    Life.package = make_package(3000)
    Life.price = Life.package.prices[0].price
    db.session.commit()
    how = settings(
        max_examples=EXAMPLES, stateful_step_count=12, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Life, settings=how)
