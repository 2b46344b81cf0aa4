"""What a change of a service comes to: both halves line by line, tax, total, and which document it makes. Pure.

Everything a person reads in a review and everything that is written afterwards comes from `work_out`, on plain values.
Lines have the signs of an invoice: what is taken back is below zero. A credit note has them the other way round
(`turned`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from models import LineKind, Money

from .change_terms import Terms
from .discount_rules import Cut
from .document_lines import ONE, Amount, LineInput, WorkedLine, WorkedOut, sum_up, unit_price
from .money import UnitPrice
from .periods import BillingPeriod
from .tax import DocumentTotals, TaxSubtotal
from .tax_rates import Tax
from .unused import BACK, Unused

FINEST = 10**6
"""A quantity is stored with six decimals beside its denominator: that names a fraction as long as it is below this."""
Cutter = Callable[[LineKind, Money, Money, BillingPeriod], Cut | None]
"""The discount that wins for a line: of its kind, at this full price, coming to so much, for these days."""
Piece = tuple[BillingPeriod, BillingPeriod]


class Outcome(enum.StrEnum):
    """What carrying it out makes: a document, only a record, or a change that waits for its day or its payment."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECORD = "record"
    SCHEDULED = "scheduled"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Figures:
    """The lines of both halves with the signs of an invoice, and their sums."""

    worked: WorkedOut
    outcome: Outcome
    prices_include_tax: bool = False

    @property
    def lines(self) -> tuple[WorkedLine, ...]:
        return self.worked.lines

    @property
    def total(self) -> Money:
        """With tax; below zero where the customer gets something back."""
        return self.worked.totals.gross

    def sum_of(self, *kinds: LineKind) -> Money:
        """What the lines of these kinds come to, as they stand on the document."""
        of_kind = (line.amount for line in self.lines if line.input.kind in kinds)
        return sum(of_kind, Money.zero(self.total.currency))


def no_discount(kind: LineKind, price: Money, full: Money, days: BillingPeriod) -> None:
    return None


def work_out(
    back: Sequence[Unused],
    terms: Terms,
    pieces: Sequence[Piece],
    *,
    service_id: int,
    tax: Tax,
    setup_fee: Money | None = None,
    cut: Cutter = no_discount,
    prices_include_tax: bool = False,
    note: str = "",
) -> Figures:
    """Take back what is unused, and charge for `pieces` of the new terms: (days, the full period they are part of).

    `tax` is today's for the new package; what is taken back carries its own line's. `note` stands below every line
    that is charged (the rate it was converted at). All in the currency of the terms.
    """
    lines = [back_line(one) for one in back if one.amount]
    charged: list[WorkedLine] = []
    for days, whole in pieces:
        charged += _charged(terms, days, whole, service_id, tax, cut, note)
    if setup_fee:
        charged.append(_setup(terms, setup_fee, service_id, tax, cut, note, pieces))
    lines += [line for line in charged if line.full]
    worked = sum_up(lines, currency=terms.price.currency, prices_include_tax=prices_include_tax)
    return Figures(worked, _outcome(worked), prices_include_tax)


def _outcome(worked: WorkedOut) -> Outcome:
    """SPEC 3.7. Sums that cancel out in total but not at each rate are still a document, for the tax office."""
    gross = worked.totals.gross.minor
    if gross < 0:
        return Outcome.CREDIT_NOTE
    rates_differ = any(part.taxable or part.tax for part in worked.totals.subtotals)
    return Outcome.INVOICE if gross or rates_differ else Outcome.RECORD


def with_lines(figures: Figures, lines: Sequence[WorkedLine]) -> Figures:
    """The same with other lines."""
    include = figures.prices_include_tax
    worked = sum_up(lines, currency=figures.total.currency, prices_include_tax=include)
    return Figures(worked, _outcome(worked), include)


def back_line(one: Unused) -> WorkedLine:
    """The line that takes back what is unused of another, with the signs of an invoice."""
    given = LineInput(
        description=f"{BACK}{one.description}"[:400],
        unit_price=unit_price(-one.charged),
        quantity=_part_of(one.share) if one.part != 1 else amount_of(one.period.days, one.days),
        kind=LineKind.UNUSED,
        details=f"{one.period.days} of {one.days} days left, billed by {one.document}",
        period=one.period,
        tax=one.tax,
        package_id=one.package_id,
        service_id=one.service_id,
        charge_id=one.charge_id,
        original_line_id=one.line_id,
    )
    nothing = Money.zero(one.charged.currency)
    return WorkedLine(given, -one.amount, nothing, -one.amount, nothing, one.tax)


