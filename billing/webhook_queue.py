"""Deliveries of webhooks, step by step: reserve, record how a try ended, send again. The caller commits after each.

    queued ──claim──▶ sending ──▶ sent | failed (tried again later) | given up

A delivery is `sending`, and that is committed, before a word is said to the endpoint; no transaction is open meanwhile.
Whoever dies in between leaves it `sending`: when its claim has run out it is sent again under the same webhook-id, by
which the receiver knows it. An endpoint that does not answer rests as a whole, so that what waits for it keeps its
order and one that is down costs one try at a time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select

from models import BillingError, WebhookDelivery, WebhookEndpoint, WebhookState, db
from models.bulk import among

from . import audit, webhooks
from .actor import Actor

RESERVED = timedelta(minutes=2)
"""How long a try may take before it counts as lost; well above integrations.webhooks' limits."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
LONGEST_REST = timedelta(minutes=15)
TRIED_FOR = timedelta(days=3)
KEPT_FOR = timedelta(days=90)
# Spelt out: SQLite looks into the index of what waits only when the words stand in the statement.
_WAITS: ColumnElement[bool] = literal_column("webhook_delivery.state IN ('queued', 'sending', 'failed')")


class CannotSendAgain(BillingError):
    """This is nothing that a person may send again now."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a try ended. `taken`: answered with 2xx. `gone`: the endpoint wants nothing more (410). `reached` False: it
    did not answer as a server should, so the whole endpoint rests."""

    taken: bool
    status: int | None = None
    answer: str = ""
    error: str = ""
    took_ms: int = 0
    gone: bool = False
    reached: bool = True
    wait: timedelta = timedelta()


def wait_after(attempts: int) -> timedelta:
    """One minute after the first try, doubled each time, six hours at most."""
    return min(FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20), LONGEST_WAIT)


def endpoints_due(at: datetime) -> list[int]:
    """The endpoints for which something is due now."""
    due = select(WebhookDelivery.id).where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, *_due(at))
    awake = or_(WebhookEndpoint.rests_until.is_(None), WebhookEndpoint.rests_until <= at)
    found = select(WebhookEndpoint.id).where(WebhookEndpoint.active, awake, due.exists())
    return list(db.session.scalars(found.order_by(WebhookEndpoint.id)))


def claim(endpoint_id: int, *, worker: str, by: Actor) -> WebhookDelivery | None:
    """The oldest delivery that is due for this endpoint, marked as being sent by this worker; None if there is none,
    or it rests or is switched off."""
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, populate_existing=True)
    if endpoint is None or not endpoint.active or (endpoint.rests_until and endpoint.rests_until > by.at):
        return None
    due = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, *_due(by.at))
    oldest = due.order_by(WebhookDelivery.next_try_at, WebhookDelivery.id).limit(1)
    delivery = db.session.scalars(oldest.with_for_update(skip_locked=True)).first()
    if delivery is not None:
        begin(delivery, worker=worker, by=by)
    return delivery


def begin(delivery: WebhookDelivery, *, worker: str, by: Actor) -> None:
    """It is being sent by this worker. Flushes."""
    delivery.state, delivery.attempts = WebhookState.SENDING, delivery.attempts + 1
    delivery.claimed_by, delivery.claimed_until, delivery.tried_at = worker, by.at + RESERVED, by.at
    # Whoever finds it lost looks at it in the order of this moment.
    delivery.next_try_at = by.at + RESERVED
    db.session.flush()


