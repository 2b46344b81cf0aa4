"""What happened, in words: audit events as lines of a timeline."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from models import AuditEvent, Money
from web.formatters import moment, money

# verb -> (icon, kind of mark, words)
EVENTS: dict[str, tuple[str, str, Any]] = {
    "customer.created": ("user-plus", "ok", _l("Customer added")),
    "customer.changed": ("pencil", "", _l("Details changed")),
    "customer.disabled": ("ban", "warn", _l("Disabled")),
    "customer.enabled": ("power", "ok", _l("Enabled")),
    "customer.archived": ("archive", "", _l("Archived")),
    "customer.deleted": ("trash-2", "bad", _l("Deleted")),
    "customer.tagged": ("tag", "", _l("Tags added")),
    "customer.untagged": ("tag", "", _l("Tags removed")),
    "customer.note_added": ("sticky-note", "", _l("Note added")),
    "customer.contacts_set": ("users", "", _l("Contacts changed")),
    "customer.identity_read": ("eye", "warn", _l("Identity number read")),
    "customer.invoice_address_added": ("mail", "", _l("Copies of invoices go to a further address")),
    "customer.invoice_address_removed": ("mail", "", _l("Copies of invoices no longer go to an address")),
    "billing_group.created": ("receipt-text", "", _l("Billing group added")),
    "billing_group.changed": ("receipt-text", "", _l("Billing group changed")),
    "service.started": ("play", "ok", _l("Service started")),
    "service.cancelled": ("calendar", "warn", _l("End of service set")),
    "service.ended": ("calendar", "", _l("Service ended")),
    "service.resumed": ("play", "", _l("Service goes on after a pause")),
    "charge.added": ("plus", "", _l("Charge added")),
    "invoice.issued": ("receipt-text", "info", _l("Invoice issued")),
    "payment.recorded": ("banknote", "ok", _l("Payment recorded")),
    "credit.granted": ("coins", "money", _l("Credit given")),
    "credit.used": ("coins", "money", _l("Credit used")),
    "package.created": ("package", "ok", _l("Package added")),
    "package.changed": ("pencil", "", _l("Package changed")),
    "package.archived": ("archive", "", _l("Package archived")),
    "package.restored": ("undo-2", "", _l("Package restored")),
}


def timeline(events: list[AuditEvent]) -> list[dict[str, Any]]:
    """The events as the timeline macro prints them."""
    return [_line(event) for event in events]


def _line(event: AuditEvent) -> dict[str, Any]:
    icon, kind, words = EVENTS.get(event.verb, ("circle-dot", "", verb_words(event.verb)))
    about = event.object_label if event.object_type != "customer" else ""
    return {
        "icon": icon,
        "kind": kind,
        "text": f"{words}: {about}" if about else words,
        "by": _("by %(name)s", name=event.actor),
        "when": moment(event.at),
        "note": "; ".join(changes(event)),
    }


def verb_words(verb: str) -> str:
    """A verb nobody has put in words yet: ``delivery.queued_again`` reads "Delivery queued again"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def changes(event: AuditEvent) -> list[str]:
    """What was changed: ``city: Cork → Dublin``."""
    before, after = event.before or {}, event.after or {}
    currency = str(after.get("currency") or before.get("currency") or "")
    names = [name for name in (*before, *(n for n in after if n not in before)) if name != "currency" or not currency]
    return [_change(name, before, after, currency) for name in names if _said(before.get(name), after.get(name))]


def _said(old: Any, new: Any) -> bool:
    return old not in (None, "", False) or new not in (None, "", False)


def _change(name: str, before: dict[str, Any], after: dict[str, Any], currency: str) -> str:
    label = name.removesuffix("_minor").removesuffix("_id").replace("_", " ")
    old, new = (_value(values.get(name), name, currency) for values in (before, after))
    if name not in after:
        return f"{label}: {old}"
    return f"{label}: {old} → {new}" if name in before else f"{label}: {new}"


def _value(value: Any, name: str, currency: str) -> str:
    if name.endswith("_minor") and isinstance(value, int) and currency:
        return money(Money(value, currency))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "–" if value in (None, "") else str(value)
