"""What happens to a running service: suspended and brought back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from conftest import Clock
from factories import make_customer, make_service
from flask import Flask
from sqlalchemy import select
from statements import spoken

from billing import doctor, services
from billing.actor import Actor, NotAllowed
from billing.doctor import Scope
from models import AuditEvent, Service, ServiceChange, ServiceStatus, SuspendedFor, WaitsFor, db

TODAY = date(2026, 11, 22)
UNPAID, STAFF = SuspendedFor.UNPAID, SuspendedFor.STAFF


def kinds(service: Service) -> list[str]:
    return list(db.session.scalars(select(ServiceChange.kind).where(ServiceChange.service_id == service.id)))


def wrong(clock: Clock) -> list[str]:
    db.session.flush()
    return [str(finding) for finding in doctor.examine(Scope(clock()))]


def state(service: Service) -> tuple[Any, ...]:
    db.session.expire_all()
    return service.status, service.suspended_for, service.suspended_on, service.suspend_reason


def test_a_suspended_service_is_not_billed_and_comes_back_as_it_was(app: Flask, by: Actor, clock: Clock) -> None:
    customer = make_customer()
    one, other = make_service(customer), make_service(customer)
    assert services.suspend([other, one], reason="Misuse", by=by) == [one, other]
    assert state(one) == ("suspended", STAFF, TODAY, "Misuse") and customer.service_count == 0
    events = select(AuditEvent).where(AuditEvent.verb == "service.suspended")
    assert {(e.object_id, e.customer_id, e.after["reason"]) for e in db.session.scalars(events)} == {
        (one.id, customer.id, "Misuse"), (other.id, customer.id, "Misuse"),
    }  # fmt: skip
    assert services.unsuspend([one], by=by) == [one]
    assert state(one) == ("active", None, None, "") and customer.service_count == 1
    assert kinds(one) == ["suspend", "unsuspend"] and kinds(other) == ["suspend"]
    assert wrong(clock) == []


def test_late_payment_suspends_nobody_who_is_never_to_be(app: Flask, by: Actor) -> None:
    kept, taken = make_service(make_customer(never_suspend=True)), make_service(make_customer())
    assert services.suspend([kept, taken], why=UNPAID, reason="INV-00001 is 30 days late", by=by) == [taken]
    assert kept.status == ServiceStatus.ACTIVE and "never suspended" in services.why_not_suspend(kept, UNPAID)
    assert services.suspend([kept], by=by) == [kept], "a person may"


def test_a_persons_decision_outlasts_payment(app: Flask, by: Actor) -> None:
    service = make_service(make_customer())
    services.suspend([service], why=UNPAID, by=by)
    assert services.suspend([service], why=UNPAID, by=by) == []
    assert services.suspend([service], reason="Abuse", by=by) == [service]
    assert state(service) == ("suspended", STAFF, TODAY, "Abuse") and service.customer.service_count == 0
    assert services.suspend([service], why=UNPAID, by=by) == services.suspend([service], by=by) == []
    assert services.unsuspend([service], only=UNPAID, by=by) == []
    assert services.unsuspend([service], only=STAFF, by=by) == [service]


def test_only_what_runs_is_suspended_and_only_by_who_may(app: Flask, by: Actor) -> None:
    ended = make_service(make_customer(), status=ServiceStatus.CANCELLED)
    assert services.suspend([ended], by=by) == services.unsuspend([ended], by=by) == []
    nobody = Actor("Eve", by.at, by.today)
    for rule in (services.suspend, services.unsuspend):
        with pytest.raises(NotAllowed):
            rule([ended], by=nobody)


def test_many_cost_no_more_statements_than_one(app: Flask, by: Actor) -> None:
    many = [make_service(make_customer()) for _ in range(12)]
    with spoken() as made:
        services.suspend(many, why=UNPAID, by=by)
        services.unsuspend(many, only=UNPAID, by=by)
    assert len(made) <= 14, "\n".join(made)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("I45", {"status": ServiceStatus.SUSPENDED}),
        ("I45", {"suspended_for": STAFF, "suspended_on": TODAY}),
        ("I45", {"status": ServiceStatus.PENDING}),
        ("I45", {"waits_for": WaitsFor.PAYMENT}),
        ("I46", {"paused_from": TODAY, "paused_until": TODAY}),
        ("I46", {"paused_until": TODAY}),
        ("I47", {"transfer_on": TODAY}),
    ],
)
def test_the_doctor_sees_a_state_that_does_not_fit(app: Flask, clock: Clock, code: str, values: dict[str, Any]) -> None:
    service = make_service(make_customer())
    assert wrong(clock) == []
    for name, value in values.items():
        setattr(service, name, value)
    assert code in {finding.split()[0] for finding in wrong(clock)}


def test_the_doctor_sees_a_service_that_goes_to_its_own_customer(app: Flask, clock: Clock) -> None:
    service = make_service(make_customer())
    service.transfer_on, service.transfer_group_id = TODAY, service.billing_group_id
    assert [finding[:3] for finding in wrong(clock)] == ["I47"]
