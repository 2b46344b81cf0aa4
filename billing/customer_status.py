"""Whether a customer is billed: active, disabled for a while, or archived for good. Sets of customers; one is a set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select, update

from models import (
    BillingError,
    Charge,
    Customer,
    CustomerStatus,
    Delivery,
    DeliveryState,
    RowResult,
    Service,
    db,
)
from models.bulk import among

from . import audit, dunning_plans
from .actor import Actor
from .bulk_results import Result, gone, locked
from .ending import running
from .pauses import resume

ACTIVE, DISABLED, ARCHIVED = CustomerStatus.ACTIVE, CustomerStatus.DISABLED, CustomerStatus.ARCHIVED


class HasActiveServices(BillingError):
    """A customer with running services cannot be put away."""


class Merged(BillingError):
    """Everything of this customer is another one's, or nobody's any more: there is nothing to bring back."""


@dataclass(frozen=True)
class Verb:
    """From which status to which; whoever has another one is left as is."""

    permission: str
    of: frozenset[CustomerStatus]
    to: CustomerStatus


VERBS = {
    "disable": Verb("customers.edit", frozenset({ACTIVE}), DISABLED),
    "enable": Verb("customers.edit", frozenset({DISABLED, ARCHIVED}), ACTIVE),
    "archive": Verb("customers.delete", frozenset({ACTIVE, DISABLED}), ARCHIVED),
    "restore": Verb("customers.delete", frozenset({ARCHIVED}), ACTIVE),
}
EVENTS = {ACTIVE: "customer.enabled", DISABLED: "customer.disabled", ARCHIVED: "customer.archived"}
AS_IT_WAS = {ACTIVE: "Active already.", DISABLED: "Disabled already.", ARCHIVED: "Archived already."}
NOT_ARCHIVED = "Was not archived."


def disable(customers: Iterable[Customer], *, by: Actor) -> int:
    """No bills and no sign-in for these customers until they are enabled again; everything is kept.

    How many were active before. Raises NotAllowed.
    """
    return _of_rows(customers, "disable", by)


def enable(customers: Iterable[Customer], *, by: Actor) -> int:
    """Bill disabled or archived customers again, from the next renewal date that is today or later: the time in
    between is never billed (see pauses.resume). How many were not active before. Raises Merged, NotAllowed.
    """
    rows = list(customers)
    if gone_into_others := merged(row.id for row in rows):
        first = next(row for row in rows if row.id in gone_into_others)
        raise Merged(f"{first.name} {MERGED}")
    return _of_rows(rows, "enable", by)


def archive(customers: Iterable[Customer], *, by: Actor) -> int:
    """Put customers away who have no running service; mail still waiting for them is not sent.

    How many were not archived before. Raises HasActiveServices (then none is changed), NotAllowed.
    """
    by.require("customers.delete")
    chosen = [c for c in customers if c.status != ARCHIVED]
    busy = with_running_services([c.id for c in chosen])
    for customer in chosen:
        if customer.id in busy:
            raise HasActiveServices(f"{customer.name} {STILL_RUNNING}")
    return _of_rows(chosen, "archive", by)


MERGED = "was merged into another customer, where everything is kept, or anonymised. There is nothing to bring back."
STILL_RUNNING = "still has running services. End them first, then archive."


def change_status(ids: Sequence[int], verb: str, *, by: Actor) -> list[Result]:
    """Disable, enable, archive or restore (a word of VERBS) these customers; what became of each id.

    Raises NotAllowed. Rows of customers that the session has read keep their old values until they are read again.
    """
    known = VERBS[verb]
    by.require(known.permission)
    rows = locked(ids, Customer.status, Customer.archived_on)
    busy = with_running_services(rows) if known.to == ARCHIVED else set()
    away = merged(rows) if known.to == ACTIVE else set()
    chosen = [row for row in rows.values() if row.status in known.of and row.id not in busy | away]
    if known.to == ACTIVE:
        resume_late([row.id for row in chosen], by)
    if known.to == ARCHIVED:
        call_off([row.id for row in chosen])
    changed = write_status(chosen, known.to, by.today if known.to == ARCHIVED else None, by)
    done = {one.customer_id for one in changed}
    left = [_left(row, known, busy, away) for row in rows.values() if row.id not in done]
    return [*gone(ids, rows), *left, *changed]


def _left(row: Any, known: Verb, busy: Collection[int], away: Collection[int]) -> Result:
    if row.id in away:
        return Result(row.id, row.name, RowResult.REFUSED, f"{row.name} {MERGED}")
    if row.id in busy and row.status in known.of:
        return Result(row.id, row.name, RowResult.REFUSED, f"{row.name} {STILL_RUNNING}")
    reason = NOT_ARCHIVED if known.of == {ARCHIVED} else AS_IT_WAS[row.status]
    return Result(row.id, row.name, RowResult.UNCHANGED, reason)


def write_status(rows: Sequence[Any], status: CustomerStatus, archived_on: date | None, by: Actor) -> list[Result]:
    """Give locked rows (id, name, status, archived_on) this status, with the trace of it; one result for each."""
    if not rows:
        return []
    values = {"status": status, "archived_on": archived_on, "version": Customer.version + 1}
    changed = update(Customer).where(among(db.session, Customer.id, [row.id for row in rows])).values(values)
    db.session.execute(changed.execution_options(synchronize_session=False))
    after = {"status": str(status), "archived_on": archived_on.isoformat() if archived_on else None}
    told: dict[Any, tuple[dict[str, Any], dict[str, Any]]] = {}
    results = []
    for row in rows:
        key = row.status, row.archived_on
        if key not in told:
            before = {"status": str(row.status), "archived_on": row.archived_on and row.archived_on.isoformat()}
            names = ["status", *(["archived_on"] if before["archived_on"] != after["archived_on"] else [])]
            told[key] = {n: before[n] for n in names}, {n: after[n] for n in names}
        results.append(Result(row.id, row.name, RowResult.DONE, "", *told[key]))
    dunning_plans.look_again(customers=[row.id for row in rows])
    audit.record_customers(by, EVENTS[status], ((r.customer_id, r.label, r.before, r.after) for r in results))
    return results


def merged(ids: Iterable[int]) -> set[int]:
    """Those of the customers who were merged into another one, or anonymised."""
    away = or_(Customer.merged_into_id.is_not(None), Customer.anonymised_on.is_not(None))
    return set(db.session.scalars(select(Customer.id).where(among(db.session, Customer.id, ids), away)))


def with_running_services(ids: Iterable[int]) -> set[int]:
    """Those of the customers who have a service that is not cancelled."""
    theirs = select(Service.customer_id).where(among(db.session, Service.customer_id, ids), running())
    return set(db.session.scalars(theirs.distinct()))


def resume_late(ids: Sequence[int], by: Actor) -> None:
    """Let the time without bills be over for these customers (see pauses.resume)."""
    recurring = or_(Charge.months > 0, Charge.days > 0)
    services = select(Service.customer_id).where(running(), Service.next_renewal_on < by.today)
    charges = select(Charge.customer_id).where(recurring, Charge.next_on < by.today)
    late = set(db.session.scalars(services.where(among(db.session, Service.customer_id, ids))))
    late |= set(db.session.scalars(charges.where(among(db.session, Charge.customer_id, ids))))
    if late:
        among_late = among(db.session, Customer.id, sorted(late))
        for customer in db.session.scalars(select(Customer).where(among_late).order_by(Customer.id)):
            resume(customer, by=by)
        db.session.flush()


def call_off(ids: Sequence[int]) -> None:
    """Mail that still waits for these customers is not sent."""
    if not ids:
        return
    waiting = update(Delivery).where(
        among(db.session, Delivery.customer_id, ids), Delivery.state == DeliveryState.QUEUED
    )
    called_off = waiting.values(state=DeliveryState.CANCELLED, error="The customer was archived before it was sent.")
    db.session.execute(called_off.execution_options(synchronize_session="fetch"))


def _of_rows(customers: Iterable[Customer], verb: str, by: Actor) -> int:
    """The same for rows of the session, which show it at once."""
    rows = list(customers)
    db.session.flush()
    results = change_status(sorted({row.id for row in rows}), verb, by=by)
    for row in rows:
        db.session.expire(row, ["status", "archived_on", "version"])
    return sum(result.state is RowResult.DONE for result in results)
