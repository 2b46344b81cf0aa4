"""One webhook, step by step: what is sent, and what its answer means. The caller commits after each step."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing import staff, webhook_queue, webhooks
from billing.actor import Actor
from billing.webhook_queue import Result
from integrations.webhooks import Answer, Call, send
from models import Staff, WebhookDelivery, WebhookEndpoint, WebhookState, db

from . import outbox

SWITCHED_OFF = "webhook_off"
"""The kind of mail that tells staff of an endpoint that was switched off."""


def prepare(delivery: WebhookDelivery, *, by: Actor) -> Call | None:
    """What to send for this delivery; None where SECRET_KEY was changed and nothing can be signed."""
    endpoint = delivery.endpoint
    secrets = webhooks.secrets_of(endpoint, key=_key(), at=by.at)
    if not secrets:
        return None
    event = delivery.event
    return Call(endpoint.url, event.event_key, int(by.at.timestamp()), event.payload.encode(), tuple(secrets))


def carry_out(call: Call | None) -> Answer:
    """Send it; with no transaction open, for it may take its time."""
    if call is None:
        return Answer(error=_("SECRET_KEY was changed since. Give the endpoint a new secret, then send again."))
    return send(call, current_app.config["WEBHOOK_NETWORKS"])


def finish(delivery_id: int, answer: Answer, *, worker: str, by: Actor) -> WebhookState | None:
    """Record how it ended. Where the endpoint was switched off by that, a mail to those who may change it is queued."""
    result = Result(
        answer.taken, answer.status, answer.text, answer.error, answer.took_ms, answer.gone, answer.reached,
        timedelta(seconds=answer.wait),
    )  # fmt: skip
    state = webhook_queue.finish(delivery_id, result, worker=worker, by=by)
    if state is not None and not answer.taken:
        endpoint = db.session.get_one(WebhookDelivery, delivery_id).endpoint
        if not endpoint.active and endpoint.off_reason:
            _tell_staff(endpoint, by)
    return state


def _tell_staff(endpoint: WebhookEndpoint, by: Actor) -> None:
    subject = _("Webhook switched off: %(name)s", name=endpoint.name)
    words = [
        _("Tillbook has stopped to tell %(name)s (%(url)s) what happens.", name=endpoint.name, url=endpoint.url),
        endpoint.off_reason,
        _("What waits for it is kept. When it is well again, switch it on under Automation, Webhooks."),
    ]
    about = f"{endpoint.id}:{by.at:%Y-%m-%dT%H}"
    outbox.queue_message(subject, "\n\n".join(words), _responsible(), kind=SWITCHED_OFF, about=about, by=by)


def _responsible() -> list[str]:
    """The addresses of staff who may change webhooks."""
    people = select(Staff).where(Staff.active).options(joinedload(Staff.role)).order_by(Staff.id)
    return [one.email for one in db.session.scalars(people) if webhooks.PERMISSION in staff.permissions_of(one.role)]


def _key() -> str:
    return str(current_app.secret_key)
