"""Links by which whoever ordered confirms the address: random, kept as a hash, good while the order waits for it.

The token is the keyed hash (HMAC-SHA-256, RFC 2104) of purpose, order and a random seed, as that of quotes: one of
another purpose or order opens nothing, and the database alone opens nothing either.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from sqlalchemy import select

from models import Message, Order, db

PURPOSE, REFUSED = "order_confirm", "order_refused"
"""Kinds of the mails of orders; the first is also the purpose of a link."""
PATH = "/order/confirm/"
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


def make(order: Order, *, key: str, base_url: str = "") -> str:
    """A new link's token; an earlier one of the order is dead. `key` is the installation's secret, `base_url` where it
    answers. Flushes."""
    order.seed = secrets.token_hex(24)
    token = _token(order.id, order.seed, key)
    order.token_hash, order.base_url = hash_of(token), base_url[:200]
    db.session.flush()
    return token


def token_of(order: Order, key: str) -> str | None:
    """The token of the order's link; None if there is none, or the installation's secret was changed since."""
    token = _token(order.id, order.seed, key)
    return token if order.token_hash and hmac.compare_digest(hash_of(token), order.token_hash) else None


def of_message(message: Message) -> Order | None:
    """The order that a mail is about; None if it is gone."""
    number = (message.about or {}).get("order")
    return db.session.get(Order, number) if number else None


def find(token: str, *, key: str) -> Order | None:
    """The order this token opens; None for every other token, whatever is wrong with it. Changes nothing."""
    if not _SHAPE.fullmatch(token):
        return None
    order = db.session.scalar(select(Order).where(Order.token_hash == hash_of(token)))
    if order is None or not hmac.compare_digest(_token(order.id, order.seed, key), token):
        return None
    return order


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _token(order_id: int, seed: str, key: str) -> str:
    digest = hmac.new(key.encode(), f"{PURPOSE}:{order_id}:{seed}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
