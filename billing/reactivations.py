"""Bringing a service back that has ended, billed again from a day on as it was agreed then; and letting one that is to
end go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from models import Charge, CustomerStatus, Service, ServiceStatus

from . import charge_ends, paid_days, service_changes, service_rows
from .actor import Actor
from .prices import check_day
from .service_life import NotNow


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What bringing it back would come to: bills go on from `next_renewal_on`; until then `paid_days` are paid for
    already. `unbilled` are the days in between that nobody pays for; `charges` begin again with it."""

    next_renewal_on: date
    paid_days: int
    unbilled: int
    charges: Sequence[Charge]


def foresee(service: Service, on: date, *, by: Actor) -> Foreseen:
    """What `reactivate` from the day `on` would come to. Raises NotNow, InvalidTerms."""
    _check(service, on, by)
    paid = paid_days.paid_until(service)
    assert service.cancelled_on is not None
    gap = max((on - max(paid, service.cancelled_on)).days, 0)
    next_on = service.next_renewal_on if service.next_renewal_on < service.cancelled_on else max(paid, on)
    return Foreseen(next_on, max((paid - on).days, 0), gap, charge_ends.following(service, on))


def reactivate(service: Service, on: date, *, by: Actor) -> Service:
    """Let a cancelled service run again from `on`, between its end and today.

    It is billed from then on, where a bill that was not given back does not cover days after it; the days between the
    end and `on` are never billed. Its recurring charges that ended with it begin again, until the end each has by
    itself. Raises NotNow, InvalidTerms, NotAllowed.
    """
    by.require("services.edit")
    service = service_rows.lock(service)
    _check(service, on, by)
    ended = service.cancelled_on
    assert ended is not None
    before = {"status": str(service.status), "ends_on": ended.isoformat(), "reason": service.cancel_reason}
    for charge in charge_ends.following(service):
        charge_ends.begin_again(charge, on)
    gap = _set_dates(service, ended, on)
    service.status, service.ends_on, service.cancelled_on, service.cancel_reason = ServiceStatus.ACTIVE, None, None, ""
    service.end_reason_id = None
    after = {"status": str(service.status), "next_renewal_on": service.next_renewal_on.isoformat(), **gap}
    service_changes.record(service, on, "reactivate", "service.reactivated", before, after, by)
    service_rows.count({service.customer_id: 1})
    return service


def remove_end(service: Service, *, by: Actor) -> Service:
    """Let a service that is to end on a day to come go on, with its recurring charges. Raises NotNow, NotAllowed."""
    by.require("services.edit")
    service = service_rows.lock(service)
    if service.status == ServiceStatus.CANCELLED or service.ends_on is None:
        raise NotNow(f"{service} has no end to come.")
    before = {"ends_on": service.ends_on.isoformat(), "reason": service.cancel_reason}
    for charge in charge_ends.following(service):
        charge_ends.go_on(charge, charge.own_end_on)
    paid_days.go_past(service, service.ends_on)
    service.ends_on, service.cancel_reason, service.end_reason_id = None, "", None
    service_changes.record(service, by.today, "cancel", "service.end_removed", before, {"ends_on": None}, by)
    return service


def billed_from_without_end(service: Service) -> date:
    """Where bills go on once its end is removed: days after the end that were given back are billed again."""
    return paid_days.goes_on_from(service, service.ends_on) if service.ends_on else service.next_renewal_on


def _check(service: Service, on: date, by: Actor) -> None:
    if service.status != ServiceStatus.CANCELLED or service.cancelled_on is None:
        raise NotNow(f"{service} has not ended.")
    if service.customer.status == CustomerStatus.ARCHIVED:
        raise NotNow(f"{service.customer.name} is archived. Enable the customer first.")
    if service.billing_group.closed_on:
        raise NotNow(f"The billing group {service.billing_group} is closed. Open it again first.")
    if not service.cancelled_on <= check_day(on, by.today, "The first day") <= by.today:
        raise NotNow(f"It can come back from {service.cancelled_on}, its end, to today. Choose a day between.")


def _set_dates(service: Service, ended: date, on: date) -> dict[str, str]:
    """The next renewal date; what the history says of the days that are not billed."""
    paid = paid_days.paid_until(service)
    if service.next_renewal_on < ended:  # days before the end that were never billed: their bill steps over the others
        away_from = service.paused_from or ended
        service.paused_from = service.paused_until = None
        if on > away_from:
            service.paused_from, service.paused_until, service.rhythm_from = away_from, on, on
        return _unbilled(away_from, on)
    service.paused_from = service.paused_until = None
    if service.next_renewal_on == service.billed_from and on > paid:
        paid_days.begin_on(service, on)
    else:
        service.next_renewal_on = max(paid, on)
        service.rhythm_from = service.next_renewal_on
    return _unbilled(paid, on)


def _unbilled(first: date, last: date) -> dict[str, str]:
    return {"unbilled_from": first.isoformat(), "unbilled_until": last.isoformat()} if first < last else {}
