"""Taking an action on many customers back: each gets its old values again, where it still has what the action set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, cast, select, update

from models import BulkRow, Customer, CustomerStatus, RowResult, db
from models.bulk import among

from . import audit, bulk_custom, group_rules, inheritance
from .actor import Actor
from .bulk_edit import FIELDS as EDITED
from .bulk_edit import GOES_WITH, typed
from .bulk_links import LINKS, Change, write
from .bulk_results import Result, gone, locked
from .custom_fields import PREFIX
from .customer_status import ARCHIVED, MERGED, call_off, merged, resume_late, with_running_services, write_status

STATUS = ("status", "archived_on")
TOGETHER = {"archived_on": "status", **GOES_WITH}
FIELDS = (*EDITED, *GOES_WITH)
WHAT = {
    "status": "the status", "group_id": "the group", "project_id": "the project", "reseller_id": "the reseller",
    "contract_type_id": "the contract type", "language": "the language", "country": "the country",
    "payment_method": "the way of paying", "payment_days": "the days to pay", "charge_tax": "whether tax is charged",
    "never_suspend": "whether they are suspended", "dunning_plan_id": "the dunning plan",
    "attitude": "how to deal with them", "invoice_note": "the note on invoices", "tags": "the tags",
    "salespeople": "the salespeople",
}  # fmt: skip
BUSY = "It was archived before, and has running services by now."


def undo(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Give these customers back what action `params["of"]` changed; what was changed again since is left, and told.

    `params["on"]` is the day of that action: a customer disabled on an earlier day than today goes on from the next
    renewal date, as after every time without bills. Raises NotAllowed.
    """
    by.require("customers.edit")
    made = _made(params["of"], ids)
    names = {name for _before, after in set(made.values()) for name in _read(after)}
    columns = sorted(names & {*FIELDS, *STATUS})
    needed = [getattr(Customer, name) for name in columns]
    rows = locked(ids, *needed)
    return [*gone(ids, rows), *_Undoing(made, rows, columns, by).results(params)]


