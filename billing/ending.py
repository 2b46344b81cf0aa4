"""Services whose last day has passed become cancelled: many at a time, for the daily run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select, update

from models import AuditEvent, Customer, Service, ServiceChange, ServiceStatus, db
from models.bulk import add_to_rows, insert_rows

from . import audit
from .actor import Actor

CHUNK = 1000


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
    counts = [(-count, customer_id) for customer_id, count in sorted(gone.items())]
    add_to_rows(db.session, Customer.__table__, ("service_count",), counts)
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
    values = {"status": ServiceStatus.CANCELLED, "cancelled_on": Service.ends_on, "version": Service.version + 1}
    ids = [row.id for row in rows]
    cancelled = update(Service).where(Service.id.in_(ids)).values(values)
    db.session.execute(cancelled.execution_options(synchronize_session=False))
    columns = ("service_id", "on", "kind", "before", "after", "made_at", "made_by")
    changes = [(r.id, r.ends_on, "end", _before(r), {"status": "cancelled"}, by.at, by.name) for r in rows]
    insert_rows(db.session, ServiceChange.__table__, columns, changes)
    events = [_event(row, by) for row in rows]
    insert_rows(db.session, AuditEvent.__table__, audit.COLUMNS, events)


def _before(row: Any) -> dict[str, Any]:
    return {"status": str(row.status)}


def _event(row: Any, by: Actor) -> tuple[Any, ...]:
    """The values of an audit event, in the order of audit.COLUMNS."""
    who = (by.at, "service.ended", by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address)
    after = {"status": "cancelled", "ends_on": row.ends_on.isoformat()}
    return (*who, "service", row.id, row.description, row.customer_id, _before(row), after)
