"""When the jobs are due and what they leave behind: once a day whatever the clock does, no row for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company
from flask import Flask
from shop import DECEMBER, fresh_shop, shop
from snapshot import snapshot
from sqlalchemy import func, select

from billing.actor import Actor, NotAllowed
from billing.runs import SCHEDULER, AlreadyWaiting, ask_for, scheduler_alive
from jobs import lease, queue, renewals, results, schedule, stopping
from jobs.daily import Daily
from jobs.schedule import Job
from models import (
    Company,
    FormToken,
    Invoice,
    OneTimeToken,
    Role,
    Run,
    RunState,
    SignInAttempt,
    Staff,
    WebSession,
    db,
)  # fmt: skip


def nights(app: Flask, zone: str, hour: int, first: datetime, hours: int) -> list[datetime]:
    """Look every ten minutes; the moments at which the day's work was done."""
    make_company(timezone=zone, renewals_hour=hour)
    db.session.commit()
    done: list[datetime] = []
    daily = Daily("night", hour=lambda company: company.renewals_hour)
    app.clock.now = first
    for _ in range(hours * 6):
        app.clock.advance(minutes=10)
        day = daily.due()
        if day:
            done.append(app.clock())
            daily.done(day)
    return done


@pytest.mark.parametrize(
    ("zone", "first", "hour", "moments"),
    [
        # The hour from 2 to 3 is missing: it is done at 3:00 summer time.
        ("Europe/Berlin", "2027-03-27T12:00Z", 2, ["2027-03-28T01:00Z", "2027-03-29T00:00Z"]),
        # The hour from 2 to 3 comes twice: it is done in the first one.
        ("Europe/Berlin", "2027-10-30T12:00Z", 2, ["2027-10-31T00:00Z", "2027-11-01T01:00Z"]),
        ("America/New_York", "2027-03-13T12:00Z", 2, ["2027-03-14T07:00Z", "2027-03-15T06:00Z"]),
        ("America/New_York", "2027-11-06T12:00Z", 1, ["2027-11-07T05:00Z", "2027-11-08T06:00Z"]),
        # Half an hour only, and on the other side of the world.
        ("Australia/Lord_Howe", "2027-10-02T03:00Z", 2, ["2027-10-02T15:30Z", "2027-10-03T15:00Z"]),
        ("Australia/Lord_Howe", "2027-04-03T03:00Z", 1, ["2027-04-03T14:00Z", "2027-04-04T14:30Z"]),
        # Midnight itself does not exist.
        ("Africa/Cairo", "2027-04-29T12:00Z", 0, ["2027-04-29T22:00Z", "2027-04-30T21:00Z"]),
    ],
)
def test_the_night_clocks_change_has_one_run(
    app: Flask, zone: str, first: str, hour: int, moments: list[str]
) -> None:  # fmt: skip
    done = nights(app, zone, hour, datetime.fromisoformat(first), 42)
    assert done == [datetime.fromisoformat(moment) for moment in moments]


def daily_at_two(app: Flask, **company: Any) -> Daily:
    """A company whose scheduler has looked once, on 22 November at 9:30, after the hour."""
    make_company(**company)
    db.session.commit()
    daily = Daily("night", hour=lambda company: company.renewals_hour, on=lambda company: company.renewals_on)
    assert daily.due() is None
    return daily


def test_a_new_installation_begins_at_the_next_hour(app: Flask, clock: Clock) -> None:
    daily = daily_at_two(app)
    clock.set(date(2026, 11, 23), hour=1)
    assert daily.due() is None
    clock.set(date(2026, 11, 23), hour=2)
    assert daily.due() == date(2026, 11, 23)


def test_without_a_company_nothing_is_due(app: Flask, clock: Clock) -> None:
    daily = Daily("night", hour=lambda company: 2)
    for day in range(3):
        clock.set(date(2026, 11, 22 + day))
        assert daily.due() is None


