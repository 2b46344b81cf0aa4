"""Sending the webhooks that are due: each endpoint at its own pace, so that a slow one keeps no other waiting."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from flask import Flask, current_app

from billing import webhook_events, webhook_queue
from messaging import deliver, webhooks
from models import db
from models.faults import faultpoint

from . import clock, stopping
from .daily import only_reading

AT_ONCE = 4
"""Endpoints that are called at the same time."""
MOST = 500
"""Deliveries of one endpoint in one run; the next one goes on."""


def run(on: date | None = None) -> dict[str, int]:
    """Send what is due (by the moment: `on` is not asked). Returns how many ended how: sent, failed, given_up.

    Commits; may run in several processes at once. Without anything to send it only reads.
    """
    with only_reading():
        due = webhook_queue.endpoints_due(clock.now())
    counts: Counter[str] = Counter()
    if len(due) == 1:
        counts.update(serve(due[0]))
    elif due:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for found in pool.map(lambda number: _serve_apart(app, number), due):
                counts.update(found)
    return {name: counts[name] for name in ("sent", "failed", "given_up")}


def clean() -> int:
    """Remove what was told long ago; how many events. Commits."""
    removed = 0
    while n := webhook_events.clean(clock.now() - webhook_queue.KEPT_FOR):
        db.session.commit()
        removed += n
    db.session.rollback()
    return removed


def _serve_apart(app: Flask, endpoint_id: int) -> Counter[str]:
    """In a thread and a session of its own."""
    with app.app_context():
        return serve(endpoint_id)


def serve(endpoint_id: int) -> Counter[str]:
    """Send what is due for one endpoint, oldest first, until nothing is left or it does not answer."""
    worker, counts = deliver.new_worker(), Counter[str]()
    while sum(counts.values()) < MOST and not stopping.asked():
        state = one(endpoint_id, worker)
        if not state:
            break
        counts[state] += 1
    return counts


def one(endpoint_id: int, worker: str) -> str:
    """Send the oldest that is due; the state it ended in, empty if there is none. Commits before and after the call."""
    delivery = webhook_queue.claim(endpoint_id, worker=worker, by=clock.actor())
    if delivery is None:
        db.session.rollback()
        return ""
    number, call = delivery.id, webhooks.prepare(delivery, by=clock.actor())
    db.session.commit()
    faultpoint("webhooks.begun")
    answer = webhooks.carry_out(call)
    faultpoint("webhooks.sent")
    state = webhooks.finish(number, answer, worker=worker, by=clock.actor())
    db.session.commit()
    faultpoint("webhooks.finished")
    return str(state or "taken")
