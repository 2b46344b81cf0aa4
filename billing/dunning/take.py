"""Taking the steps that are due for some hundred customers, and writing them down, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import select

from billing.actor import Actor
from billing.dunning_plans import BEFORE, CANCELLED, FEE, PRINT, SUSPENDED, WARNING
from billing.money import Money
from models import DunningPlan, DunningStep, Invoice, StepKind, StepState, db
from models.bulk import insert_rows, update_rows
from models.faults import faultpoint

from . import fees, ladder, sayings, suspending
from .due import Owed, Tables, since_of
from .ladder import NO_AMOUNT, NO_SERVICE, NOT_SUSPENDED, ONE_DAY, Case, Done, Look, Take

NO_ADDRESS = "no_address"
"""Why nobody was told of a step that was taken."""
SKIPPED, DONE = StepState.SKIPPED, StepState.DONE
HARD = (StepKind.SUSPEND, StepKind.CANCEL)
_SAID = {
    StepKind.BEFORE: BEFORE, StepKind.FEE: FEE, StepKind.WARNING: WARNING, StepKind.SUSPEND: SUSPENDED,
    StepKind.CANCEL: CANCELLED,
}  # fmt: skip
_COLUMNS = (
    "invoice_id", "customer_id", "plan_id", "run_id", "number", "kind", "days", "on", "state", "reason", "currency",
    "open_minor", "taken_at", "message_id", "to_print", "fee_invoice_id", "fee_charge_id", "services",
)  # fmt: skip


@dataclass(slots=True)
class Step:
    """A step with what came of it."""

    owed: Owed
    plan: DunningPlan
    take: Take
    number: int
    reason: str = ""
    message_id: int | None = None
    to_print: bool = False
    billed: fees.Billed | None = None
    services: list[int] | None = None
    says: str = ""


@dataclass(slots=True)
class Taken:
    """What a chunk came to: how many invoices were looked at, steps by what they were, fees by currency."""

    looked: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    fees: Counter[str] = field(default_factory=Counter)


def take(
    owing: Sequence[Owed], on: date, tables: Tables, *, run_id: int | None, by: Actor, only_hard: bool = False
) -> Taken:
    """Take all steps of these invoices that are due on the day `on`, and note when each is looked at next. With
    `only_hard` invoices stay as they are for which nothing is to be suspended or cancelled by that day."""
    by = replace(by, today=on)
    looked = [(owed, *_look(owed, on, tables)) for owed in owing]
    if only_hard:
        looked = [it for it in looked if any(one.kind in HARD and one.state is DONE for one in it[2].steps)]
    steps = _steps(looked, tables, by)
    faultpoint("dunning.taken")
    _say(steps, on, tables, by)
    _tell_staff(steps, by)
    _write(steps, run_id, by)
    rows = [(look.next_on, owed.row.id) for owed, _plan, look in looked if look.next_on != owed.row.dunning_on]
    update_rows(db.session, Invoice.__table__, ("dunning_on",), rows)
    return _counted(len(looked), steps)


def _look(owed: Owed, on: date, tables: Tables) -> tuple[DunningPlan | None, Look]:
    row, plan = owed.row, tables.plans.get(owed.debtor.plan_id or 0)
    if plan is None or owed.debtor.archived:
        return None, Look()
    if row.promised_on and row.promised_on >= on:
        return None, Look(next_on=row.promised_on + ONE_DAY)
    if owed.debtor.held_until and owed.debtor.held_until > on:
        return None, Look(next_on=owed.debtor.held_until)
    figures = _figures(plan, owed, on, tables)
    if figures and owed.open_minor < figures.least_open_minor:
        return None, Look()
    return plan, ladder.look(tables.rules[plan.id], case_of(owed, on, tables))


def case_of(owed: Owed, on: date, tables: Tables) -> Case:
    """The invoice as the ladder sees it."""
    row, promise = owed.row, owed.promise
    since = since_of(row, tables.last_on)
    held = None if promise is None else min(promise.held_from or promise.made_on, since)
    plain = row.kind == "proforma" or owed.is_fee
    return Case(row.due_on, row.issued_on, on, since, owed.done, held, plain, owed.debtor.never_suspend)


def _figures(plan: DunningPlan, owed: Owed, on: date, tables: Tables) -> Any:
    if not plan.amounts:
        return None
    return fees.figures_in(plan, owed.row.currency, tables.company.currency, on, None)


def _steps(looked: Sequence[tuple[Owed, DunningPlan | None, Look]], tables: Tables, by: Actor) -> list[Step]:
    """The steps, those that change something carried out: of each customer in the order of their days, as if there had
    been a run on each of them. What hangs on a step that was left out falls away."""
    todo = [(owed, plan, one) for owed, plan, look in looked if plan for one in look.steps]
    todo.sort(key=lambda it: (it[0].row.customer_id, it[2].on, ladder.RANK[it[2].kind], it[0].row.id, it[2].days))
    found: list[Step] = []
    of_invoice: dict[int, list[Step]] = {}
    for owed, plan, one in todo:
        before = of_invoice.setdefault(owed.row.id, [])
        step = Step(owed, plan, one, owed.number + len(before) + 1, one.reason)
        if one.state is DONE:
            if not _carry_out(step, before, tables, by):
                continue
            step.says = _SAID.get(one.kind) or _reminder(owed)
        before.append(step)
        found.append(step)
    return found


def _reminder(owed: Owed) -> str:
    """Whether it is the first reminder after the day."""
    said = any(done.kind is StepKind.AFTER and done.state is DONE for done in owed.done)
    return sayings.LATER if said else sayings.FIRST


def _carry_out(step: Step, before: Sequence[Step], tables: Tables, by: Actor) -> bool:
    """Do what the step says; what cannot be done is written down as left out. False: nothing to write down."""
    kind = step.take.kind
    if kind is StepKind.FEE:
        step.billed = _fee(step, tables, by)
        _leave_out(step, "" if step.billed else NO_AMOUNT)
    elif kind is StepKind.SUSPEND:
        row = step.owed.row
        step.services = suspending.suspend(step.plan, row.id, row.customer_id, row.number, step.take.on, by=by)
        _leave_out(step, "" if step.services else NO_SERVICE)
    elif kind is StepKind.CANCEL:
        suspended = _suspended(step.owed, before)
        if suspended is None:
            return False
        step.services = suspending.cancel(suspended, step.owed.row.number, step.take.on, by=by)
        _leave_out(step, "" if step.services else NOT_SUSPENDED)
    return True


def _leave_out(step: Step, reason: str) -> None:
    if reason:
        step.take, step.reason = replace(step.take, state=SKIPPED, reason=reason), reason


def _fee(step: Step, tables: Tables, by: Actor) -> fees.Billed | None:
    invoice = db.session.get_one(Invoice, step.owed.row.id)
    asked = invoice.open_minor - fees.fees_on([invoice.id]).get(invoice.id, 0)
    if asked <= 0:
        return None
    on, customer = step.take.on, invoice.customer
    fee = fees.amount(step.plan, Money(asked, invoice.currency), tables.company.currency, on, customer)
    return fees.charge(step.plan, invoice, fee, on, by=by) if fee else None


def _suspended(owed: Owed, before: Sequence[Step]) -> list[int] | None:
    """The services that the invoice's suspension keeps off; None if there was none."""
    for step in before:
        if step.take.kind is StepKind.SUSPEND:
            return step.services if step.take.state is DONE else None
    mine = DunningStep.invoice_id == owed.row.id, DunningStep.kind == StepKind.SUSPEND, DunningStep.state == DONE
    found = db.session.execute(select(DunningStep.services).where(*mine)).one_or_none()
    return list(found.services or ()) if found else None


