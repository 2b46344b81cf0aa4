"""What a service is doing, in words: a pill, and the sentence that says why and since when."""

from __future__ import annotations

from datetime import date

from flask import Flask
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing.service_pauses import is_behind, is_paused
from billing.service_trials import in_trial
from models import Service, ServiceStatus, SuspendedFor, WaitsFor
from web.formatters import short_date
from web.permissions import actor

STATUSES = {
    ServiceStatus.ACTIVE: ("ok", _l("Active")),
    ServiceStatus.PENDING: ("info", _l("Pending")),
    ServiceStatus.SUSPENDED: ("warn", _l("Suspended")),
    ServiceStatus.CANCELLED: ("", _l("Ended")),
}
SUSPENDED_FOR = [
    ("staff", _l("Decided by staff")), ("unpaid", _l("Not paid")), ("pause", _l("A pause")),
]  # fmt: skip
WORDS = [(status.value, word) for status, (_kind, word) in STATUSES.items()]


def state_pill(service: Service, today: date) -> tuple[str, str]:
    """(kind, word) of the pill."""
    if service.status == ServiceStatus.ACTIVE and service.started_on > today:
        return "info", _("Starts %(day)s", day=short_date(service.started_on))
    if in_trial(service, today):
        return "info", _("Trial until %(day)s", day=short_date(service.billed_from))
    if service.status == ServiceStatus.ACTIVE and service.ends_on:
        return "warn", _("Ends %(day)s", day=short_date(service.ends_on))
    if is_paused(service):
        until = service.paused_until
        return "info", _("Paused until %(day)s", day=short_date(until)) if until else _("Paused")
    if service.suspended_for == SuspendedFor.UNPAID:
        return "bad", _("Suspended: unpaid")
    if service.waits_for == WaitsFor.PAYMENT:
        return "info", _("Waits for payment")
    kind, word = STATUSES[service.status]
    return kind, str(word)


def init_app(app: Flask) -> None:
    """Let every page say what a service is doing."""
    app.jinja_env.globals["service_state"] = lambda service: state_pill(service, actor().today)


def sentences(service: Service, today: date) -> list[str]:
    """Why it is as it is, since when, and what is to come."""
    said = [_state(service, today), *_to_come(service)]
    if service.customer.never_suspend and service.status == ServiceStatus.ACTIVE:
        said.append(_("It is never suspended for late payment."))
    return [one for one in said if one]


def _state(service: Service, today: date) -> str:
    reason = f" {service.suspend_reason.rstrip('.')}." if service.suspend_reason else ""
    since = short_date(service.suspended_on)
    if service.status == ServiceStatus.PENDING:
        return _pending(service)
    if is_paused(service):
        until = service.paused_until
        words = _("Paused since %(day)s", day=since)
        end = _("until %(day)s", day=short_date(until)) if until else _("until somebody resumes it")
        return f"{words}, {end}.{reason}"
    if service.status == ServiceStatus.SUSPENDED and service.suspended_for == SuspendedFor.UNPAID:
        return _("Suspended since %(day)s because invoices are not paid; paying brings it back.", day=since) + reason
    if service.status == ServiceStatus.SUSPENDED:
        return _("Suspended by staff since %(day)s.", day=since) + reason
    if service.status == ServiceStatus.CANCELLED:
        ended = _("Ended on %(day)s.", day=short_date(service.cancelled_on or service.ends_on))
        return f"{ended} {service.why_it_ends}" if service.why_it_ends else ended
    if service.started_on > today:
        return _("It starts on %(day)s.", day=short_date(service.started_on))
    if in_trial(service, today):
        return _("Free to try until %(day)s; it is billed from then on.", day=short_date(service.billed_from))
    return ""


def _pending(service: Service) -> str:
    if service.waits_for == WaitsFor.PAYMENT:
        return _("It waits for its first bill to be paid, and begins with the payment.")
    return _("It waits to be activated, and is billed from that day on.")


def _to_come(service: Service) -> list[str]:
    """What is set for a later day."""
    said = []
    if service.paused_from and service.status == ServiceStatus.ACTIVE and not is_behind(service):
        said.append(_("A pause begins on %(day)s.", day=short_date(service.paused_from)))
    if service.transfer_group is not None:
        name, day = service.transfer_group.customer.name, short_date(service.next_renewal_on)
        said.append(_("It goes to %(name)s with its renewal on %(day)s.", name=name, day=day))
    if service.ends_on and service.status != ServiceStatus.CANCELLED:
        said.append(_("It ends on %(day)s.", day=short_date(service.ends_on)))
    return said


def is_billed_on(service: Service) -> bool:
    """Whether its next renewal date is a day on which it will be billed, as far as one knows."""
    return service.status == ServiceStatus.ACTIVE or service.suspended_for in (SuspendedFor.STAFF, SuspendedFor.UNPAID)
