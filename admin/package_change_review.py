"""The page of a review: what changes, what it comes to, what will be made, and who hears of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup

from admin.package_change_effects import due_on, send_to
from admin.package_change_effects import effects as what_happens
from admin.package_change_words import VERBS
from billing import change_sending
from billing.change_figures import Outcome
from billing.change_review import Review
from billing.periods import BillingPeriod
from models import ChangeState, ChangeWhen, Money, PackageChange, Service
from web.change_shown import Looked, days_words, lines, per_period, sides, signed, sums
from web.formatters import money, short_date, with_amounts
from web.permissions import actor


def of_review(change: PackageChange, review: Review, looked: str = "", *, effects: bool = True) -> dict[str, Any]:
    """What the page prints; `looked` is what the reader saw before, so that what is new is marked. `effects`: also
    what happens then."""
    seen, today = Looked.read(looked), actor().today
    after = review.after or review.before
    rows = sides(review.before, after, seen)
    due = _due(review)
    found = {
        "sides": rows, "changed": sum(one.changed for one in rows),
        "lines": lines(review.lines, after, seen), "sums": sums(review, seen),
        "lines_title": _lines_title(review), "in_words": _in_words(review, today), "days_left": _days_left(review),
        "day": short_date(review.on), "from_day": short_date(review.on), "refusals": list(review.refusals),
        "due": money(due), "due_label": _due_label(review), "due_about": _due_about(review, change.service),
        "due_fresh": seen.fresh("due", money(due)), "figures": figures(review), "fingerprint": review.fingerprint,
        "verb": _verb(review), "put_off": _put_off(change, review), "later": _later(change, review),
        "effects": list(what_happens(change.service, review, today)) if effects and not review.refusals else [],
    }  # fmt: skip
    return {**found, **_goes_out(change, review, effects), "looked": seen.written()}


def _goes_out(change: PackageChange, review: Review, asked: bool) -> dict[str, Any]:
    """The note for its document, where one is made, and to whom that may be mailed."""
    if not asked or review.refusals or review.makes == Outcome.RECORD:
        return {"note_label": ""}
    return {
        "note_label": _("Note on the credit note") if review.makes == Outcome.CREDIT_NOTE else _("Note on the invoice"),
        "note": change_sending.note(change), "send": change_sending.is_sent(change), "send_to": send_to(change.service),
    }  # fmt: skip


def _verb(review: Review) -> str:
    if review.replaces and review.outcome == Outcome.RECORD:
        return ngettext("Withdraw proforma", "Withdraw proformas", len(review.replaces.ids))
    if review.replaces and review.due_today:
        return ngettext("Replace proforma", "Replace proformas", len(review.replaces.ids))
    return str(VERBS[review.outcome.value])


def _due(review: Review) -> Money:
    return -review.written if review.outcome == Outcome.CREDIT_NOTE else review.due_today


def _due_label(review: Review) -> str:
    if review.outcome == Outcome.CREDIT_NOTE:
        return _("Given back") if review.replaces else _("Given back for this change")
    if review.replaces and review.outcome != Outcome.SCHEDULED:
        return _("Asked for in place of %(proforma)s", proforma=review.replaces.proforma)
    return _("Due today") if review.outcome == Outcome.SCHEDULED else _("Due for this change")


def _due_about(review: Review, service: Service) -> str:
    if review.outcome == Outcome.SCHEDULED:
        if review.makes == Outcome.RECORD or not review.total:
            return ""
        return _("On the day it comes to %(amount)s, if nothing else changes.", amount=money(review.total))
    if review.totals is None:
        return ""
    if review.replaces:
        return _("of which this change: %(amount)s", amount=signed(review.total))
    tax = abs(review.totals.tax)
    if review.outcome == Outcome.CREDIT_NOTE:
        return _("incl. %(tax)s tax", tax=money(tax)) if tax else ""
    day = short_date(due_on(service))
    return _("incl. %(tax)s tax, due %(day)s", tax=money(tax), day=day) if tax else _("due %(day)s", day=day)


def figures(review: Review) -> list[tuple[str, str, bool]]:
    """(what, how much, whether it is the main one) for the aside."""
    rows: list[tuple[str, str, bool]] = []
    if review.next_on and review.next_amount is not None:
        rows.append((_("Next renewal, %(day)s", day=short_date(review.next_on)), money(review.next_amount), True))
    if review.after is not None:
        old, new = per_period(review.before), per_period(review.after)
        rows += [
            (_("A period until now, before discounts and tax"), money(old), False),
            (_("A period then, before discounts and tax"), money(new), False),
        ]
        if old.currency == new.currency and review.before.period == review.after.period:
            rows.append((_("Difference"), signed(new - old), False))
    if review.credit_in_hand:
        rows.append((_("Credit on the account"), money(review.credit_in_hand), False))
    return rows


def _lines_title(review: Review) -> str:
    if review.outcome == Outcome.SCHEDULED:
        return _("What is charged on the day, as it looks today")
    if review.replaces:
        return _("What this change comes to")
    return _("What is given back today") if review.makes == Outcome.CREDIT_NOTE else _("What is charged today")


def _days_left(review: Review) -> str:
    return _("%(n)s of %(all)s days left", n=review.days_left, all=review.days) if review.days else ""


def _in_words(review: Review, today: date) -> str:
    """What the sums say, as one would tell it."""
    if review.refusals or review.after is None:
        return ""
    if not review.lines:
        day = short_date(review.next_on)
        words = _("Nothing is charged and nothing is credited.")
        return f"{words} {_('The renewal of %(day)s bills the new package.', day=day)}" if review.next_on else words
    parts = []
    if review.credit_half:
        days = _("%(n)s of %(all)s days", n=review.days_left, all=review.days)
        parts.append(_("%(days)s of the period are not used: %(amount)s of what was charged comes back.",
                       days=days, amount=money(abs(review.credit_half))))  # fmt: skip
    if review.charge_half:
        parts.append(_charged_words(review))
    if review.setup_fee:
        parts.append(_("The set-up fee is %(amount)s, once.", amount=money(review.setup_fee)))
    return " ".join(parts)


def _charged_words(review: Review) -> str:
    amount = money(review.charge_half)
    assert review.after is not None
    if review.new_period:
        period = days_words(BillingPeriod(review.on, review.after.next_on))
        return _("A new period begins, %(period)s: it costs %(amount)s in full.", period=period, amount=amount)
    return _("The new package costs %(amount)s for the same days.", amount=amount)


def _later(change: PackageChange, review: Review) -> list[str]:
    """Why it does not begin today although that was asked for."""
    if change.asked_for != ChangeWhen.NOW or review.outcome != Outcome.SCHEDULED:
        return []
    return [with_amounts(sentence) for sentence in review.reasons]


def _put_off(change: PackageChange, review: Review) -> str:
    """The renewal day it could be put off to, where that saves a bill today."""
    now = change.asked_for == ChangeWhen.NOW and review.outcome in (Outcome.INVOICE, Outcome.WAITING)
    saves = now and review.total.minor > 0 and not review.refusals
    return short_date(review.before.next_on) if saves else ""


def done_words(change: PackageChange, document_url: str) -> Markup:
    """The toast after the last step, with a link to what was made."""
    words = {
        ChangeState.SCHEDULED: _("The change is scheduled for %(day)s", day=short_date(change.on)),
        ChangeState.WAITING: _("It changes once the invoice is paid"),
    }.get(change.state, _("Package changed"))
    if change.invoice is None or not document_url:
        return Markup("{}").format(words)
    return Markup('{}: <a href="{}">{}</a>').format(words, document_url, str(change.invoice))
