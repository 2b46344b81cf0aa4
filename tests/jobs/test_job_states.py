"""Pausing a job, resuming it and asking for it now: what people want, and what the scheduler makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import make_company
from flask import Flask
from shop import DECEMBER, shop
from sqlalchemy import func, select

from billing import company, unattended
from billing.actor import Actor, NotAllowed
from billing.runs import WrongDay
from billing.unattended import AlreadyAsked, NoReason, NotPaused, WrongUntil
from jobs import job_states, renewals, schedule
from jobs.daily import Daily
from jobs.lease import LeaseTaken
from jobs.schedule import Job
from models import AuditEvent, Invoice, JobDay, JobOutcome, JobState, Run, RunState, db

NIGHT = Daily("night", hour=lambda company: 2)


class Work:
    """A job that writes down when it was done, and for which day."""

    def __init__(self, app: Flask, daily: bool = True) -> None:
        make_company()
        db.session.commit()
        self.app, self.done, self.fails = app, [], None
        self.job = Job(
            "night", "Work.", timedelta(seconds=5), self, "daily", daily=NIGHT if daily else None, takes_day=True
        )
        schedule.look(self.job)

    def __call__(self, on: date | None) -> Mapping[str, Any]:
        self.done.append(on)
        if self.fails:
            raise self.fails
        return {"sent": len(self.done)}

    def look(self, day: date, hour: int = 3) -> list[date | None]:
        """The scheduler looks on that day; what it has done in all."""
        self.app.clock.set(day, hour)
        schedule.look(self.job)
        return self.done


@pytest.fixture
def work(app: Flask) -> Work:
    return Work(app)


def state() -> JobState:
    db.session.expire_all()
    return db.session.get_one(JobState, "night")


def day(n: int) -> date:
    return date(2026, 11, n)


def verbs() -> list[str]:
    return list(
        db.session.scalars(select(AuditEvent.verb).where(AuditEvent.verb.like("job.%")).order_by(AuditEvent.id))
    )


def test_a_paused_job_is_not_done_and_catches_up_when_it_is_resumed(work: Work, by: Actor) -> None:
    unattended.pause("night", " The bank is closed. ", None, by=by)
    db.session.commit()
    assert [work.look(day(n)) for n in (23, 24, 25)] == [[], [], []]
    assert (state().paused_by, state().paused_why) == (by.name, "The bank is closed.")
    unattended.resume("night", by=by)
    db.session.commit()
    assert work.look(day(25), 4) == [day(25)]
    assert verbs() == ["job.paused", "job.resumed"]
    with pytest.raises(NotPaused):
        unattended.resume("night", by=by)


def test_a_pause_with_an_end_ends_by_itself_and_leaves_its_trace(work: Work, by: Actor) -> None:
    unattended.pause("night", "Holiday", day(25), by=by)
    db.session.commit()
    assert work.look(day(24)) == []
    assert work.look(day(25), 1) == [] and state().paused_at is None
    assert work.look(day(25)) == [day(25)]
    assert verbs() == ["job.paused", "job.resumed"]


def test_renewals_that_were_paused_for_days_make_the_bills_of_those_days_in_their_order(
    app: Flask, by: Actor, clock: Clock
) -> None:  # fmt: skip
    shop(by)
    job = schedule.named("renewals")
    schedule.look(job)
    unattended.pause("renewals", "Prices are being checked", None, by=by)
    db.session.commit()
    for n in range(3):
        clock.set(DECEMBER + timedelta(days=n), hour=3)
        schedule.look(job)
    assert not db.session.scalar(select(func.count(Invoice.id)))
    unattended.resume("renewals", by=by)
    db.session.commit()
    schedule.look(job)
    issued = db.session.scalars(select(Invoice.period_start).order_by(Invoice.id)).all()
    assert len(issued) == 9 and issued == sorted(issued)


def test_what_is_asked_for_is_done_once_for_its_day_also_while_it_is_paused(work: Work, by: Actor) -> None:
    unattended.pause("night", "Holiday", None, by=by)
    unattended.ask_for(work.job.described(), day(20), by=by)
    with pytest.raises(AlreadyAsked, match=by.name):
        unattended.ask_for(work.job.described(), day(20), by=by)
    db.session.commit()
    assert job_states.asked() == ["night"]
    assert work.look(day(23)) == [day(20)] and work.look(day(24)) == [day(20)]
    row = db.session.scalars(select(Run)).one()
    assert (row.started_by, row.state, row.counts, row.busy_ms) == (by.name, RunState.FINISHED, {"sent": 1}, 0)
    assert (state().asked_at, state().begun_at, state().outcome) == (None, None, JobOutcome.DONE)


def test_a_go_with_nothing_to_do_is_told_too(app: Flask, by: Actor) -> None:
    work = Work(app, daily=False)
    job = Job("night", "Rest.", timedelta(seconds=5), lambda on: {"sent": 0}, "always")
    unattended.ask_for(job.described(), None, by=by)
    db.session.commit()
    schedule.look(job)
    assert state().outcome is JobOutcome.NOTHING
    assert [(run.state, run.counts) for run in db.session.scalars(select(Run).order_by(Run.id)).all()][1:] == [
        (RunState.FINISHED, {})
    ]
    assert work.done


def test_a_failing_day_says_why_and_a_go_by_hand_ends_the_trouble(work: Work, by: Actor) -> None:
    work.fails = OSError("the disk is full")
    work.look(day(23))
    assert (state().outcome, state().remark) == (JobOutcome.FAILED, "OSError: the disk is full")
    assert db.session.get(JobDay, "night").tries == 1
    work.fails = None
    unattended.ask_for(work.job.described(), day(23), by=by)
    db.session.commit()
    schedule.look(work.job)
    db.session.expire_all()
    assert (state().outcome, db.session.get(JobDay, "night").tries) == (JobOutcome.DONE, 0)
    assert len(work.look(day(23), 5)) == 2


def test_what_could_not_begin_waits_on(work: Work, by: Actor) -> None:
    work.fails = LeaseTaken("night")
    unattended.ask_for(work.job.described(), day(23), by=by)
    db.session.commit()
    schedule.look(work.job)
    assert (state().asked_by, state().outcome) == (by.name, None)
    work.fails = None
    schedule.look(work.job)
    assert (state().asked_at, state().outcome) == (None, JobOutcome.DONE)


def test_what_is_refused(app: Flask, by: Actor) -> None:
    known = schedule.named("quotes").described()
    nobody = Actor(name="Sam", at=by.at, today=by.today, permissions=frozenset({"runs.view"}))
    for rule in (
        lambda: unattended.pause("quotes", "Why", None, by=nobody),
        lambda: unattended.resume("quotes", by=nobody),
        lambda: unattended.ask_for(known, None, by=nobody),
    ):
        with pytest.raises(NotAllowed):
            rule()
    with pytest.raises(NoReason):
        unattended.pause("quotes", "  ", None, by=by)
    for until in (by.today, by.today + timedelta(days=4000)):
        with pytest.raises(WrongUntil):
            unattended.pause("quotes", "Why", until, by=by)
    with pytest.raises(WrongDay):
        unattended.ask_for(known, by.today + timedelta(days=4000), by=by)


@pytest.mark.parametrize(
    ("done_on", "tries", "at", "expected"),
    [
        (None, 0, "2026-11-22T01:00Z", "2026-11-22T02:00Z"),
        (None, 0, "2026-11-22T09:00Z", "2026-11-23T02:00Z"),
        (day(22), 0, "2026-11-22T09:00Z", "2026-11-23T02:00Z"),
        (day(21), 0, "2026-11-22T09:00Z", "2026-11-22T09:00Z"),
        (day(21), 3, "2026-11-22T09:00Z", "2026-11-22T09:07Z"),
        (day(23), 0, "2026-11-22T01:00Z", "2026-11-23T02:00Z"),
    ],
)
def test_when_a_daily_job_comes_next(
    app: Flask, done_on: date | None, tries: int, at: str, expected: str
) -> None:  # fmt: skip
    now = datetime.fromisoformat(at)
    row = JobDay(name="night", done_on=done_on, tries=tries, next_try_at=now + timedelta(minutes=7) if tries else None)
    known = Job("night", "", timedelta(seconds=1), dict, "", daily=NIGHT).described()  # type: ignore[arg-type]
    assert unattended.next_at(known, row if done_on else None, now, company.settings()) == datetime.fromisoformat(
        expected
    )


def test_the_app_tells_the_panel_of_every_job(app: Flask) -> None:
    told = app.extensions["unattended"]
    assert [work.name for work in told] == [job.name for job in schedule.JOBS]
    assert {work.name: work.hour_setting for work in told if work.hour_setting}["renewals"] == "renewals_hour"
    assert renewals.LEASE == "renewals"
