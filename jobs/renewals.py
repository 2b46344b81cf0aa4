"""The renewals run: pick what is due, one rule per chunk, one commit per chunk, a row for every result."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from billing import company, ending, price_changes, renewals, service_pauses, service_transfers
from billing.actor import Actor
from billing.money import Money
from billing.renewals.bill import Bill
from models import BillingGroup, Run, RunState, RunUnit, UnitState, db
from models.faults import faultpoint

from . import clock, stopping
from .lease import Held, LeaseLost, held
from .missed_days import MissedDays
from .package_changes import Changes
from .waiting import patiently

LEASE = "renewals"
CHUNK = 500


class NotQueued(Exception):
    """Another scheduler has begun this run already."""


@dataclass
class Tally:
    """What a run has done so far."""

    done: int = 0
    states: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, bills: Sequence[Bill]) -> None:
        self.done += len(bills)
        for bill in bills:
            self.states[bill.state.value] += 1
            if bill.makes_invoice:
                self.totals[bill.amount.currency] += bill.amount.minor


@dataclass
class Work:
    """One run under way: its row, its day, what it looks up, and who watches."""

    run_id: int
    on: date
    tables: renewals.Tables
    by: Actor
    lease: Held
    tally: Tally = field(default_factory=Tally)
    watch: Callable[[int, int], None] | None = None
    total: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def until(self) -> date:
        """The last renewal day this run bills: today, and the days it is ahead."""
        return self.on + timedelta(days=self.tables.company.issue_days_ahead)


def run(
    on: date | None = None,
    *,
    dry_run: bool = False,
    by: Actor | None = None,
    run_id: int | None = None,
    watch: Callable[[int, int], None] | None = None,
    waiting: Callable[[str], None] | None = None,
    wait: bool = True,
) -> dict[str, Any]:
    """Bill everything due up to `on` (today if not given), days missed in date order; returns the figures.

    A dry run does all of it and keeps nothing but its results. `run_id` is a queued run to carry out. Raises
    LeaseTaken when another run is going on and `wait` is false, NotQueued when the queued run was begun elsewhere,
    Stopping when the process is to end.
    """
    started = time.monotonic()
    actor = by or clock.actor()
    with held(LEASE, wait=wait, waiting=waiting) as lease:
        work = _begin(on or clock.today(), dry_run, actor, lease, run_id, watch)
        try:
            with rare_collections():
                (_preview if dry_run else _bill)(work)
            _finish(work, RunState.FINISHED)
        except LeaseLost:
            raise
        except BaseException as error:
            db.session.rollback()
            _finish(work, RunState.STOPPED, str(error)[:500])
            raise
        return figures(work.run_id, time.monotonic() - started)


def _begin(
    on: date,
    dry_run: bool,
    by: Actor,
    lease: Held,
    run_id: int | None,
    watch: Callable[[int, int], None] | None,
) -> Work:
    """The run's row, telling which interrupted run it goes on with: we hold the lease, so that one is dead."""
    lease.hold()
    broken = db.session.scalars(
        select(Run).where(Run.kind.in_(("renewals", "preview")), Run.state == RunState.RUNNING).order_by(Run.id)
    ).all()
    for earlier in broken:
        earlier.state, earlier.error = RunState.STOPPED, "It was interrupted; the next run went on from there."
    if run_id:
        row = _queued(run_id)
    else:
        row = Run(kind="preview" if dry_run else "renewals", on=on, started_by=by.name, started_at=by.at)
        db.session.add(row)
    row.on, row.state, row.started_at = on, RunState.RUNNING, by.at
    if broken and not dry_run:
        row.resumes_id = broken[-1].id
    tables = renewals.Tables.load(company.settings())
    work = Work(0, on, tables, by, lease, watch=watch)
    renewals.refresh_statistics()
    row.total = work.total = renewals.count(work.until)
    db.session.flush()
    work.run_id = row.id
    db.session.commit()
    return work


def _queued(run_id: int) -> Run:
    """The run somebody asked for, if nobody else has begun it."""
    row = db.session.get(Run, run_id, populate_existing=True)
    if row is None or row.state is not RunState.QUEUED:
        raise NotQueued(run_id)
    return row


