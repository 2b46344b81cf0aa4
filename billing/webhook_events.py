"""What other systems can be told: the events, what each says, and writing them down for whoever listens.

An event is frozen as text in the transaction in which it happened, with a delivery for each endpoint that wants it;
it leaves after the commit (jobs.webhooks). The payload is that of the Standard Webhooks scheme (type, timestamp, data;
github.com/standard-webhooks/standard-webhooks) with the event's own id and a `sequence`: of two events about the same
service the one with the higher sequence is the later one, whatever order they arrive in.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload

from models import (
    Customer,
    Invoice,
    Order,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookState,
    db,
)
from models.bulk import among, insert_rows, reserve_ids
from models.prepared import prepared

from . import webhook_payloads
from .actor import Actor

EVENTS: dict[str, str] = {
    "service.started": "A customer got a service.",
    "service.activated": "A service that waited runs now.",
    "service.suspended": "A service is held back, by hand or for late payment.",
    "service.unsuspended": "A service that was held back runs again.",
    "service.paused": "A service rests, and nothing is billed meanwhile.",
    "service.resumed": "A service goes on after a pause.",
    "service.package_changed": "A service runs another package, period or options.",
    "service.changed": "Something else of a service changed: price, options, dates, description or billing group.",
    "service.end_set": "A service is to end on a day; without ends_on the end was withdrawn.",
    "service.ended": "A service has ended.",
    "service.reactivated": "A service that had ended runs again.",
    "service.transferred": "A service belongs to another customer now.",
    "invoice.issued": "An invoice was issued, by hand or by a run.",
    "invoice.paid": "Nothing is open on an invoice any more.",
    "order.placed": "Somebody ordered on an order form.",
    "order.approved": "An order was accepted, by itself or by staff.",
    "order.refused": "An order was refused.",
    "customer.created": "A customer was added.",
    "customer.changed": "Details of a customer changed.",
    "customer.disabled": "A customer is not billed any more and cannot sign in.",
    "customer.enabled": "A customer is billed again and may sign in.",
}
TEST = "webhook.test"
"""Sent by a person to see whether an endpoint answers; to that one only."""
OF_SERVICE = {
    "start": "service.started", "activate": "service.activated", "suspend": "service.suspended",
    "unsuspend": "service.unsuspended", "pause": "service.paused", "resume": "service.resumed",
    "change": "service.package_changed", "cancel": "service.end_set", "end": "service.ended",
    "reactivate": "service.reactivated", "transfer": "service.transferred",
}  # fmt: skip
"""Kind of a service's change -> event; every other kind is ``service.changed``."""
_EVENT = ("id", "event_key", "name", "customer_id", "service_id", "invoice_id", "payload", "made_at")
_DELIVERY = (
    "event_id", "endpoint_id", "state", "attempts", "since", "next_try_at", "claimed_by", "answer", "error",
)  # fmt: skip
_HELD = "webhook_listeners"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a service: the `kind` of its change, the day, and what differs."""

    service_id: int
    kind: str
    on: date
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def event(self) -> str:
        if self.kind == "cancel" and (self.after or {}).get("status") == "cancelled":
            return "service.ended"
        return OF_SERVICE.get(self.kind, "service.changed")


@dataclass(frozen=True, slots=True)
class _Told:
    """One event before it has a number."""

    name: str
    data: dict[str, Any]
    customer_id: int | None = None
    service_id: int | None = None
    invoice_id: int | None = None


def services(changes: Sequence[Change], by: Actor) -> int:
    """Tell of what happened to services, as they are now in the database; how many deliveries were queued.

    Where nobody listens this is one question in a transaction, however often it is called. The caller has flushed and
    holds the services' rows, so that the sequence follows what happened.
    """
    wanted = [change for change in changes if _wants(change.event)]
    if not wanted:
        return 0
    rows = webhook_payloads.services({change.service_id for change in wanted})
    told = [
        _Told(change.event, _of(change, rows[change.service_id]), rows[change.service_id]["customer"]["id"],
              change.service_id)
        for change in wanted
    ]  # fmt: skip
    return _write(told, by.at)


def invoices(ids: Collection[int], name: str, by: Actor) -> int:
    """Tell of invoices: `name` is ``invoice.issued`` or ``invoice.paid``; how many deliveries were queued."""
    if not ids or not _wants(name):
        return 0
    found = select(Invoice).where(among(db.session, Invoice.id, ids)).order_by(Invoice.id)
    found = found.options(joinedload(Invoice.customer))
    told = [
        _Told(
            name,
            {"invoice": webhook_payloads.of_invoice(one), "customer": webhook_payloads.of_customer(one.customer)},
            one.customer_id,
            None,
            one.id,
        )
        for one in db.session.scalars(found.execution_options(populate_existing=True))
    ]
    return _write(told, by.at)


def customers(ids: Collection[int], name: str, by: Actor) -> int:
    """Tell of customers: ``customer.created``, ``changed``, ``disabled`` or ``enabled``."""
    if not ids or not _wants(name):
        return 0
    found = select(*webhook_payloads.CUSTOMER).where(among(db.session, Customer.id, ids)).order_by(Customer.id)
    return _write(
        [_Told(name, {"customer": webhook_payloads.of_customer(c)}, c.id) for c in db.session.execute(found)], by.at
    )


def order(placed: Order, name: str, by: Actor) -> int:
    """Tell of an order: ``order.placed``, ``approved`` or ``refused``."""
    if not _wants(name):
        return 0
    told = {"order": webhook_payloads.of_order(placed)}
    return _write([_Told(name, told, placed.customer_id, placed.service_id, placed.invoice_id)], by.at)


def test(endpoint: WebhookEndpoint, by: Actor) -> WebhookDelivery:
    """Queue an event that says nothing but that it is a test, for this endpoint only. Flushes."""
    data = {"message": "This is a test.", "asked_by": by.name}
    _write([_Told(TEST, data)], by.at, to=[endpoint.id])
    newest = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint.id)
    return db.session.scalars(newest.order_by(WebhookDelivery.id.desc()).limit(1)).one()


def forget(customer_ids: Collection[int]) -> None:
    """Remove what was told, or waits to be told, of these customers."""
    gone = delete(WebhookEvent).where(WebhookEvent.customer_id.in_(customer_ids))
    db.session.execute(gone.execution_options(synchronize_session=False))


def clean(before: datetime, limit: int = 5000) -> int:
    """Remove events of before this moment that wait for nothing; how many. The newest stays: ids count on from it."""
    newest = select(func.max(WebhookEvent.id)).scalar_subquery()
    waits = select(WebhookDelivery.id).where(
        WebhookDelivery.event_id == WebhookEvent.id,
        WebhookDelivery.state.in_([WebhookState.QUEUED, WebhookState.SENDING, WebhookState.FAILED]),
    )
    old = select(WebhookEvent.id).where(WebhookEvent.made_at < before, WebhookEvent.id < newest, ~waits.exists())
    ids = list(db.session.scalars(old.order_by(WebhookEvent.id).limit(limit)))
    if ids:
        gone = delete(WebhookEvent).where(among(db.session, WebhookEvent.id, ids))
        db.session.execute(gone.execution_options(synchronize_session=False))
    return len(ids)


def listening(name: str) -> list[int]:
    """The endpoints that want this event. Asked of the database once in a transaction."""
    session = db.session()
    held = session.info.get(_HELD)
    if held is None or held[0] is not session.get_transaction():
        rows = _active.ask(session, {})
        held = session.info[_HELD] = session.get_transaction(), rows
    return [number for number, everything, events in held[1] if everything or name in events]


@prepared
def _active() -> Any:
    columns = WebhookEndpoint.id, WebhookEndpoint.everything, WebhookEndpoint.events
    return select(*columns).where(WebhookEndpoint.active).order_by(WebhookEndpoint.id)


def forget_listeners() -> None:
    """Endpoints have changed in this transaction: ask again."""
    db.session().info.pop(_HELD, None)


def _of(change: Change, data: dict[str, Any]) -> dict[str, Any]:
    return webhook_payloads.of_change(change.kind, change.on, change.before, change.after, data)


def _wants(name: str) -> bool:
    return bool(listening(name))


def _write(told: Sequence[_Told], at: datetime, to: list[int] | None = None) -> int:
    session = db.session()
    ids = reserve_ids(session, WebhookEvent.__table__, len(told))
    events, deliveries = [], []
    for number, one in zip(ids, told, strict=True):
        key = f"evt_{secrets.token_hex(12)}"
        text = webhook_payloads.payload(key, one.name, at, number, one.data)
        events.append((number, key, one.name, one.customer_id, one.service_id, one.invoice_id, text, at))
        for endpoint_id in listening(one.name) if to is None else to:
            deliveries.append((number, endpoint_id, WebhookState.QUEUED.value, 0, at, at, "", "", ""))
    insert_rows(session, WebhookEvent.__table__, _EVENT, events)
    insert_rows(session, WebhookDelivery.__table__, _DELIVERY, deliveries)
    return len(deliveries)
