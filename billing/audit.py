"""Writing down who did what. Called by the rules themselves, so that no door can forget it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from models import AuditEvent, Customer, Model, db
from models.bulk import insert_rows

from . import webhook_events
from .actor import Actor

OUTSIDE = {
    "customer.changed": "customer.changed", "customer.enabled": "customer.enabled",
    "customer.disabled": "customer.disabled", "customer.archived": "customer.disabled",
}  # fmt: skip
"""Verbs of many customers at once of which other systems are told, and as what."""
COLUMNS = (
    "at", "verb", "actor", "staff_id", "portal_user_id", "real_staff_id", "address",
    "object_type", "object_id", "object_label", "customer_id", "before", "after",
)  # fmt: skip


def record(
    by: Actor,
    verb: str,
    thing: Model,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Add the event to the session. `verb` is past tense with its subject: ``customer.disabled``.

    `before` and `after` hold only what changed, as plain values (amounts in minor units, days as ISO text).
    """
    thing_id: int | None = getattr(thing, "id", None)
    customer_id = thing_id if isinstance(thing, Customer) else getattr(thing, "customer_id", None)
    event = AuditEvent(
        at=by.at,
        verb=verb,
        actor=by.name,
        staff_id=by.staff_id,
        portal_user_id=by.portal_user_id,
        real_staff_id=by.real_staff_id,
        address=by.address,
        object_type=thing.__table__.name,  # type: ignore[attr-defined]  # a credit note is an invoice
        object_id=thing_id,
        object_label=str(thing)[:200],
        customer_id=customer_id,
        before=dict(before) if before else None,
        after=dict(after) if after else None,
    )
    db.session.add(event)
    return event


def record_customers(
    by: Actor,
    verb: str,
    changed: Iterable[tuple[int, str, Mapping[str, Any] | None, Mapping[str, Any] | None]],
) -> None:
    """The same event for many customers, written at once: (id, name, before, after) of each, as `record` takes them.

    Other systems that listen are told of it (webhook_events), so the customers' rows are changed already."""
    who = (by.at, verb, by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address, "customer")
    rows = [(*who, key, name[:200], key, before, after) for key, name, before, after in changed]
    insert_rows(db.session, AuditEvent.__table__, COLUMNS, rows)
    if rows and verb in OUTSIDE:
        webhook_events.customers([row[8] for row in rows], OUTSIDE[verb], by)


def changes(thing: Model, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What setting `values` on `thing` changes: (before, after), only the columns that differ, as plain values."""
    before = {name: getattr(thing, name) for name, new in values.items() if getattr(thing, name) != new}
    return plain(before), plain({name: values[name] for name in before})


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values as JSON can hold them."""
    return {name: value if isinstance(value, (int, bool, type(None))) else str(value) for name, value in values.items()}
