"""The one door for what happens to a service: a row of its history, a trace in the audit log, and word to whoever
listens (webhooks), all in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from models import AuditEvent, Service, ServiceChange, db
from models.bulk import Row, insert_rows

from . import audit, webhook_events
from .actor import Actor

_COLUMNS = ("service_id", "on", "kind", "before", "after", "made_at", "made_by")


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to one of many services. `label` is its description, for the audit log."""

    service_id: int
    customer_id: int
    label: str
    on: date
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


def record(
    service: Service, on: date, kind: str, verb: str, before: dict[str, Any] | None, after: dict[str, Any], by: Actor,
    traces: Sequence[Row] = (),
) -> None:  # fmt: skip
    """Write down that `service` changed on the day `on`: `kind` in its history, `verb` in the audit log, and the event
    of that kind (webhook_events) for those who listen. `before` and `after` are plain values. `traces` are rows for the
    audit log that are written before its own. Flushes."""
    record_many([Happened(service.id, service.customer_id, str(service), on, before, after)], kind, verb, by, traces)


def record_many(happened: Sequence[Happened], kind: str, verb: str, by: Actor, traces: Sequence[Row] = ()) -> None:
    """The same for many services at once, written by a few statements. The services' rows are changed already; where
    the session holds them as objects, the caller expires them."""
    changes = [(h.service_id, h.on, kind, h.before, h.after, by.at, by.name) for h in happened]
    insert_rows(db.session, ServiceChange.__table__, _COLUMNS, changes)
    who = (by.at, verb, by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address, "service")
    events = [(*who, h.service_id, h.label[:200], h.customer_id, h.before or None, h.after or None) for h in happened]
    insert_rows(db.session, AuditEvent.__table__, audit.COLUMNS, [*traces, *events])
    told = [webhook_events.Change(h.service_id, kind, h.on, h.before, h.after) for h in happened]
    webhook_events.services(told, by)
