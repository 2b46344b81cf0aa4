"""Picking what a dunning run looks at, by index: the invoices whose next step's day has come, then those that nobody
has looked at. Reading what is known of them, some hundred customers at a time, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, or_, select, text, tuple_

from billing import inheritance, promises
from billing.actor import Actor
from models import (
    AttemptPart,
    Company,
    Customer,
    CustomerStatus,
    DunningPlan,
    DunningStep,
    Invoice,
    PaymentPromise,
    Run,
    RunState,
    db,
)
from models.bulk import among
from models.invoice import WAITING

from .ladder import ONE_DAY, Done, Rules

KIND = "dunning"
"""The kind of the runs."""
OPEN, ASKING = "open_minor > 0", WAITING
"""Invoices on which something is open, and proformas that nobody has paid: in the words of their indexes."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a run looks up again and again. `last_on` is the last day that an earlier run has finished."""

    company: Company
    plans: dict[int, DunningPlan]
    rules: dict[int, Rules]
    last_on: date

    @staticmethod
    def load(company: Company, on: date) -> Tables:
        plans = {plan.id: plan for plan in db.session.scalars(select(DunningPlan))}
        rules = {plan_id: Rules.of(plan) for plan_id, plan in plans.items()}
        return Tables(company, plans, rules, last_on(on))


def last_on(on: date) -> date:
    """The last day that a run has finished; without any, the day before `on`."""
    return newest_run() or on - ONE_DAY


def newest_run() -> date | None:
    """The last day that a run has finished."""
    finished = Run.kind == KIND, Run.state == RunState.FINISHED
    return db.session.scalar(select(func.max(Run.on)).where(*finished))


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer, as far as dunning asks."""

    id: int
    name: str
    email: str
    phone: str
    plan_id: int | None
    never_suspend: bool
    archived: bool
    held_until: date | None = None


@dataclass(slots=True)
class Owed:
    """An invoice, or a proforma, that is looked at, with what was done about it before."""

    row: Any
    debtor: Debtor
    done: list[Done] = field(default_factory=list)
    number: int = 0
    is_fee: bool = False
    promise: PaymentPromise | None = None

    @property
    def open_minor(self) -> int:
        return int(self.row.total_minor if self.row.kind == "proforma" else self.row.open_minor)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a run has come among the invoices of a kind; they are taken by the day of their step, then by id."""

    asked: str
    planned: bool
    after: tuple[date, int] | int


def places() -> tuple[Place, ...]:
    """Where a run begins: it goes through these one after the other."""
    new, planned = Place(OPEN, False, 0), Place(OPEN, True, (date.min, 0))
    return planned, new, replace(planned, asked=ASKING), replace(new, asked=ASKING)


def count(on: date) -> int:
    """How many invoices and proformas a run on that day looks at."""
    found = [
        db.session.scalar(select(func.count()).select_from(Invoice).where(text(asked), each)) or 0
        for asked in (OPEN, ASKING)
        for each in (Invoice.dunning_on.is_(None), Invoice.dunning_on <= on)
    ]
    return sum(found)


def next_customers(place: Place, on: date, limit: int) -> tuple[list[int], Place | None]:
    """Ids of the customers of the next invoices, and where to go on; None when nothing is left there."""
    wanted = select(Invoice.dunning_on, Invoice.id, Invoice.customer_id).where(text(place.asked))
    if place.planned:
        later = tuple_(Invoice.dunning_on, Invoice.id) > place.after
        wanted = wanted.where(Invoice.dunning_on <= on, later).order_by(Invoice.dunning_on, Invoice.id)
    else:
        wanted = wanted.where(Invoice.dunning_on.is_(None), Invoice.id > place.after).order_by(Invoice.id)
    rows = db.session.execute(wanted.limit(limit)).all()
    if not rows:
        return [], None
    last = rows[-1]
    there = (last.dunning_on, last.id) if place.planned else last.id
    return sorted({row.customer_id for row in rows}), Place(place.asked, place.planned, there)


_COLUMNS = (
    Invoice.id, Invoice.customer_id, Invoice.kind, Invoice.number, Invoice.payer_id, Invoice.billing_group_id,
    Invoice.issued_on, Invoice.due_on, Invoice.currency, Invoice.total_minor, Invoice.open_minor, Invoice.dunning_on,
    Invoice.promised_on,
)  # fmt: skip


def read(customers: Collection[int], asked: str, on: date, tables: Tables, by: Actor) -> list[Owed]:
    """All that is due of these customers, locked, by customer and invoice. Broken promises are written down."""
    rows = waiting(customers, asked, on)
    debtors = {one.id: one for one in _debtors({row.customer_id for row in rows}, tables)}
    found = {row.id: Owed(row, debtors[row.customer_id]) for row in rows}
    if not found:
        return []
    steps = select(
        DunningStep.invoice_id, DunningStep.kind, DunningStep.days, DunningStep.on, DunningStep.state,
        DunningStep.number,
    )  # fmt: skip
    known = among(db.session, DunningStep.invoice_id, found)
    for step in db.session.execute(steps.where(known).order_by(DunningStep.invoice_id, DunningStep.number)):
        owed = found[step.invoice_id]
        owed.done.append(Done(step.kind, step.days, step.on, step.state))
        owed.number = step.number
    for invoice_id in _fees(found):
        found[invoice_id].is_fee = True
    for invoice_id, promise in promises.break_due([owed.row for owed in found.values()], on, by=by).items():
        found[invoice_id].promise = promise
    return sorted(found.values(), key=lambda owed: (owed.row.customer_id, owed.row.id))


def waiting(customers: Collection[int], asked: str, on: date) -> Sequence[Any]:
    """What is due of these customers, locked until the transaction ends, by id. What is being paid by card waits."""
    mine = among(db.session, Invoice.customer_id, customers)
    due = or_(Invoice.dunning_on.is_(None), Invoice.dunning_on <= on)
    paying = select(AttemptPart.id).where(AttemptPart.invoice_id == Invoice.id, AttemptPart.holds).exists()
    rows = select(*_COLUMNS).where(mine, text(asked), due, Invoice.due_on.is_not(None), ~paying)
    return db.session.execute(rows.order_by(Invoice.id).with_for_update(key_share=True)).all()


def since_of(row: Any, last: date) -> date:
    """From which day on what fell due for an invoice is to be caught up with: see ladder. `last`: see last_on."""
    if row.dunning_on is not None:
        return row.dunning_on
    return max(row.issued_on, last + timedelta(days=1))


def _debtors(ids: Collection[int], tables: Tables) -> Iterable[Debtor]:
    columns = (
        Customer.id, Customer.name, Customer.email, Customer.phone_e164, Customer.dunning_plan_id, Customer.group_id,
        Customer.never_suspend, Customer.status, Customer.held_until,
    )  # fmt: skip
    rows = db.session.execute(select(*columns).where(among(db.session, Customer.id, ids)).order_by(Customer.id)).all()
    defaults = inheritance.Defaults([row.group_id for row in rows], tables.company)
    for row in rows:
        plan_id = defaults.of("dunning_plan_id", row.dunning_plan_id, row.group_id)
        archived = row.status == CustomerStatus.ARCHIVED
        yield Debtor(row.id, row.name, row.email, row.phone_e164, plan_id, row.never_suspend, archived, row.held_until)


def _fees(ids: Collection[int]) -> Sequence[int]:
    """Those of the invoices that are late fees themselves."""
    fees = select(DunningStep.fee_invoice_id).where(DunningStep.fee_invoice_id.is_not(None))
    return [one for one in db.session.scalars(fees.where(among(db.session, DunningStep.fee_invoice_id, ids))) if one]
