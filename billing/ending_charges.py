"""What ending services has to do with what is billed beside them: charges that end too, and rests of prepayments.

What is left of a prepayment was paid for, and would have lowered later bills with its tax: it is given back by a credit
note with that tax, as the lines of those bills would have had it, against revenue and tax. No loss is written off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from models import Charge, Customer, LineKind, Money, db
from models.bulk import among

from . import audit, charge_ends, payers
from .actor import Actor
from .balances import ChangedMeanwhile
from .document_lines import LineInput, WorkedLine, WorkedOut, sum_up, taxed, unit_price
from .renewals import Tables
from .unused_charges import cut

RECURRING = or_(Charge.months > 0, Charge.days > 0)


def stops(customer: Customer, ends: Mapping[int, date], rest: date | None) -> dict[int, date]:
    """The recurring charges that end with services (id -> the first day without it), and when; those of nothing that
    ends there end on `rest`, or go on where it is None."""
    mine: list[ColumnElement[bool]] = [Charge.customer_id == customer.id, RECURRING]
    if rest is None:
        mine.append(among(db.session, Charge.service_id, list(ends)))
    found = db.session.execute(select(Charge.id, Charge.service_id).where(*mine))
    days = ((number, ends.get(service_id or 0, rest)) for number, service_id in found)
    return {number: day for number, day in days if day is not None}


def to_bill(customer: Customer, ends: Mapping[int, date], rest: date | None) -> dict[int, date]:
    """The charges that last bills are about, and up to when: recurring ones with days before their end that no bill
    has come for, and what is to be paid once."""
    coming = Charge.customer_id == customer.id, Charge.next_on.is_not(None), Charge.price_minor >= 0
    until, found = stops(customer, ends, rest), {}
    for charge in db.session.scalars(select(Charge).where(*coming).order_by(Charge.id)):
        assert charge.next_on is not None
        if not (charge.months or charge.days):
            if rest is not None or charge.service_id in ends:
                found[charge.id] = ends.get(charge.service_id or 0, rest or charge.next_on)
        elif charge.id in until and charge.next_on < min(filter(None, (until[charge.id], charge.ends_on))):
            found[charge.id] = until[charge.id]
    return found


def lock(charges: Sequence[Charge]) -> None:
    """Nobody else bills or changes them until the transaction ends. Raises ChangedMeanwhile if one did just now."""
    known = {charge.id: (charge.next_on, charge.ends_on, charge.left_minor) for charge in charges}
    held = select(Charge).where(among(db.session, Charge.id, list(known))).order_by(Charge.id).with_for_update()
    now = db.session.scalars(held.execution_options(populate_existing=True)).all()
    if {charge.id: (charge.next_on, charge.ends_on, charge.left_minor) for charge in now} != known:
        raise ChangedMeanwhile("A charge was billed or changed just now. Look at the sums again.")


def give_back(until: Mapping[int, date]) -> None:
    """The days of these charges from their end on were given back. Flushes."""
    for charge in _of(list(until)):
        cut(charge, until[charge.id])


def end(until: Mapping[int, date]) -> dict[int, date | None]:
    """None of these recurring charges goes on after its day. Those of no service that this ended, with their former
    ends: the others follow their service."""
    before = {}
    for charge in _of(list(until)):
        if charge.ends_on is None or charge.ends_on > until[charge.id]:
            if charge.service_id is not None:
                charge_ends.follow(charge, until[charge.id])
                continue
            before[charge.id] = charge.ends_on
            charge.ends_on = max(until[charge.id], charge.starts_on)
    return before


def _of(ids: list[int]) -> Sequence[Charge]:
    wanted = select(Charge).where(among(db.session, Charge.id, ids)).order_by(Charge.id)
    return db.session.scalars(wanted.with_for_update()).all()


def prepaid(customer: Customer, on: date) -> Sequence[Charge]:
    """Prepayments of the customer that bills after `on` would still take something off."""
    mine = Charge.customer_id == customer.id, Charge.left_minor > 0, Charge.next_on.is_not(None)
    waits = or_(Charge.ends_on.is_(None), Charge.ends_on > on)
    return db.session.scalars(select(Charge).where(*mine, waits).order_by(Charge.id)).all()


def rests(
    customer: Customer, waiting: Sequence[Charge], drawn: Mapping[int, int], tables: Tables, on: date
) -> list[tuple[int, WorkedOut]]:
    """What last bills, which take off `drawn`, leave of the prepayments: by billing group, as the lines of credit notes
    with the signs of an invoice, at the tax of the day."""
    lines: dict[int, list[WorkedLine]] = defaultdict(list)
    for charge in waiting:
        rest = Money(charge.left_minor - drawn.get(charge.id, 0), charge.currency)
        if rest:
            buyer = taxed(customer, payers.billed(customer, charge.billing_group))
            lines[charge.billing_group_id].append(
                _line(charge, rest, tables.tax.tax_for(buyer, charge.tax_category, on))
            )
    include = tables.company.prices_include_tax
    return [
        (group_id, sum_up(its, currency=customer.currency, prices_include_tax=include))
        for group_id, its in sorted(lines.items())
    ]


def _line(charge: Charge, rest: Money, tax: Any) -> WorkedLine:
    given = LineInput(
        description=f"Rest of: {charge.description}"[:400], unit_price=unit_price(-rest), kind=LineKind.CHARGE,
        details=f"{rest} of {abs(charge.price.times(charge.quantity))} were not used",
        taxed_as=charge.tax_category, tax=tax, charge_id=charge.id,
    )  # fmt: skip
    nothing = Money.zero(rest.currency)
    return WorkedLine(given, -rest, nothing, -rest, nothing, tax)


def use_up(worked: Sequence[WorkedOut], by: Actor) -> None:
    """The rests on these credit notes are given back: nothing of them waits for bills any more. Flushes."""
    given = {line.input.charge_id: -line.amount for found in worked for line in found.lines if line.input.charge_id}
    for charge in _of([number for number in given if number]):
        charge.left_minor -= given[charge.id].minor
        charge.next_on = None
        known = {"left_minor": given[charge.id].minor, "currency": charge.currency}
        audit.record(by, "charge.given_back", charge, after=known)
    db.session.flush()
