"""The documents that ending services makes, as tables of a review: each with its lines and sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from billing.change_figures import Outcome
from billing.change_proformas import Replaced
from billing.document_lines import WorkedLine
from billing.ending_review import Note, Review, Shown
from models import Money
from web.formatters import money, number, percent, short_date


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
    asked = [_of_proforma(one) for one in review.replaced if one.makes == Outcome.INVOICE]
    return [*map(_of_note, review.notes), *asked, *(_of_bill(bill) for bill in review.bills if bill.lines)]


def _of_proforma(found: Replaced) -> Table:
    rows, sums = [_row(line, line.amount) for line in found.worked.lines], found.worked.totals
    title = _("Proforma in place of %(proforma)s", proforma=found.proforma)
    if not found.total:
        title = _("Invoice over nothing in place of %(proforma)s", proforma=found.proforma)
    off = found.worked.discount
    less = [(found.discount[1] or _("Discount"), -off, False)] if off else []
    return Table(
        title, tuple(rows), (*less, (_("Net"), sums.net, False), (_("Tax"), sums.tax, False),
        (_("Total"), sums.gross, True)),
    )  # fmt: skip


def _row(line: WorkedLine, amount: Money) -> Row:
    given = line.input
    return Row(given.description, given.details, _days(given.period), percent(line.tax.rate), amount)


def _of_note(note: Note) -> Table:
    rows = [_row(line, -line.amount) for line in note.worked.lines]
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
