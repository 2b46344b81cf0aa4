"""What the pages of runs show beside the list: the last run, what was set aside, and the newest results of one run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from admin.links import view_of
from admin.listrequest import ListRequest
from admin.lists import Lister
from admin.run_words import UNITS
from billing.runs import KINDS
from models import BillingGroup, Money, Run, RunState, RunUnit, UnitState, db
from web.formatters import number

SHOWN = 20
PARKED_SHOWN = 10
# What needs a person comes first.
TABS = (UnitState.FAILED, UnitState.PARKED, UnitState.DONE, UnitState.SKIPPED)


def last() -> Run | None:
    """The bill run or preview that ended last."""
    over = select(Run).where(Run.kind.in_(KINDS), Run.state.not_in((RunState.QUEUED, RunState.RUNNING)))
    return db.session.scalars(over.order_by(Run.id.desc()).limit(1)).first()


@dataclass(frozen=True)
class Parked:
    """The newest accounts set aside, and how many there are in all."""

    rows: list[BillingGroup]
    count: str

    @classmethod
    def read(cls) -> Parked:
        view = view_of(BillingGroup)
        if view is None:
            return cls([], "0")
        query = view.get_query().options(*view.list_options()).order_by(BillingGroup.parked_at.desc(), BillingGroup.id)
        rows = list(db.session.scalars(query.limit(PARKED_SHOWN)))
        count = Lister(view, ListRequest(), db.session()).count().text if rows else "0"
        return cls(rows, count)


def would_be(group: BillingGroup) -> Money | None:
    """What the bill that was set aside would have come to, where it could be reckoned."""
    return Money(group.parked_minor, group.customer.currency) if group.parked_minor is not None else None


def tabs(run: Run) -> list[tuple[UnitState, str, str]]:
    """(state, words, how many) of the results this run has."""
    return [(state, str(UNITS[state][1]), number(run.counts[state])) for state in TABS if run.counts.get(state)]


def tab(run: Run, asked: str) -> UnitState | None:
    """The results to show: those asked for, else what needs a person most."""
    there = [state for state, _words, _n in tabs(run)]
    return next((state for state in there if state == asked), there[0] if there else None)


def units(run: Run, state: UnitState) -> list[RunUnit]:
    """The first results of one kind."""
    query = select(RunUnit).where(RunUnit.run_id == run.id, RunUnit.state == state).order_by(RunUnit.id).limit(SHOWN)
    eager = joinedload(RunUnit.customer), joinedload(RunUnit.billing_group), joinedload(RunUnit.invoice)
    return list(db.session.scalars(query.options(*eager)))