def test_what_was_off_for_days_is_due_once(app: Flask, clock: Clock) -> None:
    daily = daily_at_two(app)
    clock.set(date(2026, 12, 2), hour=1)
    assert daily.due() is None
    clock.set(date(2026, 12, 2), hour=15)
    assert daily.due() == date(2026, 12, 2)
    daily.done(date(2026, 12, 2))
    assert daily.due() is None


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(hours=12), timedelta(days=1)])
def test_a_clock_put_back_repeats_nothing(app: Flask, clock: Clock, back: timedelta) -> None:
    daily = daily_at_two(app)
    clock.set(date(2026, 11, 23), hour=9)
    daily.done(daily.due())
    clock.now -= back
    assert daily.due() is None


def test_a_clock_that_was_years_ahead_does_not_stop_the_work_for_years(app: Flask, clock: Clock) -> None:
    daily = daily_at_two(app)
    clock.set(date(2036, 1, 1))
    daily.done(daily.due())
    clock.set(date(2026, 11, 24))
    assert daily.due() == date(2026, 11, 24)


def test_switched_off_it_waits_and_does_not_begin_in_the_middle_of_a_day(app: Flask, clock: Clock) -> None:
    daily = daily_at_two(app)
    db.session.get(Company, 1).renewals_on = False
    db.session.commit()
    clock.set(date(2026, 12, 1), hour=15)
    assert daily.due() is None
    db.session.get(Company, 1).renewals_on = True
    db.session.commit()
    assert daily.due() is None
    clock.set(date(2026, 12, 2), hour=2)
    assert daily.due() == date(2026, 12, 2)


def test_an_hour_still_to_come_is_kept_when_it_is_switched_on_before_it(app: Flask, clock: Clock) -> None:
    daily = daily_at_two(app, renewals_on=False, renewals_hour=22)
    db.session.get(Company, 1).renewals_on = True
    db.session.commit()
    clock.set(date(2026, 11, 22), hour=22)
    assert daily.due() == date(2026, 11, 22)


