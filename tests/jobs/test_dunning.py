"""The dunning job: every step once, in order, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import add, make_company, make_customer, make_group, make_invoice, make_service
from flask import Flask
from sqlalchemy import select

from billing import collecting, customers, dunning_plans, payments, promises, refunds
from billing.actor import Actor
from billing.dunning import due
from billing.dunning_plans import Amounts
from billing.money import Money
from jobs import dunning
from jobs.lease import LeaseTaken, held
from models import (
    AuditEvent,
    Charge,
    Customer,
    Delivery,
    DunningPlan,
    DunningStep,
    FeeKind,
    Invoice,
    Message,
    Run,
    RunState,
    RunUnit,
    Service,
    ServiceStatus,
    StepState,
    SuspendedFor,
    db,
)
from models.invoice import InvoiceLine

DUE = date(2026, 11, 20)
BY_MAIL = dunning_plans.BY_MAIL


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.fixture
def plan(by: Actor) -> DunningPlan:
    company = make_company(email="office@harbour.example")
    dunning_plans.begin(company)
    values = {
        "name": "Strict", "before": "3", "after": "3, 7, 14", "fee_after": 5, "fee_kind": FeeKind.FIXED, "fee_tax": "O",
        "warn_before": "1", "suspend_after": 21, "cancel_after": 60, "channels": BY_MAIL,
        "copy_to": "staff@harbour.example",
    }  # fmt: skip
    nothing = euros(0)
    strict = dunning_plans.create(values, [Amounts(euros(500), nothing, nothing, euros(100))], by=by)
    dunning_plans.use_for_all(strict, by=by)
    db.session.commit()
    return strict


@pytest.fixture
def run(clock: Clock) -> Callable[..., dict[str, Any]]:
    """The job on a day, given as days after the invoice is due."""

    def on(*days: int) -> dict[str, Any]:
        counts: dict[str, Any] = {}
        for day in days:
            clock.set(DUE + timedelta(days=day))
            counts = dunning.run()
        db.session.expire_all()
        return counts

    return on


def billed(customer: Customer, minor: int = 10_000, service: Service | None = None, **values: Any) -> Invoice:
    values = {"issued_on": DUE - timedelta(days=14), "due_on": DUE, **values}
    group_id = service.billing_group_id if service else make_group(customer).id
    invoice = make_invoice(customer, minor, billing_group_id=group_id, **values)
    if service:
        invoice.lines[0].service_id = service.id
    db.session.commit()
    return invoice


def steps(invoice: Invoice, *states: StepState) -> list[tuple[str, int]]:
    """Kind and day of each step, counted from the due day."""
    rows = select(DunningStep).where(DunningStep.invoice_id == invoice.id).order_by(DunningStep.number)
    wanted = states or (StepState.DONE,)
    return [(str(row.kind), (row.on - DUE).days) for row in db.session.scalars(rows) if row.state in wanted]


def messages(customer: Customer) -> list[str]:
    mine = select(Message.kind).where(Message.customer_id == customer.id).order_by(Message.id)
    return [kind for kind in db.session.scalars(mine) if kind.startswith("dunning")]


EVERY = range(-13, 65)
ALL = [("before", -3), ("after", 3), ("fee", 5), ("after", 7), ("after", 14), ("warning", 20), ("suspend", 21)]


def test_day_by_day_every_step_is_taken_once_and_in_order(plan: DunningPlan, run: Callable[..., Any]) -> None:
    customer = make_customer()
    service = make_service(customer)
    invoice = billed(customer, service=service)
    run(*EVERY)
    assert steps(invoice) == [*ALL, ("cancel", 60)]
    assert messages(customer) == [
        "dunning_before", "dunning_first", "dunning_fee", "dunning_later", "dunning_later", "dunning_warning",
        "dunning_suspended", "dunning_cancelled",
    ]  # fmt: skip
    assert (service.status, service.cancelled_on) == (ServiceStatus.CANCELLED, DUE + timedelta(days=60))
    (charge,) = db.session.scalars(select(Charge))
    assert (charge.description, charge.price, charge.tax_category) == (f"Late fee for {invoice}", euros(500), "O")
    assert invoice.dunning_on == date.max
    staff = db.session.scalars(select(Message).where(Message.kind == "dunning_staff").order_by(Message.id))
    assert [(one.about["what"], one.about["services"]) for one in staff] == [
        ("suspend", [service.id]), ("cancel", [service.id]),
    ]  # fmt: skip


def test_again_on_the_same_day_or_an_earlier_one_does_nothing(plan: DunningPlan, run: Callable[..., Any]) -> None:
    invoice = billed(make_customer())
    run(-13, 3, 5)
    before = steps(invoice, *StepState)
    run(5, 4, -13, 5)
    assert steps(invoice, *StepState) == before
    assert db.session.scalar(select(db.func.count(Delivery.id))) == 2


def test_after_days_off_one_mail_and_true_days(plan: DunningPlan, run: Callable[..., Any]) -> None:
    customer = make_customer()
    service = make_service(customer)
    invoice = billed(customer, service=service)
    run(-13, 30)
    assert steps(invoice) == [("fee", 5), ("after", 14), ("suspend", 21)]
    assert steps(invoice, StepState.SKIPPED) == [("before", -3), ("after", 3), ("after", 7), ("warning", 20)]
    assert messages(customer) == ["dunning_suspended"]
    assert (service.status, service.suspended_on) == (ServiceStatus.SUSPENDED, DUE + timedelta(days=21))
    (charge,) = db.session.scalars(select(Charge))
    assert charge.starts_on >= DUE + timedelta(days=5)


def test_one_mail_a_day_tells_of_all_a_customers_invoices(plan: DunningPlan, run: Callable[..., Any]) -> None:
    customer = make_customer()
    one = billed(customer)
    two = billed(customer, due_on=DUE - timedelta(days=4))
    run(-13, 3)
    (message,) = db.session.scalars(select(Message).where(Message.kind == "dunning_first"))
    assert message.about["invoices"] == [one.id, two.id]
    assert message.invoice_id is None
    assert len(message.deliveries) == 1
    plan.together = False
    db.session.commit()
    run(7)
    apart = list(db.session.scalars(select(Message).where(Message.kind == "dunning_later")))
    assert [row.invoice_id for row in apart] == [one.id]


def test_less_than_the_least_is_not_asked_for(plan: DunningPlan, run: Callable[..., Any]) -> None:
    invoice = billed(make_customer(), 99)
    run(-13, 3, 30)
    assert steps(invoice, *StepState) == []


def test_a_customer_without_reminders_has_none_until_its_plan_changes(
    plan: DunningPlan, run: Callable[..., Any], by: Actor
) -> None:
    none = db.session.scalars(select(DunningPlan).where(DunningPlan.name == "No reminders")).one()
    customer = make_customer(dunning_plan_id=none.id)
    invoice = billed(customer)
    run(-13, 30)
    assert steps(invoice, *StepState) == []
    customers.edit(customer, {"dunning_plan_id": None}, by=by)
    db.session.commit()
    run(31)
    assert steps(invoice) == [("after", 31), ("warning", 31)]
    run(32)
    assert steps(invoice, StepState.SKIPPED)[-1] == ("suspend", 32)  # the invoice bills no service


def test_a_promise_holds_everything_until_it_is_broken(
    plan: DunningPlan, run: Callable[..., Any], by: Actor, clock: Clock
) -> None:
    customer = make_customer()
    invoice = billed(customer, service=make_service(customer))
    run(-13, 3)
    now = Actor(by.name, clock(), DUE + timedelta(days=3), None)
    promises.promise([invoice], DUE + timedelta(days=25), by=now)
    db.session.commit()
    run(*range(4, 26))
    assert steps(invoice) == [("after", 3)]
    run(26)
    assert steps(invoice)[1:] == [("fee", 5), ("after", 26), ("warning", 26)]
    events = select(AuditEvent.verb).where(AuditEvent.verb == "invoice.promise_broken")
    assert len(list(db.session.scalars(events))) == 1
    run(27)
    assert steps(invoice)[-1] == ("suspend", 27)


def test_never_suspend_is_kept_and_staff_are_told(plan: DunningPlan, run: Callable[..., Any]) -> None:
    customer = make_customer(never_suspend=True)
    service = make_service(customer)
    invoice = billed(customer, service=service)
    run(*EVERY)
    assert ("suspend", 21) in steps(invoice, StepState.SKIPPED)
    assert service.status == ServiceStatus.ACTIVE
    (told,) = db.session.scalars(select(Message).where(Message.kind == "dunning_staff"))
    assert told.about["what"] == "kept"


def pay(invoice: Invoice, clock: Clock, minor: int | None = None) -> Any:
    today = clock().date()
    by = Actor("Cashier", clock(), today, frozenset({"payments.edit", "payments.refund"}))
    amount = euros(invoice.open_minor if minor is None else minor)
    paid = payments.record(
        invoice.customer, amount, method="Cash", received_on=today, invoices=[invoice], by=by
    )  # fmt: skip
    db.session.commit()
    return paid, by


def test_paying_brings_back_what_nothing_else_holds(plan: DunningPlan, run: Callable[..., Any], clock: Clock) -> None:
    customer = make_customer()
    mine, both = make_service(customer), make_service(customer)
    first = billed(customer, service=mine)
    first.lines[0].service_id = mine.id
    line = {"kind": "manual", "unit_price_micro": 0, "amount_minor": 0, "currency": "EUR", "description": "And"}
    add(InvoiceLine(invoice_id=first.id, position=2, service_id=both.id, **line))
    second = billed(customer, service=both)
    run(-13, *range(3, 22))
    assert [one.suspended_for for one in (mine, both)] == [SuspendedFor.UNPAID] * 2
    pay(first, clock, 100)
    assert mine.status == ServiceStatus.SUSPENDED
    pay(first, clock)
    assert [one.status for one in (mine, both)] == [ServiceStatus.ACTIVE, ServiceStatus.SUSPENDED]
    assert messages(customer)[-1] == "dunning_back"
    assert steps(first, StepState.UNDONE) == [("warning", 20), ("suspend", 21)]
    pay(second, clock)
    assert both.status == ServiceStatus.ACTIVE


def test_money_that_was_none_leads_to_a_new_warning_first(
    plan: DunningPlan, run: Callable[..., Any], clock: Clock
) -> None:
    customer = make_customer()
    service = make_service(customer)
    invoice = billed(customer, service=service)
    run(-13, *range(3, 22))
    payment, by = pay(invoice, clock)
    assert service.status == ServiceStatus.ACTIVE
    refunds.reverse(payment, reason="Bounced", by=by)
    db.session.commit()
    run(22, 23)
    assert steps(invoice)[-2:] == [("warning", 22), ("suspend", 23)]
    assert service.status == ServiceStatus.SUSPENDED
    assert [kind for kind, _day in steps(invoice)].count("fee") == 1


def test_a_proforma_is_only_reminded_of(plan: DunningPlan, run: Callable[..., Any]) -> None:
    customer = make_customer()
    proforma = billed(customer)
    db.session.execute(
        db.update(Invoice).where(Invoice.id == proforma.id).values(kind="proforma", open_minor=0),
        execution_options={"synchronize_session": False},
    )
    db.session.commit()
    db.session.expunge_all()
    run(-13, *range(-3, 62))
    rows = list(db.session.execute(select(DunningStep.kind, DunningStep.days).order_by(DunningStep.number)).all())
    assert rows == [("before", -3), ("after", 3), ("after", 7), ("after", 14)]


def test_a_fee_on_an_invoice_of_its_own_has_no_fee_itself(
    plan: DunningPlan, run: Callable[..., Any], by: Actor, clock: Clock
) -> None:
    amounts = [Amounts(euros(0), euros(250), euros(900), euros(100))]
    changed = {"fee_kind": "percent", "fee_percent": 5, "fee_invoice": True, "suspend_after": None}
    dunning_plans.change(plan, {**changed, "warn_before": "", "cancel_after": None}, amounts, by=by)
    customer = make_customer()
    small, middle, large = (billed(customer, minor) for minor in (1_000, 10_000, 100_000))
    run(-13, *range(-3, 62))
    fees = {row.invoice_id: row.fee_invoice for row in db.session.scalars(select(DunningStep)) if row.fee_invoice_id}
    assert {key: fee.total_minor for key, fee in fees.items() if fee} == {
        small.id: 250, middle.id: 500, large.id: 900,
    }  # fmt: skip
    fee = fees[large.id]
    assert fee is not None
    assert (fee.issued_on, fee.due_on) == (DUE + timedelta(days=5), DUE + timedelta(days=19))
    assert {kind for kind, _day in steps(fee, *StepState)} == {"before", "after"}


def test_what_fails_is_recorded_and_tried_again_while_the_others_go_on(
    plan: DunningPlan, run: Callable[..., Any], by: Actor
) -> None:
    """A fee whose tax has no such name."""
    broken, fine = make_customer(), make_customer()
    mine, other = billed(broken), billed(fine)
    run(-13, 3)
    dunning_plans.change(plan, {"fee_tax": "lower"}, [Amounts(euros(500), *[euros(0)] * 3)], by=by)
    db.session.commit()
    counts = run(5)
    assert counts["failed"] == 2
    units = list(db.session.scalars(select(RunUnit).order_by(RunUnit.customer_id)))
    assert [(unit.customer_id, unit.invoice_id) for unit in units] == [(broken.id, mine.id), (fine.id, other.id)]
    assert "capital letters" in units[0].reason
    plan.fee_tax = "O"
    db.session.commit()
    run(6)
    assert steps(mine)[-1] == ("fee", 5)
    assert {row.state for row in db.session.scalars(select(Run))} == {RunState.FINISHED}


def test_texts_go_to_the_customers_number_and_letters_wait(plan: DunningPlan, run: Callable[..., Any]) -> None:
    plan.channels = {"after": ["mail", "text", "print"]}
    db.session.commit()
    customer = make_customer(phone="+353861234567", phone_e164="+353861234567")
    nobody = make_customer(email="")
    invoice, other = billed(customer), billed(nobody)
    run(-13, 3)
    sent = db.session.execute(select(Delivery.channel, Delivery.address).order_by(Delivery.channel)).all()
    assert sent == [("email", customer.email), ("sms", "+353861234567")]
    rows = db.session.scalars(select(DunningStep).order_by(DunningStep.invoice_id))
    assert [(row.invoice_id, row.to_print) for row in rows if row.state == StepState.DONE] == [
        (invoice.id, True), (other.id, True),
    ]  # fmt: skip
    plan.channels = {"after": ["mail"]}
    db.session.commit()
    run(7)
    last = db.session.scalars(select(DunningStep).where(DunningStep.invoice_id == other.id, DunningStep.days == 7))
    assert last.one().reason == "no_address"


def test_it_waits_while_bills_are_made(plan: DunningPlan, app: Flask, run: Callable[..., Any]) -> None:
    with held("renewals"), pytest.raises(LeaseTaken):
        run(2)


def test_a_hold_puts_everything_off_until_it_ends_or_is_released(
    plan: DunningPlan, run: Callable[..., Any], by: Actor, clock: Clock
) -> None:
    customer = make_customer()
    invoice = billed(customer)
    run(-13, 3)
    now = Actor(by.name, clock(), DUE + timedelta(days=3), None)
    collecting.hold(customer, DUE + timedelta(days=40), "Talks to the bank", by=now)
    db.session.commit()
    run(7, 14)
    assert steps(invoice) == [("after", 3)]
    collecting.release(customer, by=now)
    db.session.commit()
    run(15)
    assert steps(invoice)[1:2] == [("after", 15)]


@pytest.mark.database("sqlite")
def test_what_is_next_is_found_by_the_indexes_of_what_is_waited_for(app: Flask) -> None:
    said: list[str] = []
    driver: Any = db.session.connection().connection.driver_connection
    driver.set_trace_callback(said.append)
    due.count(DUE)
    for place in due.places():
        due.next_customers(place, DUE, 100)
    driver.set_trace_callback(None)
    plans = [" ".join(step[3] for step in driver.execute(f"EXPLAIN QUERY PLAN {one}")) for one in said]
    assert len(plans) == 8 and all("dunning_on (dunning_on" in plan and "TEMP" not in plan for plan in plans)
