"""Suspending services for an invoice that is not paid, cancelling them later, and bringing them back once it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import and_, or_, select, update

from billing import service_life, services
from billing.actor import Actor
from models import (
    DunningPlan,
    DunningStep,
    Invoice,
    InvoiceLine,
    InvoiceState,
    Service,
    ServiceStatus,
    StepKind,
    StepState,
    SuspendedFor,
    Suspends,
    db,
)
from models.bulk import among

from . import sayings

UNPAID = SuspendedFor.UNPAID


def suspend(plan: DunningPlan, invoice_id: int, customer_id: int, number: str, on: date, *, by: Actor) -> list[int]:
    """Switch off, from the day `on`, what the plan says is switched off for this invoice. Ids of the services that it
    keeps off from now on, also of those that another invoice had switched off before."""
    chosen = [row for row in _services_of(plan, invoice_id, customer_id) if _may(row)]
    reason = f"{number} is not paid."
    service_life.suspend(chosen, why=UNPAID, reason=reason, by=replace(by, today=on))
    return [row.id for row in chosen if row.status == ServiceStatus.SUSPENDED and row.suspended_for is UNPAID]


def cancel(service_ids: Sequence[int], number: str, on: date, *, by: Actor) -> list[int]:
    """End, on the day `on`, those of the services that are switched off for non-payment still; which were."""
    rows = select(Service).where(among(db.session, Service.id, service_ids)).order_by(Service.id)
    ended = []
    for service in db.session.scalars(rows):
        if service.status == ServiceStatus.SUSPENDED and service.suspended_for is UNPAID:
            services.cancel(service, max(on, service.started_on), f"{number} was not paid.", by=by)
            ended.append(service.id)
    return ended


def bring_back(customer_ids: Collection[int], paid: Collection[int] = (), *, by: Actor) -> list[int]:
    """Switch on again what was switched off for non-payment, where no invoice holds it back any more: of those whose
    suspension was carried out, and of any that is overdue for a service that a person switched off. An invoice that
    was written off holds it back, unless it is among those `paid` just now. Ids of the services; their customers are
    told as their plans say. One statement where nothing is switched off."""
    off = Service.status == ServiceStatus.SUSPENDED, Service.suspended_for == UNPAID
    mine = select(Service).where(among(db.session, Service.customer_id, customer_ids), *off).order_by(Service.id)
    waiting = list(db.session.scalars(mine))
    if not waiting:
        return []
    steps = _steps({row.customer_id for row in waiting}, paid)
    _undo([step for step, settled in steps if settled])
    held = {one for step, settled in steps if not settled for one in step.services or ()}
    named = {one for step, _settled in steps for one in step.services or ()}
    owing = _overdue({row.customer_id for row in waiting if row.id not in named}, by.today)
    chosen = [row for row in waiting if row.id not in held and (row.id in named or row.customer_id not in owing)]
    back = service_life.unsuspend(chosen, only=UNPAID, by=by)
    for customer_id in sorted({row.customer_id for row in back}):
        sayings.queue_back(customer_id, [row for row in back if row.customer_id == customer_id], by=by)
    return [row.id for row in back]


def _services_of(plan: DunningPlan, invoice_id: int, customer_id: int) -> Sequence[Service]:
    wanted = select(Service).where(Service.customer_id == customer_id).order_by(Service.id)
    if plan.suspends == Suspends.BILLED:
        billed = select(InvoiceLine.service_id).where(InvoiceLine.invoice_id == invoice_id)
        wanted = wanted.where(Service.id.in_(billed))
    return db.session.scalars(wanted).all()


def _may(service: Service) -> bool:
    off = service.status == ServiceStatus.SUSPENDED and service.suspended_for is UNPAID
    return off or not service_life.why_not_suspend(service, UNPAID)


def _steps(customer_ids: Collection[int], paid: Collection[int]) -> list[tuple[DunningStep, bool]]:
    """The suspensions of these customers that hold, and whether their invoice is settled by now."""
    expected = and_(Invoice.written_off_minor > 0, Invoice.id.not_in(paid))
    settled = or_(Invoice.state != InvoiceState.ISSUED, and_(Invoice.open_minor == 0, ~expected))
    wanted = select(DunningStep, settled).join(Invoice, Invoice.id == DunningStep.invoice_id)
    done = DunningStep.kind == StepKind.SUSPEND, DunningStep.state == StepState.DONE
    rows = db.session.execute(wanted.where(among(db.session, DunningStep.customer_id, customer_ids), *done))
    return [(step, bool(is_settled)) for step, is_settled in rows]


def _undo(steps: Sequence[DunningStep]) -> None:
    """Should these invoices be open again, a warning comes first again."""
    if not steps:
        return
    mine = among(db.session, DunningStep.invoice_id, {step.invoice_id for step in steps})
    again = DunningStep.kind.in_((StepKind.WARNING, StepKind.SUSPEND, StepKind.CANCEL))
    undone = update(DunningStep).where(mine, again).values(state=StepState.UNDONE)
    db.session.execute(undone, execution_options={"synchronize_session": "fetch"})


def _overdue(customer_ids: Collection[int], today: date) -> set[int]:
    if not customer_ids:
        return set()
    theirs = select(Invoice.customer_id).where(among(db.session, Invoice.customer_id, customer_ids))
    return set(db.session.scalars(theirs.where(Invoice.open_minor > 0, Invoice.due_on < today).distinct()))
