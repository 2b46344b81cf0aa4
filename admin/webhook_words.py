"""States of webhooks and of their endpoints, in words."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from admin.cells import pill
from models import WebhookDelivery, WebhookEndpoint, WebhookState

STATES: dict[WebhookState, tuple[str, Any]] = {
    WebhookState.QUEUED: ("warn", _l("Waiting")),
    WebhookState.SENDING: ("info", _l("Sending")),
    WebhookState.SENT: ("ok", _l("Taken")),
    WebhookState.FAILED: ("bad", _l("Failed, tries again")),
    WebhookState.GIVEN_UP: ("", _l("Given up")),
}


def state_pill(delivery: WebhookDelivery) -> Markup:
    return pill(*STATES[delivery.state])


def answer_of(delivery: WebhookDelivery) -> str:
    """The number that was answered; where nobody answered, why."""
    return str(delivery.status or delivery.error or "")


def health_of(endpoint: WebhookEndpoint) -> tuple[str, str]:
    """(kind of the pill, word)."""
    if not endpoint.active:
        return ("bad", _("Switched off by itself")) if endpoint.off_reason else ("", _("Switched off"))
    if endpoint.failing_since:
        return "warn", _("Failing")
    return ("ok", _("Well")) if endpoint.last_sent_at else ("info", _("Not called yet"))


def told_of(endpoint: WebhookEndpoint) -> str:
    """In a few words, which events it gets."""
    if endpoint.everything:
        return _("Everything")
    return ngettext("%(num)d event", "%(num)d events", len(endpoint.events))
