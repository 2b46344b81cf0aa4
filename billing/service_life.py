"""What happens to a running service: suspended, and brought back. A rule takes a set of services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from models import BillingError, Service, ServiceStatus, SuspendedFor

from . import company, paid_days, service_changes, service_rows
from .actor import Actor
from .service_changes import Happened
from .texts import one_line

ACTIVE, SUSPENDED = ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED
AWAY = {
    SuspendedFor.STAFF: "is suspended",
    SuspendedFor.UNPAID: "is suspended for what is not paid",
    SuspendedFor.PAUSE: "is paused",
}


class NotNow(BillingError):
    """As the service is at present, this cannot be done with it."""


def suspend(
    services: Iterable[Service], *, why: SuspendedFor = SuspendedFor.STAFF, reason: str = "", by: Actor
) -> list[Service]:
    """Switch active services off from today on, with no bill for them until they are brought back.

    Those that `why_not_suspend` speaks of are left as they are; which were suspended. A person's decision takes over
    from one for non-payment: paying does not bring such a service back. Raises InvalidText, NotAllowed.
    """
    by.require("services.edit")
    reason = one_line(reason, 200, "The reason", empty=True)
    chosen = [row for row in service_rows.lock_all(services) if not why_not_suspend(row, why)]
    told = [(row, _state(row)) for row in chosen]
    active = Counter(row.customer_id for row in chosen if row.status == ACTIVE)
    new = [row for row in chosen if row.status == ACTIVE]
    taken_over = [row for row in chosen if row.status != ACTIVE]
    said = {"suspended_for": why, "suspend_reason": reason}
    service_rows.write({"status": SUSPENDED, "suspended_on": by.today, **said}, new)
    service_rows.write(said, taken_over)
    happened = [_happened(row, before, by) for row, before in told]
    service_changes.record_many(happened, "suspend", "service.suspended", by)
    service_rows.count({customer_id: -number for customer_id, number in active.items()})
    return chosen


def why_not_suspend(service: Service, why: SuspendedFor) -> str:
    """Why a service is not suspended, as a sentence; empty where it would be."""
    if why is SuspendedFor.UNPAID and service.customer.never_suspend:
        return f"{service.customer.name} is never suspended for late payment."
    if why is SuspendedFor.STAFF and service.status == SUSPENDED and service.suspended_for == SuspendedFor.UNPAID:
        return ""
    if service.status == SUSPENDED:
        return f"{service} {AWAY[service.suspended_for or SuspendedFor.STAFF]} already."
    return "" if service.status == ACTIVE else f"{service} is not active, so it cannot be suspended."


def unsuspend(
    services: Iterable[Service], *, only: SuspendedFor | None = None, billed: bool | None = None, by: Actor
) -> list[Service]:
    """Switch suspended services on again, those suspended for `only` if given, never those in a pause; which were.

    `billed` says whether the days meanwhile are billed; as the setting says, without. If they are, the next renewal
    date stays and the next run catches up; if not, days paid for in advance follow from today on, and bills after
    them (paid_days.go_on). Raises NotAllowed.
    """
    by.require("services.edit")
    billed = bool(company.value("bill_suspended_days")) if billed is None else billed
    chosen = [row for row in service_rows.lock_all(services) if row.status == SUSPENDED and _is_for(row, only)]
    happened = []
    for row in chosen:
        before = _state(row)
        gap = {} if billed or row.suspended_on is None else paid_days.go_on(row, row.suspended_on, by.today)
        happened.append(Happened(row.id, row.customer_id, str(row), by.today, before, {"status": str(ACTIVE), **gap}))
    back = {"status": ACTIVE, "suspended_on": None, "suspended_for": None, "suspend_reason": ""}
    service_rows.write(back, chosen)
    service_changes.record_many(happened, "unsuspend", "service.unsuspended", by)
    service_rows.count(Counter(row.customer_id for row in chosen))
    return chosen


def _is_for(service: Service, only: SuspendedFor | None) -> bool:
    why = service.suspended_for or SuspendedFor.STAFF
    return why is not SuspendedFor.PAUSE and only in (None, why)


def _happened(service: Service, before: dict[str, Any], by: Actor) -> Happened:
    return Happened(service.id, service.customer_id, str(service), by.today, before, _state(service))


def _state(service: Service) -> dict[str, Any]:
    """What the history says of a service that is or was away."""
    if service.status != SUSPENDED:
        return {"status": str(service.status)}
    since = service.suspended_on.isoformat() if service.suspended_on else None
    why = service.suspended_for or SuspendedFor.STAFF
    return {"status": str(SUSPENDED), "since": since, "for": str(why), "reason": service.suspend_reason}