def test_a_failing_day_is_tried_again_at_growing_distances(app: Flask, clock: Clock) -> None:
    tried: list[datetime] = []

    def work(on: date | None) -> Mapping[str, Any]:
        tried.append(clock())
        raise OSError("the disk is full")

    job = Job("night", "Fail.", timedelta(seconds=1), work, "daily", daily=daily_at_two(app))
    clock.set(date(2026, 11, 23), hour=2)
    for _ in range(240):
        schedule.look(job)
        clock.advance(minutes=1)
    assert [(at - tried[0]) // timedelta(minutes=1) for at in tried] == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    rows = db.session.scalars(select(Run)).all()
    assert [(row.kind, row.state, row.error, row.counts) for row in rows] == [
        ("night", RunState.FAILED, "OSError: the disk is full", {"times": 9})
    ]


def test_renewals_of_three_days_off_are_those_of_a_scheduler_that_never_slept(app: Flask, clock: Clock) -> None:
    job = schedule.named("renewals")

    def history(days: list[int]) -> tuple[dict[str, Any], int]:
        clock.set(date(2026, 11, 30))
        fresh_shop(app)
        schedule.look(job)
        for day in days:
            clock.set(DECEMBER + timedelta(days=day), hour=3)
            schedule.look(job)
            schedule.look(job)
        return snapshot(), db.session.scalar(select(func.count(Run.id)))

    awake, runs = history([0, 1, 2, 3, 4])
    slept, fewer = history([0, 4])
    assert (runs, fewer) == (5, 2)
    for table in ("invoice", "invoice_line", "renewal", "ledger_entry", "service", "credit", "allocation"):
        assert slept[table] == awake[table], table
    clock.advance(days=-1)
    schedule.look(job)
    assert snapshot() == slept


def test_a_queued_run_is_carried_out_in_the_name_of_who_asked(app: Flask, by: Actor) -> None:
    shop(by)
    preview = ask_for("preview", DECEMBER, by)
    real = add(Run(kind="renewals", on=DECEMBER, state=RunState.QUEUED, started_by="", started_at=by.at))
    preview.started_by = real.started_by = "Ana Silva"
    db.session.commit()
    for _ in range(3):
        schedule.look(schedule.named("queue"))
    runs = db.session.scalars(select(Run).order_by(Run.id)).all()
    assert [(run.kind, run.state, run.done, run.started_by) for run in runs] == [
        ("preview", RunState.FINISHED, 3, "Ana Silva"),
        ("renewals", RunState.FINISHED, 3, "Ana Silva"),
    ]
    assert db.session.scalar(select(func.count(Invoice.id))) == 3


def test_a_queued_run_waits_while_another_one_is_under_way(app: Flask, by: Actor) -> None:
    shop(by)
    run_id = ask_for("renewals", DECEMBER, by).id
    db.session.commit()
    with lease.held(renewals.LEASE):
        queue.run()
        assert db.session.get(Run, run_id).state is RunState.QUEUED
    queue.run()
    assert db.session.get(Run, run_id).state is RunState.FINISHED


def test_a_run_that_was_begun_elsewhere_is_left_alone(app: Flask, by: Actor, clock: Clock) -> None:
    shop(by)
    run_id = ask_for("renewals", DECEMBER, by).id
    db.session.commit()
    queue.carry_out(run_id, "renewals", DECEMBER, "Ana")
    run = db.session.get(Run, run_id)
    before = snapshot(), run.state, run.done, run.total, run.started_by, run.finished_at
    clock.advance(minutes=1)
    queue.carry_out(run_id, "renewals", DECEMBER, "Ben")
    db.session.expire_all()
    assert (snapshot(), run.state, run.done, run.total, run.started_by, run.finished_at) == before


def test_a_run_that_cannot_begin_says_so_and_does_not_wait_for_ever(app: Flask, by: Actor) -> None:
    run = ask_for("renewals", DECEMBER, by)
    add(Company(id=1, name="X", currency="EUR", timezone="Mars/Olympus"))
    db.session.commit()
    schedule.look(schedule.named("queue"))
    assert (run.state, run.error) == (
        RunState.FAILED,
        "ZoneInfoNotFoundError: 'No time zone found with key Mars/Olympus'",
    )


def test_a_cut_off_run_is_gone_on_with_but_not_for_ever(app: Flask, by: Actor) -> None:
    shop(by)
    last = None
    for _ in range(queue.TRIES):
        last = add(Run(kind="renewals", on=DECEMBER, started_by="Ana", started_at=by.at, resumes_id=last and last.id))
        if last.resumes_id:
            db.session.get(Run, last.resumes_id).state = RunState.STOPPED
    db.session.commit()
    queue.run()
    assert last.state is RunState.STOPPED
    assert db.session.scalar(select(func.count(Run.id)).where(Run.state == RunState.QUEUED)) == 0

    young = add(Run(kind="renewals", on=DECEMBER, started_by="Ana", started_at=by.at))
    db.session.commit()
    queue.run()
    queue.run()
    rest = db.session.scalars(select(Run).where(Run.resumes_id == young.id)).one()
    assert (rest.state, rest.done, rest.started_by) == (RunState.FINISHED, 3, "Ana")


def test_a_process_that_is_told_to_stop_leaves_the_rest_for_the_next(
    app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(renewals, "CHUNK", 2)
    shop(by)
    first = ask_for("renewals", DECEMBER, by).id
    db.session.commit()
    stopping.ask()
    try:
        schedule.look(schedule.named("queue"))
    finally:
        stopping.withdraw()
    stopped = db.session.get(Run, first)
    assert (stopped.state, stopped.done) == (RunState.STOPPED, 2)
    schedule.look(schedule.named("queue"))
    rest = db.session.scalars(select(Run).where(Run.resumes_id == first)).one()
    assert (rest.state, rest.done) == (RunState.FINISHED, 1)
    assert db.session.scalar(select(func.count(Invoice.id))) == 3


def test_only_who_may_start_runs_asks_for_one_and_only_once(app: Flask, by: Actor) -> None:
    with pytest.raises(NotAllowed):
        ask_for("renewals", DECEMBER, Actor(name="Sam", at=by.at, today=by.today))
    run = ask_for("renewals", DECEMBER, by)
    for state in (RunState.QUEUED, RunState.RUNNING):
        run.state = state
        with pytest.raises(AlreadyWaiting):
            ask_for("preview", DECEMBER + timedelta(days=1), by)
    run.state = RunState.STOPPED
    ask_for("preview", DECEMBER, by)


def test_doing_nothing_leaves_no_row_and_a_day_has_one(app: Flask, clock: Clock) -> None:
    did: list[dict[str, Any]] = [{"sent": 0}, {"sent": 2, "error": ""}, {"sent": 3, "failed": 1}, {}]
    job = Job("post", "Send.", timedelta(seconds=1), lambda on: did.pop(0), "always")
    for _ in range(4):
        schedule.look(job)
    clock.advance(days=1)
    did.append({"sent": 1})
    schedule.look(job)
    rows = db.session.execute(select(Run.on, Run.state, Run.counts, Run.done).order_by(Run.id)).all()
    assert [tuple(row) for row in rows] == [
        (date(2026, 11, 22), RunState.FINISHED, {"sent": 5, "failed": 1}, 6),
        (date(2026, 11, 23), RunState.FINISHED, {"sent": 1}, 1),
    ]


def test_a_finding_is_written_when_it_changes(app: Flask) -> None:
    for findings in ([], ["a is wrong"], ["a is wrong"], [], []):
        results.found("doctor", findings)
    rows = db.session.execute(select(Run.state, Run.error, Run.counts).order_by(Run.id)).all()
    assert [tuple(row) for row in rows] == [
        (RunState.FAILED, "a is wrong", {"findings": 1}),
        (RunState.FINISHED, "", {"findings": 0}),
    ]


def test_cleaning_takes_what_is_over_and_leaves_the_rest(app: Flask, clock: Clock) -> None:
    now = clock()
    staff = add(Staff(email="a@b.example", name="A", role=add(Role(name="x"))))

    def session(name: str, **ago: float) -> None:
        at = now - timedelta(**ago)
        add(WebSession(token_hash=name, staff_id=staff.id, started_at=at, seen_at=at, confirmed_at=at))

    session("old", minutes=30)
    session("new", minutes=29)
    for name, days in (("old", 30), ("new", 29)):
        at = now - timedelta(days=days)
        add(FormToken(token=name, used_at=at))
        add(OneTimeToken(token_hash=name, purpose="password", staff_id=staff.id, expires_at=at))
    add(SignInAttempt(key="old", at=now - timedelta(minutes=15)))
    add(SignInAttempt(key="new", at=now - timedelta(minutes=14)))
    db.session.commit()
    schedule.carry_out(schedule.named("cleaning"))
    for column in (WebSession.token_hash, FormToken.token, OneTimeToken.token_hash, SignInAttempt.key):
        assert db.session.scalars(select(column)).all() == ["new"], column
    row = db.session.scalars(select(Run)).one()
    assert row.counts == {"sessions": 1, "links": 1, "sign_in_tries": 1, "forms": 1}


def test_the_panel_knows_whether_a_scheduler_is_alive(app: Flask, clock: Clock) -> None:
    assert not scheduler_alive(clock())
    mine = lease.acquire(SCHEDULER, timedelta(seconds=60))
    assert scheduler_alive(clock())
    clock.advance(seconds=60)
    assert not scheduler_alive(clock())
    lease.acquire(SCHEDULER, timedelta(seconds=60))
    lease.release(mine)
    assert scheduler_alive(clock()), "an old owner cannot give back what is not his"


def test_jobs_from_the_command_line(app: Flask, by: Actor) -> None:
    shop(by)
    flask = app.test_cli_runner()
    shown = flask.invoke(args=["jobs", "list"]).output
    assert [line.split()[0] for line in shown.splitlines()] == [job.name for job in schedule.JOBS]
    done = flask.invoke(args=["jobs", "run", "renewals", "--on", "2026-12-01"])
    assert (done.exit_code, done.output) == (0, "2026-12-01: 3 invoices made for 3 customers, 69.46 EUR.\n")
    for name, did in {"cleaning": "nothing to do", "dunning": "1 invoices"}.items():
        assert flask.invoke(args=["jobs", "run", name]).output == f"{name}: {did}.\n"
    for words, said in {
        ("nothing",): "There is no job 'nothing'. Choose one of: renewals,",
        ("cleaning", "--on", "2026-12-01"): "works by the moment; leave out --on.",
        ("renewals", "--on", "2026-13-01"): "'2026-13-01' does not match",
    }.items():
        refused = flask.invoke(args=["jobs", "run", *words])
        assert refused.exit_code != 0 and said in refused.output
    with lease.held(renewals.LEASE):
        refused = flask.invoke(args=["jobs", "run", "renewals"])
    assert refused.exit_code == 1 and "by another process just now" in refused.output
