"""The doctor on dunning: nothing to say of what the rules did, and each fault by its number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from conftest import Clock
from factories import make_company, make_customer, make_invoice, make_service
from invoicing import findings
from sqlalchemy import select, update

from billing import dunning_plans, promises
from billing.actor import Actor, system
from billing.dunning_plans import Amounts
from billing.money import Money
from jobs import dunning
from models import (
    Customer,
    DunningStep,
    Invoice,
    PaymentPromise,
    PromiseState,
    StepKind,
    db,
)

DUE = date(2026, 11, 1)


@pytest.fixture
def business(by: Actor, clock: Clock) -> Actor:
    """One invoice that went all the way with a fee on a bill of its own, and one whose payment is promised."""
    dunning_plans.begin(make_company())
    nothing = Money(0, "EUR")
    values = {
        "name": "Strict", "after": "3", "fee_after": 4, "fee_kind": "fixed", "fee_invoice": True, "fee_tax": "O",
        "suspend_after": 6, "warn_before": "1", "cancel_after": 9, "channels": dunning_plans.BY_MAIL,
    }  # fmt: skip
    plan = dunning_plans.create(values, [Amounts(Money(500, "EUR"), nothing, nothing, nothing)], by=by)
    dunning_plans.use_for_all(plan, by=by)
    for on in (DUE, DUE + timedelta(days=8)):
        customer = make_customer()
        service = make_service(customer)
        invoice = make_invoice(customer, 10_000, issued_on=on - timedelta(days=14), due_on=on)
        invoice.lines[0].service_id = service.id
    db.session.commit()
    for day in (-10, 3, 4, 5, 6, 9):
        clock.set(DUE + timedelta(days=day))
        dunning.run()
    now = system(clock(), clock().date())
    promises.promise([invoice], now.today + timedelta(days=5), by=now)
    db.session.commit()
    assert [one for one in findings(now) if not one.startswith(("I16", "I28"))] == []
    return now


def set_(model: Any, *where: Any, **values: Any) -> None:
    row = db.session.scalars(select(model.id).where(*where).order_by(model.id.desc())).first()
    assert row is not None
    db.session.execute(update(model).where(model.id == row).values(**values))


FAULTS: list[tuple[str, Callable[[], None]]] = [
    ("I25", lambda: set_(DunningStep, DunningStep.kind == StepKind.CANCEL, number=99)),
    ("I25", lambda: set_(DunningStep, DunningStep.kind == StepKind.CANCEL, on=date(2020, 1, 1))),
    ("I25", lambda: set_(DunningStep, DunningStep.kind == StepKind.FEE, fee_invoice_id=None)),
    ("I25", lambda: set_(DunningStep, DunningStep.kind == StepKind.FEE, customer_id=make_customer().id)),
    ("I25", lambda: set_(DunningStep, DunningStep.kind == StepKind.SUSPEND, kind=StepKind.WARNING, days=1)),
    ("I25", lambda: set_(Invoice, Invoice.promised_on.is_not(None), dunning_on=date(2030, 1, 1))),
    ("I97", lambda: set_(Customer, dunning_plan_id=987_654)),
    ("I98", lambda: set_(PaymentPromise, state=PromiseState.WITHDRAWN)),
    ("I98", lambda: set_(Invoice, Invoice.promised_on.is_not(None), promised_on=None)),
]


@pytest.mark.parametrize(("code", "corrupt"), FAULTS, ids=[f"{code}-{n}" for n, (code, _do) in enumerate(FAULTS)])
def test_one_corrupted_row_is_found(business: Actor, code: str, corrupt: Callable[[], None]) -> None:
    corrupt()
    assert code in {one.split()[0].rstrip(":") for one in findings(business)}


def test_a_service_that_is_off_for_nothing_is_found(by: Actor) -> None:
    make_company()
    service = make_service(make_customer(), status="suspended", suspended_for="unpaid", suspended_on=date(2026, 11, 1))
    assert [one for one in findings(by) if one.startswith("I99")] != []
    make_invoice(service.customer)
    assert [one for one in findings(by) if one.startswith("I99")] == []
