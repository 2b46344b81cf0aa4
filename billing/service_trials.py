"""Free days to try: made longer, or ended before their time. At their end bills begin by themselves."""

from __future__ import annotations

from datetime import date, timedelta

from models import Service, ServiceStatus

from . import paid_days, service_changes, service_rows
from .actor import Actor
from .packages import LONGEST_TRIAL
from .service_life import NotNow


class NotTrying(NotNow):
    """It is not, or not any more, free to try."""


def in_trial(service: Service, today: date) -> bool:
    """Whether it is free to try just now."""
    unbilled = service.next_renewal_on == service.billed_from > today
    return service.status == ServiceStatus.ACTIVE and service.trial_days > 0 and unbilled


def extend(service: Service, until: date, *, by: Actor) -> Service:
    """Let the first day billed be `until`. Raises NotTrying, NotAllowed."""
    service = _locked(service, by)
    longest = service.started_on + timedelta(days=LONGEST_TRIAL)
    if not by.today < until <= longest:
        raise NotTrying(f"A trial ends after today, and at the latest on {longest}.")
    return _move(service, until, "trial", by)


def end_now(service: Service, *, by: Actor) -> Service:
    """Bill it from today on. Raises NotTrying, NotAllowed."""
    service = _locked(service, by)
    return _move(service, max(by.today, service.started_on), "trial_end", by)


def _locked(service: Service, by: Actor) -> Service:
    by.require("services.edit")
    service = service_rows.lock(service)
    if not in_trial(service, by.today):
        raise NotTrying(f"{service} is not in a trial.")
    return service


def _move(service: Service, first: date, kind: str, by: Actor) -> Service:
    before = {"billed_from": service.billed_from.isoformat()}
    paid_days.begin_on(service, first)
    after = {"billed_from": first.isoformat(), "trial_days": service.trial_days}
    service_changes.record(service, by.today, kind, "service.trial_changed", before, after, by)
    return service
