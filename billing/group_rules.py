"""Automatic groups: customers nobody put into a group by hand go into the first group whose every condition they meet.

Groups are asked in the order of their priority number, then id. The conditions become one expression of the database,
so that a million customers are placed without reading them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, null, select

from models import AuditEvent, Customer, CustomerGroup, CustomerStatus, db
from models.bulk import insert_rows, update_rows

from . import audit, inheritance
from .actor import Actor
from .group_conditions import where

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Move:
    """How many customers go from one group to another; None is no group."""

    before: int | None
    after: int | None
    customers: int


def automatic() -> list[CustomerGroup]:
    """The groups that place customers, in the order they are asked."""
    wanted = select(CustomerGroup).where(CustomerGroup.automatic, CustomerGroup.archived_on.is_(None))
    return list(db.session.scalars(wanted.order_by(CustomerGroup.priority, CustomerGroup.id)))


def place(customers: Sequence[int], *, by: Actor) -> int:
    """Put these customers (ids), unless somebody put them by hand, where the rules say. How many moved."""
    groups = automatic() if customers else []
    if not groups:
        return 0
    db.session.flush()
    return _move(_wrong(_target(groups)).where(Customer.id.in_(customers)), by)


def preview() -> tuple[list[Move], list[Any]]:
    """What `apply` would do: moves by group, and the first ten customers (id, name, group now, group then)."""
    groups = automatic()
    if not groups:
        return [], []
    db.session.flush()
    wrong = _wrong(_target(groups)).subquery()
    counted = select(wrong.c.before, wrong.c.after, func.count()).group_by(wrong.c.before, wrong.c.after)
    first = select(wrong.c.id, wrong.c.name, wrong.c.before, wrong.c.after).order_by(wrong.c.id).limit(10)
    return [Move(*row) for row in db.session.execute(counted)], list(db.session.execute(first).all())


def apply(*, by: Actor) -> Iterator[int]:
    """Put every customer where the rules say, some thousand at a time: commit after each number, which says how many
    moved. Raises NotAllowed."""
    by.require("settings.edit")
    groups = automatic()
    if not groups:
        return
    ids = [group.id for group in groups]
    last = db.session.scalar(select(func.max(Customer.id))) or 0
    for start in range(0, last, CHUNK):
        known = [group for group in automatic() if group.id in ids]
        if known:
            part = Customer.id > start, Customer.id <= start + CHUNK
            yield _move(_wrong(_target(known)).where(*part), by)


def _target(groups: Sequence[CustomerGroup]) -> ColumnElement[Any]:
    return case(*((where(group.rules), cast(group.id, BigInteger)) for group in groups), else_=cast(null(), BigInteger))


def _wrong(target: ColumnElement[Any]) -> Select[Any]:
    """The customers who are not where `target` says."""
    return select(Customer.id, Customer.name, Customer.group_id.label("before"), target.label("after")).where(
        Customer.group_by_hand.is_(False),
        Customer.status != CustomerStatus.ARCHIVED,
        Customer.group_id.is_distinct_from(target),
    )


def _move(wrong: Select[Any], by: Actor) -> int:
    # Held until the commit: who is put into a group by hand meanwhile stays there.
    rows = db.session.execute(wrong.order_by(Customer.id).with_for_update(of=Customer, key_share=True)).all()
    if not rows:
        return 0
    session = db.session()
    update_rows(session, Customer.__table__, ("group_id",), [(row.after, row.id) for row in rows])
    inheritance.hand_down(customers=[row.id for row in rows])
    names: Mapping[int, str] = dict(db.session.execute(select(CustomerGroup.id, CustomerGroup.name)).all())
    insert_rows(session, AuditEvent.__table__, audit.COLUMNS, [_event(row, names, by) for row in rows])
    return len(rows)


def _event(row: Any, names: Mapping[int, str], by: Actor) -> tuple[Any, ...]:
    before, after = ({"group": names.get(one)} if one else None for one in (row.before, row.after))
    who = by.at, "customer.placed", by.name, by.staff_id, by.portal_user_id, by.real_staff_id, by.address
    return (*who, "customer", row.id, row.name[:200], row.id, before, after or {"group": None})
