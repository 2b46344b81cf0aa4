"""Services held while a rule changes them, and how many of them each customer has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import set_committed_value

from models import BillingError, Customer, Service, db
from models.bulk import add_to_rows, among


class ChangedSince(BillingError):
    """Somebody changed the service after it was shown."""


def lock(service: Service) -> Service:
    """The service as it is now, nobody else changing it until the transaction ends."""
    return db.session.scalars(_locked(Service.id == service.id)).one()


def lock_all(services: Iterable[Service]) -> list[Service]:
    """The same for several, in the order of their ids, with their customers; those that are gone are left out."""
    return lock_ids({service.id for service in services})


def lock_ids(ids: Collection[int]) -> list[Service]:
    """The same by their ids."""
    if not ids:
        return []
    locked = _locked(among(db.session, Service.id, ids)).options(selectinload(Service.customer))
    return list(db.session.scalars(locked))


def unchanged(service: Service, version: int) -> Service:
    """The service, locked, if it is still as it was shown. Raises ChangedSince."""
    locked = lock(service)
    if locked.version != version:
        raise ChangedSince(f"{locked} was changed since you opened it. Look at it again, then repeat your change.")
    return locked


def write(values: Mapping[str, Any], services: Iterable[Service]) -> None:
    """Give locked services the same values, in one statement."""
    rows = list(services)
    if not rows:
        return
    db.session.flush()
    changed = update(Service).where(among(db.session, Service.id, [row.id for row in rows]))
    changed = changed.values({**values, "version": Service.version + 1})
    db.session.execute(changed.execution_options(synchronize_session=False))
    for row in rows:
        for name, value in {**values, "version": row.version + 1}.items():
            set_committed_value(row, name, value)


def count(moves: Mapping[int, int]) -> None:
    """Customers have so many active services more (id -> how many): relative, and outside the version of staff edits,
    like the balance. Last in a transaction, in the order of their ids."""
    rows = [(more, customer_id) for customer_id, more in sorted(moves.items()) if more]
    add_to_rows(db.session, Customer.__table__, ("service_count",), rows)
    for known in db.session.identity_map.values():
        if isinstance(known, Customer) and moves.get(known.id):
            db.session.expire(known, ["service_count"])


def _locked(where: Any) -> Any:
    locked = select(Service).where(where).order_by(Service.id).with_for_update(key_share=True)
    return locked.execution_options(populate_existing=True)
