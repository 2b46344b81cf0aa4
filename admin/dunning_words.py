"""Dunning in words: the steps of a plan, what was done about an invoice and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from billing.dunning import ladder, outlook
from billing.dunning.outlook import Outlook
from billing.dunning.take import NO_ADDRESS
from billing.dunning_plans import MAIL, PRINT, TEXT, days_of
from models import DunningPlan, DunningStep, FeeKind, StepKind, StepState, Suspends
from web.formatters import money, percent, short_date

WAYS = {MAIL: _l("e-mail"), TEXT: _l("text"), PRINT: _l("letter")}
SAYINGS = {
    "before": _l("Before the day"), "after": _l("Reminders"), "fee": _l("Late fee"), "warning": _l("Warning"),
    "suspended": _l("Suspended"), "cancelled": _l("Cancelled"), "back": _l("Switched on again"),
}  # fmt: skip
STEPS: dict[StepKind, tuple[str, str, Any]] = {
    StepKind.BEFORE: ("bell", "info", _l("Reminder before it is due")),
    StepKind.AFTER: ("bell", "warn", _l("Reminder")),
    StepKind.FEE: ("coins", "money", _l("Late fee")),
    StepKind.WARNING: ("triangle-alert", "warn", _l("Warning of the suspension")),
    StepKind.SUSPEND: ("pause", "bad", _l("Services suspended")),
    StepKind.CANCEL: ("ban", "bad", _l("Services cancelled")),
}
REASONS = {
    ladder.NEWER: _l("left out: a newer one was due as well"),
    ladder.TOO_EARLY: _l("left out: the invoice had only just been written"),
    ladder.WAS_DUE: _l("left out: the day had passed"),
    ladder.BEFORE_RULE: _l("left out: its day was before the plan asked for it"),
    ladder.NEVER_SUSPENDED: _l("kept on: this customer is never suspended"),
    ladder.NO_SERVICE: _l("left out: no active service is billed by it"),
    ladder.NO_AMOUNT: _l("left out: the plan has no figure for it"),
    ladder.NOT_SUSPENDED: _l("left out: nothing was suspended any more"),
    NO_ADDRESS: _l("nobody could be told: there is no address"),
}
HELD = {
    outlook.HELD: _l("On hold: a colleague has put off all that the plan does for this customer."),
    outlook.PROMISED: _l("On hold: payment is promised."),
    outlook.TOO_LITTLE: _l("Nothing comes: less is open than the plan asks for."),
    outlook.ARCHIVED: _l("Nothing comes: the customer is archived."),
    outlook.NO_PLAN: _l("Nothing comes: no plan is in force."),
    outlook.SWITCHED_OFF: _l("Nothing comes by itself: Settings, Payments has switched it off."),
}


def when(days: int) -> str:
    """A day of a plan: "3 days before", "on the due day", "7 days after"."""
    if days < 0:
        return ngettext("%(num)d day before", "%(num)d days before", -days)
    return ngettext("%(num)d day after", "%(num)d days after", days) if days else _("On the due day")


def plan_events(plan: DunningPlan) -> list[dict[str, Any]]:
    """What the plan does, in the order it comes, for a timeline."""
    found = [(-days, StepKind.BEFORE, "before", "") for days in days_of(plan.before)]
    found += [(days, StepKind.AFTER, "after", "") for days in days_of(plan.after)]
    if plan.fee_after is not None:
        found.append((plan.fee_after, StepKind.FEE, "fee", fee_words(plan)))
    if plan.suspend_after is not None:
        warnings = [plan.suspend_after - lead for lead in days_of(plan.warn_before)]
        found += [(days, StepKind.WARNING, "warning", "") for days in warnings]
        found.append((plan.suspend_after, StepKind.SUSPEND, "suspended", suspends_words(plan)))
    if plan.cancel_after is not None:
        found.append((plan.cancel_after, StepKind.CANCEL, "cancelled", ""))
    found.sort(key=lambda one: (one[0], ladder.RANK[one[1]]))
    return [_planned(plan, *one) for one in found]


def _planned(plan: DunningPlan, days: int, kind: StepKind, saying: str, more: str) -> dict[str, Any]:
    icon, colour, name = STEPS[kind]
    ways = plan.channels.get(saying, ())
    by = _("by %(ways)s", ways=", ".join(str(WAYS[way]) for way in ways)) if ways else _("nobody is told")
    text = f"{name}: {more}" if more else str(name)
    return {"icon": icon, "kind": colour, "text": text, "by": by, "when": when(days)}


def fee_words(plan: DunningPlan) -> str:
    """How much the late fee is."""
    if plan.fee_kind == FeeKind.NONE:
        return ""
    if plan.fee_kind == FeeKind.FIXED:
        words = ", ".join(money(row.fee) for row in plan.amounts if row.fee)
    else:
        words = _("%(percent)s of what is open", percent=percent(plan.fee_percent))
        for row in plan.amounts:
            words += f", {_('at least %(amount)s', amount=money(row.fee_least))}" if row.fee_least else ""
            words += f", {_('at most %(amount)s', amount=money(row.fee_most))}" if row.fee_most else ""
    how = _("on a bill of its own") if plan.fee_invoice else _("on the next bill")
    return f"{words}, {how}"


def suspends_words(plan: DunningPlan) -> str:
    if plan.suspends == Suspends.ALL:
        return _("all that the customer has")
    return _("those on the invoice")


def short(plan: DunningPlan) -> str:
    """The plan in one line."""
    parts = []
    if plan.before:
        parts.append(_("reminds %(days)s days before", days=plan.before))
    if plan.after:
        parts.append(_("reminds %(days)s days after", days=plan.after))
    if plan.fee_after is not None:
        parts.append(_("fee after %(days)s days", days=plan.fee_after))
    if plan.suspend_after is not None:
        parts.append(_("suspends after %(days)s days", days=plan.suspend_after))
    if plan.cancel_after is not None:
        parts.append(_("cancels after %(days)s days", days=plan.cancel_after))
    return ", ".join(parts) or _("Nothing is sent, nothing is done")


def done_events(steps: Sequence[DunningStep]) -> list[dict[str, Any]]:
    """What was done about an invoice, for a timeline."""
    return [_done(step) for step in steps]


def _done(step: DunningStep) -> dict[str, Any]:
    icon, kind, name = STEPS[step.kind]
    notes = [str(REASONS.get(step.reason, step.reason))] if step.reason else []
    if step.state is StepState.UNDONE:
        notes.append(_("taken back when it was paid"))
    if step.fee_invoice is not None:
        notes.append(str(step.fee_invoice))
    elif step.fee_charge_id:
        notes.append(_("on the next bill"))
    left_out = step.state is not StepState.DONE
    return {
        "icon": icon, "kind": "" if left_out else kind, "text": str(name), "by": ", ".join(notes),
        "when": short_date(step.on), "iso": step.on.isoformat(),
    }  # fmt: skip


def coming_events(found: Outlook, today: date) -> list[dict[str, Any]]:
    """What comes next if nothing is paid."""
    out = []
    for take in found.coming:
        icon, _kind, name = STEPS[take.kind]
        at_once = take.on <= today
        out.append({"icon": icon, "kind": "", "text": str(name), "by": "",
                    "when": _("with the next run") if at_once else short_date(take.on),
                    "iso": take.on.isoformat()})  # fmt: skip
    return out


def held_words(found: Outlook) -> str:
    """Why nothing comes for now, or that a promise was broken; empty if all goes its way."""
    if found.broken and found.promised_on and found.held != outlook.HELD:
        return _("A promise to pay by %(day)s was broken.", day=short_date(found.promised_on))
    if found.held == outlook.PROMISED and found.promised_on:
        return _("On hold until %(day)s: payment is promised.", day=short_date(found.promised_on))
    return str(HELD.get(found.held, ""))
