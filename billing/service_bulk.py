"""What is done with many services at once: each keeps a result of its own, and what fits can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from models import BillingError, BulkRow, RowResult, Service, ServiceStatus, SuspendedFor, db
from models.bulk import among

from . import endings, pending, reactivations, service_pauses, service_rows, services
from .actor import Actor
from .bulk_results import MOST_REASON, Result
from .endings import Wanted
from .prices import check_day
from .texts import one_line

GONE = "There is no such service any more."


def suspend(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Suspend those that are active, in few statements. Raises NotAllowed."""
    rows = service_rows.lock_ids(list(ids))
    reasons = {row.id: services.why_not_suspend(row, SuspendedFor.STAFF) for row in rows}
    done = services.suspend([row for row in rows if not reasons[row.id]], reason=params["reason"], by=by)
    changed = {row.id for row in done}
    told = {"status": "active"}, {"status": "suspended"}
    return _gone(ids, rows) + [
        Result(row.id, str(row), RowResult.DONE, "", *told) if row.id in changed
        else Result(row.id, str(row), RowResult.UNCHANGED, reasons[row.id][:MOST_REASON])
        for row in rows
    ]  # fmt: skip


def unsuspend(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Bring those back that are suspended, with their days meanwhile billed or not. Raises NotAllowed."""
    rows = service_rows.lock_ids(list(ids))
    changed = {row.id for row in services.unsuspend(rows, billed=params["billed"], by=by)}
    told = {"status": "suspended"}, {"status": "active"}
    return _gone(ids, rows) + [
        Result(row.id, str(row), RowResult.DONE, "", *told) if row.id in changed
        else Result(row.id, str(row), RowResult.UNCHANGED, "It was not suspended.")
        for row in rows
    ]  # fmt: skip


def activate(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Let those run that are pending. Raises NotAllowed."""
    day = date.fromisoformat(params["on"])

    def do(row: Service) -> str | None:
        return None if pending.activate([row], on=day, by=by) else "It was not pending."

    return _each(ids, do)


def pause(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Pause them from a day on. Raises NotAllowed."""
    start, until = date.fromisoformat(params["start"]), _day(params["until"])

    def do(row: Service) -> str | None:
        service_pauses.pause(row, start, until, params["reason"], by=by)
        return None

    return _each(ids, do)


def resume(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """End the pauses they are in, and call those off that have not begun. Raises NotAllowed."""

    def do(row: Service) -> str | None:
        if service_pauses.is_paused(row):
            service_pauses.resume([row], by=by)
            return None
        if row.paused_from is None:
            return "It has no pause."
        service_pauses.call_off(row, by=by)
        return None

    return _each(ids, do)


def end(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """End them on a day, with `credit` for what is billed after it; what no renewal will bill any more is billed.
    Raises NotAllowed."""
    on, credit = date.fromisoformat(params["on"]), bool(params.get("credit"))
    wanted = Wanted(on, credit=credit, bill=on <= by.today, reason=params["reason"])

    def do(row: Service) -> str | None:
        if row.status != ServiceStatus.CANCELLED and (wanted.credit or wanted.bill):
            endings.carry_out(row.customer, [row], wanted, seen="", by=by)
        else:
            services.cancel(row, on, params["reason"], by=by)
        return None

    return _each(ids, do)


def undo_suspend(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """As if they had not been suspended: days meanwhile are billed. Raises NotAllowed."""
    return unsuspend(_done(params["of"], ids), {"billed": True}, by)


def undo_pause(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Resume them, or call the pause off. Raises NotAllowed."""
    return resume(_done(params["of"], ids), params, by)


def undo_end(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Let them go on; those that have ended come back from the day they ended on. Raises NotAllowed."""

    def do(row: Service) -> str | None:
        if row.status == ServiceStatus.CANCELLED and row.cancelled_on is not None:
            reactivations.reactivate(row, row.cancelled_on, by=by)
        else:
            reactivations.remove_end(row, by=by)
        return None

    return _each(_done(params["of"], ids), do)


def clean_reason(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidText."""
    return {"reason": one_line(params.get("reason") or "", 200, "The reason", empty=True)}


def clean_billed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the days meanwhile are billed."""
    return {"billed": bool(params.get("billed"))}


def clean_day(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidTerms, InvalidText."""
    on, today = params.get("on"), params.get("today")
    assert isinstance(today, date)
    return {"on": check_day(on, today, "The day").isoformat(), **clean_reason(params)}  # type: ignore[arg-type]


def clean_end(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidTerms, InvalidText."""
    return {**clean_day(params), "credit": bool(params.get("credit"))}


def clean_pause(params: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidTerms, InvalidText, InvalidPause."""
    start, until, today = params.get("start"), params.get("until"), params.get("today")
    assert isinstance(today, date)
    first = check_day(start, today, "The first day")  # type: ignore[arg-type]
    if until is not None and check_day(until, today, "The last day") <= first:
        raise service_pauses.InvalidPause("A pause has to end after it begins.")
    return {"start": first.isoformat(), "until": until and until.isoformat(), **clean_reason(params)}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _gone(ids: Sequence[int], rows: Sequence[Service]) -> list[Result]:
    there = {row.id for row in rows}
    return [Result(one, f"No. {one}", RowResult.REFUSED, GONE) for one in ids if one not in there]


def _done(action_id: int, ids: Sequence[int]) -> list[int]:
    """Those of the services that the action changed."""
    changed = select(BulkRow.customer_id).where(BulkRow.action_id == action_id, BulkRow.state == RowResult.DONE)
    return list(db.session.scalars(changed.where(among(db.session, BulkRow.customer_id, ids))))


def _each(ids: Sequence[int], do: Callable[[Service], str | None]) -> list[Result]:
    """One after the other, each in a savepoint of its own; `do` says why nothing had to be done."""
    rows = service_rows.lock_ids(list(ids))
    return _gone(ids, rows) + [_one(row, do) for row in rows]


def _one(row: Service, do: Callable[[Service], str | None]) -> Result:
    service_id, label, before = row.id, str(row), _told(row)
    try:
        with db.session.begin_nested():
            remark = do(row)
            db.session.flush()
    except BillingError as refusal:
        return Result(service_id, label, RowResult.REFUSED, str(refusal)[:MOST_REASON])
    if remark is not None:
        return Result(service_id, label, RowResult.UNCHANGED, remark)
    after = _told(row)
    names = [name for name in before if before[name] != after[name]]
    return Result(service_id, label, RowResult.DONE, "", {n: before[n] for n in names}, {n: after[n] for n in names})


def _told(row: Service) -> dict[str, Any]:
    """What may have changed, as the result shows it."""
    days = {name: getattr(row, name) for name in ("ends_on", "paused_from", "paused_until")}
    state = "paused" if service_pauses.is_paused(row) else str(row.status)
    return {"status": state, **{name: day and day.isoformat() for name, day in days.items()}}