def _say(steps: Sequence[Step], on: date, tables: Tables, by: Actor) -> None:
    """One message for all that concerns a customer, or an invoice if the plan says so; its steps know it."""
    together: dict[tuple[Any, ...], list[Step]] = {}
    for step in steps:
        if step.says and step.take.state is DONE:
            row = step.owed.row
            key = row.customer_id, row.payer_id, row.kind, None if step.plan.together else row.id
            together.setdefault(key, []).append(step)
    said: list[tuple[list[Step], sayings.Saying]] = []
    for mine in together.values():
        name = sayings.sternest((step.says for step in mine), mine[0].plan)
        if name:
            said.append((mine, _saying(name, mine, tables)))
    for (mine, one), message_id in zip(said, sayings.queue([one for _mine, one in said], by=by), strict=True):
        reached = message_id is not None
        for step in mine:
            step.message_id = message_id
            step.to_print = PRINT in one.channels
            if not reached and not step.to_print:
                step.reason = NO_ADDRESS


def _saying(name: str, mine: Sequence[Step], tables: Tables) -> sayings.Saying:
    first, plan = mine[0], mine[0].plan
    row, debtor = first.owed.row, first.owed.debtor
    ids = sorted({step.owed.row.id for step in mine})
    about: dict[str, Any] = {
        "invoices": ids, "together": plan.together, "attach": plan.attach, "payer": row.payer_id,
        "proforma": row.kind == "proforma",
        "services": sorted({one for step in mine for one in step.services or ()}),
        "fees": [_told(step) for step in mine if step.billed],
    }  # fmt: skip
    days = [_suspension(step, tables) for step in mine if step.take.kind is StepKind.WARNING]
    if days:
        about["suspend_on"] = min(days).isoformat()
    return sayings.Saying(
        name, debtor.id, f"{row.id}:{first.number}", sayings.channels_of(plan, name), debtor.email, debtor.phone,
        row.payer_id, None if plan.together else row.id, about,
    )  # fmt: skip


