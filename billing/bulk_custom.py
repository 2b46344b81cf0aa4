"""The shop's own fields of many customers: set, emptied, and given back as they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, literal, select

from models import Customer, CustomField, CustomValue, db
from models.bulk import among

from . import audit, custom_fields
from .actor import Actor
from .custom_fields import COLUMN, PREFIX
from .texts import InvalidText

Both = tuple[dict[str, Any], dict[str, Any]]
"""Before and after, by ``custom.<key>``, as `written`."""


def clean_own(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """({key: what is written for it, "" for nothing}, {key: name of the field}) of `values` as people type them.

    Raises InvalidCustomer, `errors` by ``custom.<key>``.
    """
    known = {field.key: field for field in custom_fields.fields()}
    cleaned = custom_fields.check(values)
    return {key: _written(value) for key, value in cleaned.items()}, {k: known[k].name for k in cleaned}


def set_own(rows: Mapping[int, Any], values: Mapping[str, str], by: Actor) -> dict[int, Both]:
    """Set these values (as from `clean_own`) for all of the locked customers; before and after of those that differ.

    Raises InvalidCustomer when a field or a choice was removed meanwhile.
    """
    cleaned = custom_fields.check(values)
    known = {field.key: field for field in custom_fields.fields() if field.key in cleaned}
    there = _written_of(list(rows), list(known.values()))
    wanted = {PREFIX + key: _written(value) for key, value in cleaned.items()}
    told: dict[tuple[str, ...], Both | None] = {}
    changed: dict[int, Both] = {}
    for one in rows:
        old = tuple(there.get((one, name), "") for name in wanted)
        if old not in told:
            told[old] = _both(dict(zip(wanted, old, strict=True)), wanted)
        if both := told[old]:
            changed[one] = both
    write(changed, rows, by)
    return changed


def write(changed: Mapping[int, Both], rows: Mapping[int, Any], by: Actor) -> None:
    """Give these customers what `after` says, and leave the trace of it; `rows` have their names."""
    if not changed:
        return
    keys = {name.removeprefix(PREFIX) for _before, after in changed.values() for name in after}
    known = {PREFIX + field.key: field for field in all_named(keys)}
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one, (_before, after) in changed.items():
        for name, value in after.items():
            alike[name, value].append(one)
    for (name, value), ids in alike.items():
        _put(known[name], custom_fields.clean(known[name], value), ids)
    told: dict[int, Both] = {}
    events = []
    for one, both in changed.items():
        before, after = told.get(id(both)) or told.setdefault(id(both), _traced(both, known))
        events.append((one, rows[one].name, before, after))
    audit.record_customers(by, "customer.fields_set", events)


def all_named(keys: Iterable[str]) -> list[CustomField]:
    """The fields with these keys that are there still, archived or not."""
    return list(db.session.scalars(select(CustomField).where(CustomField.key.in_(list(keys)))))


class Undoing:
    """The own fields that an action set: which of its customers can have theirs back."""

    def __init__(self, made: Mapping[int, Mapping[str, Any]]) -> None:
        keys = {name.removeprefix(PREFIX) for values in made.values() for name in values if name.startswith(PREFIX)}
        self.fields = {PREFIX + field.key: field for field in all_named(keys)} if keys else {}
        self.used = bool(keys)
        self._now = _written_of(list(made), list(self.fields.values())) if self.fields else {}

    def now(self, one: int) -> tuple[str, ...]:
        """What the customer has in them, so that those that are alike are compared once."""
        return tuple(self._now.get((one, name), "") for name in self.fields)

    def compare(self, one: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Both, list[str]]:
        """What it has now and gets again where it still has what was set; the names of the fields that are left."""
        was: dict[str, Any] = {}
        again: dict[str, Any] = {}
        left = []
        for name in (name for name in after if name.startswith(PREFIX)):
            if name in self.fields and self._now.get((one, name), "") == after[name] and self._fits(name, before[name]):
                was[name], again[name] = after[name], before[name]
            else:
                left.append(self.fields[name].name if name in self.fields else name.removeprefix(PREFIX))
        return (was, again), left

    def _fits(self, name: str, value: str) -> bool:
        """A choice may have been taken out meanwhile."""
        try:
            custom_fields.clean(self.fields[name], value)
        except InvalidText:
            return False
        return True


def _both(old: Mapping[str, str], new: Mapping[str, str]) -> Both | None:
    differ = [name for name in new if old[name] != new[name]]
    return ({name: old[name] for name in differ}, {name: new[name] for name in differ}) if differ else None


def _traced(both: Both, known: Mapping[str, CustomField]) -> Both:
    """By name of the field, as `set_values` tells it."""
    before, after = (
        audit.plain({known[name].name: _read(known[name], value) for name, value in side.items()}) for side in both
    )
    return before, after


def _read(field: CustomField, value: str) -> Any:
    """The value; as it is written where the field could not hold it any more."""
    try:
        return custom_fields.clean(field, value)
    except InvalidText:
        return value


def _written(value: Any) -> str:
    """12.50 and 12.5 are the same number."""
    return custom_fields.written(value.normalize() if isinstance(value, Decimal) else value)


def _written_of(ids: Sequence[int], fields: Sequence[CustomField]) -> dict[tuple[int, str], str]:
    """(customer, ``custom.<key>``) -> what is written there; who has nothing is left out."""
    found: dict[tuple[int, str], str] = {}
    for field in fields:
        column = getattr(CustomValue, COLUMN[field.kind])
        wanted = select(CustomValue.customer_id, column).where(
            CustomValue.field_id == field.id, among(db.session, CustomValue.customer_id, ids)
        )
        for customer_id, value in db.session.execute(wanted):
            found[customer_id, PREFIX + field.key] = _written(value)
    return found


def _put(field: CustomField, value: Any, ids: Sequence[int]) -> None:
    """One statement, whether they had something or not."""
    theirs = among(db.session, CustomValue.customer_id, ids)
    if value is None:
        gone = delete(CustomValue).where(CustomValue.field_id == field.id, theirs)
        db.session.execute(gone, execution_options={"synchronize_session": False})
        return
    name = COLUMN[field.kind]
    given = literal(value, getattr(CustomValue, name).type)
    source = select(Customer.id, literal(field.id), given).where(among(db.session, Customer.id, ids))
    if db.session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    fresh = insert(CustomValue).from_select(["customer_id", "field_id", name], source)
    same = [CustomValue.customer_id, CustomValue.field_id]
    put = fresh.on_conflict_do_update(index_elements=same, set_={name: fresh.excluded[name]})
    db.session.execute(put, execution_options={"synchronize_session": False})
