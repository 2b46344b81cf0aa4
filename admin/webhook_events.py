"""What other systems can be told, for whoever writes the receiving side: events, an example, and the signature."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flask_admin import BaseView, expose

from admin.narrowing import NOBODY
from billing import webhook_payloads, webhook_queue, webhooks
from billing.webhook_events import EVENTS, TEST
from web.permissions import allows, refuse, signed_in_staff, to_sign_in

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MONEY = {"amount": "12.30", "minor": 1230, "currency": "EUR"}
CUSTOMER = {
    "id": 42, "name": "Ann Lee", "email": "ann@mail.example", "status": "active", "currency": "EUR",
    "external": {"source": "panel", "id": "ann"},
}  # fmt: skip
EXAMPLE = {
    "service": {
        "id": 1007, "description": "Web hosting M", "status": "suspended",
        "package": {"id": 3, "name": "Web hosting M"},
        "price": MONEY, "free": False, "months": 1, "days": 0, "started_on": "2026-01-15",
        "next_renewal_on": "2026-12-15", "ends_on": None, "ended_on": None,
        "options": [{"name": "Disk space", "value": "", "quantity": "50"}], "external": None,
    },
    "customer": CUSTOMER,
    "change": {
        "kind": "suspend", "on": "2026-11-22", "before": {"status": "active"},
        "after": {"status": "suspended", "reason": "Not paid"},
    },
}  # fmt: skip
CHECK = """import base64, hashlib, hmac, time

def is_ours(secret, headers, body):            # body: the bytes as they came
    sent_at = headers["webhook-timestamp"]
    if abs(time.time() - int(sent_at)) > 300:  # older than five minutes: a replay
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{sent_at}.".encode() + body
    right = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return any(hmac.compare_digest(right, one) for one in headers["webhook-signature"].split())
"""


class WebhookEventsView(BaseView):
    of_customer = NOBODY
    under = "webhooks"

    def is_visible(self) -> bool:
        """Reached from the webhooks."""
        return False

    def is_accessible(self) -> bool:
        return allows(webhooks.PERMISSION)

    def inaccessible_callback(self, name: str, **_kwargs: Any) -> Any:
        return refuse(webhooks.PERMISSION) if signed_in_staff() else to_sign_in()

    @expose("/")
    def index(self) -> Any:
        text = webhook_payloads.payload("evt_5d41402abc4b2a76b9719d91", "service.suspended", AT, 8121, EXAMPLE)
        return self.render(
            "admin/webhooks/events.html",
            events={**EVENTS, TEST: "Sent by “Send a test”, to one webhook."},
            example=json.dumps(json.loads(text), indent=2),
            check=CHECK,
            tried_for=webhook_queue.TRIED_FOR.days,
            failing_for=webhooks.FAILING_FOR.days,
        )