@contextmanager
def rare_collections() -> Iterator[None]:
    """A chunk is tens of thousands of small values without a cycle; looking through them again and again costs 12 %."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _bill(work: Work) -> None:
    price_changes.begin_due(min(work.on, clock.today()), by=clock.actor())
    _turn(work)
    db.session.commit()
    ahead = work.tables.company.issue_days_ahead
    changes = Changes(work.by, ahead, work.tables, work.lease.hold)
    missed = MissedDays.begin(work.by, ahead, work.lease.hold)
    billed: date | None = None
    while (day := _next_day(work, changes, missed, billed)) is not None:
        past = 0
        while (last := _chunk(work, day, past, CHUNK)) is not None:
            past = last
            stopping.check()
        db.session.rollback()
        billed = day
    work.lease.hold()
    ending.end_due(work.on, by=work.by)
    db.session.commit()


def _turn(work: Work) -> None:
    """What the day brings for services, before it is billed: pauses begin and end, and some go to another customer."""
    service_pauses.turn(work.on, by=work.by)
    service_transfers.carry_out(work.until, by=work.by)


def _next_day(work: Work, changes: Changes, missed: MissedDays, billed: date | None) -> date | None:
    """The next day with anything to bill, once what lies before it is done that was missed, and the changes of package
    of the days up to it are carried out: what they change may be due before it."""
    while True:
        day = renewals.next_day(work.until, after=billed)
        if day is not None and missed.before(day):
            continue
        if not changes.up_to(min(day or work.on, work.on)):
            return day


def _chunk(work: Work, day: date, past: int, limit: int) -> int | None:
    """Bill the next groups of a day in one transaction; the last group's id, or None when none is left.

    When a chunk fails for a reason nobody foresaw, its groups are taken one by one: the one that fails is
    recorded, the others go on.
    """
    try:
        return patiently(lambda: _transaction(work, day, past, limit))
    except (LeaseLost, OperationalError):
        raise
    except Exception as error:
        db.session.rollback()
        return _one_by_one(work, day, past, limit) if limit > 1 else _fail(work, day, past, error)


def _transaction(work: Work, day: date, past: int, limit: int) -> int | None:
    work.lease.hold()
    groups, last = renewals.groups_on(day, past=past, limit=limit)
    if not groups:
        db.session.rollback()
        return last if last > past else None
    bills = renewals.build(groups, day, work.on, work.tables)
    faultpoint("renewals.built")
    renewals.keep(bills, run_id=work.run_id, on=work.on, tables=work.tables, by=work.by)
    faultpoint("renewals.kept")
    _commit_progress(work, bills)
    faultpoint("renewals.committed")
    return last


def _one_by_one(work: Work, day: date, past: int, limit: int) -> int | None:
    last: int | None = None
    for _ in range(limit):
        done = _chunk(work, day, past, 1)
        if done is None:
            return last
        last = past = done
    return last


def _fail(work: Work, day: date, past: int, error: Exception) -> int | None:
    """Write down that the next group failed; it stays due, so that the next run tries it again."""
    work.lease.hold()
    groups, _ = renewals.groups_on(day, past=past, limit=1)
    group = db.session.get(BillingGroup, groups[0]) if groups else None
    if group is None:
        raise error
    reason = f"{type(error).__name__}: {error}"[:400]
    db.session.add(
        RunUnit(
            run_id=work.run_id,
            customer_id=group.customer_id,
            billing_group_id=group.id,
            on=day,
            state=UnitState.FAILED,
            reason=reason,
            currency=group.customer.currency,
        )
    )
    work.tally.done += 1
    work.tally.states[UnitState.FAILED.value] += 1
    last = group.id
    _commit_progress(work, ())
    return last


def _commit_progress(work: Work, bills: Sequence[Bill]) -> None:
    tally = Tally(work.tally.done, Counter(work.tally.states), Counter(work.tally.totals))
    tally.add(bills)
    total = max(work.total, tally.done)
    db.session.execute(
        update(Run)
        .where(Run.id == work.run_id)
        .values(
            done=tally.done, total=max(work.total, tally.done), counts=dict(tally.states), totals=dict(tally.totals)
        )
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    work.tally = tally
    if work.watch:
        work.watch(tally.done, total)


def _preview(work: Work) -> None:
    """The same rules on the same rows, customer by customer through all their days, and then taken back."""
    past, ahead = 0, work.tables.company.issue_days_ahead
    unseen = MissedDays.begin(work.by, ahead)
    _turn(work)  # taken back with each chunk, and done again for the next
    while customers := renewals.customers_past(past, work.until, CHUNK):
        bills: list[Bill] = []
        changes, missed = Changes(work.by, ahead, work.tables), replace(unseen)
        day = _previewed_day(work, changes, missed, customers, None)
        while day is not None:
            groups, _ = renewals.groups_on(day, past=0, limit=len(customers) * 100, customers=customers)
            made = renewals.build(groups, day, work.on, work.tables)
            renewals.keep(made, run_id=work.run_id, on=work.on, tables=work.tables, by=work.by)
            bills += made
            day = _previewed_day(work, changes, missed, customers, day)
        db.session.rollback()
        work.lease.hold()
        for bill in bills:
            bill.invoice_id = None  # taken back with the rest
        renewals.write_results(bills, work.run_id)
        _commit_progress(work, bills)
        past = customers[-1]
        stopping.check()
        _turn(work)
    db.session.rollback()


def _previewed_day(
    work: Work, changes: Changes, missed: MissedDays, customers: Sequence[int], billed: date | None
) -> date | None:
    """The same as _next_day, for these customers and without a commit."""
    while True:
        day = renewals.next_day(work.until, after=billed, customers=customers)
        if day is not None and missed.before(day, customers):
            continue
        if not changes.try_up_to(min(day or work.on, work.on), customers):
            return day


def _finish(work: Work, state: RunState, error: str = "") -> None:
    finished_at = work.by.at + timedelta(seconds=time.monotonic() - work.began)
    work.lease.hold()
    db.session.execute(
        update(Run)
        .where(Run.id == work.run_id)
        .values(state=state, finished_at=finished_at, error=error, total=work.tally.done)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def figures(run_id: int, seconds: float) -> dict[str, Any]:
    """What a run came to, as `flask renewals run --json` prints it."""
    row = db.session.get(Run, run_id)
    assert row is not None and row.on is not None
    billed = RunUnit.run_id == run_id, RunUnit.state == UnitState.DONE
    customers = db.session.scalar(select(func.count(RunUnit.customer_id.distinct())).where(*billed)) or 0
    totals = [{"total": str(Money(m, c).decimal()), "currency": c} for c, m in sorted(row.totals.items())]
    result: dict[str, Any] = {
        "run": row.id,
        "on": row.on.isoformat(),
        "invoices": row.counts.get(UnitState.DONE, 0),
        "customers": customers,
        **(totals[0] if len(totals) == 1 else {"total": "0.00", "currency": company.settings().currency}),
        "skipped": row.counts.get(UnitState.SKIPPED, 0),
        "failed": row.counts.get(UnitState.FAILED, 0),
        "parked": row.counts.get(UnitState.PARKED, 0),
        "seconds": round(seconds, 3),
    }
    if len(totals) > 1:
        del result["total"], result["currency"]
        result["totals"] = totals
    return result
