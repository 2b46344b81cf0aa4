"""Actions on many customers or services: asked for with their ids, done in parts, stopped, undone, finished later.

Each part is one transaction: what the rule changes, its audit events, a result for every row and the progress. A
process that dies leaves whole parts, done or not, and the next one goes on with those that are not.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from models import BillingError, BulkAction, BulkPart, BulkRow, RowResult, RunState, Staff, db
from models.bulk import insert_rows, rows_changed
from models.faults import faultpoint
from models.types import Moment

from . import audit, company, staff
from .actor import Actor
from .bulk_kinds import Kind, about, kind_named, permission_for
from .bulk_results import MOST_REASON, Result

LEASE = "bulk"
"""The lease of whoever carries actions out just now."""
CHUNK = 1000
AT_ONCE = 200
"""Up to so many rows are done while the person waits."""
MOST = 1_000_000
"""More than this at once is a slip of the finger, and narrows to something smaller."""
AGAIN = (RowResult.REFUSED, RowResult.FAILED)
ROW_COLUMNS = ("action_id", "customer_id", "label", "state", "reason", "before", "after")

log = logging.getLogger(__name__)


class TooMany(BillingError):
    """More rows than one action may touch."""


class NothingToDo(BillingError):
    """There is no row left for this."""


class CannotUndo(BillingError):
    """The action cannot be taken back, or was already."""


class Stopped(BillingError):
    """Somebody stopped the action, or somebody else has done this part."""


def ask(
    name: str,
    params: Mapping[str, Any],
    ids: Iterable[int],
    *,
    narrowed: str = "",
    undoes: BulkAction | None = None,
    rest_of: BulkAction | None = None,
    by: Actor,
) -> BulkAction:
    """Freeze what is to be done with whom. Nothing is done yet: `do_now`, or a job, carries it out.

    `narrowed` is the address of the list the ids come from. Raises NotAllowed, NoSuchAction, NothingToDo, TooMany
    (`refuse_too_many` leaves the trace of it), and what the kind's `clean` raises.
    """
    kind = kind_named(name)
    by.require(permission_for(name, params))
    chosen = sorted(set(ids))
    if not chosen:
        raise NothingToDo("There is nothing left to do this with.")
    if len(chosen) > MOST:
        raise TooMany(f"{len(chosen):,} rows are more than one action may touch ({MOST:,}). Narrow the list first.")
    action = BulkAction(
        kind=name, params=kind.clean(params) if rest_of is None else dict(params), narrowed=narrowed[:1000],
        total=len(chosen), asked_by=by.name, staff_id=by.staff_id, address=by.address, asked_at=by.at,
        undoes_id=undoes.id if undoes else None, rest_of_id=rest_of.id if rest_of else None, counts={},
    )  # fmt: skip
    db.session.add(action)
    db.session.flush()
    parts = [json.dumps(chosen[start : start + CHUNK]) for start in range(0, len(chosen), CHUNK)]
    rows = [{"action_id": action.id, "number": n, "ids": ids, "done": False} for n, ids in enumerate(parts)]
    db.session.execute(insert(BulkPart), rows)
    audit.record(by, "bulk_action.asked_for", action, after={"kind": name, f"{about(name, params)}s": len(chosen)})
    db.session.flush()
    return action


def refuse_too_many(name: str, count: int, by: Actor) -> None:
    """Leave the trace of an action that was refused for its size."""
    audit.record(
        by, "bulk_action.refused", BulkAction(kind=name), after={"kind": name, f"{kind_named(name).about}s": count}
    )


def do_now(action: BulkAction, *, by: Actor) -> None:
    """Carry out a small action to its end, in the transaction that is open."""
    begin(action, at=by.at)
    past: int | None = -1
    while past is not None:
        past = do_part(action.id, past=past, by=by)
    finish(action.id, at=by.at)
    db.session.refresh(action)


def begin(action: BulkAction, *, at: datetime) -> None:
    """It is under way from now (`at`, aware UTC) on; `tries` counts the starts since a part was done.

    Raises Stopped if somebody stopped it meanwhile.
    """
    waits = update(BulkAction).where(
        BulkAction.id == action.id, BulkAction.state.in_((RunState.QUEUED, RunState.RUNNING))
    )
    started_at = func.coalesce(BulkAction.started_at, literal(at, Moment))
    values = {"state": RunState.RUNNING, "tries": BulkAction.tries + 1, "started_at": started_at}
    begun = db.session.execute(waits.values(values).execution_options(synchronize_session=False))
    if rows_changed(begun) != 1:
        raise Stopped("The action was stopped.")


def do_part(action_id: int, *, past: int = -1, by: Actor) -> int | None:
    """Do the next part with a number above `past` that is not done; its number, None if there is none. The caller
    commits.

    A row for which the rule breaks is told as failed, the others go on. Raises Stopped (nothing may be kept then),
    NotAllowed.
    """
    part = db.session.execute(
        select(BulkPart.id, BulkPart.number, BulkPart.ids, BulkAction.kind, BulkAction.params)
        .join(BulkAction, BulkAction.id == BulkPart.action_id)
        .where(BulkPart.action_id == action_id, BulkPart.number > past, BulkPart.done.is_(False))
        .order_by(BulkPart.number)
        .limit(1)
    ).first()
    if part is None:
        return None
    kind = kind_named(part.kind)
    by.require(permission_for(part.kind, part.params))
    results = _careful(kind, json.loads(part.ids), part.params, by)
    faultpoint("bulk.changed")
    _keep(action_id, part.id, results)
    faultpoint("bulk.kept")
    number: int = part.number
    return number


def _careful(kind: Kind, ids: list[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """All in one go; if that breaks, halves of them, until those are found that break it."""
    try:
        with db.session.begin_nested():
            results = kind.do(ids, params, by)
            db.session.flush()
            return results
    except OperationalError:
        raise
    except Exception as error:
        if len(ids) == 1:
            return [_broken(ids[0], error)]
    middle = len(ids) // 2
    return _careful(kind, ids[:middle], params, by) + _careful(kind, ids[middle:], params, by)


def _broken(one: int, error: Exception) -> Result:
    if isinstance(error, BillingError):
        return Result(one, f"No. {one}", RowResult.REFUSED, str(error)[:MOST_REASON])
    log.error("an action on customer %s broke off", one, exc_info=error)
    return Result(one, f"No. {one}", RowResult.FAILED, f"This went wrong and is in the log: {type(error).__name__}.")


def _keep(action_id: int, part_id: int, results: Sequence[Result]) -> None:
    """The results, the part and the progress; raises Stopped when the action is not under way any more."""
    rows = [(action_id, r.customer_id, r.label[:200], r.state.value, r.reason, r.before, r.after) for r in results]
    insert_rows(db.session, BulkRow.__table__, ROW_COLUMNS, rows)
    done = update(BulkPart).where(BulkPart.id == part_id, BulkPart.done.is_(False)).values(done=True)
    counts = dict(db.session.scalar(select(BulkAction.counts).where(BulkAction.id == action_id)) or {})
    for state, number in Counter(r.state.value for r in results).items():
        counts[state] = counts.get(state, 0) + number
    progress = update(BulkAction).where(BulkAction.id == action_id, BulkAction.state == RunState.RUNNING)
    values = {"done": BulkAction.done + len(results), "counts": counts, "tries": 0}
    for statement in (done, progress.values(values)):
        if rows_changed(db.session.execute(statement.execution_options(synchronize_session=False))) != 1:
            raise Stopped("The action was stopped.")


def finish(action_id: int, *, at: datetime, error: str = "") -> None:
    """It is over, well or with the `error` that ended it; one that was stopped stays stopped."""
    state = RunState.FAILED if error else RunState.FINISHED
    running = update(BulkAction).where(BulkAction.id == action_id, BulkAction.state == RunState.RUNNING)
    values = running.values(state=state, finished_at=at, error=error[:500])
    db.session.execute(values.execution_options(synchronize_session=False))


def stop(action: BulkAction, *, by: Actor) -> bool:
    """Let it end after the part it is at; what is done is kept. False if it was over already. Raises NotAllowed."""
    by.require(permission_for(action.kind, action.params))
    going = update(BulkAction).where(
        BulkAction.id == action.id, BulkAction.state.in_((RunState.QUEUED, RunState.RUNNING))
    )
    stopped = going.values(state=RunState.STOPPED, finished_at=by.at, error=f"Stopped by {by.name}."[:500])
    if rows_changed(db.session.execute(stopped.execution_options(synchronize_session=False))) != 1:
        return False
    db.session.refresh(action)
    audit.record(
        by,
        "bulk_action.stopped",
        action,
        after={"done": action.done, f"{about(action.kind, action.params)}s": action.total},
    )
    db.session.flush()
    return True


def undo(action: BulkAction, *, by: Actor) -> BulkAction:
    """Ask for what this action did to be taken back (see bulk_undo); an action of its own, of the rows it changed.

    Raises CannotUndo, NothingToDo, NotAllowed.
    """
    kind = kind_named(action.kind)
    by.require(kind.permission)
    if not kind.can_undo:
        raise CannotUndo("This cannot be taken back.")
    if action.going:
        raise CannotUndo("It is still going on. Stop it first, then undo it.")
    changed = select(BulkRow.customer_id).where(BulkRow.action_id == action.id, BulkRow.state == RowResult.DONE)
    ids = db.session.scalars(changed).all()
    params = {"of": action.id, "on": _day(action).isoformat(), "kind": action.kind}
    return _only_once(lambda: ask("undo", params, ids, undoes=action, by=by), CannotUndo("It was undone already."))


def _day(action: BulkAction) -> date:
    """The business's day on which it was begun."""
    return company.day_of(action.started_at or action.asked_at)


