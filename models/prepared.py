"""Statements that are asked over and over: written with SQLAlchemy, put into the words of each kind of database once,
and asked of its driver. All that SQLAlchemy does around a short statement takes longer than the statement.

What such a statement says for good stands in its words, only what it names is handed over each time. So the planner
finds the indexes of a part of the rows; and SQLite, which plans a statement anew each time where a value handed over is
compared with a column of such an index's condition, need not.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    String,
    bindparam,
    func,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import TypeDecorator, TypeEngine

from .base import db

Process = Callable[[Any], Any] | None
Reader = Callable[[Any, Any, Dialect], Callable[[Sequence[Any]], list[Any]]]
"""Makes what reads the driver's rows, of the columns asked for and the driver's description of them."""


class prepared:  # noqa: N801 - a decorator
    """Over a function that puts a statement of columns together, no objects. Called with a value for each parameter
    that the statement names, it gives the rows; what the session holds is flushed before. Raises what SQLAlchemy
    raises."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._of: dict[str, _Statement] = {}
        self.__doc__ = build.__doc__

    def __call__(self, **values: Any) -> Sequence[Any]:
        session = db.session()
        session.flush()
        return self.ask(session, values)

    def ask(self, session: Session, values: Mapping[str, Any]) -> Sequence[Any]:
        """The same without a flush."""
        connection = connection_of(session)
        known = self._of.get(connection.dialect.name)
        if known is None:
            known = self._of[connection.dialect.name] = _Statement.of(*self._put_together(), connection.dialect)
        return known.ask(connection, values)

    def _put_together(self) -> tuple[Any, Reader]:
        return self._build(), _reader


def among_given(column: Any, name: str) -> ColumnElement[bool]:
    """`column IN (...)` for a prepared statement: its parameter `name` takes the ids, however many."""
    ids = bindparam(name, type_=_Ids)
    if db.session.get_bind().dialect.name == "postgresql":
        any_of: ColumnElement[bool] = column == func.any(ids)
        return any_of
    found: ColumnElement[bool] = column.in_(select(func.json_each(ids).table_valued("value").c.value))
    return found


class _Ids(TypeDecorator[Any]):
    """Any number of ids in one parameter."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(BigInteger) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else str([int(one) for one in value])


@dataclass(slots=True)
class _Statement:
    """A statement in the words of one kind of database. `asks` are its parameters in their order, each with what makes
    the driver's value of ours; `always` are the values of those that nobody gives."""

    words: str
    in_order: bool
    asks: list[tuple[str, Process]]
    always: Mapping[str, Any]
    columns: list[tuple[str, TypeEngine[Any]]]
    reader: Reader
    reads: Callable[[Sequence[Any]], list[Any]] | None = None

    @classmethod
    def of(cls, statement: Any, reader: Reader, dialect: Dialect) -> _Statement:
        fixed: Any = replacement_traverse(statement, {}, _in_words)
        compiled = fixed.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        left = [name for name, bind in compiled.binds.items() if bind not in compiled.literal_execute_params]
        always = {name: bind.value for name in left if (bind := compiled.binds[name]).value is not None}
        asks = [(name, _bound(compiled.binds[name].type, dialect)) for name in compiled.positiontup or left]
        columns = [(name, column.type) for name, column in fixed.exported_columns.items()]
        return cls(str(compiled), compiled.positional, asks, always, columns, reader)

    def ask(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        known = {**self.always, **values} if self.always else values
        sent = [process(known[name]) if process else known[name] for name, process in self.asks]
        given: Any = sent if self.in_order else dict(zip([name for name, _process in self.asks], sent, strict=True))
        driver: Any = connection.connection.driver_connection
        announce(connection, self.words, given)
        dialect = connection.dialect
        try:
            cursor = driver.execute(self.words, given)
            rows = cursor.fetchall() if self.columns else ()
        except dialect.loaded_dbapi.Error as error:
            raise _told(error, connection, self.words, given) from error
        if not rows:
            return []
        if self.reads is None:
            self.reads = self.reader(self.columns, cursor.description, dialect)
        return self.reads(rows)


def _told(error: Any, connection: Connection, words: str, values: Any) -> BaseException:
    """The error as SQLAlchemy would raise it. A connection that is lost is not asked again."""
    dialect: Any = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection, None)
    if lost:
        connection.invalidate(error)
    base = dialect.loaded_dbapi.Error
    return DBAPIError.instance(words, values, error, base, dialect=dialect, connection_invalidated=lost)


def connection_of(session: Session) -> Connection:
    """What the session's transaction runs on, as `Session.connection` gives it: looked for once a transaction."""
    transaction, kept = session.get_transaction(), session.info.get("connection")
    if kept is not None and kept[0] is transaction and session.is_active:
        found: Connection = kept[1]
        return found
    found = session.connection()
    session.info["connection"] = session.get_transaction(), found
    return found


def announce(connection: Connection, words: str, values: Any, *, many: bool = False) -> None:
    """Tell whoever listens to this database what the driver is about to be asked: counts and logs of statements are
    whole, whichever way one goes."""
    heard = connection.engine.dispatch.before_cursor_execute
    for listener in heard if heard else ():
        listener(connection, None, words, values, None, many)


def _in_words(element: Any, **_options: Any) -> Any:
    """A value that never changes is written out; a parameter is one, whether it has its value already or not."""
    if not isinstance(element, BindParameter):
        return None
    return bindparam(element.key, None, type_=element.type) if element.required else element.render_literal_execute()


def _bound(kind: TypeEngine[Any], dialect: Dialect) -> Process:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def conversions(columns: Any, description: Any, dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    """Which values of a row are to be made from the driver's, and how."""
    return [
        (index, process)
        for index, ((_name, kind), told) in enumerate(zip(columns, description, strict=True))
        if (process := kind.dialect_impl(dialect).result_processor(dialect, told[1]))
    ]


def _reader(columns: Any, description: Any, dialect: Dialect) -> Callable[[Sequence[Any]], list[Any]]:
    """What makes named tuples of the driver's rows, the values as their columns' types have them."""
    row = namedtuple("Row", [name for name, _kind in columns])  # type: ignore[misc]  # noqa: PYI024
    work = conversions(columns, description, dialect)

    def read(found: Any) -> Any:
        values = list(found)
        for index, process in work:
            values[index] = process(values[index])
        return row._make(values)

    return lambda rows: list(map(read if work else row._make, rows))
