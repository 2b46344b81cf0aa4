"""What became of each row of an action on many customers, and how rules find and lock them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from models import BillingError, Customer, RowResult, db
from models.bulk import among

from .actor import Actor

GONE = "There is no such customer any more."
MOST_REASON = 400


@dataclass(frozen=True, slots=True)
class Result:
    """`before` and `after` hold what was changed, as plain values; None where nothing was."""

    customer_id: int
    label: str
    state: RowResult
    reason: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


Rule = Callable[[Sequence[int], Mapping[str, Any], Actor], list[Result]]
"""Ids of customers, what is to be done, who: one result for each id. It flushes, and never commits."""


def locked(ids: Sequence[int], *columns: Any) -> dict[int, Row[Any]]:
    """Id, name and `columns` of the customers that are there, as they are now and stay until the commit.

    Locked in the order of their ids, so that two actions on the same customers wait for each other.
    """
    db.session.flush()
    wanted = select(Customer.id, Customer.name, *columns).where(among(db.session, Customer.id, ids))
    rows = db.session.execute(wanted.order_by(Customer.id).with_for_update(key_share=True))
    return {row.id: row for row in rows}


def gone(ids: Iterable[int], there: Mapping[int, Any]) -> list[Result]:
    """The results of those who were deleted meanwhile."""
    return [Result(one, f"No. {one}", RowResult.REFUSED, GONE) for one in ids if one not in there]


def per_customer(do: Callable[[Customer, Mapping[str, Any], Actor], str | None]) -> Rule:
    """A rule for many out of one for a single customer, each in a savepoint of its own; a BillingError refuses that
    one. `do` may return a remark for the result."""

    def rule(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
        there = locked(ids)
        found = db.session.scalars(
            select(Customer)
            .where(among(db.session, Customer.id, list(there)))
            .order_by(Customer.id)
            .execution_options(populate_existing=True)
        ).all()
        return [*gone(ids, there), *(_one(customer, do, params, by) for customer in found)]

    return rule


def _one(customer: Customer, do: Callable[..., str | None], params: Mapping[str, Any], by: Actor) -> Result:
    customer_id, label = customer.id, customer.name
    try:
        with db.session.begin_nested():
            remark = do(customer, params, by)
    except BillingError as refusal:
        return Result(customer_id, label, RowResult.REFUSED, str(refusal)[:MOST_REASON])
    return Result(customer_id, label, RowResult.DONE, remark or "")
