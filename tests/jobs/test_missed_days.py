"""Bills and dunning caught up with together come to what runs of each day had come to."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from conftest import Clock, empty_all_tables
from factories import make_company, make_customer, make_group, make_invoice, make_service
from flask import Flask
from sqlalchemy import select

from billing import dunning_plans
from billing.actor import Actor
from billing.dunning_plans import BY_MAIL
from jobs import dunning, renewals
from models import DunningStep, Message, Renewal, RunUnit, Service, ServiceStatus, StepKind, db

FIRST, LAST = date(2026, 11, 16), date(2026, 11, 30)
EVERY = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


def shop(by: Actor, **chosen: Any) -> None:
    """One who does not pay and one who owes nothing, both billed every week."""
    db.session.remove()
    empty_all_tables()
    seller = make_company(email="office@harbour.example", chosen={"dunning_on": True, **chosen})
    dunning_plans.begin(seller)
    values = {
        "name": "Strict", "after": "2, 4", "warn_before": "2", "suspend_after": 6, "cancel_after": 11,
        "channels": BY_MAIL, "suspends": "all",
    }  # fmt: skip
    dunning_plans.use_for_all(dunning_plans.create(values, [], by=by), by=by)
    for n, name in enumerate(("Late", "Good")):
        customer = make_customer(name=name, payment_days=60 if n else 10)
        group = make_group(customer, name="Main")
        week = {"months": 0, "days": 7, "billed_from": FIRST, "next_renewal_on": FIRST, "started_on": FIRST}
        make_service(customer, billing_group_id=group.id, description=f"Line of {name}", **week)
        if not n:
            make_invoice(customer, 5_000, issued_on=FIRST - timedelta(days=10), due_on=FIRST, billing_group_id=group.id)
    db.session.commit()


def runs_on(days: list[date], clock: Clock, by: Actor, **chosen: Any) -> dict[str, Any]:
    """What there is after runs on these days, without moments and mails."""
    clock.set(FIRST)
    shop(by, **chosen)
    for day in days:
        clock.set(day)
        renewals.run()
        dunning.run()
    period = Renewal.period_start, Renewal.period_end, Renewal.void
    billed = select(Service.description, *period).join(Service, Service.id == Renewal.service_id)
    services = select(Service.description, Service.status, Service.suspended_on, Service.cancelled_on)
    steps = select(DunningStep.kind, DunningStep.days, DunningStep.on)
    hard = DunningStep.kind.in_((StepKind.SUSPEND, StepKind.CANCEL))
    return {
        "billed": sorted(tuple(row) for row in db.session.execute(billed)),
        "services": sorted(tuple(row) for row in db.session.execute(services)),
        "steps": sorted(tuple(row) for row in db.session.execute(steps.where(hard))),
    }


def test_what_was_to_be_switched_off_is_not_billed(clock: Clock, app: Flask, by: Actor) -> None:
    expected = runs_on(EVERY, clock, by)
    late = [row for row in expected["billed"] if row[0] == "Line of Late"]
    assert [row[1] for row in late] == [FIRST], "it was switched off before its second week"
    assert len(expected["billed"]) == 4
    assert {row[1] for row in expected["services"]} == {ServiceStatus.ACTIVE, ServiceStatus.CANCELLED}
    for between in ([], [9]):
        assert runs_on([FIRST, *(EVERY[n] for n in between), LAST], clock, by) == expected, between


def test_nothing_is_switched_off_where_dunning_does_not_go_by_itself(clock: Clock, app: Flask, by: Actor) -> None:
    clock.set(FIRST)
    shop(by, dunning_on=False)
    dunning.run()
    clock.set(LAST)
    renewals.run()
    assert set(db.session.scalars(select(Service.status))) == {ServiceStatus.ACTIVE}


def test_a_preview_leaves_out_what_will_be_switched_off(clock: Clock, app: Flask, by: Actor) -> None:
    clock.set(FIRST)
    shop(by)
    renewals.run()
    dunning.run()
    clock.set(LAST)
    shown, made = renewals.run(dry_run=True)["run"], renewals.run()["run"]
    found = [
        sorted(db.session.execute(select(RunUnit.customer_id, RunUnit.on, RunUnit.state).where(RunUnit.run_id == one)))
        for one in (shown, made)
    ]
    assert found[0] == found[1] != []


def test_a_customer_gets_one_word_about_it(clock: Clock, app: Flask, by: Actor) -> None:
    runs_on([FIRST, FIRST + timedelta(days=9)], clock, by)
    said = db.session.scalars(select(Message.kind).where(Message.kind.startswith("dunning")))
    assert list(said) == ["dunning_suspended"]
