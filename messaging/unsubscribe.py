"""The link that ends a kind of mail to one address: signed for this purpose, this delivery and until its day."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from billing import opt_outs
from billing.actor import Actor
from models import Channel, Delivery, db

VALID = timedelta(days=730)
"""Old mails keep a link that works."""
PATH = "/unsubscribe/"


def link(delivery: Delivery, *, at: datetime) -> str:
    """The address for the List-Unsubscribe header; empty without a BASE_URL to lead to."""
    base = current_app.config.get("BASE_URL") or ""
    return f"{base}{PATH}{token_for(delivery, at=at)}" if base else ""


def token_for(delivery: Delivery, *, at: datetime) -> str:
    """A token that names the delivery and the day it ends (counted from the queueing: the same for each attempt)."""
    ends = (delivery.message.created_at + VALID).date().isoformat()
    return str(_serializer().dumps([delivery.id, ends]))


def read(token: str, *, at: datetime) -> Delivery | None:
    """The delivery a link came with; None if the link was altered, is over, or leads to nothing."""
    try:
        delivery_id, ends = _serializer().loads(token)
    except (BadData, ValueError, TypeError):
        return None
    if at.date().isoformat() > ends:
        return None
    return db.session.get(Delivery, delivery_id)


def take_off(delivery: Delivery, *, by: Actor) -> bool:
    """No more mails of this kind to this address; False if so already. Flushes."""
    return opt_outs.add(
        Channel.EMAIL, address=delivery.address, category=delivery.message.category, source=opt_outs.LINK,
        about=delivery.customer, by=by,
    )  # fmt: skip


def put_back(delivery: Delivery, *, by: Actor) -> int:
    """They do want them after all. Flushes."""
    return opt_outs.remove(
        Channel.EMAIL, address=delivery.address, category=delivery.message.category, source=opt_outs.LINK,
        about=delivery.customer, by=by,
    )  # fmt: skip


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="unsubscribe")
