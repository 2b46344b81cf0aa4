"""Prices that services will have from a renewal on: asked for by a change of prices, billed by the renewals run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, literal_column, null, or_, select, update
from sqlalchemy.orm import joinedload

from models import (
    BulkAction,
    Money,
    NewPrice,
    NewPriceState,
    PriceChange,
    PriceChangeState,
    RowResult,
    Service,
    ServiceOption,
    ServiceStatus,
    db,
)
from models.bulk import among, insert_rows

from . import following_services as following
from . import service_changes
from .actor import Actor
from .bulk_results import Result, gone, locked
from .price_rule import PriceRule
from .service_changes import Happened

KIND = "price_change"
COLUMNS = (
    "price_change_id", "service_id", "service_option_id", "currency", "old_minor", "new_minor", "from_on", "state",
)  # fmt: skip

# Spelt out: SQLite looks into the index of those that wait only when the word stands in the statement.
_WAITS: ColumnElement[bool] = literal_column("new_price.state = 'waiting'")
_OWN = NewPrice.service_option_id.is_(None)
DUE = and_(NewPrice.service_id == Service.id, _WAITS, _OWN, NewPrice.from_on <= Service.next_renewal_on)
"""How a service finds the price that its next renewal bills, for an outer join."""
PRICE: ColumnElement[int] = func.coalesce(NewPrice.new_minor, Service.price_minor)


def due_of_option(day: date) -> ColumnElement[bool]:
    """How an option of a service finds the price that the renewal of `day` bills, for an outer join."""
    its_own = NewPrice.service_option_id == ServiceOption.id, NewPrice.service_option_id.is_not(None)
    return and_(*its_own, _WAITS, NewPrice.from_on <= day)


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
    """Write down the new prices of the services it is about, and of their options, which it has not been told before:
    customer -> (service or option, new price). Of `customers` only, if given."""
    told = select(NewPrice.id).where(NewPrice.service_id == Service.id, NewPrice.price_change_id == change.id)
    where = [*_touched(change), ~told.exists()]
    if customers is not None:
        where.append(among(db.session, Service.customer_id, customers))
    found: dict[int, list[tuple[Any, int]]] = defaultdict(list)
    rule = PriceRule.read(change.rule)
    for wanted in (_own_prices(change, where), _option_prices(change, where)):
        for row in db.session.execute(wanted):
            new = rule.new(Money(row.price_minor, row.currency)).minor
            if new != row.price_minor:
                found[row.customer_id].append((row, new))
    rows = [
        (
            change.id,
            row.id,
            row.option_id,
            row.currency,
            row.price_minor,
            new,
            change.from_on,
            NewPriceState.WAITING.value,
        )
        for prices in found.values()
        for row, new in prices
    ]
    insert_rows(db.session, NewPrice.__table__, COLUMNS, rows)
    return found


_SERVICE = Service.id, Service.customer_id, Service.description


def _own_prices(change: PriceChange, where: Sequence[Any]) -> Any:
    wanted = select(
        *_SERVICE, Service.currency, Service.price_minor, null().label("option_id"), literal("").label("option")
    )
    wanted = wanted.where(*where, following.own_as_foreseen(change))
    return wanted.order_by(Service.id).with_for_update(of=Service)


def _option_prices(change: PriceChange, where: Sequence[Any]) -> Any:
    its = ServiceOption.currency, ServiceOption.price_minor, ServiceOption.id.label("option_id")
    wanted = select(*_SERVICE, *its, ServiceOption.name.label("option"))
    wanted = wanted.join(ServiceOption, ServiceOption.service_id == Service.id)
    wanted = wanted.where(*where, following.option_as_foreseen(change))
    return wanted.order_by(Service.id, ServiceOption.id).with_for_update(of=Service)


def customers_of(change: PriceChange) -> Any:
    """A select of the ids of the customers whose services it is about and were not told yet."""
    mine = select(Service.customer_id).where(*_touched(change), following.either_as_foreseen(change))
    return mine.distinct()


def _touched(change: PriceChange) -> list[ColumnElement[bool]]:
    rule = PriceRule.read(change.rule)
    return [may_follow(change.from_on), *following.about(change.sums["packages"], rule)]


def _result(row: Any, services: Sequence[tuple[Any, int]]) -> Result:
    if not services:
        return Result(row.id, row.name, RowResult.UNCHANGED, "No service was touched: changed meanwhile.")
    before = {_named(one): str(Money(one.price_minor, one.currency)) for one, _new in services}
    after = {_named(one): str(Money(new, one.currency)) for one, new in services}
    return Result(row.id, row.name, RowResult.DONE, "", before, after)


def _named(service: Any) -> str:
    option = f", {service.option}" if service.option else ""
    return f"{service.description} (No. {service.id}){option}"


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
    query = select(NewPrice).where(due, _WAITS, NewPrice.from_on <= day).order_by(NewPrice.id)
    query = query.options(joinedload(NewPrice.service), joinedload(NewPrice.option))
    happened = []
    for row in db.session.scalars(query.execution_options(populate_existing=True)):
        service, priced = row.service, row.option or row.service
        row.state, row.billed_on = NewPriceState.BILLED, day
        about = {"option": row.option.name} if row.option else {}
        before = {**about, "price_minor": priced.price_minor, "currency": service.currency}
        after = {**about, "price_minor": row.new_minor, "currency": service.currency}
        priced.price_minor = row.new_minor
        happened.append(Happened(service.id, service.customer_id, str(service), day, before, after))
    db.session.flush()
    if happened:
        service_changes.record_many(happened, "price", "service.price_changed", by)


def waiting_of(service: Service) -> list[NewPrice]:
    """The prices the service and its options will have, those that wait; its own first."""
    mine = select(NewPrice).where(NewPrice.service_id == service.id, _WAITS).options(joinedload(NewPrice.option))
    return sorted(db.session.scalars(mine), key=lambda one: (one.service_option_id is not None, one.id))


def counts(change: PriceChange) -> dict[NewPriceState, int]:
    """How many services of a change wait, were billed, or were taken back."""
    mine, services = NewPrice.price_change_id == change.id, func.count(func.distinct(NewPrice.service_id))
    rows = db.session.execute(select(NewPrice.state, services).where(mine).group_by(NewPrice.state))
    return {state: count for state, count in rows}  # noqa: C416  # rows, not tuples


def touched_customers(change: PriceChange) -> Any:
    """The customers whose services have, or will have, a new price by it: a select of their ids."""
    kept = NewPrice.state != NewPriceState.UNDONE
    mine = select(Service.customer_id).join(NewPrice, NewPrice.service_id == Service.id)
    return mine.where(NewPrice.price_change_id == change.id, kept).distinct()
