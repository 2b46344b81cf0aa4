"""What ending services comes to, in words and sums: the tables, the figures and the sentences of a review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from billing.ending_review import Note, Review, Shown
from models import Money
from web.formatters import money, number, percent, short_date

Effect = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a document: what for, how it was reckoned, the days, the tax and the amount."""

    what: str
    calc: str
    days: str
    tax: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Table:
    """A document that will be made, with its lines and sums (words, amount, whether it is the total)."""

    title: str
    rows: tuple[Row, ...]
    sums: tuple[tuple[str, Money, bool], ...]


def tables(review: Review) -> list[Table]:
    """Credit notes first, as they lower what is open before anything is billed."""
    return [*(_of_note(note) for note in review.notes), *(_of_bill(bill) for bill in review.bills if bill.lines)]


def _of_note(note: Note) -> Table:
    rows = [
        Row(line.input.description, line.input.details, _days(line.input.period), percent(line.tax.rate), -line.amount)
        for line in note.worked.lines
    ]
    sums = note.worked.totals
    title = _("Credit note for the rest of prepayments") if note.prepaid else _("Credit note for days not used")
    return Table(
        title, tuple(rows),
        ((_("Net"), -sums.net, False), (_("Tax"), -sums.tax, False), (_("Given back"), -sums.gross, True)),
    )  # fmt: skip


def _of_bill(bill: Shown) -> Table:
    rows = [
        Row(line.description, line.details or _calc(line), _days(line.period), percent(line.tax.rate), line.amount)
        for line in bill.lines
    ]
    title = _("Last bill") if bill.makes_invoice else _("Nothing to bill")
    return Table(
        title, tuple(rows), ((_("Net"), bill.net, False), (_("Tax"), bill.tax, False), (_("Total"), bill.total, True))
    )


def _calc(line: Any) -> str:
    """``4 × €6.00 × 15 of 31 days − €2.00 discount``; empty where the amount is just the price."""
    factors = [number(line.quantity)] if line.quantity != 1 else []
    factors.append(money(line.price))
    if line.part_of:
        factors.append(_("%(n)s of %(all)s days", n=line.period.days, all=line.part_of))
    less = ""
    if line.cut:
        less = _(" − %(amount)s discount", amount=money(Money(line.cut.minor, line.amount.currency)))
    return " × ".join(factors) + less if len(factors) > 1 or less else ""


def _days(period: Any) -> str:
    if period is None:
        return ""
    if period.days == 1:
        return short_date(period.start)
    return _("%(first)s to %(last)s", first=short_date(period.start), last=short_date(period.last_day))


def figures(review: Review) -> list[tuple[str, str, bool]]:
    """What it comes to for the customer: (words, amount, whether it counts most)."""
    rows = []
    if review.credited:
        rows.append((_("Given back"), money(review.credited), False))
    if review.billed:
        rows.append((_("Last bills"), money(review.billed), False))
    if review.credit_used:
        rows.append((_("Paid from credit"), money(-review.credit_used), False))
    rows.append((_("To pay now"), money(review.still_due), True))
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
