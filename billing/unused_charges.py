"""What recurring charges were billed for days that lie ahead, line by line: what of it can be given back.

The rules are those of services (unused): the price actually charged × days left ÷ days billed, rounded once, and no day
twice. Of a charge that is not proratable a period that has begun is owed whole, and only later ones are given back.
What is billed once is for no days, and stays. What another customer was billed is theirs, and left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import and_, func, literal, or_, select
from sqlalchemy.orm import aliased

from models import Charge, Invoice, InvoiceLine, InvoiceState, LineKind, Renewal, db
from models.bulk import among

from .unused import Unused, in_force, is_unpaid_proforma, unused_of

ENDS = func.coalesce(Renewal.cut_on, Renewal.period_end)


@dataclass(frozen=True, slots=True)
class Ahead:
    """A line that charged for days after the end of its charge; `kept`: its period has begun and is owed whole."""

    charge: Charge
    unused: Unused
    kept: bool


def of_charges(stops: Mapping[int, date]) -> list[Ahead]:
    """What was charged for each of these charges (id -> the first day without it) for days from there on, in the order
    it was billed; lines of which nothing is left are left out. Two statements."""
    if not stops:
        return []
    mine = select(Charge).where(among(db.session, Charge.id, list(stops)))
    charges = {charge.id: charge for charge in db.session.scalars(mine)}
    lines: dict[int, Any] = {}
    taken: dict[int, list[Any]] = defaultdict(list)
    for row in db.session.execute(_rows(list(stops), min(stops.values()))):
        lines[row.id] = row
        if row.back_kind is not None:
            taken[row.id].append(row)
    found = []
    for row in lines.values():
        stop, charge = stops[row.charge_id], charges[row.charge_id]
        one = unused_of(row, taken[row.id], stop)
        if one is not None and one.amount:
            found.append(
                Ahead(charge, replace(one, charge_id=charge.id), kept=not charge.proratable and row.period_start < stop)
            )
    return found


def cut(charge: Charge, stop: date) -> None:
    """What was billed for days from `stop` on was given back: its renewals end there, or are void where they begin
    later, and where it goes on after all it is billed again from there. The charge is locked. Flushes."""
    later = select(Renewal).where(Renewal.charge_id == charge.id, ~Renewal.void, stop < ENDS)
    for renewal in db.session.scalars(later.order_by(Renewal.period_start.desc())):
        if stop <= renewal.period_start:
            renewal.void, charge.next_on = True, renewal.period_start
        elif charge.proratable:
            renewal.cut_on = charge.next_on = stop
    db.session.flush()


def _rows(ids: list[int], day: date) -> Any:
    """Every line of these charges that covers a day from `day` on, once for each line that takes something of it
    back; with the columns that `unused_of` reads."""
    back, its, theirs = aliased(InvoiceLine), aliased(Invoice), aliased(InvoiceLine)
    taking = (
        select(
            back.original_line_id, back.kind, back.period_start, back.period_end, back.amount_minor,
            back.document_discount_minor, its.kind.label("on"),
        )
        .select_from(theirs)
        .join(back, back.original_line_id == theirs.id)
        .join(its, its.id == back.invoice_id)
        .where(among(db.session, theirs.charge_id, ids), in_force(its))
        .subquery()
    )  # fmt: skip
    return (
        select(
            InvoiceLine.id, InvoiceLine.service_id, InvoiceLine.charge_id, InvoiceLine.invoice_id, InvoiceLine.kind,
            InvoiceLine.description, InvoiceLine.period_start, InvoiceLine.period_end, InvoiceLine.currency,
            InvoiceLine.amount_minor, InvoiceLine.document_discount_minor, InvoiceLine.tax_category,
            InvoiceLine.tax_rate, InvoiceLine.package_id, Invoice.kind.label("document_kind"), Invoice.number,
            Invoice.prices_include_tax, taking.c.kind.label("back_kind"), taking.c.period_start.label("back_from"),
            taking.c.period_end.label("back_until"), taking.c.on.label("back_on"),
            taking.c.amount_minor.label("back_minor"),
            taking.c.document_discount_minor.label("back_off"), literal(None).label("moved_until"),
        )
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .join(Charge, and_(Charge.id == InvoiceLine.charge_id, Charge.customer_id == Invoice.customer_id))
        .outerjoin(taking, taking.c.original_line_id == InvoiceLine.id)
        .where(
            among(db.session, InvoiceLine.charge_id, ids),
            InvoiceLine.kind == LineKind.CHARGE,
            InvoiceLine.original_line_id.is_(None),
            InvoiceLine.period_end > day,
            Invoice.state == InvoiceState.ISSUED,
            or_(Invoice.kind == "invoice", is_unpaid_proforma(Invoice)),
        )
        .order_by(InvoiceLine.id)
    )  # fmt: skip
