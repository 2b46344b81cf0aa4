"""What was charged for days of a service that lie ahead: line by line, and what of it can be given back.

A line of an issued invoice, for the service or one of its options, covers the days of its period. What was taken off it
stays taken off: its amount is the price actually charged. Ordinary credit notes lower that amount for all its days;
a line of the kind UNUSED has given back the days from its own first one on, so that no day is given back twice. Days
that a pause has moved are where they lie now. What another customer was billed for the service is theirs, and left out.
The charge half of a change is such a line too, also where it stands on a credit note (then it is below zero there); and
where a credit note takes a whole change back, what the change had given back is charged again by its line there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Date, and_, bindparam, or_, select
from sqlalchemy.orm import aliased

from models import Invoice, InvoiceLine, InvoiceState, LineKind, Money, Service
from models.prepared import among_given, prepared

from . import unused_moved
from .periods import BillingPeriod
from .tax_rates import Tax

COVERING = (LineKind.SERVICE, LineKind.OPTION)
BACK = "Unused: "
"""What the words of a line that gives unused days back begin with."""


@dataclass(frozen=True, slots=True)
class Unused:
    """The days of one line that lie ahead, and what is left of its amount for them.

    `period` are these days, `days` the days of the line's whole period, so that `share` is the exact part; where days
    of another number were paid with a `part` of it, `days` are those.
    `charged` is what the line came to after discounts, less ordinary credit notes; `amount` what can be given back:
    `charged` × `share`, rounded once, never more than is `left` of the line. `proforma` is set where the line is not
    on an invoice yet, but on a proforma that nobody has paid.
    """

    service_id: int | None
    line_id: int
    document_id: int
    document: str
    kind: LineKind
    description: str
    period: BillingPeriod
    days: int
    charged: Money
    left: Money
    tax: Tax
    prices_include_tax: bool
    package_id: int | None = None
    on_note: bool = False
    proforma: bool = False
    charge_id: int | None = None
    part: Fraction = unused_moved.WHOLE

    @property
    def share(self) -> Fraction:
        return self.part * Fraction(self.period.days, self.days)

    @property
    def amount(self) -> Money:
        return given_back(self.charged, self.share, self.left)


def given_back(charged: Money, share: Fraction, left: Money) -> Money:
    """The part of what was charged, rounded once (SPEC 3.4, 3.5), never more than is left."""
    return min(charged.times(share), left)


def unused(service: Service, day: date) -> list[Unused]:
    """What was charged for the days of a service from `day` on, in the order it was billed; lines of which nothing is
    left, free ones among them, are left out. One statement."""
    return of_services([service.id], day)[service.id]


def of_services(ids: Iterable[int], day: date) -> dict[int, list[Unused]]:
    """The same for many services, in one statement; no service is missing from the answer."""
    wanted = list(ids)
    found: dict[int, list[Unused]] = {service_id: [] for service_id in wanted}
    taken: dict[int, dict[int, Any]] = defaultdict(dict)
    lines: dict[int, Any] = {}
    for row in _rows(ids=wanted, day=day):
        lines[row.id] = max(lines.get(row.id, row), row, key=_nearest)
        if row.back_id is not None:
            taken[row.id][row.back_id] = row
    for row in lines.values():
        one = unused_of(row, list(taken[row.id].values()), day)
        if one is not None:
            found[row.service_id].append(one)
    return found


def _nearest(row: Any) -> tuple[date, date, int]:
    """Of several that carry days of a line, the last is where they lie now; of several that it could be at home with,
    the last that has begun by its first day, and the shortest of those."""
    return row.moved_from or date.min, row.home_start or date.min, -(row.home_end or date.min).toordinal()


@prepared
def _rows() -> Any:
    """Every line of the services `ids` that covers a day from `day` on, once for each line that takes something of it
    back."""
    back, its, theirs = aliased(InvoiceLine), aliased(Invoice), aliased(InvoiceLine)
    # Whose lines are meant is told here too: SQLite would look at those of all invoices before it joins.
    taking = (
        select(
            back.id, back.original_line_id, back.kind, back.period_start, back.period_end, back.amount_minor,
            back.document_discount_minor, its.kind.label("on"),
        )
        .select_from(theirs)
        .join(back, back.original_line_id == theirs.id)
        .join(its, its.id == back.invoice_id)
        .where(among_given(theirs.service_id, "ids"), in_force(its))
        .subquery()
    )  # fmt: skip
    charged = or_(Invoice.kind == "invoice", is_unpaid_proforma(Invoice), Invoice.kind == "credit_note")
    moved = unused_moved.moved()
    return (
        select(
            InvoiceLine.id, InvoiceLine.service_id, InvoiceLine.invoice_id, InvoiceLine.kind, InvoiceLine.description,
            InvoiceLine.period_start, InvoiceLine.period_end, InvoiceLine.currency, InvoiceLine.amount_minor,
            InvoiceLine.document_discount_minor, InvoiceLine.tax_category, InvoiceLine.tax_rate,
            InvoiceLine.package_id, Invoice.kind.label("document_kind"), Invoice.number, Invoice.prices_include_tax,
            taking.c.id.label("back_id"),
            taking.c.kind.label("back_kind"), taking.c.period_start.label("back_from"),
            taking.c.period_end.label("back_until"), taking.c.on.label("back_on"),
            taking.c.amount_minor.label("back_minor"), taking.c.document_discount_minor.label("back_off"),
            moved.c.period_start.label("home_start"), moved.c.period_end.label("home_end"),
            *(moved.c[name] for name in unused_moved.COLUMNS[2:]),
        )
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .join(Service, and_(Service.id == InvoiceLine.service_id, Service.customer_id == Invoice.customer_id))
        .outerjoin(moved, unused_moved.is_home(moved, InvoiceLine))
        .outerjoin(taking, taking.c.original_line_id == InvoiceLine.id)
        .where(
            among_given(InvoiceLine.service_id, "ids"),
            or_(and_(InvoiceLine.kind.in_(COVERING), InvoiceLine.original_line_id.is_(None)), _charged_again()),
            or_(
                InvoiceLine.period_end > bindparam("day", type_=Date),
                moved.c.moved_until > bindparam("day", type_=Date),
            ),
            is_issued(Invoice),
            charged,
        )
        .order_by(InvoiceLine.id)
    )  # fmt: skip


def _charged_again() -> Any:
    """That the line is of a credit note and takes back what an invoice had given back."""
    original = aliased(InvoiceLine)
    gave = select(original.id).where(original.id == InvoiceLine.original_line_id, original.kind == LineKind.UNUSED)
    return and_(InvoiceLine.kind == LineKind.UNUSED, Invoice.kind == "credit_note", gave.exists())


def in_force(document: Any) -> Any:
    """Which documents take something back: issued ones, and proformas that nobody has paid yet, which will."""
    counts = or_(document.kind.in_(("invoice", "credit_note")), is_unpaid_proforma(document))
    return and_(is_issued(document), counts)


def is_issued(document: Any) -> Any:
    """That it is issued, told by what it is not: where few documents are asked for by other means, SQLite would begin
    with the index of all that are issued."""
    return document.state.not_in((InvoiceState.DRAFT, InvoiceState.VOID))


def is_unpaid_proforma(document: Any) -> Any:
    """That nobody has paid it yet."""
    return and_(document.kind == "proforma", document.became_id.is_(None))


def unused_of(row: Any, taken: Sequence[Any], day: date) -> Unused | None:
    """What of the line `row` can be given back from `day` on; `taken` are the rows of what was taken of it before."""
    sign = -1 if row.document_kind == "credit_note" else 1
    billed = sign * row.amount_minor - row.document_discount_minor
    days_back, ordinary, back = [], 0, 0
    for one in taken:
        minor = (one.back_minor if one.back_on == "credit_note" else -one.back_minor) - one.back_off
        back += minor
        if one.back_kind is LineKind.UNUSED:
            days_back.append((one.back_from, one.back_until))
        else:
            ordinary += minor
    where = unused_moved.lies(row, days_back)
    first = max(day, where.begins)
    if first >= where.ends or billed - back <= 0 or billed - ordinary <= 0:
        return None
    return Unused(
        service_id=row.service_id,
        line_id=row.id,
        document_id=row.invoice_id,
        document=row.number or "",
        kind=row.kind,
        description=row.description.removeprefix(BACK),
        period=BillingPeriod(first, where.ends),
        days=where.days,
        charged=Money(billed - ordinary, row.currency),
        left=Money(billed - back, row.currency),
        tax=Tax(Decimal(row.tax_rate), row.tax_category),
        prices_include_tax=row.prices_include_tax,
        package_id=row.package_id,
        on_note=sign < 0,
        proforma=row.document_kind == "proforma",
        part=where.part,
    )
