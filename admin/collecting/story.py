"""What was done about a customer's overdue money, the newest first: steps of the plan, talks, promises."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from billing import collecting, promises
from models import (
    CollectionContact,
    ContactWay,
    Customer,
    DunningStep,
    Invoice,
    Money,
    PaymentPromise,
    PromiseState,
    StepState,
    db,
)
from web.formatters import moment, money, short_date

from .forms import WAYS
from .rows import STEPS

MOST = 20
WAY_WORDS = dict(WAYS)
PROMISES = {
    PromiseState.OPEN: ("info", _l("Promised to pay %(amount)s by %(day)s")),
    PromiseState.KEPT: ("ok", _l("Kept the promise to pay %(amount)s by %(day)s")),
    PromiseState.BROKEN: ("bad", _l("Broke the promise to pay %(amount)s by %(day)s")),
    PromiseState.WITHDRAWN: ("", _l("Promise of %(amount)s by %(day)s withdrawn")),
}  # fmt: skip


def lines(customer: Customer) -> list[dict[str, Any]]:
    """The newest of all three, as the timeline prints them."""
    talks = [(one.made_at, _talk(one)) for one in collecting.contacts(customer, MOST)]
    promised = [(one.made_at, _promise(one)) for one in promises.of_customer(customer.id, MOST)]
    found = [*talks, *promised, *_steps(customer)]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [line for _at, line in found[:MOST]]


def _steps(customer: Customer) -> list[tuple[datetime, dict[str, Any]]]:
    """Those of one kind that were taken together stand in one line."""
    mine = DunningStep.customer_id == customer.id, DunningStep.state != StepState.SKIPPED
    newest = select(DunningStep).where(*mine).order_by(DunningStep.id.desc()).limit(MOST * 5)
    together: dict[Any, list[DunningStep]] = {}
    for row in db.session.scalars(newest.options(joinedload(DunningStep.invoice).load_only(Invoice.number))):
        together.setdefault((row.taken_at, row.kind, row.state, row.currency), []).append(row)
    return [(key[0], _step(found)) for key, found in together.items()]


def _line(icon: str, kind: str, text: str, at: datetime, by: str = "", note: str = "") -> dict[str, Any]:
    return {"icon": icon, "kind": kind, "text": text, "when": moment(at), "by": by, "note": note}


def _talk(row: CollectionContact) -> dict[str, Any]:
    note = row.text
    if row.next_on:
        note += "\n" + _("Next contact on %(day)s", day=short_date(row.next_on))
    if not row.text:
        by = _("Reminder by mail") if row.way is ContactWay.MAIL else _("Reminder by text")
        return _line("bell", "warn", by, row.made_at, row.made_by)
    return _line("phone", "info", str(WAY_WORDS[row.way.value]), row.made_at, row.made_by, note)


def _promise(row: PaymentPromise) -> dict[str, Any]:
    kind, words = PROMISES[row.state]
    text = str(words) % {"amount": money(row.amount), "day": short_date(row.on)}
    return _line("calendar-clock", kind, text, row.made_at, row.made_by, row.note)


def _step(found: list[DunningStep]) -> dict[str, Any]:
    first = found[0]
    amount = money(Money(sum(row.open_minor for row in found), first.currency))
    what = str(first.invoice) if len(found) == 1 else ngettext("%(num)d invoice", "%(num)d invoices", len(found))
    text = _("%(step)s for %(what)s, %(amount)s was open", step=STEPS[first.kind], what=what, amount=amount)
    kind = "" if first.state is StepState.UNDONE else "warn"
    return _line("bell", kind, text, first.taken_at, _("by the plan"))
