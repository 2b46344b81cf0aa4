"""The addresses of other systems that are told what happens: added, changed, switched off, given new secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from models import BillingError, FieldError, WebhookDelivery, WebhookEndpoint, WebhookState, db

from . import audit, webhook_events, webhook_secrets
from .actor import Actor
from .texts import InvalidText, one_line

PERMISSION = "settings.edit"
FIELDS = ("name", "url", "everything", "events")
MOST = 50
"""Endpoints of one installation; each event is looked up for all of them."""
OLD_VALID = timedelta(days=1)
"""How long the old secret signs too, after it was changed."""
FAILING_FOR = timedelta(days=5)
"""An endpoint at which every try has failed for so long is switched off."""


class EndpointRefused(FieldError):
    """An endpoint cannot be like this; `field` names what is wrong."""


class EndpointOff(BillingError):
    """Nothing is sent to an endpoint that is switched off."""


def create(values: Mapping[str, Any], *, key: str, by: Actor) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint (`values` of FIELDS); it and its secret, which is never shown again. `key` is SECRET_KEY.

    Raises EndpointRefused, NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    if (db.session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0) >= MOST:
        raise EndpointRefused(f"There are {MOST} endpoints already. Delete one that nobody uses.", "name")
    endpoint = WebhookEndpoint(**_read(values), made_at=by.at, made_by=by.name, salt=webhook_secrets.new_salt())
    endpoint.key_mark = webhook_secrets.mark_of(key)
    db.session.add(endpoint)
    db.session.flush()
    webhook_events.forget_listeners()
    audit.record(by, "webhook.created", endpoint, after=_plain({name: values.get(name) for name in FIELDS}))
    return endpoint, webhook_secrets.secret_of(key, endpoint.salt)


def change(endpoint: WebhookEndpoint, values: Mapping[str, Any], *, by: Actor) -> None:
    """Change name, address or events. Raises EndpointRefused, NotAllowed. Flushes."""
    by.require(PERMISSION)
    read = _read(values, endpoint)
    before = {name: getattr(endpoint, name) for name in read if getattr(endpoint, name) != read[name]}
    for name in before:
        setattr(endpoint, name, read[name])
    if "url" in before:
        _healthy(endpoint)
    if before:
        audit.record(
            by, "webhook.changed", endpoint, before=_plain(before), after=_plain({name: read[name] for name in before})
        )
    db.session.flush()
    webhook_events.forget_listeners()


def switch_off(endpoint: WebhookEndpoint, reason: str = "", *, by: Actor) -> None:
    """Tell this endpoint nothing more, and keep what waits until it is switched on. Raises NotAllowed. Flushes."""
    by.require(PERMISSION)
    if endpoint.active:
        endpoint.active, endpoint.off_reason = False, reason[:300]
        audit.record(by, "webhook.switched_off", endpoint, after={"reason": reason} if reason else None)
        db.session.flush()
        webhook_events.forget_listeners()


def switch_on(endpoint: WebhookEndpoint, *, by: Actor) -> int:
    """Tell it again, with what has waited, which begins anew; how much that is. Raises NotAllowed. Flushes."""
    by.require(PERMISSION)
    if endpoint.active:
        return 0
    endpoint.active, endpoint.off_reason = True, ""
    _healthy(endpoint)
    waiting = WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.state.in_(WAITING)
    rows = list(db.session.scalars(select(WebhookDelivery).where(*waiting).with_for_update()))
    for row in rows:
        row.since = row.next_try_at = by.at
    audit.record(by, "webhook.switched_on", endpoint)
    db.session.flush()
    webhook_events.forget_listeners()
    return len(rows)


WAITING = (WebhookState.QUEUED, WebhookState.FAILED)


def rotate(endpoint: WebhookEndpoint, *, key: str, by: Actor) -> str:
    """Give it a new secret, which is shown once; the old one signs too for a day, if it still can.

    Raises NotAllowed. Flushes.
    """
    by.require(PERMISSION)
    mark = webhook_secrets.mark_of(key)
    keeps = endpoint.key_mark == mark
    endpoint.old_salt, endpoint.old_until = (endpoint.salt, by.at + OLD_VALID) if keeps else ("", None)
    endpoint.salt, endpoint.key_mark = webhook_secrets.new_salt(), mark
    audit.record(by, "webhook.secret_changed", endpoint)
    db.session.flush()
    return webhook_secrets.secret_of(key, endpoint.salt)


def delete(endpoint: WebhookEndpoint, *, by: Actor) -> None:
    """Remove it with its list of deliveries. Raises NotAllowed. Flushes."""
    by.require(PERMISSION)
    audit.record(by, "webhook.deleted", endpoint, before={"name": endpoint.name, "url": endpoint.url})
    db.session.delete(endpoint)
    db.session.flush()
    webhook_events.forget_listeners()


def send_test(endpoint: WebhookEndpoint, *, by: Actor) -> WebhookDelivery:
    """Queue a test for this endpoint. Raises EndpointOff, NotAllowed. Flushes."""
    by.require(PERMISSION)
    if not endpoint.active:
        raise EndpointOff(f"{endpoint} is switched off. Switch it on first.")
    return webhook_events.test(endpoint, by)


def secrets_of(endpoint: WebhookEndpoint, *, key: str, at: datetime) -> list[str]:
    """The secrets that sign now, the newest first; none where SECRET_KEY is not the one they were shown with."""
    if endpoint.key_mark != webhook_secrets.mark_of(key):
        return []
    salts = [endpoint.salt]
    if endpoint.old_salt and endpoint.old_until and at < endpoint.old_until:
        salts.append(endpoint.old_salt)
    return [webhook_secrets.secret_of(key, salt) for salt in salts]


def _healthy(endpoint: WebhookEndpoint) -> None:
    endpoint.failing_since, endpoint.failures, endpoint.rests_until = None, 0, None


def _read(values: Mapping[str, Any], endpoint: WebhookEndpoint | None = None) -> dict[str, Any]:
    try:
        name = one_line(values["name"], 80, "The name")
    except InvalidText as refusal:
        raise EndpointRefused(str(refusal), "name") from None
    taken = select(WebhookEndpoint.id).where(func.lower(WebhookEndpoint.name) == name.lower())
    if endpoint is not None:
        taken = taken.where(WebhookEndpoint.id != endpoint.id)
    if db.session.scalar(taken.limit(1)):
        raise EndpointRefused(f"There is an endpoint called {name} already.", "name")
    events = [known for known in webhook_events.EVENTS if known in set(values.get("events") or ())]
    if not events and not values.get("everything"):
        raise EndpointRefused("Choose at least one event, or all of them.", "events")
    return {"name": name, "url": _url(values["url"]), "everything": bool(values.get("everything")), "events": events}


def _url(value: Any) -> str:
    """An address that can be called; where it may lead is asked when it is (integrations.webhooks)."""
    try:
        url = one_line(value, 400, "The address")
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except (InvalidText, ValueError) as refusal:
        words = str(refusal) if isinstance(refusal, InvalidText) else "This is not a web address."
        raise EndpointRefused(words, "url") from None
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or " " in url:
        raise EndpointRefused("The address looks like https://panel.example/hooks/tillbook.", "url")
    if parts.username or parts.password:
        raise EndpointRefused("Leave name and password out of the address; the signature proves who calls.", "url")
    if parts.fragment:
        raise EndpointRefused("Leave out what follows the #: it is never sent.", "url")
    return url


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    joined = {name: ", ".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return audit.plain(joined)
