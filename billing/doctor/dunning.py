"""Dunning: steps in their order, fees once and never on fees, promises and suspensions that fit what is open."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select, union_all
from sqlalchemy.orm import aliased

from models import (
    Company,
    Customer,
    CustomerGroup,
    DunningPlan,
    DunningStep,
    Invoice,
    InvoiceState,
    PaymentPromise,
    PromiseState,
    Service,
    ServiceStatus,
    StepKind,
    StepState,
    SuspendedFor,
)

from .checks import Check, Query, Scope

STEPS = "dunning step", "dunning steps"
_ASKED = or_(
    and_(Invoice.kind == "invoice", Invoice.open_minor > 0),
    and_(Invoice.kind == "proforma", Invoice.state == InvoiceState.ISSUED, Invoice.became_id.is_(None)),
)


def steps_out_of_order(scope: Scope) -> Query:
    """I25: each step follows the one before it, without a gap and not on an earlier day, while something was open."""
    before = aliased(DunningStep)
    earlier = and_(before.invoice_id == DunningStep.invoice_id, before.number == DunningStep.number - 1)
    gap = and_(DunningStep.number > 1, before.id.is_(None))
    wrong = or_(gap, before.on > DunningStep.on, DunningStep.open_minor <= 0)
    shown = select(DunningStep.id, Invoice.number).join(Invoice, Invoice.id == DunningStep.invoice_id)
    return shown.outerjoin(before, earlier).where(wrong)


def strangers_steps(scope: Scope) -> Query:
    """I25: a step is of its invoice's customer and currency; a late fee that was charged names its bill, and nothing
    else does; a cancellation has its suspension before it."""
    billed = or_(DunningStep.fee_invoice_id.is_not(None), DunningStep.fee_charge_id.is_not(None))
    is_fee = and_(DunningStep.kind == StepKind.FEE, DunningStep.state == StepState.DONE)
    first = aliased(DunningStep)
    suspended = select(first.id).where(
        first.invoice_id == DunningStep.invoice_id, first.kind == StepKind.SUSPEND, first.number < DunningStep.number
    )
    hasty = and_(DunningStep.kind == StepKind.CANCEL, DunningStep.state == StepState.DONE, ~suspended.exists())
    other = or_(DunningStep.customer_id != Invoice.customer_id, DunningStep.currency != Invoice.currency)
    shown = select(DunningStep.id, Invoice.number).join(Invoice, Invoice.id == DunningStep.invoice_id)
    return shown.where(or_(other, and_(is_fee, ~billed), and_(~is_fee, billed), hasty))


def fees_on_fees(scope: Scope) -> Query:
    """I25: no late fee is charged for an invoice that is one."""
    of_fee = select(DunningStep.fee_invoice_id).where(DunningStep.fee_invoice_id.is_not(None))
    shown = select(DunningStep.id, Invoice.number).join(Invoice, Invoice.id == DunningStep.invoice_id)
    charged = DunningStep.kind == StepKind.FEE, DunningStep.state == StepState.DONE
    return shown.where(*charged, DunningStep.invoice_id.in_(of_fee))


def lost_plans(scope: Scope) -> Query:
    """I97: a plan that company, group or customer names is there."""
    named = union_all(
        *(select(model.id, model.name, model.dunning_plan_id) for model in (Company, CustomerGroup, Customer))
    ).subquery()
    known = select(DunningPlan.id).where(DunningPlan.id == named.c.dunning_plan_id)
    return select(named.c.id, named.c.name).where(named.c.dunning_plan_id.is_not(None), ~known.exists())


def lost_promises(scope: Scope) -> Query:
    """I98: an invoice holds the day of its promise, open or broken, for as long as something is open on it."""
    row = aliased(PaymentPromise)
    its = row.invoice_id == Invoice.id
    lasting = row.state.in_((PromiseState.OPEN, PromiseState.BROKEN))
    told = select(row.id).where(its, row.on == Invoice.promised_on, lasting).exists()
    waits = select(row.id).where(its, row.state == PromiseState.OPEN)
    forgotten = and_(Invoice.promised_on.is_(None), waits.exists())
    other = and_(Invoice.promised_on.is_not(None), or_(~told, ~_ASKED))
    held = select(row.id).where(its, row.state == PromiseState.OPEN, row.on != Invoice.promised_on).exists()
    ids = select(row.invoice_id).where(row.state == PromiseState.OPEN)
    looked_at = or_(Invoice.promised_on.is_not(None), Invoice.id.in_(ids))
    return select(Invoice.id, Invoice.number).where(looked_at, or_(forgotten, other, held))


def off_for_nothing(scope: Scope) -> Query:
    """I99: nothing is suspended for non-payment of a customer who owes nothing, and of whom nothing was written off."""
    owing = select(Invoice.id).where(
        Invoice.customer_id == Service.customer_id,
        Invoice.state == InvoiceState.ISSUED,
        or_(Invoice.open_minor > 0, Invoice.written_off_minor > 0),
    )
    off = Service.status == ServiceStatus.SUSPENDED, Service.suspended_for == SuspendedFor.UNPAID
    return select(Service.id, Service.description).where(*off, ~owing.exists())


def looked_at_too_late(scope: Scope) -> Query:
    """I25: an invoice whose payment is promised is looked at on the day after that, not later."""
    row = aliased(PaymentPromise)
    last = select(func.max(row.on)).where(row.invoice_id == Invoice.id, row.state == PromiseState.OPEN)
    late = (
        Invoice.dunning_on > func.date(last.scalar_subquery(), "+1 day")
        if scope.sqlite
        else (Invoice.dunning_on > last.scalar_subquery() + 1)
    )
    ids = select(row.invoice_id).where(row.state == PromiseState.OPEN)
    return select(Invoice.id, Invoice.number).where(Invoice.id.in_(ids), late)


INVOICES = "invoice", "invoices"
CHECKS = (
    Check("I25", STEPS, "out of order", steps_out_of_order),
    Check("I25", STEPS, "not of their invoice", strangers_steps),
    Check("I25", STEPS, "a fee on a fee", fees_on_fees),
    Check("I25", INVOICES, "forgotten after their promise", looked_at_too_late),
    Check("I97", ("account", "accounts"), "with a dunning plan that is not there", lost_plans),
    Check("I98", INVOICES, "with a promise to pay that does not fit", lost_promises),
    Check("I99", ("service", "services"), "suspended though nothing is owed", off_for_nothing),
)
