"""Pauses: from a day on a service is not billed, until a day or until somebody resumes it.

Days that are billed when a pause is set are not lost: they follow from the day it ends, and bills go on after them. Of
a pause that lies ahead, a bill written meanwhile goes up to its first day only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import or_, select

from models import Service, ServiceStatus, SuspendedFor, db

from . import company, paid_days, service_changes, service_rows
from .actor import Actor
from .periods import next_renewal
from .prices import check_day
from .service_changes import Happened
from .service_life import NotNow
from .texts import one_line

ACTIVE, SUSPENDED, PAUSE = ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED, SuspendedFor.PAUSE
CHUNK = 500


class InvalidPause(NotNow):
    """A pause cannot lie there."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a pause would come to. `paid_days` are those that were paid for and follow after it, `kept_until` the first
    day they do not cover (None as long as nobody knows when it ends), and `next_bill` goes from there to the day."""

    paid_days: int
    kept_until: date | None
    next_bill_until: date | None


def foresee(service: Service, start: date, until: date | None) -> Foreseen:
    """What a pause from `start` up to, not including, `until` would come to, as bills are now. Raises InvalidPause."""
    _check_days(service, start, until)
    days = paid_days.count(service, start)
    if until is None:
        return Foreseen(days, None, None)
    kept = until + timedelta(days=days)
    if service.days:
        return Foreseen(days, kept, kept + timedelta(days=service.days))
    return Foreseen(days, kept, next_renewal(kept, service.months, service.anchor_day, service.anchor_month))


def pause(service: Service, start: date, until: date | None, reason: str, *, by: Actor) -> Service:
    """Bill nothing from `start` up to, not including, `until`; without it, until somebody resumes it. A day to come is
    kept with the service, which runs on until then. Raises InvalidPause, InvalidTerms, InvalidText, NotAllowed."""
    by.require("services.edit")
    service = service_rows.lock(service)
    check_day(start, by.today, "The first day")
    if until is not None:
        check_day(until, by.today, "The last day")
    _check(service, start, until)
    service.paused_from, service.paused_until = start, until
    service.suspend_reason = one_line(reason, 200, "The reason", empty=True)
    db.session.flush()
    if start > by.today:
        service_changes.record(service, start, "pause_set", "service.pause_set", None, _plan(service), by)
    else:
        _begin([service], by)
        if until is not None and until <= by.today:
            _end([service], by)
    return service


def call_off(service: Service, *, by: Actor) -> Service:
    """Let a pause that has not begun not happen. Raises InvalidPause, NotAllowed."""
    by.require("services.edit")
    service = service_rows.lock(service)
    if service.status != ACTIVE or service.paused_from is None or is_behind(service):
        raise InvalidPause(f"{service} has no pause to come.")
    before = _plan(service)
    if service.next_renewal_on == service.paused_from:
        service.rhythm_from = service.paused_from
    service.paused_from, service.paused_until, service.suspend_reason = None, None, ""
    service_changes.record(service, by.today, "pause_unset", "service.pause_called_off", before, {}, by)
    return service


def resume(services: Iterable[Service], *, by: Actor) -> list[Service]:
    """End the pauses that services are in, today; which were. Raises NotAllowed."""
    by.require("services.edit")
    chosen = [row for row in service_rows.lock_all(services) if is_paused(row)]
    for row in chosen:
        row.paused_until = max(by.today, row.paused_from or by.today)
    _end(chosen, by)
    return chosen


def turn(on: date, *, by: Actor) -> tuple[int, int]:
    """Begin the pauses whose first day has come by `on`, and end those whose last has; how many of each. Before the
    bills of the day. Raises NotAllowed."""
    by.require("services.edit")
    begun = ended = 0
    ahead = or_(
        Service.paused_until.is_(None), Service.rhythm_from.is_(None), Service.rhythm_from != Service.paused_until,
        Service.next_renewal_on >= Service.paused_from,
    )  # fmt: skip
    begins = Service.status == ACTIVE, Service.paused_from <= on, ahead
    while rows := _next(*begins):
        _begin(rows, by)
        begun += len(rows)
    ends = Service.status == SUSPENDED, Service.suspended_for == PAUSE, Service.paused_until <= on
    while rows := _next(*ends):
        _end(rows, by)
        ended += len(rows)
    return begun, ended


def is_paused(service: Service) -> bool:
    """Whether it is in a pause just now."""
    return service.status == SUSPENDED and service.suspended_for == PAUSE


def kept_since(service: Service) -> date | None:
    """Since when a service that is away has not used up its days: paused, or suspended where such days are not billed;
    None for any other."""
    if service.status != SUSPENDED or not (is_paused(service) or not company.value("bill_suspended_days")):
        return None
    return service.suspended_on


def is_behind(service: Service) -> bool:
    """Whether the days without bills lie behind it, and only the bills have not come so far."""
    over = service.paused_until is not None and service.paused_until == service.rhythm_from
    return over and service.paused_from is not None and service.next_renewal_on < service.paused_from


def _next(*where: Any) -> list[Service]:
    wanted = select(Service.id).where(Service.paused_from.is_not(None), *where).order_by(Service.id).limit(CHUNK)
    ids = list(db.session.scalars(wanted))
    return service_rows.lock_ids(ids)


def _begin(rows: list[Service], by: Actor) -> None:
    happened = []
    for row in rows:
        assert row.paused_from is not None
        row.status, row.suspended_for, row.suspended_on = SUSPENDED, PAUSE, row.paused_from
        before = {"status": str(ACTIVE)}
        happened.append(Happened(row.id, row.customer_id, str(row), row.paused_from, before, _plan(row)))
    db.session.flush()
    service_changes.record_many(happened, "pause", "service.paused", by)
    service_rows.count({one: -n for one, n in Counter(row.customer_id for row in rows).items()})


def _end(rows: list[Service], by: Actor) -> None:
    happened = []
    for row in rows:
        assert row.paused_from is not None and row.paused_until is not None
        start, back, before = row.paused_from, row.paused_until, _plan(row)
        row.status, row.suspended_for, row.suspended_on, row.suspend_reason = ACTIVE, None, None, ""
        row.paused_from = row.paused_until = None
        gap = paid_days.go_on(row, start, back)
        after = {"status": str(ACTIVE), "next_renewal_on": row.next_renewal_on.isoformat(), **gap}
        happened.append(Happened(row.id, row.customer_id, str(row), back, before, after))
    db.session.flush()
    service_changes.record_many(happened, "resume", "service.resumed", by)
    service_rows.count(Counter(row.customer_id for row in rows))


def _plan(service: Service) -> dict[str, Any]:
    """What the history says of a pause."""
    told = {"status": "paused", "from": service.paused_from and service.paused_from.isoformat()}
    told["until"] = service.paused_until.isoformat() if service.paused_until else None
    return told | ({"reason": service.suspend_reason} if service.suspend_reason else {})


def _check(service: Service, start: date, until: date | None) -> None:
    if is_paused(service):
        raise InvalidPause(f"{service} is paused already. Resume it first.")
    if service.status != ACTIVE:
        raise InvalidPause(f"{service} is not active, so it cannot be paused.")
    if service.paused_from is not None:
        raise InvalidPause(f"{service} has a pause from {service.paused_from} already. Call that one off first.")
    _check_days(service, start, until)


def _check_days(service: Service, start: date, until: date | None) -> None:
    if until is not None and until <= start:
        raise InvalidPause("A pause has to end after it begins.")
    if service.ends_on and start >= service.ends_on:
        raise InvalidPause(f"{service} ends on {service.ends_on}. A pause has to begin before.")
    earliest = paid_days.billed_last(service)
    if start < earliest:
        raise InvalidPause(
            f"It can be paused from {earliest} on: what lies before is billed and over, or not begun yet."
        )