def again(action: BulkAction, *, by: Actor) -> BulkAction:
    """Ask for the rest: rows that were refused or failed, and those it never came to.

    Raises NothingToDo, NotAllowed.
    """
    if action.going:
        raise NothingToDo("It is still going on.")
    again = select(BulkRow.customer_id).where(BulkRow.action_id == action.id, BulkRow.state.in_(AGAIN))
    ids = list(db.session.scalars(again))
    for part in db.session.scalars(_left(action)):
        ids += json.loads(part)
    return _only_once(
        lambda: ask(action.kind, action.params, ids, narrowed=action.narrowed, rest_of=action, by=by),
        NothingToDo("The rest was run again already."),
    )


def rest_count(action: BulkAction) -> int:
    """How many rows `again` would be about."""
    if action.going or followed(action, BulkAction.rest_of_id):
        return 0
    return action.total - action.counts.get("done", 0) - action.counts.get("unchanged", 0)


def can_be_undone(action: BulkAction) -> bool:
    """Whether it changed something that can be taken back and was not yet."""
    can = kind_named(action.kind).can_undo and not action.going and action.counts.get("done", 0) > 0
    return can and not followed(action, BulkAction.undoes_id)


def followed(action: BulkAction, how: Any) -> BulkAction | None:
    """The action that undid this one (`how` is BulkAction.undoes_id) or did its rest (BulkAction.rest_of_id)."""
    return db.session.scalars(select(BulkAction).where(how == action.id)).first()


