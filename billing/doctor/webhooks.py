"""Webhooks: what was decided to be told is there as it was frozen, is picked up, and arrived where it says so."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, or_, select

from models import WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookState

from .checks import Check, Query, Scope

LATE = timedelta(hours=2)


def not_as_frozen(scope: Scope) -> Query:
    """I28: the text names its own event; two events in one another's place would be told as each other."""
    wrong = ~WebhookEvent.payload.contains('"id":"' + WebhookEvent.event_key + '"', autoescape=False)
    return select(WebhookEvent.id, WebhookEvent.event_key).where(wrong)


def left_lying(scope: Scope) -> Query:
    """I28: an endpoint that is well gets what waits for it."""
    mine = select(WebhookDelivery.id, WebhookEndpoint.name)
    mine = mine.join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
    well = and_(WebhookEndpoint.active, WebhookEndpoint.failing_since.is_(None))
    waits = and_(WebhookDelivery.state == WebhookState.QUEUED, WebhookDelivery.next_try_at < scope.at - LATE)
    return mine.where(well, waits)


def sent_without_answer(scope: Scope) -> Query:
    """I28: sent means answered with 2xx."""
    answered = and_(WebhookDelivery.status.between(200, 299), WebhookDelivery.sent_at.is_not(None))
    wrong = or_(WebhookDelivery.status.is_(None), ~answered)
    return select(WebhookDelivery.id, WebhookDelivery.state).where(WebhookDelivery.state == WebhookState.SENT, wrong)


CHECKS = (
    Check("I28", ("webhook", "webhooks"), "whose text is not that of its event", not_as_frozen),
    Check("I28", ("webhook", "webhooks"), "that nobody sends", left_lying),
    Check("I28", ("webhook", "webhooks"), "called sent without an answer that says so", sent_without_answer),
)