def _made(action_id: int, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """What the action changed for each: before and after, as they are written. Most are the same."""
    both = cast(BulkRow.before, Text), cast(BulkRow.after, Text)
    # The state is looked at here: asked for by it, SQLite would read all that were done, for every chunk.
    wanted = select(BulkRow.customer_id, *both, BulkRow.state).where(BulkRow.action_id == action_id)
    rows = db.session.execute(wanted.where(among(db.session, BulkRow.customer_id, ids)))
    return {row[0]: (row[1], row[2]) for row in rows if row[3] is RowResult.DONE and row[2] is not None}


_read = lru_cache(maxsize=4096)(json.loads)


class _Undoing:
    """One chunk: what is to be put back for each, and what must be left.

    Rows that are alike share their dictionaries, which are replaced and never changed.
    """

    def __init__(self, made: Mapping[int, tuple[str, str]], rows: Mapping[int, Any], columns: list[str], by: Actor):
        self.made, self.rows, self.by, self.columns = made, rows, by, columns
        self.before: dict[int, dict[str, Any]] = dict.fromkeys(rows, {})
        self.after: dict[int, dict[str, Any]] = dict.fromkeys(rows, {})
        self.left: dict[int, list[str]] = {}
        self.refused: dict[int, str] = {}

    def results(self, params: Mapping[str, Any]) -> list[Result]:
        alike: dict[Any, Any] = {}
        for one, row in self.rows.items():
            if one in self.made:
                key = *self.made[one], *row[2:]
                if key not in alike:
                    before, after = map(_read, self.made[one])
                    alike[key] = self._compare(before, after, row)
                self.before[one], self.after[one], self.left[one] = alike[key]
        self._status(date.fromisoformat(params["on"]))
        self._fields()
        for name in LINKS:
            self._links(name)
        self._own()
        return [self._result(row) for row in self.rows.values()]

    def _compare(self, was: dict[str, Any], made: dict[str, Any], row: Any) -> Any:
        """Columns that still have the value the action set will get the old one; the names of the others."""
        now = audit.plain(dict(zip(self.columns, row[2:], strict=True)))
        columns = [name for name in made if name in now]
        wrong = {TOGETHER.get(name, name) for name in columns if now[name] != made[name]}
        same = [name for name in columns if TOGETHER.get(name, name) not in wrong]
        left = sorted(wrong)
        return {name: made[name] for name in same}, {name: was[name] for name in same}, left

    def _status(self, on: date) -> None:
        """By the status they had; whoever was disabled for days is not billed for them."""
        groups: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
        archived = [i for i, values in self.after.items() if values.get("status") == str(ARCHIVED)]
        busy = with_running_services(archived) if archived else set()
        away = merged([one for one, values in self.after.items() if "status" in values])
        for one, values in self.after.items():
            if one in busy and values.get("status") == str(ARCHIVED):
                self.refused[one] = BUSY
            elif one in away:
                self.refused[one] = f"{self.rows[one].name} {MERGED}"
            elif "status" in values:
                groups[values["status"], values.get("archived_on")].append(self.rows[one])
        for (word, day), rows in groups.items():
            self._give_status(rows, CustomerStatus(word), date.fromisoformat(day) if day else None, on)

    def _give_status(self, rows: list[Any], status: CustomerStatus, archived_on: date | None, on: date) -> None:
        ids = [row.id for row in rows]
        if status == CustomerStatus.ACTIVE and on < self.by.today:
            resume_late(ids, self.by)
        if status == ARCHIVED:
            call_off(ids)
        write_status([_Now(row, self.columns) for row in rows], status, archived_on, self.by)

    def _fields(self) -> None:
        groups: dict[Any, list[int]] = defaultdict(list)
        for one, values in self.after.items():
            groups[id(values)].append(one)
        for ids in groups.values():
            before, after = self.before[ids[0]], self.after[ids[0]]
            fields = {name: value for name, value in after.items() if name in FIELDS}
            if not fields:
                continue
            values = {**typed(fields), "version": Customer.version + 1}
            changed = update(Customer).where(among(db.session, Customer.id, ids)).values(values)
            db.session.execute(changed.execution_options(synchronize_session=False))
            old = {name: before[name] for name in fields}
            audit.record_customers(self.by, "customer.changed", ((i, self.rows[i].name, old, fields) for i in ids))

        restored = [one for one, values in self.after.items() if any(name in FIELDS for name in values)]
        if restored:
            inheritance.hand_down(customers=restored)
            group_rules.place(restored, by=self.by)

    def _links(self, name: str) -> None:
        """What was added and is still there goes; what was taken and is still missing comes back."""
        link = LINKS[name]
        known = (one for one in self.rows if one in self.made)
        made = {one: both for one in known if (both := _both(name, *self.made[one]))}
        if not made:
            return
        has = link.of(list(made))
        there = set(link.names(sorted({other for taken, _added in made.values() for other in taken})))
        alike: dict[Any, Any] = {}
        changes: dict[int, Change] = {}
        for one in made:
            key = *self.made[one], tuple(sorted(has[one])), id(self.before[one])
            if key not in alike:
                alike[key] = self._unlink(name, one, made[one], has[one], there)
            change, self.before[one], self.after[one], self.left[one] = alike[key]
            if change[0] or change[1]:
                changes[one] = change
        write(link, changes, self.by, self.rows)

    def _unlink(self, name: str, one: int, made: Change, has: set[int], there: set[int]) -> Any:
        taken, added = set(made[0]), set(made[1])
        back, away = (taken & there) - has, added & has
        change = sorted(away), sorted(back)
        left = [*self.left[one], *([name] if away != added or back != taken else [])]
        if not (away or back):
            return change, self.before[one], self.after[one], left
        return change, {**self.before[one], name: change[0]}, {**self.after[one], name: change[1]}, left

    def _own(self) -> None:
        """The shop's own fields: those that still hold what the action put there."""
        known = {one: self.made[one] for one in self.rows if one in self.made}
        made = {one: both for one, both in known.items() if PREFIX in both[1]}
        undoing = bulk_custom.Undoing({one: _read(after) for one, (_before, after) in made.items()})
        if not undoing.used:
            return
        alike: dict[Any, Any] = {}
        changes: dict[int, bulk_custom.Both] = {}
        for one in made:
            key = *made[one], undoing.now(one), id(self.before[one])
            if key not in alike:
                both, left = undoing.compare(one, _read(made[one][0]), _read(made[one][1]))
                was, again = {**self.before[one], **both[0]}, {**self.after[one], **both[1]}
                alike[key] = both, was, again, [*self.left[one], *(f"the field {name}" for name in left)]
            both, self.before[one], self.after[one], self.left[one] = alike[key]
            if both[1]:
                changes[one] = both
        bulk_custom.write(changes, self.rows, self.by)

    def _result(self, row: Any) -> Result:
        if row.id in self.refused:
            return Result(row.id, row.name, RowResult.REFUSED, self.refused[row.id])
        left = self.left.get(row.id)
        reason = (
            f"Changed again since, and left as it is: {' and '.join(WHAT.get(n, n) for n in left)}." if left else ""
        )
        if not self.after[row.id]:
            return Result(row.id, row.name, RowResult.UNCHANGED, reason or "There was nothing to take back.")
        return Result(row.id, row.name, RowResult.DONE, reason, self.before[row.id], self.after[row.id])


@lru_cache(maxsize=4096)
def _both(name: str, before: str, after: str) -> Change | None:
    """What was taken and what was added, if the action was about these links."""
    made = _read(after)
    return (_read(before)[name], made[name]) if name in made else None


class _Now:
    """A locked row as `write_status` wants it."""

    def __init__(self, row: Any, columns: Sequence[str]) -> None:
        values = dict(zip(columns, row[2:], strict=True))
        self.id, self.name, self.status = row.id, row.name, values["status"]
        self.archived_on = values.get("archived_on")
