"""What happened to a customer, in sentences that lead to what they speak of: the timeline."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from admin.audit import object_url, who
from admin.audit_words import change_words, sentence, timeline_mark
from models import AuditEvent

# kind in the address -> (words, kinds of records)
KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "": (_l("Everything"), ()),
    "details": (_l("Details"), ("customer", "fx_rate", "payer")),
    "services": (_l("Services"), ("service", "charge", "billing_group")),
    "money": (_l("Money"), ("invoice", "payment", "credit")),
    "mail": (_l("Messages"), ("delivery", "message")),
    "sign-ins": (_l("Sign-ins"), ("portal_user",)),
}


def lines(events: list[AuditEvent]) -> list[dict[str, Any]]:
    """The events as the timeline prints them: with a link to the record, and everybody who had a part in it."""
    return [_line(event) for event in events]


def _line(event: AuditEvent) -> dict[str, Any]:
    icon, kind = timeline_mark(event.verb)
    text: Any = sentence(event.verb)
    if event.object_type != "customer" and event.object_label:
        url, label = object_url(event), event.object_label
        named = Markup('<a href="{}">{}</a>').format(url, label) if url else escape(label)
        text = Markup("{}: {}").format(text, named)
    return change_words(icon, kind, text, who(event), event.at, event.before, event.after)
