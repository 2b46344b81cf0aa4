"""The link by which a browser pays what it has just ordered: sealed for one order, bound to a secret in its session.
And the way on for who has signed in meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from flask import current_app, session, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from billing import order_links as by_mail
from billing import order_pay, orders
from models import Approval, Order, OrderState
from web import sessions
from web.permissions import signed_in_portal_user

KEPT = "ordered"
MOST_KEPT = 5
"""Orders that a browser remembers at once."""
PAY_FOR = timedelta(hours=1)


def remember(order: Order) -> None:
    """Let this browser pay the order. Called where a stranger has just placed it."""
    known = dict(session.get(KEPT, {}))
    known[order.number] = [secrets.token_urlsafe(24), sessions.now().timestamp()]
    session[KEPT] = dict(list(known.items())[-MOST_KEPT:])


def link(order: Order) -> str:
    """Where this browser pays the order; empty where it cannot. The same for every address, known or not."""
    kept = session.get(KEPT, {}).get(order.number)
    if kept is None or not is_payable_here(order) or not _is_fresh(kept[1], PAY_FOR):
        return ""
    return url_for("order.pay", token=_sealer().dumps([order.number, _hash(order, kept[0])]))


def is_payable_here(order: Order) -> bool:
    """Whether its form lets strangers go on without their mailbox, and something is due."""
    form = order.form
    return not form.confirm_email and form.approval == Approval.AUTOMATIC and order.total_minor > 0


def to_confirm(order: Order) -> str:
    """Where the order is confirmed by whoever is signed in with its e-mail address, which shows as much as the link of
    its mail; empty for everybody else, and where it does not wait for that."""
    user = signed_in_portal_user()
    if order.state != OrderState.BEGUN or user is None or user != orders.owner_of(order):
        return ""
    token = by_mail.token_of(order, current_app.config["SECRET_KEY"])
    return url_for("order.confirm", token=token) if token else ""


def go_on(order: Order) -> None:
    """This browser has asked to pay the order; before, its link tells nothing."""
    known = dict(session[KEPT])
    known[order.number] = [*known[order.number][:2], True]
    session[KEPT] = known


def has_gone_on(order: Order) -> bool:
    """Whether it has asked to. Until then the orders of some addresses are made already, and those of known ones are
    not: what they are like is told to nobody."""
    return len(session.get(KEPT, {}).get(order.number, ())) > 2


def find(token: str, within: timedelta) -> Order | None:
    """The order of the link, in the browser that placed it and in time; None for everything else."""
    try:
        number, sealed = _sealer().loads(token)
        secret, at = session.get(KEPT, {})[number][:2]
    except (BadSignature, KeyError, TypeError, ValueError):
        return None
    order = order_pay.find(str(number)) if _is_fresh(at, within) else None
    return order if order is not None and hmac.compare_digest(_hash(order, secret), str(sealed)) else None


def _is_fresh(at: float, within: timedelta) -> bool:
    return 0 <= sessions.now().timestamp() - at <= within.total_seconds()


def _sealer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="order-pay")


def _hash(order: Order, secret: str) -> str:
    return hashlib.sha256(f"order-pay:{order.id}:{secret}".encode()).hexdigest()
