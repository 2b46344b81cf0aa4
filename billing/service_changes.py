"""The history of a service: each change leaves a row for its page, and a trace in the audit log."""

from __future__ import annotations

from datetime import date
from typing import Any

from models import Service, ServiceChange, db

from . import audit
from .actor import Actor


def record(
    service: Service, on: date, kind: str, verb: str, before: dict[str, Any] | None, after: dict[str, Any], by: Actor
) -> None:
    """Write down that `service` changed on the day `on`: `kind` in its history, `verb` in the audit log."""
    change = ServiceChange(service_id=service.id, on=on, kind=kind, before=before, after=after)
    change.made_at, change.made_by = by.at, by.name
    db.session.add(change)
    audit.record(by, verb, service, before=before, after=after)
    db.session.flush()