def finish(delivery_id: int, result: Result, *, worker: str, by: Actor) -> WebhookState | None:
    """Record how the try ended, on the delivery and on its endpoint's health; None if it is no longer this worker's.

    The endpoint is switched off where it said that it is gone, or has failed for days (webhooks.FAILING_FOR): its
    `active` tells. Flushes.
    """
    delivery = db.session.get(WebhookDelivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None or delivery.claimed_by != worker or delivery.state != WebhookState.SENDING:
        return None
    delivery.claimed_by, delivery.claimed_until = "", None
    delivery.status, delivery.answer, delivery.took_ms = result.status, result.answer, result.took_ms
    delivery.error = result.error[:500]
    endpoint = db.session.get_one(WebhookEndpoint, delivery.endpoint_id, with_for_update=True, populate_existing=True)
    if result.taken:
        delivery.state, delivery.sent_at = WebhookState.SENT, by.at
        endpoint.failing_since, endpoint.failures, endpoint.rests_until = None, 0, None
        endpoint.last_sent_at = by.at
    else:
        _failed(delivery, endpoint, result, by)
    db.session.flush()
    return delivery.state


def _failed(delivery: WebhookDelivery, endpoint: WebhookEndpoint, result: Result, by: Actor) -> None:
    wait = max(wait_after(delivery.attempts), min(result.wait, LONGEST_WAIT))
    delivery.state, delivery.next_try_at = WebhookState.FAILED, by.at + wait
    if by.at - delivery.since >= TRIED_FOR:
        delivery.state = WebhookState.GIVEN_UP
        audit.record(by, "webhook.given_up", delivery, after={"reason": delivery.error, "attempts": delivery.attempts})
    endpoint.failing_since, endpoint.failures = endpoint.failing_since or by.at, endpoint.failures + 1
    if not result.reached:
        endpoint.rests_until = by.at + min(max(wait_after(endpoint.failures), result.wait), LONGEST_REST)
    if result.gone:
        webhooks.switch_off(endpoint, "It answered 410: it wants nothing more.", by=by)
    elif by.at - endpoint.failing_since >= webhooks.FAILING_FOR:
        days = webhooks.FAILING_FOR.days
        webhooks.switch_off(endpoint, f"Every try has failed for {days} days. The last: {delivery.error}", by=by)


def send_again(delivery: WebhookDelivery, *, by: Actor) -> None:
    """Send it once more, under the same webhook-id: what was given up or sent is queued anew, what waits goes at once.

    Raises NotAllowed, CannotSendAgain while it is being sent, EndpointOff. Flushes.
    """
    by.require(webhooks.PERMISSION)
    delivery = db.session.get_one(WebhookDelivery, delivery.id, with_for_update=True, populate_existing=True)
    if delivery.state == WebhookState.SENDING and delivery.claimed_until and delivery.claimed_until > by.at:
        raise CannotSendAgain("This is being sent right now.")
    endpoint = db.session.get_one(WebhookEndpoint, delivery.endpoint_id)
    if not endpoint.active:
        raise webhooks.EndpointOff(f"{endpoint} is switched off. Switch it on first.")
    before = {"state": str(delivery.state)}
    delivery.state, delivery.since, delivery.next_try_at, delivery.attempts = WebhookState.QUEUED, by.at, by.at, 0
    delivery.claimed_by, delivery.claimed_until, delivery.error = "", None, ""
    endpoint.rests_until = None
    audit.record(by, "webhook.queued_again", delivery, before=before)
    db.session.flush()


def _due(at: datetime) -> tuple[ColumnElement[bool], ...]:
    claimed = and_(WebhookDelivery.state == WebhookState.SENDING, WebhookDelivery.claimed_until > at)
    return _WAITS, WebhookDelivery.next_try_at <= at, ~func.coalesce(claimed, False)


@dataclass(frozen=True, slots=True)
class Health:
    """Of one endpoint: how much waits (and of that, was tried already), was sent and given up."""

    waiting: int = 0
    failing: int = 0
    sent: int = 0
    given_up: int = 0


def health(endpoint_ids: Collection[int]) -> dict[int, Health]:
    """The figures of these endpoints, in one question."""
    counted = select(WebhookDelivery.endpoint_id, WebhookDelivery.state, func.count())
    counted = counted.where(among(db.session, WebhookDelivery.endpoint_id, endpoint_ids))
    found: dict[int, dict[WebhookState, int]] = {number: {} for number in endpoint_ids}
    for number, state, count in db.session.execute(
        counted.group_by(WebhookDelivery.endpoint_id, WebhookDelivery.state)
    ):
        found[number][state] = count
    return {number: _health(states) for number, states in found.items()}


def _health(of: dict[WebhookState, int]) -> Health:
    failing = of.get(WebhookState.FAILED, 0)
    waiting = of.get(WebhookState.QUEUED, 0) + of.get(WebhookState.SENDING, 0) + failing
    return Health(waiting, failing, of.get(WebhookState.SENT, 0), of.get(WebhookState.GIVEN_UP, 0))
