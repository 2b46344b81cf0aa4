"""What stands in the rows of the worklist: read for a whole page at once, printed cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import dates
from flask import g
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from sqlalchemy import func, select

from admin.cells import pill
from admin.invoice_states import today
from billing import arrears, collecting, company
from billing.arrears import AGES, Arrears
from billing.dunning.ladder import Case, Done, Rules, look
from models import Customer, DunningPlan, DunningStep, Invoice, StepKind, StepState, db
from models.bulk import among
from web.formatters import FALLBACK, locale, short_date

STEPS: dict[StepKind, Any] = {
    StepKind.BEFORE: _l("Reminder before due"), StepKind.AFTER: _l("Reminder"), StepKind.FEE: _l("Late fee"),
    StepKind.WARNING: _l("Warning"), StepKind.SUSPEND: _l("Suspension"), StepKind.CANCEL: _l("Cancellation"),
}  # fmt: skip
AGE_PILLS = ("info", "warn", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Known:
    """All that a row says beside the customer's own. `last` is the newest step of the plan that was taken."""

    owed: Arrears
    next_step: str
    last: tuple[StepKind, date] | None


def read(customers: Sequence[Customer], *, with_last: bool = True) -> dict[int, Known]:
    """Of these customers, in a few statements; `with_last`: also what was done last."""
    found = arrears.of([one.id for one in customers], today())
    coming = _coming({owed.next_id: owed for owed in found.values() if owed.next_id and owed.next_on})
    taken = _taken(found) if with_last and found else {}
    return {number: Known(owed, coming.get(owed.next_id or 0, ""), taken.get(number)) for number, owed in found.items()}


def keep(customers: Sequence[Customer]) -> None:
    """For the cells of this page."""
    g.collecting_rows = read(customers)


def of(customer: Customer) -> Known | None:
    rows: dict[int, Known] = g.get("collecting_rows", {})
    return rows.get(customer.id)


def _coming(owing: dict[int, Arrears]) -> dict[int, str]:
    """By the id of the invoice: what the plan does next."""
    if not owing:
        return {}
    plans = {plan.id: plan for plan in db.session.scalars(select(DunningPlan))}
    columns = DunningStep.invoice_id, DunningStep.kind, DunningStep.days, DunningStep.on, DunningStep.state
    done: dict[int, list[Done]] = {}
    for row in db.session.execute(select(*columns).where(among(db.session, DunningStep.invoice_id, owing))):
        done.setdefault(row.invoice_id, []).append(Done(row.kind, row.days, row.on, row.state))
    is_fee = select(DunningStep.id).where(DunningStep.fee_invoice_id == Invoice.id).exists()
    days = select(Invoice.id, Invoice.due_on, Invoice.issued_on, Customer.never_suspend, is_fee.label("is_fee"))
    found = {}
    for row in db.session.execute(days.join(Invoice.customer).where(among(db.session, Invoice.id, owing))):
        owed, plan = owing[row.id], plans.get(owing[row.id].plan_id or 0)
        if plan is not None and owed.next_on and owed.next_on < date.max:
            found[row.id] = _step_on(plan, row, owed.next_on, done.get(row.id, []))
    return found


def _step_on(plan: DunningPlan, row: Any, on: date, done: list[Done]) -> str:
    """The sternest step of the plan on the day it is looked at next."""
    case = Case(
        row.due_on, row.issued_on, on, on, [one for one in done if one.state is not StepState.UNDONE],
        reminders_only=row.is_fee, never_suspend=row.never_suspend,
    )  # fmt: skip
    kinds = [step.kind for step in look(Rules.of(plan), case).steps if step.state is StepState.DONE]
    return str(STEPS[max(kinds, key=list(StepKind).index)]) if kinds else ""


def _taken(found: dict[int, Arrears]) -> dict[int, tuple[StepKind, date]]:
    """The newest step taken for each customer."""
    mine = among(db.session, DunningStep.customer_id, found), DunningStep.state == StepState.DONE
    newest = select(func.max(DunningStep.id)).where(*mine).group_by(DunningStep.customer_id)
    rows = select(DunningStep.customer_id, DunningStep.kind, DunningStep.on).where(DunningStep.id.in_(newest))
    return {row.customer_id: (row.kind, row.on) for row in db.session.execute(rows)}


def near(day: date) -> str:
    """``30 Nov``; with its year where that is another one."""
    if day.year != today().year:
        return short_date(day)
    reader = locale()
    plain = reader == FALLBACK  # as short_date writes it there
    return (
        dates.format_date(day, "d MMM", locale=reader) if plain else dates.format_skeleton("MMMd", day, locale=reader)
    )


# Cells: (view, context, customer, name)


def overdue(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known = of(row)
    return known.owed.overdue if known else None


def oldest(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known = of(row)
    return age_pill(known.owed.oldest_on) if known else None


def age_pill(oldest_on: date) -> Markup:
    """``45 days``, in the colour of its age."""
    days = (today() - oldest_on).days
    place = next(place for place, (_first, last) in enumerate(AGES) if last is None or days <= last)
    return pill(AGE_PILLS[place], ngettext("%(num)d day", "%(num)d days", days))


def invoices(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known = of(row)
    return known.owed.invoices if known else None


def last(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    """The last thing that was done: a step of the plan, or a talk."""
    known = of(row)
    taken = known.last if known else None
    if row.contacted_at is not None and (taken is None or _contacted_on(row) >= taken[1]):
        return _("Contact, %(day)s", day=near(_contacted_on(row)))
    return _("%(step)s, %(day)s", step=STEPS[taken[0]], day=near(taken[1])) if taken else None


def _contacted_on(row: Customer) -> date:
    """The day of the last talk; there is one."""
    assert row.contacted_at is not None
    return company.day_of(row.contacted_at)


def next_step(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known = of(row)
    if row.held_until is not None and collecting.is_held(row, today()):
        return pill("warn", _("Hold until %(day)s", day=near(row.held_until)))
    if known is None or known.next_step:
        return next_words(known) if known else None
    return Markup('<span class="muted">{}</span>').format(next_words(known))


def next_words(known: Known) -> str:
    """``Suspension, 30 Nov``; or why nothing is named."""
    on = known.owed.next_on
    if known.owed.plan_id is None:
        return _("No plan")
    if on is None:
        return _("Decided by the next run")
    if on == date.max or not known.next_step:
        return _("No step left")
    return _("%(step)s, %(day)s", step=known.next_step, day=near(max(on, today())))


def promise(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known = of(row)
    return promise_pill(known.owed) if known else None


def promise_pill(owed: Arrears) -> Markup | None:
    if owed.broken_on:
        return pill("bad", _("Broken %(day)s", day=near(owed.broken_on)))
    return pill("info", _("By %(day)s", day=near(owed.promised_on))) if owed.promised_on else None


def contact_on(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    if row.contact_on is None:
        return None
    words = near(row.contact_on)
    return pill("warn", _("Due %(day)s", day=words)) if row.contact_on <= today() else words


def standing(_view: Any, _context: Any, row: Customer, _name: str) -> Any:
    known, words = of(row), []
    if known and known.owed.suspended:
        n = known.owed.suspended
        words.append(pill("warn", ngettext("%(num)d suspended", "%(num)d suspended", n)))
    if row.never_suspend:
        words.append(pill("", _("Never suspend")))
    return Markup(" ").join(words) or None


CELLS = {
    "overdue": overdue, "oldest": oldest, "invoices": invoices, "last": last, "next_step": next_step,
    "promise": promise, "contact_on": contact_on, "standing": standing,
}  # fmt: skip