def _left(action: BulkAction) -> Any:
    return select(BulkPart.ids).where(BulkPart.action_id == action.id, BulkPart.done.is_(False))


def _only_once(make: Callable[[], BulkAction], refusal: BillingError) -> BulkAction:
    try:
        with db.session.begin_nested():
            return make()
    except IntegrityError:
        raise refusal from None


def actor_of(action: BulkAction, at: datetime, today: date) -> Actor:
    """Whoever asked, with the rights that person has by now; `at` is aware UTC, `today` the business's day."""
    return acting(action.asked_by, action.staff_id, at, today, action.address)


def acting(name: str, staff_id: int | None, at: datetime, today: date, address: str) -> Actor:
    """The same of a person by name and id; without an id the system itself asked."""
    person = db.session.get(Staff, staff_id) if staff_id else None
    permissions = staff.permissions_of(person.role) if person and person.active else frozenset()
    return Actor(name, at, today, permissions if staff_id else None, staff_id, address=address)


def next_to_do() -> BulkAction | None:
    """The oldest action that waits or was cut off."""
    going = BulkAction.state.in_((RunState.QUEUED, RunState.RUNNING))
    return db.session.scalars(select(BulkAction).where(going).order_by(BulkAction.id).limit(1)).first()


def waiting(action: BulkAction) -> int:
    """How many actions are done before this one."""
    going = BulkAction.state.in_((RunState.QUEUED, RunState.RUNNING)), BulkAction.id < action.id
    return db.session.scalar(select(func.count()).select_from(BulkAction).where(*going)) or 0
