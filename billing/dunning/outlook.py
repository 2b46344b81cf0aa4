"""What was done about an invoice, and what comes next if nothing is paid: for people to see. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import or_, select

from billing import company, inheritance, promises
from models import CustomerStatus, DunningPlan, DunningStep, Invoice, StepState, db

from . import fees, ladder
from .due import last_on, since_of
from .ladder import NEVER, Case, Done, Rules, Take

PROMISED, HELD, TOO_LITTLE, ARCHIVED, NO_PLAN, SWITCHED_OFF = (
    "promised", "held", "too_little", "archived", "no_plan", "off",
)  # fmt: skip
"""Why nothing comes, as it stands."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`source` says where the plan comes from (see inheritance); `held` why nothing comes for now, empty if it does."""

    plan: DunningPlan | None
    source: str
    done: list[DunningStep] = field(default_factory=list)
    coming: list[Take] = field(default_factory=list)
    held: str = ""
    promised_on: date | None = None
    broken: bool = False


def of(invoice: Invoice, today: date) -> Outlook:
    """The outlook of an issued invoice or proforma on that day, in the business's time zone. Up to four
    statements; none for what was paid before any run looked at it."""
    if invoice.dunning_on is None and not promises.can_promise(invoice):
        return Outlook(None, "")  # no run has looked at it
    done, is_fee = _steps(invoice)
    if not promises.can_promise(invoice) or invoice.due_on is None:
        return Outlook(None, "", done)
    found = inheritance.effective(invoice.customer, "dunning_plan_id")
    plan = db.session.get(DunningPlan, found.value) if found.value else None
    broken = promises.is_broken(invoice, today)
    why = _why_not(invoice, plan, today)
    coming = [] if why not in ("", PROMISED, HELD) else _coming(invoice, plan, done, today, is_fee)
    return Outlook(plan, found.source, done, coming, why, invoice.promised_on, broken)


def _steps(invoice: Invoice) -> tuple[list[DunningStep], bool]:
    """What was done about it, in its order; and whether it is a late fee itself."""
    its = or_(DunningStep.invoice_id == invoice.id, DunningStep.fee_invoice_id == invoice.id)
    found = list(db.session.scalars(select(DunningStep).where(its).order_by(DunningStep.number)))
    mine = [step for step in found if step.invoice_id == invoice.id]
    return mine, len(mine) < len(found)


def _why_not(invoice: Invoice, plan: DunningPlan | None, today: date) -> str:
    if not company.value("dunning_on"):
        return SWITCHED_OFF
    if plan is None:
        return NO_PLAN
    if invoice.customer.status == CustomerStatus.ARCHIVED:
        return ARCHIVED
    asked = invoice.total if invoice.kind == "proforma" else invoice.open
    seller = company.settings().currency
    figures = fees.figures_in(plan, invoice.currency, seller, today, None) if plan.amounts else None
    if figures and asked < figures.least_open:
        return TOO_LITTLE
    if invoice.customer.held_until and invoice.customer.held_until > today:
        return HELD
    return PROMISED if invoice.promised_on and invoice.promised_on >= today else ""


def _coming(
    invoice: Invoice, plan: DunningPlan | None, done: list[DunningStep], today: date, is_fee: bool
) -> list[Take]:
    """From today, or from the end of a hold or promise on; what the run of today has not done yet belongs to it."""
    assert plan is not None
    promised = invoice.promised_on + ladder.ONE_DAY if invoice.promised_on else today
    on = max(today, promised, invoice.customer.held_until or today)
    known = [Done(step.kind, step.days, step.on, step.state) for step in done if step.state is not StepState.UNDONE]
    plain = invoice.kind == "proforma" or is_fee
    since = invoice.dunning_on or since_of(invoice, last_on(today))
    assert invoice.due_on is not None
    case = Case(
        invoice.due_on, invoice.issued_on or today, on, since, known, None, plain, invoice.customer.never_suspend
    )  # fmt: skip
    return [step for step in ladder.timeline(Rules.of(plan), case) if step.on < NEVER]
