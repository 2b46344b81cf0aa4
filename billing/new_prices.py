"""Prices that services will have from a renewal on: asked for by a change of prices, billed by the renewals run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select, update
from sqlalchemy.orm import joinedload

from models import (
    BulkAction,
    ListedPriceChange,
    Money,
    NewPrice,
    NewPriceState,
    PriceChange,
    PriceChangeState,
    RowResult,
    Service,
    ServiceStatus,
    db,
)
from models.bulk import among, insert_rows

from . import service_changes
from .actor import Actor
from .bulk_results import Result, gone, locked
from .price_rule import PriceRule
from .service_changes import Happened

KIND = "price_change"
COLUMNS = ("price_change_id", "service_id", "currency", "old_minor", "new_minor", "from_on", "state")

# Spelt out: SQLite looks into the index of those that wait only when the word stands in the statement.
_WAITS: ColumnElement[bool] = literal_column("new_price.state = 'waiting'")
DUE = and_(NewPrice.service_id == Service.id, _WAITS, NewPrice.from_on <= Service.next_renewal_on)
"""How a service finds the price that its next renewal bills, for an outer join."""
PRICE: ColumnElement[int] = func.coalesce(NewPrice.new_minor, Service.price_minor)


def may_follow(from_on: date) -> ColumnElement[bool]:
    """Services that a change from that day on can touch: billed again after it, and with no other change waiting."""
    waiting = select(NewPrice.id).where(NewPrice.service_id == Service.id, _WAITS)
    billed_again = and_(Service.ends_on > Service.next_renewal_on, Service.ends_on > from_on)
    return and_(
        Service.status != ServiceStatus.CANCELLED,
        Service.free.is_(False),
        or_(Service.ends_on.is_(None), billed_again),
        ~waiting.exists(),
    )


def ask(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Give the services of these customers their new price from their next renewal on; one result for each customer.

    `params["price_change"]` is the change. Raises NotAllowed."""
    by.require("services.edit")
    change = db.session.get_one(PriceChange, params[KIND])
    rows = locked(ids)
    if change.state == PriceChangeState.UNDONE:
        words = "The change of prices was undone before it came to this customer."
        return [Result(i, row.name, RowResult.UNCHANGED, words) for i, row in rows.items()] + gone(ids, rows)
    made = enrol(change, customers=list(rows))
    return [*gone(ids, rows), *(_result(row, made.get(i, ())) for i, row in rows.items())]


def enrol(change: PriceChange, *, customers: Sequence[int] | None = None) -> dict[int, list[tuple[Any, int]]]:
    """Write down the new prices of the services it is about, which it has not been told before: customer -> (service,
    new price). Of `customers` only, if given."""
    told = select(NewPrice.id).where(NewPrice.service_id == Service.id, NewPrice.price_change_id == change.id)
    wanted = select(
        Service.id, Service.customer_id, Service.description, Service.currency, Service.price_minor,
    ).where(*_touched(change), ~told.exists())  # fmt: skip
    if customers is not None:
        wanted = wanted.where(among(db.session, Service.customer_id, customers))
    rule = PriceRule.read(change.rule)
    found: dict[int, list[tuple[Any, int]]] = defaultdict(list)
    for row in db.session.execute(wanted.order_by(Service.id).with_for_update(of=Service)):
        new = rule.new(Money(row.price_minor, row.currency)).minor
        if new != row.price_minor:
            found[row.customer_id].append((row, new))
    rows = [
        (change.id, row.id, row.currency, row.price_minor, new, change.from_on, NewPriceState.WAITING.value)
        for services in found.values()
        for row, new in services
    ]
    insert_rows(db.session, NewPrice.__table__, COLUMNS, rows)
    return found


def customers_of(change: PriceChange) -> Any:
    """A select of the ids of the customers whose services it is about and were not told yet."""
    return select(Service.customer_id).where(*_touched(change)).distinct()


