"""Changes of package whose day has come, one transaction each; those that were not paid in time are withdrawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.exc import OperationalError

from billing import change_due, company
from billing.actor import Actor
from billing.renewals import Tables
from models import ChangeState, PackageChange, db
from models.faults import faultpoint

from . import clock, results, stopping
from .lease import LeaseLost
from .waiting import patiently


def run(on: date | None = None) -> Mapping[str, Any]:
    """All that is due up to `on` (today if not given), in the order of their days; how many of what."""
    by, day = clock.actor(results.AUTHOR), on or clock.today()
    work = Changes(by=by, ahead=company.settings().issue_days_ahead)
    work.up_to(day)
    for change_id in change_due.late(day):
        work.one(change_id, lambda number=change_id: change_due.lapse(number, day, by=by))
    forgotten = change_due.forget_drafts(day)
    db.session.commit()
    counts = {name: work.counts[name] for name in ("done", "failed", "withdrawn")}
    return {**counts, "drafts": forgotten}


@dataclass
class Changes:
    """Changes that are carried out one after the other, as part of a run of renewals or by themselves."""

    by: Actor
    ahead: int = 0
    tables: Tables | None = None
    hold: Callable[[], Any] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    _left: set[int] = field(default_factory=set)

    def up_to(self, until: date) -> int:
        """See to all there are up to that day, day by day; how many were looked at."""
        looked = 0
        while found := change_due.due(until, ahead=self.ahead, but=self._left):
            db.session.rollback()
            for change_id in found:
                self._left.add(change_id)
                self.one(change_id, lambda number=change_id: self._see_to(number, until))
                looked += 1
                stopping.check()
        db.session.rollback()
        return looked

    def try_up_to(self, until: date, customers: Sequence[int]) -> int:
        """The same for some customers, in the transaction there is, without a mail: to be taken back by the caller."""
        looked = 0
        while found := change_due.due(until, ahead=self.ahead, but=self._left, customers=customers):
            for change_id in found:
                self._left.add(change_id)
                change_due.see_to(
                    change_id, until, ahead=self.ahead, by=self.by, tables=self.tables, send=False
                )  # fmt: skip
                looked += 1
        return looked

    def _see_to(self, change_id: int, until: date) -> ChangeState:
        return change_due.see_to(change_id, until, ahead=self.ahead, by=self.by, tables=self.tables)

    def one(self, change_id: int, do: Callable[[], ChangeState]) -> None:
        """One change and its commit. What nobody foresaw is written on it, and the others go on."""
        try:
            self.counts[patiently(lambda: self._transaction(do)).value] += 1
        except (LeaseLost, OperationalError):
            raise
        except Exception as error:
            db.session.rollback()
            self._fail(change_id, error)

    def _transaction(self, do: Callable[[], ChangeState]) -> ChangeState:
        self.hold()
        state = do()
        faultpoint("changes.kept")
        db.session.commit()
        faultpoint("changes.committed")
        return state

    def _fail(self, change_id: int, error: Exception) -> None:
        self.hold()
        change = db.session.get_one(PackageChange, change_id)
        change_due.fail(change, f"{type(error).__name__}: {error}", self.by)
        db.session.commit()
        self.counts["failed"] += 1
