"""What a change of many packages comes to as a whole: how many services, documents, and a month's revenue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from models import MassChange, MassChangeRow, MassRowState, Money, Package, Service, db

from .change_figures import Outcome
from .money import round_half_away
from .reports import DAYS_A_YEAR

COUNTED = (MassRowState.CAN, MassRowState.DONE, MassRowState.KEPT)
DOCUMENTS = (Outcome.INVOICE, Outcome.WAITING, Outcome.CREDIT_NOTE)


@dataclass(slots=True)
class Overview:
    """`states`: services by what became of them. `made`: (outcome, currency, how many, sum of what is due) for those
    that can be changed or were; `customers` how many they belong to; `before` and `after`: a month's revenue by
    currency."""

    states: dict[MassRowState, int] = field(default_factory=dict)
    made: list[tuple[Outcome, int, Money]] = field(default_factory=list)
    customers: int = 0
    before: dict[str, Money] = field(default_factory=dict)
    after: dict[str, Money] = field(default_factory=dict)

    def count(self, *states: MassRowState) -> int:
        return sum(self.states.get(state, 0) for state in states)


def overview(mass: MassChange) -> Overview:
    """In a few statements, however many services there are."""
    mine = MassChangeRow.mass_change_id == mass.id
    states = select(MassChangeRow.state, func.count()).where(mine).group_by(MassChangeRow.state)
    found = Overview({state: count for state, count in db.session.execute(states)})  # noqa: C416  # rows, not tuples
    counted = mine, MassChangeRow.state.in_(COUNTED)
    key = MassChangeRow.outcome, MassChangeRow.currency
    made = select(*key, func.count(), func.sum(MassChangeRow.due_minor)).where(*counted).group_by(*key).order_by(*key)
    found.made = [(Outcome(one), n, Money(int(due), code)) for one, code, n, due in db.session.execute(made)]
    theirs = select(func.count(Service.customer_id.distinct())).join(MassChangeRow.service).where(*counted)
    found.customers = db.session.scalar(theirs) or 0
    found.before, found.after = (_a_month(counted, side) for side in ("old", "new"))
    return found


def _a_month(counted: Sequence[Any], side: str) -> dict[str, Money]:
    """What the services come to in a month, exact until the sum."""
    names = (f"{side}_currency", f"{side}_months", f"{side}_days")
    key = [getattr(MassChangeRow, name) for name in names]
    sums: Any = select(*key, func.sum(getattr(MassChangeRow, f"{side}_minor"))).where(*counted).group_by(*key)
    found: dict[str, Fraction] = defaultdict(Fraction)
    for currency, months, days, minor in db.session.execute(sums):
        whole = Fraction(int(minor))
        found[currency] += whole / months if months else whole * DAYS_A_YEAR / (12 * days) if days else 0
    return {code: Money(round_half_away(one), code) for code, one in sorted(found.items()) if code}


def rows(
    mass: MassChange, states: Sequence[MassRowState], *, past: int = 0, limit: int = 50
) -> Sequence[MassChangeRow]:
    """Its services in these states, by id past `past`, with all that a line of them shows."""
    mine = MassChangeRow.mass_change_id == mass.id, MassChangeRow.id > past, MassChangeRow.state.in_(states)
    wanted = select(MassChangeRow).where(*mine).order_by(MassChangeRow.id).limit(limit)
    service = joinedload(MassChangeRow.service, innerjoin=True)
    about = service.joinedload(Service.customer, innerjoin=True), service.joinedload(Service.package, innerjoin=True)
    return db.session.scalars(wanted.options(*about, joinedload(MassChangeRow.package_change))).all()


def all_rows(mass: MassChange, at_once: int = 1000) -> Iterator[MassChangeRow]:
    """All of them, some at a time."""
    past = 0
    while found := rows(mass, tuple(MassRowState), past=past, limit=at_once):
        yield from found
        past = found[-1].id
        db.session.expunge_all()


def package_name(mass: MassChange) -> str:
    """What they become."""
    return db.session.get_one(Package, mass.package_id).name
