"""What ending services comes to, in words and sums: the figures and the sentences of a review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from admin.package_change_effects import withdrawn
from billing.change_figures import Outcome
from billing.change_proformas import Replaced
from billing.ending_review import Note, Review
from models import Money
from web.formatters import money, short_date

Effect = tuple[str, str, str]


def figures(review: Review) -> list[tuple[str, str, bool]]:
    """What it comes to for the customer: (words, amount, whether it counts most)."""
    rows = []
    if review.credited:
        rows.append((_("Given back"), money(review.credited), False))
    for one in review.replaced:
        words = _("Asked for in place of %(proforma)s", proforma=one.proforma)
        rows += [(words, money(one.total), False)] if one.total.minor > 0 else []
    if review.billed:
        rows.append((_("Last bills"), money(review.billed), False))
    if review.credit_used:
        rows.append((_("Paid from credit"), money(-review.credit_used), False))
    rows.append((_("To pay now"), money(review.still_due + review.asked_anew), True))
    if review.credit_left:
        rows.append((_("Credit left"), money(review.credit_left), True))
    return rows


def effects(review: Review) -> Iterator[Effect]:
    """Sentence by sentence what is done to money; what happens to the services is for the page to say."""
    for note in review.notes:
        yield "money", "file-minus", _written(note)
        for part in note.plan.parts:
            if part.off_open:
                words = _("%(amount)s of it lowers %(invoice)s, which is open.",
                          amount=money(part.off_open), invoice=part.invoice)  # fmt: skip
                yield "", "receipt-text", words
        if note.plan.to_credit:
            yield (
                "ok",
                "coins",
                _("%(amount)s of it becomes credit of the customer.", amount=money(note.plan.to_credit)),
            )
    for one in review.replaced:
        yield withdrawn(one)
        yield "", "receipt-text", _in_place(one)
    for bill in review.bills:
        if bill.makes_invoice:
            yield "", "receipt-text", _("A last bill over %(amount)s is issued today.", amount=money(bill.total))
    if review.credit_used:
        yield "money", "coins", _("%(amount)s of it is paid from credit.", amount=money(review.credit_used))
    yield from _stays(review)
    for service, package, day in review.not_reached:
        yield "warn", "calendar-clock", _(
            "%(service)s does not become %(package)s on %(day)s any more: it has ended by then.",
            service=service, package=package, day=short_date(day),
        )  # fmt: skip


def _in_place(found: Replaced) -> str:
    """What takes the place of a proforma."""
    if found.makes == Outcome.RECORD:
        return _("Nothing is left to ask for in its place.")
    if found.makes == Outcome.CREDIT_NOTE:
        return _("What was paid before and is not used stands on the credit note instead.")
    if not found.total:
        return _("What is charged and what comes back are the same: both stand on an invoice over nothing.")
    return _("A new proforma asks for %(amount)s in its place: what is left to pay of it.", amount=money(found.total))


def _written(note: Note) -> str:
    amount = money(note.plan.total)
    if note.prepaid:
        return _("A credit note for %(amount)s is written for what was paid in advance and not used.", amount=amount)
    return _("A credit note for %(amount)s is written for days not used.", amount=amount)


def _stays(review: Review) -> Iterator[Effect]:
    if review.credit:
        for name, amount in review.stays_billed:
            yield "warn", "receipt-text", _(
                "%(amount)s for %(name)s is billed for days after the end and stays: it is not prorated.",
                amount=_told(review, amount), name=name,
            )  # fmt: skip
    elif review.stays_billed:
        sums: dict[str, Money] = {}
        for _name, amount in review.stays_billed:
            sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
        total = " + ".join(_told(review, amount) for amount in sums.values())
        yield "warn", "receipt-text", _("%(amount)s is billed for days after the end and stays billed.", amount=total)


def _told(review: Review, amount: Money) -> str:
    """As it stands on the lines."""
    return _("%(amount)s (before tax)", amount=money(amount)) if review.before_tax else money(amount)


def of_services(review: Review, today: Any) -> Iterator[Effect]:
    """When which services end."""
    new = [one for one in review.ended if one.is_new]
    if new and review.on <= today:
        words = ngettext("%(num)d service ends at once.", "%(num)d services end at once.", len(new))
        yield "bad", "ban", words
    elif new:
        words = ngettext(
            "%(num)d service runs on until %(day)s, and ends then.",
            "%(num)d services run on until %(day)s, and end then.",
            len(new),
            day=_before(review),
        )
        yield "warn", "calendar", words
    kept = [one for one in review.ended if not one.is_new]
    if kept:
        yield "", "calendar", ngettext(
            "%(num)d service ends earlier already; its day stays.",
            "%(num)d services end earlier already; their days stay.", len(kept),
        )  # fmt: skip


def _before(review: Review) -> str:
    return short_date(review.on - timedelta(days=1))


def sentences(*many: Iterable[Effect]) -> list[Effect]:
    return [one for some in many for one in some]