def _charged(
    terms: Terms, days: BillingPeriod, whole: BillingPeriod, service_id: int, tax: Tax, cut: Cutter, note: str
) -> list[WorkedLine]:
    """The package and its options for these days."""
    share = Fraction(days.days, whole.days)
    details = note if days == whole else "\n".join(filter(None, [f"{days.days} of {whole.days} days", note]))
    sold = [(LineKind.SERVICE, terms.words, terms.price, ONE)]
    sold += [(LineKind.OPTION, option.words, option.price, option.quantity) for option in terms.options]
    lines = []
    for kind, words, price, quantity in sold:
        part = share * Fraction(quantity)
        typed = amount_of(days.days, whole.days, quantity)
        given = LineInput(
            description=words[:400],
            unit_price=unit_price(price),
            quantity=typed if typed.exact == part else Amount(quantity),
            kind=kind,
            details=details,
            period=days,
            share=Fraction(1) if typed.exact == part else share,
            taxed_as=terms.taxed_as,
            package_id=terms.package_id,
            service_id=service_id,
        )
        full = given.unit_price.times(part)
        lines.append(_less(given, full, cut(kind, price, full, days), tax))
    return lines


def _setup(
    terms: Terms, fee: Money, service_id: int, tax: Tax, cut: Cutter, note: str, pieces: Sequence[Piece]
) -> WorkedLine:
    given = LineInput(
        description=f"Set-up: {terms.words}"[:400],
        unit_price=unit_price(fee),
        kind=LineKind.SETUP,
        details=note,
        taxed_as=terms.taxed_as,
        package_id=terms.package_id,
        service_id=service_id,
    )
    day = pieces[0][0].start
    return _less(
        given, fee, cut(LineKind.SETUP, fee, fee, BillingPeriod(day, day.fromordinal(day.toordinal() + 1))), tax
    )


def _less(given: LineInput, full: Money, won: Cut | None, tax: Tax) -> WorkedLine:
    nothing = Money.zero(full.currency)
    if won is None:
        return WorkedLine(given, full, nothing, full, nothing, tax)
    off = Money(won.minor, full.currency)
    told = replace(
        given, discount_percent=won.percent, discount=None if won.percent is not None else off,
        discount_reason=won.reason, discount_id=won.discount_id,
    )  # fmt: skip
    return WorkedLine(told, full, off, full - off, nothing, tax)


def amount_of(days: int, of: int, many: Decimal = ONE) -> Amount:
    """So many of a thing for some days of a period, as a quantity that is stored and read back exactly where that is
    possible: 20/31, or 40/31 for two."""
    number, per = many.as_integer_ratio()
    if days == of:
        return Amount(many)
    if per * of < FINEST:
        return Amount(Decimal(number * days), per * of)
    return _part_of(Fraction(number * days, per * of))


def _part_of(share: Fraction) -> Amount:
    """As a quantity; with six decimals where it cannot be told exactly."""
    part = Amount(Decimal(share.numerator), share.denominator)
    return part if share.denominator < FINEST else Amount(part.stored)


def turned(found: WorkedOut) -> WorkedOut:
    """The same as a credit note says it: what is taken back above zero, what is charged below.

    A discount is in the amount there, told below the line: nothing is taken off what is below zero.
    """
    return replace(
        found,
        lines=tuple(_turned(line) for line in found.lines),
        totals=DocumentTotals(
            -found.totals.net,
            -found.totals.tax,
            -found.totals.gross,
            tuple(TaxSubtotal(p.category, p.rate, -p.taxable, -p.tax) for p in found.totals.subtotals),
        ),
    )


def _turned(line: WorkedLine) -> WorkedLine:
    given, nothing = line.input, Money.zero(line.amount.currency)
    price, details = UnitPrice(-given.unit_price.micro, given.unit_price.currency), given.details
    if line.discount and given.period is None:
        price = unit_price(-line.amount)
    if line.discount:
        details = "\n".join(filter(None, [details, f"Less {line.discount}: {given.discount_reason}"]))[:400]
    given = replace(
        given, unit_price=price, details=details, discount_percent=None, discount=None, discount_reason="",
    )  # fmt: skip
    return WorkedLine(given, -line.amount, nothing, -line.amount, nothing, line.tax)
