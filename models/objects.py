"""Objects read as fast as the driver can: what a query of the session does around a short statement takes longer than
the statement. They are afterwards what that query would have made of them, relationships loaded on the way left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, bindparam, inspect, select
from sqlalchemy.orm import Mapper, RelationshipDirection, Session
from sqlalchemy.orm.attributes import instance_state

from .base import db
from .prepared import Reader, conversions, prepared


class prepared_objects(prepared):  # noqa: N801 - a decorator
    """Over a function that puts together a select of models, or of models and columns. Called with a value for each
    parameter that the statement names, it gives rows, in which a model is an object of the session, or None where an
    outer join found none. What the session holds already stays as it is, unless it has expired.

    Models `anew` are as the rows say, whatever the session held. Of those in `only`, other columns are read when they
    are asked for. Kinds that share a table are asked for by the one they have in common. Raises what SQLAlchemy raises.
    """

    def __init__(
        self, build: Callable[[], Any], *, anew: Collection[Any] = (), only: dict[Any, Sequence[str]] | None = None
    ) -> None:
        super().__init__(build)
        self._anew, self._only = anew, only or {}

    def _put_together(self) -> tuple[Any, Reader]:
        statement, parts = self._build(), []
        columns: list[Any] = []
        for told in statement.column_descriptions:
            part, its = self._part(told, len(columns))
            parts.append(part)
            columns += its
        named = [column.label(f"column_{number}") for number, column in enumerate(columns)]
        return statement.with_only_columns(*named, maintain_column_froms=True), partial(_reader, parts)

    def _part(self, told: Any, first: int) -> tuple[_Part, list[Any]]:
        if told["expr"] is not told["entity"]:
            return _Part(first, first + 1), [told["expr"]]
        mapper = inspect(told["entity"]).mapper
        which, version = _name(mapper, mapper.polymorphic_on), _name(mapper, mapper.version_id_col)
        some = _names(mapper).intersection(self._only.get(mapper.class_, _names(mapper)))
        names = sorted(some | {name for name in ("id", which, version) if name})
        part = _Part(
            first, first + len(names), mapper, names, first + names.index("id"), which,
            mapper.class_ in self._anew,
        )  # fmt: skip
        return part, [getattr(told["entity"], name) for name in names]


def _name(mapper: Mapper[Any], column: Any) -> str | None:
    return None if column is None else mapper.get_property_by_column(column).key


def get(kind: Any, number: int) -> Any:
    """The object with this id, or None: as `Session.get` gives it."""
    session, mapper = db.session(), inspect(kind).base_mapper
    found = session.identity_map.get(mapper.identity_key_from_primary_key((number,)))
    if found is None or inspect(found).expired:
        if session.autoflush:
            session.flush()
        rows = _by_id(mapper.class_).ask(session, {"its_id": number})
        found = rows[0][0] if rows else None
    return found if isinstance(found, kind) else None


@cache
def _by_id(kind: Any) -> prepared_objects:
    return prepared_objects(lambda: select(kind).where(kind.id == bindparam("its_id", type_=BigInteger)))


def hold(session: Session, thing: Any, key: Any, values: Mapping[str, Any]) -> None:
    """The session holds a new object from now on as that of the row with this identity. `values` are its columns;
    others are read when they are asked for."""
    state = instance_state(thing)
    thing.__dict__.update(values)
    state._commit_all(thing.__dict__)
    state.expired_attributes.update(_names(state.mapper).difference(values))
    state.key, state.session_id = key, session.hash_key
    session.identity_map.add(state)


def put(thing: Any, values: Mapping[str, Any]) -> None:
    """Columns of an object are known to be so in the database. Nothing of it may wait to be flushed."""
    thing.__dict__.update(values)
    instance_state(thing).expired_attributes.difference_update(values)


@cache
def _names(mapper: Mapper[Any]) -> frozenset[str]:
    """The columns that belong to every object of its kind."""
    return frozenset(one.key for one in mapper.column_attrs if not one.deferred and isinstance(one.columns[0], Column))


@cache
def _leading(mapper: Mapper[Any]) -> list[tuple[str, str]]:
    """The relationships to one other object, each with the column that names it: where that is empty, there is none,
    and nobody need look for it."""
    return [
        (one.key, mapper.get_property_by_column(column).key)
        for one in mapper.relationships
        if one.direction is RelationshipDirection.MANYTOONE and len(one.local_columns) == 1
        for column in one.local_columns
    ]


@dataclass(slots=True)
class _Part:
    """The values of a row from `first` up to `end`: those of a model's columns `names`, or the one of a column."""

    first: int
    end: int
    mapper: Mapper[Any] | None = None
    names: Sequence[str] = ()
    id_at: int = 0
    which: str | None = None
    anew: bool = False
    work: Sequence[tuple[int, Callable[[Any], Any]]] = ()

    def of(self, session: Session, row: Sequence[Any]) -> Any:
        if self.mapper is None:
            return self.values(row)[0]
        if row[self.id_at] is None:
            return None
        key = self.mapper.identity_key_from_primary_key((row[self.id_at],))
        known = session.identity_map.get(key)
        if known is None:
            return self._new(session, key, dict(zip(self.names, self.values(row), strict=True)))
        if self.anew or not instance_state(known).expired_attributes.isdisjoint(self.names):
            self._again(known, dict(zip(self.names, self.values(row), strict=True)))
        return known

    def values(self, row: Sequence[Any]) -> list[Any]:
        found = list(row[self.first : self.end])
        for index, process in self.work:
            found[index] = process(found[index])
        return found

    def _new(self, session: Session, key: Any, values: dict[str, Any]) -> Any:
        """As the loader of SQLAlchemy makes one."""
        assert self.mapper is not None
        mapper = self.mapper.polymorphic_map[values[self.which]] if self.which else self.mapper
        thing = mapper.class_manager.new_instance()
        values |= {name: None for name, at in _leading(self.mapper) if values.get(at, at) is None}
        hold(session, thing, key, values)
        return thing

    def _again(self, thing: Any, values: dict[str, Any]) -> None:
        """The session knows it as the row says; what hangs on it is looked for when it is asked for."""
        mapper, state = type(thing).__mapper__, instance_state(thing)
        known = values if self.anew else {name: values[name] for name in state.expired_attributes.intersection(values)}
        for one in mapper.relationships if self.anew else ():
            thing.__dict__.pop(one.key, None)
        put(thing, known)
        state.expired = state.expired and not state.expired_attributes.isdisjoint(_names(mapper))


def _reader(parts: Sequence[_Part], columns: Any, description: Any, dialect: Dialect) -> Callable[[Any], list[Any]]:
    """What makes tuples of objects and values of the driver's rows."""
    work = conversions(columns, description, dialect)
    for part in parts:
        part.work = [(at - part.first, process) for at, process in work if part.first <= at < part.end]

    def read(rows: Sequence[Sequence[Any]]) -> list[Any]:
        session = db.session()
        return [tuple([part.of(session, row) for part in parts]) for row in rows]

    return read