def _touched(change: PriceChange) -> list[ColumnElement[bool]]:
    """As it was foreseen: at the list price of then, or at any price where agreed ones follow too."""
    rule, packages = PriceRule.read(change.rule), change.sums["packages"]
    where = [may_follow(change.from_on), Service.package_id.in_(packages)]
    if rule.currency:
        where.append(Service.currency == rule.currency)
    if rule.period is not None:
        where += [Service.months == rule.period[0], Service.days == rule.period[1]]
    if not change.agreed:
        listed = select(ListedPriceChange.id).where(
            ListedPriceChange.price_change_id == change.id,
            ListedPriceChange.package_id == Service.package_id,
            ListedPriceChange.currency == Service.currency,
            ListedPriceChange.months == Service.months,
            ListedPriceChange.days == Service.days,
            ListedPriceChange.old_minor == Service.price_minor,
        )
        where.append(listed.exists())
    return where


def _result(row: Any, services: Sequence[tuple[Any, int]]) -> Result:
    if not services:
        return Result(row.id, row.name, RowResult.UNCHANGED, "No service was touched: changed meanwhile.")
    before = {_named(one): str(Money(one.price_minor, one.currency)) for one, _new in services}
    after = {_named(one): str(Money(new, one.currency)) for one, new in services}
    return Result(row.id, row.name, RowResult.DONE, "", before, after)


def _named(service: Any) -> str:
    return f"{service.description} (No. {service.id})"


def undo(ids: Sequence[int], params: Mapping[str, Any], by: Actor) -> list[Result]:
    """Take back what `ask` wrote down for these customers, where it was not billed yet. Raises NotAllowed."""
    by.require("services.edit")
    change_id = db.session.get_one(BulkAction, params["of"]).params[KIND]
    rows = locked(ids)
    mine = NewPrice.price_change_id == change_id, among(db.session, Service.customer_id, list(rows))
    billed = func.sum(case((NewPrice.state == NewPriceState.BILLED, 1), else_=0))
    states = select(Service.customer_id, func.sum(case((_WAITS, 1), else_=0)), billed).join(NewPrice.service)
    counts = {row[0]: (row[1], row[2]) for row in db.session.execute(states.where(*mine).group_by(Service.customer_id))}
    waiting = select(NewPrice.id).join(NewPrice.service).where(*mine, _WAITS)
    taken = update(NewPrice).where(NewPrice.id.in_(waiting)).values(state=NewPriceState.UNDONE)
    db.session.execute(taken.execution_options(synchronize_session=False))
    return [*gone(ids, rows), *(_undone(row, *counts.get(i, (0, 0))) for i, row in rows.items())]


def _undone(row: Any, waiting: int, billed: int) -> Result:
    left = f"Billed at the new price already, and kept: {billed}." if billed else ""
    if not waiting:
        return Result(row.id, row.name, RowResult.UNCHANGED, left or "There was nothing to take back.")
    return Result(row.id, row.name, RowResult.DONE, left)


def bill(services: Sequence[int], day: date, by: Actor) -> None:
    """The renewals of `day` billed these services: prices that were waiting for it are theirs from now on."""
    due = among(db.session, NewPrice.service_id, services)
    query = select(NewPrice).where(due, _WAITS, NewPrice.from_on <= day).options(joinedload(NewPrice.service))
    happened = []
    for row in db.session.scalars(query.execution_options(populate_existing=True)):
        service = row.service
        row.state, row.billed_on = NewPriceState.BILLED, day
        before = {"price_minor": service.price_minor, "currency": service.currency}
        after = {"price_minor": row.new_minor, "currency": service.currency}
        service.price_minor = row.new_minor
        happened.append(Happened(service.id, service.customer_id, str(service), day, before, after))
    db.session.flush()
    if happened:
        service_changes.record_many(happened, "price", "service.price_changed", by)


def waiting_of(service: Service) -> NewPrice | None:
    """The price the service will have, if one is waiting."""
    return db.session.scalars(select(NewPrice).where(NewPrice.service_id == service.id, _WAITS)).one_or_none()


def counts(change: PriceChange) -> dict[NewPriceState, int]:
    """How many services of a change wait, were billed, or were taken back."""
    mine = NewPrice.price_change_id == change.id
    rows = db.session.execute(select(NewPrice.state, func.count()).where(mine).group_by(NewPrice.state))
    return {state: count for state, count in rows}  # noqa: C416  # rows, not tuples


def touched_customers(change: PriceChange) -> Any:
    """The customers whose services have, or will have, a new price by it: a select of their ids."""
    kept = NewPrice.state != NewPriceState.UNDONE
    mine = select(Service.customer_id).join(NewPrice, NewPrice.service_id == Service.id)
    return mine.where(NewPrice.price_change_id == change.id, kept).distinct()