def _told(step: Step) -> dict[str, Any]:
    assert step.billed is not None
    fee = step.billed.amount
    return {"invoice": step.owed.row.id, "minor": fee.minor, "currency": fee.currency}


def _suspension(step: Step, tables: Tables) -> date:
    """The day of the suspension that a warning announces."""
    owed, rules = step.owed, tables.rules[step.plan.id]
    case = case_of(owed, step.take.on, tables)
    warned = Done(StepKind.WARNING, step.take.days, step.take.on)
    return ladder.suspension_day(rules, replace(case, done=[*owed.done, warned]))


def _tell_staff(steps: Sequence[Step], by: Actor) -> None:
    """A word to whom the plan names of what was suspended, kept on, or cancelled."""
    for step in steps:
        kept = step.take.reason == ladder.NEVER_SUSPENDED
        if not step.plan.copy_to or not (step.services or kept):
            continue
        row, what = step.owed.row, "kept" if kept else step.take.kind.value
        about = {"customer": row.customer_id, "invoice": row.id, "what": what, "services": step.services or []}
        sayings.queue_for_staff(step.plan.copy_to, f"{row.id}:{step.number}", about, by=by)


def _write(steps: Sequence[Step], run_id: int | None, by: Actor) -> None:
    rows = []
    for step in steps:
        row, one = step.owed.row, step.take
        charge = step.billed.charge if step.billed else None
        invoice = step.billed.invoice if step.billed else None
        rows.append(
            (
                row.id, row.customer_id, step.plan.id, run_id, step.number, one.kind.value, one.days, one.on,
                one.state.value, step.reason, row.currency, step.owed.open_minor, by.at, step.message_id,
                step.to_print, invoice.id if invoice else None, charge.id if charge else None, step.services,
            )
        )  # fmt: skip
    insert_rows(db.session, DunningStep.__table__, _COLUMNS, rows)


def _counted(looked: int, steps: Sequence[Step]) -> Taken:
    found = Taken(looked)
    for step in steps:
        found.counts[step.take.kind.value if step.take.state is DONE else "skipped"] += 1
        if step.billed:
            found.fees[step.billed.amount.currency] += step.billed.amount.minor
    found.counts["messages"] = len({step.message_id for step in steps if step.message_id})
    return found
