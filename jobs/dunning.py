"""The dunning run: some hundred customers at a time, one transaction for each lot, and a row for every failure.

What is done for a customer leaves what is due, so that a run that was killed is gone on with by the next; a customer
whose steps fail is written down and left due, and the others go on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from billing import company, services
from billing.actor import Actor
from billing.dunning import due
from billing.dunning.take import Taken, take
from models import Customer, Invoice, Run, RunState, RunUnit, UnitState, db
from models.bulk import among
from models.faults import faultpoint

from . import clock, results, stopping
from .lease import Held, LeaseLost, LeaseTaken, held, is_taken
from .renewals import LEASE as RENEWALS
from .renewals import rare_collections
from .waiting import patiently

LEASE = due.KIND
CHUNK = 200


@dataclass
class Work:
    """One run under way."""

    run_id: int
    on: date
    tables: due.Tables
    by: Actor
    lease: Held
    total: int = 0
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    fees: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)


def run(on: date | None = None, wait: bool = False) -> dict[str, Any]:
    """Take every step that is due up to `on` (today if not given); what it did.

    Raises LeaseTaken while bills are being made, or another such run goes on and it does not `wait`; Stopping when the
    process is to end.
    """
    if is_taken(RENEWALS):
        raise LeaseTaken(RENEWALS)
    with held(LEASE, wait=wait) as lease:
        work = _begin(on or clock.today(), lease)
        try:
            with rare_collections():
                _take_all(work)
            _finish(work, RunState.FINISHED)
        except LeaseLost:
            raise
        except BaseException as error:
            db.session.rollback()
            _finish(work, RunState.STOPPED, str(error)[:500])
            raise
        return {"invoices": work.done, **work.counts}


def _begin(on: date, lease: Held) -> Work:
    """The run's row, telling which interrupted run it goes on with: we hold the lease, so that one is dead."""
    lease.hold()
    by = clock.actor(results.AUTHOR)
    broken = db.session.scalars(
        select(Run).where(Run.kind == due.KIND, Run.state == RunState.RUNNING).order_by(Run.id)
    ).all()
    for earlier in broken:
        earlier.state, earlier.error = RunState.STOPPED, "It was interrupted; the next run went on from there."
    row = Run(kind=due.KIND, on=on, started_by=by.name, started_at=by.at, total=due.count(on))
    row.resumes_id = broken[-1].id if broken else None
    db.session.add(row)
    db.session.flush()
    work = Work(row.id, on, due.Tables.load(company.settings(), on), by, lease, row.total)
    db.session.commit()
    return work


def _take_all(work: Work) -> None:
    for first in due.places():
        place: due.Place | None = first
        while place is not None:
            place = _chunk(work, place)
            stopping.check()
    db.session.rollback()


def _chunk(work: Work, place: due.Place) -> due.Place | None:
    """The next customers in one transaction. When that fails for a reason nobody foresaw, they are taken one by one:
    the one that fails is recorded, the others go on."""
    try:
        return patiently(lambda: _together(work, place))
    except (LeaseLost, OperationalError):
        raise
    except Exception:
        db.session.rollback()
        return _one_by_one(work, place)


def _together(work: Work, place: due.Place) -> due.Place | None:
    customers, after = _next(work, place)
    if customers:
        _transaction(work, customers, place.asked)
    return after


def _next(work: Work, place: due.Place) -> tuple[list[int], due.Place | None]:
    work.lease.hold()
    customers, after = due.next_customers(place, work.on, CHUNK)
    if not customers:
        db.session.rollback()
    return customers, after


def _transaction(work: Work, customers: Sequence[int], asked: str) -> None:
    owing = due.read(customers, asked, work.on, work.tables, work.by)
    taken = take(owing, work.on, work.tables, run_id=work.run_id, by=work.by)
    faultpoint("dunning.written")
    _commit_progress(work, taken)
    faultpoint("dunning.committed")


def _one_by_one(work: Work, place: due.Place) -> due.Place | None:
    customers, after = _next(work, place)
    db.session.rollback()
    for customer_id in customers:
        try:
            work.lease.hold()
            _transaction(work, [customer_id], place.asked)
        except (LeaseLost, OperationalError):
            raise
        except Exception as error:
            db.session.rollback()
            _fail(work, customer_id, place.asked, error)
    return after


def _fail(work: Work, customer_id: int, asked: str, error: Exception) -> None:
    """Write down that a customer's steps failed; they stay due, so that the next run tries them again."""
    work.lease.hold()
    rows = due.waiting([customer_id], asked, work.on)
    if not rows:
        raise error
    # Not looked at before: from now on it is planned for this day, so that nothing of it is lost.
    planned = update(Invoice).where(among(db.session, Invoice.id, [row.id for row in rows]))
    planned = planned.where(Invoice.dunning_on.is_(None)).values(dunning_on=work.on)
    db.session.execute(planned, execution_options={"synchronize_session": False})
    customer = db.session.get_one(Customer, customer_id)
    group_id = rows[0].billing_group_id or services.main_group(customer).id
    reason = f"{type(error).__name__}: {error}"[:400]
    unit = {"run_id": work.run_id, "billing_group_id": group_id, "on": work.on}
    if db.session.scalar(select(RunUnit.id).filter_by(**unit)) is None:
        db.session.add(
            RunUnit(
                **unit, customer_id=customer_id, state=UnitState.FAILED, reason=reason, currency=customer.currency,
                invoice_id=rows[0].id, amount_minor=0,
            )
        )  # fmt: skip
    _commit_progress(work, Taken(len(rows), Counter(failed=1)))


def _commit_progress(work: Work, taken: Taken) -> None:
    done, counts, fees = work.done + taken.looked, work.counts + taken.counts, work.fees + taken.fees
    _write(work, done=done, total=max(work.total, done), counts=dict(counts), totals=dict(fees))
    db.session.commit()
    work.done, work.counts, work.fees = done, counts, fees


def _finish(work: Work, state: RunState, error: str = "") -> None:
    finished_at = work.by.at + timedelta(seconds=time.monotonic() - work.began)
    work.lease.hold()
    _write(work, state=state, finished_at=finished_at, error=error, total=work.done)
    db.session.commit()


def _write(work: Work, **values: Any) -> None:
    row = update(Run).where(Run.id == work.run_id).values(**values)
    db.session.execute(row.execution_options(synchronize_session=False))
