"""What was done about a customer's overdue money, the newest first: steps of the plan, talks, promises."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from billing import collecting, promises
from models import CollectionContact, ContactWay, Customer, DunningStep, PaymentPromise, PromiseState, StepState, db
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
    found = [*talks, *promised, *((one.taken_at, _step(one)) for one in _steps(customer))]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [line for _at, line in found[:MOST]]


def _steps(customer: Customer) -> list[DunningStep]:
    mine = select(DunningStep).where(DunningStep.customer_id == customer.id, DunningStep.state != StepState.SKIPPED)
    return list(db.session.scalars(mine.order_by(DunningStep.id.desc()).limit(MOST)))


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


def _step(row: DunningStep) -> dict[str, Any]:
    text = _("%(step)s, %(amount)s was open", step=STEPS[row.kind], amount=money(row.open))
    kind = "" if row.state is StepState.UNDONE else "warn"
    return _line("bell", kind, text, row.taken_at, _("by the plan"))
