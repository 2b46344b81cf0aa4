"""Objects written one by one as fast as the driver can, past the unit of work: a flush of one document takes longer
than all the sums on it. They are afterwards what they are after a flush, and nothing is left to be flushed.

For rules that know what they write: foreign keys are given as ids, and no event of a mapper tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from typing import Any, TypeVar, cast

from sqlalchemy import Column, Table, bindparam, insert, inspect, update
from sqlalchemy.orm import Mapper, Session, SessionTransaction
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.exc import StaleDataError

from . import objects
from .base import Model, db
from .prepared import prepared

T = TypeVar("T", bound=Model)


def blank(kind: type[T], **values: Any) -> T:
    """A new object with these columns and relationships, which is to be inserted by `insert_now`."""
    mapper = inspect(kind)
    thing = cast(T, mapper.class_manager.new_instance())
    if mapper.polymorphic_on is not None:
        values[mapper.polymorphic_on.key] = mapper.polymorphic_identity
    thing.__dict__.update(values)
    return thing


def insert_now(thing: Any) -> None:
    """Insert a new object, with the defaults of its columns; the session holds it from now on. What waits there to be
    flushed goes on waiting. Raises what SQLAlchemy raises."""
    session, mapper, given = db.session(), type(thing).__mapper__, thing.__dict__
    values = {name: given[name] for name in _columns(mapper) if name in given}
    values |= {name: default() for name, default in _defaults(mapper) if name not in given}
    (row,) = _inserting(mapper, tuple(values)).ask(session, values)
    objects.hold(session, thing, mapper.identity_key_from_primary_key((row.id,)), {**values, "id": row.id})
    _transaction(session)._new[instance_state(thing)] = True


def write_now(thing: Any, values: Mapping[str, Any]) -> None:
    """Set these columns of an object of the session in one UPDATE; what is so already is left out. Raises
    StaleDataError where somebody else has written or deleted it since it was read, as a flush does."""
    session, mapper = db.session(), type(thing).__mapper__
    session.flush()  # may count up its version
    new = {name: value for name, value in values.items() if getattr(thing, name) != value}
    if not new:
        return
    version = mapper.version_id_col
    was = {"its_id": thing.id}
    if version is not None:
        was["its_version"] = getattr(thing, version.key)
        new[version.key] = was["its_version"] + 1
    if not _updating(mapper, tuple(new)).ask(session, {**was, **new}):
        raise StaleDataError(f"{type(thing).__name__} {thing.id} is not as it was read.")
    objects.put(thing, new)
    _transaction(session)._dirty[instance_state(thing)] = True


def _transaction(session: Session) -> SessionTransaction:
    """It notes what it has written, as a flush does: rolled back, also to a savepoint, the session lets go of what was
    new and reads the rest anew."""
    found = session.get_nested_transaction() or session.get_transaction()
    assert found is not None
    return found


@cache
def _columns(mapper: Mapper[Any]) -> dict[str, Column[Any]]:
    """By the names of the attributes, without the id and what the database reckons."""
    return {
        one.key: column
        for one in mapper.column_attrs
        if isinstance(column := one.columns[0], Column) and not column.primary_key and column.computed is None
    }


@cache
def _defaults(mapper: Mapper[Any]) -> list[tuple[str, Callable[[], Any]]]:
    """What each column is where nobody says anything, but for those of which the database says it."""
    found: list[tuple[str, Callable[[], Any]]] = []
    for name, column in _columns(mapper).items():
        default: Any = column.default
        if column is mapper.version_id_col:
            found.append((name, lambda: 1))
        elif default is not None:
            found.append((name, partial(default.arg, None) if default.is_callable else partial(_same, default.arg)))
        elif column.server_default is None:
            found.append((name, partial(_same, None)))
    return found


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=256)
def _inserting(mapper: Mapper[Any], names: tuple[str, ...]) -> prepared:
    columns, table = _columns(mapper), cast(Table, mapper.local_table)
    values = {columns[name]: bindparam(name, type_=columns[name].type) for name in names}
    return prepared(lambda: insert(table).values(values).returning(table.c.id))


@lru_cache(maxsize=256)
def _updating(mapper: Mapper[Any], names: tuple[str, ...]) -> prepared:
    columns, table, version = _columns(mapper), cast(Table, mapper.local_table), mapper.version_id_col
    values = {columns[name]: bindparam(name, type_=columns[name].type) for name in names}
    mine = [table.c.id == bindparam("its_id")]
    if version is not None:
        mine.append(version == bindparam("its_version"))
    return prepared(lambda: update(table).where(*mine).values(values).returning(table.c.id))
