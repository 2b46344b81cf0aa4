"""States of deliveries and what they say, in words."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.cells import pill
from models import Delivery, DeliveryState

STATES: dict[DeliveryState, tuple[str, Any]] = {
    DeliveryState.QUEUED: ("warn", _l("Waiting")),
    DeliveryState.SENDING: ("info", _l("Sending")),
    DeliveryState.SENT: ("ok", _l("Sent")),
    DeliveryState.FAILED: ("bad", _l("Failed")),
    DeliveryState.BOUNCED: ("bad", _l("Bounced")),
    DeliveryState.UNKNOWN: ("warn", _l("Unknown")),
    DeliveryState.CANCELLED: ("", _l("Cancelled")),
}
KINDS = {
    "mass": _l("Message"),
    "phone_code": _l("Code for the phone"),
    "invoice": _l("Invoice"),
    "receipt": _l("Receipt"),
    "portal_welcome": _l("Welcome to the portal"),
    "portal_reset": _l("New password"),
    "portal_email": _l("New address to sign in with"),
    "order_confirm": _l("Confirm an order"),
    "order_refused": _l("Order refused"),
    "order_placed": _l("Order, to staff"),
}


def state_pill(delivery: Delivery) -> Markup:
    return pill(*STATES[delivery.state])


def reason(delivery: Delivery) -> str:
    """Why it is in that state, as a sentence; empty where the state says it all."""
    if delivery.error:
        return delivery.error
    if delivery.state == DeliveryState.UNKNOWN:
        return _("It left, and no answer came back. It may have arrived.")
    return ""


def subject(delivery: Delivery) -> str:
    """The subject as it was sent; before that, what the mail is about."""
    message = delivery.message
    known = delivery.sent_subject or message.subject
    if known:
        return known
    kind = str(KINDS.get(message.kind) or message.kind.replace("_", " ").capitalize())
    return f"{kind} {message.invoice}" if message.invoice else kind
