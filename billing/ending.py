"""Services whose last day has passed become cancelled: many at a time, for the daily run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select, update

from models import Service, ServiceStatus, db

from . import paid_days, service_changes, service_pauses, service_rows
from .actor import Actor
from .service_changes import Happened

CHUNK = 1000
OVER: dict[str, Any] = {
    "status": ServiceStatus.CANCELLED, "waits_for": None, "suspended_on": None, "suspended_for": None,
    "paused_from": None, "paused_until": None, "transfer_on": None, "transfer_group_id": None,
    "transfer_price_minor": None,
}  # fmt: skip
"""What becomes of a service that ends: it waits for nothing any more, and is to go nowhere."""


def running() -> ColumnElement[bool]:
    """Services that are not cancelled."""
    return Service.status.in_([ServiceStatus.PENDING, ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED])


def end_due(on: date, *, by: Actor) -> int:
    """Cancel every service whose `ends_on` has come by `on` (a day in the business's time zone). How many.

    The customers' numbers of services are changed last, in the order of their ids. Raises NotAllowed.
    """
    by.require("services.edit")
    ended, last, gone = 0, 0, Counter[int]()
    while rows := _next(on, last):
        _cancel(rows, by)
        gone.update(row.customer_id for row in rows if row.status == ServiceStatus.ACTIVE)
        ended, last = ended + len(rows), rows[-1].id
    service_rows.count({customer_id: -count for customer_id, count in gone.items()})
    if ended:
        db.session.expire_all()
    return ended


def _next(on: date, after: int) -> Sequence[Any]:
    """The next services to end, locked, by id."""
    wanted = (
        select(Service.id, Service.customer_id, Service.ends_on, Service.status, Service.description)
        .where(Service.ends_on <= on, running(), Service.id > after)
        .order_by(Service.id)
        .limit(CHUNK)
    )
    return db.session.execute(wanted.with_for_update(key_share=True)).all()


def _cancel(rows: Sequence[Any], by: Actor) -> None:
    values = {**OVER, "cancelled_on": Service.ends_on, "version": Service.version + 1}
    ids = [row.id for row in rows]
    away = _away([row.id for row in rows if row.status == ServiceStatus.SUSPENDED])
    cancelled = update(Service).where(Service.id.in_(ids)).values(values)
    db.session.execute(cancelled.execution_options(synchronize_session=False))
    happened = [_happened(row, _keep(row, away.get(row.id))) for row in rows]
    service_changes.record_many(happened, "end", "service.ended", by)


def _away(ids: Sequence[int]) -> dict[int, date]:
    """Since when those of these services that are away have not used up their days."""
    if not ids:
        return {}
    rows = db.session.scalars(select(Service).where(Service.id.in_(ids)).execution_options(populate_existing=True))
    found = ((row.id, service_pauses.kept_since(row)) for row in rows)
    return {number: since for number, since in found if since}


def _keep(row: Any, since: date | None) -> dict[str, str]:
    """Days paid for that were not used up follow the end; what the history says of it."""
    if since is None:
        return {}
    service = db.session.get_one(Service, row.id, populate_existing=True)
    gap = paid_days.go_on(service, since, row.ends_on)
    db.session.flush()
    return gap


def _happened(row: Any, gap: dict[str, str]) -> Happened:
    after = {"status": "cancelled", "ends_on": row.ends_on.isoformat(), **gap}
    before = {"status": str(row.status)}
    return Happened(row.id, row.customer_id, row.description, row.ends_on, before, after)
