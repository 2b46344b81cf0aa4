"""Writing many rows at once as fast as the database's own driver can: executemany on SQLite, COPY on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    FromClause,
    Integer,
    Result,
    String,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.types import TypeEngine

from .prepared import announce, connection_of
from .types import MinorUnits

Row = Sequence[Any]
AnySession = Session | scoped_session[Any]


def reserve_ids(session: AnySession, table: FromClause, count: int) -> range | list[int]:
    """`count` ids for rows about to be inserted, so that children can name their parents beforehand.

    On SQLite the transaction must hold the write lock (models.engine sees to it).
    """
    if not count:
        return range(0)
    if session.get_bind().dialect.name == "sqlite":
        first = session.scalar(text(f"SELECT coalesce(max(id), 0) + 1 FROM {name_of(table)}"))  # noqa: S608
        assert first is not None
        return range(first, first + count)
    drawn = session.scalars(
        text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"),
        {"table": name_of(table), "count": count},
    )
    return list(drawn)


def locks_rows(session: AnySession) -> bool:
    """Whether rows have to be locked one by one; on SQLite a transaction that writes holds all there is."""
    return session.get_bind().dialect.name != "sqlite"


def standstill(session: Session) -> tuple[Any, ...] | None:
    """Two that are equal say that nothing in the database has changed between them; None says nothing. On SQLite a
    transaction that writes holds all there is, so only what it has written itself counts."""
    if locks_rows(session):
        return None
    session.flush()
    driver: Any = connection_of(session).connection.driver_connection
    return session.get_transaction(), session.get_nested_transaction(), driver.total_changes


def insert_rows(session: AnySession, table: FromClause, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert `rows` (tuples in the order of `columns`) in the session's transaction.

    Days, moments, decimals and JSON go through the column types; words of a choice are given as text. Python-side
    defaults do not apply: name every column that needs a value.
    """
    if not rows:
        return
    connection = _flushed(session)
    convert = _converter(connection.dialect, table, tuple(columns))
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name == "sqlite":
        words = _inserting(table, tuple(columns), "?")
        announce(connection, words, rows, many=True)
        driver.executemany(words, convert(rows))
        return
    words = f"COPY {name_of(table)} ({_quoted(columns)}) FROM STDIN"
    announce(connection, words, rows, many=True)
    with driver.cursor() as cursor, cursor.copy(words) as copy:
        for row in convert(rows):
            copy.write_row(row)


def insert_told(session: AnySession, table: FromClause, columns: Sequence[str], rows: Sequence[Row]) -> Sequence[int]:
    """The same, and the ids of the rows in their order. One row alone tells its own; many are given theirs."""
    if len(rows) != 1:
        ids = reserve_ids(session, table, len(rows))
        insert_rows(session, table, ("id", *columns), [(number, *row) for number, row in zip(ids, rows, strict=True)])
        return ids
    connection = _flushed(session)
    driver: Any = connection.connection.driver_connection
    (values,) = _converter(connection.dialect, table, tuple(columns))(rows)
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    words = f"{_inserting(table, tuple(columns), mark)} RETURNING id"
    announce(connection, words, values)
    return [driver.execute(words, values).fetchone()[0]]


def update_rows(session: AnySession, table: FromClause, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Set `columns` of the rows whose id is the last value of each tuple; other columns stay."""
    if not rows:
        return
    connection = _flushed(session)
    convert = _converter(connection.dialect, table, (*columns, "id"))
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f'"{name}" = ?' for name in columns)
        words = f"UPDATE {name_of(table)} SET {sets} WHERE id = ?"  # noqa: S608
        announce(connection, words, rows, many=True)
        driver.executemany(words, convert(rows))
        return
    words = _update_from_arrays(connection.dialect, table, tuple(columns))
    announce(connection, words, rows, many=True)
    with driver.cursor() as cursor:
        cursor.execute(words, list(map(list, zip(*convert(rows), strict=True))))


def add_to_rows(
    session: AnySession, table: FromClause, columns: Sequence[str], rows: Sequence[Row], told: Sequence[str] = ("id",)
) -> list[Row]:
    """Add the numbers of each tuple to `columns` of the row whose id is its last value. What is returned are the
    columns `told` of those rows, in no order. A column to which nothing is added is not touched."""
    if not rows:
        return []
    moved = [i for i in range(len(columns)) if any(row[i] for row in rows)] or [0]
    columns, rows = [columns[i] for i in moved], [(*(row[i] for i in moved), row[-1]) for row in rows]
    connection = _flushed(session)
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f'"{name}" = "{name}" + ?' for name in columns)
        statement = f"UPDATE {name_of(table)} SET {sets} WHERE id = ? RETURNING {', '.join(told)}"  # noqa: S608
        announce(connection, statement, rows, many=True)
        return [found for row in rows for found in driver.execute(statement, row).fetchall()]
    statement = _update_from_arrays(connection.dialect, table, tuple(columns), add=True)
    statement = f"{statement} RETURNING {', '.join(f'{name_of(table)}.{name}' for name in told)}"
    announce(connection, statement, rows, many=True)
    with driver.cursor() as cursor:
        cursor.execute(statement, list(map(list, zip(*rows, strict=True))))
        return list(cursor.fetchall())


def among(session: AnySession, column: Any, ids: Iterable[int]) -> ColumnElement[bool]:
    """`column IN ids` with all ids in one parameter: a list of hundreds costs more to spell out than to look up."""
    wanted = list(ids)
    if session.get_bind().dialect.name == "postgresql":
        any_of: ColumnElement[bool] = column == func.any(bindparam(None, wanted, type_=ARRAY(BigInteger), unique=True))
        return any_of
    listed = func.json_each(json.dumps(wanted)).table_valued("value")
    found: ColumnElement[bool] = column.in_(select(listed.c.value))
    return found


def among_words(session: AnySession, column: Any, words: Iterable[str]) -> ColumnElement[bool]:
    """`column IN words`, likewise in one parameter."""
    wanted = list(words)
    if session.get_bind().dialect.name == "postgresql":
        any_of: ColumnElement[bool] = column == func.any(bindparam(None, wanted, type_=ARRAY(String), unique=True))
        return any_of
    listed = func.json_each(json.dumps(wanted)).table_valued("value")
    found: ColumnElement[bool] = column.in_(select(listed.c.value))
    return found


def rows_changed(result: Result[Any]) -> int:
    """How many rows the UPDATE or DELETE has changed that gave this result."""
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def name_of(table: FromClause) -> str:
    """The table's name; a model's `__table__` is typed as any FROM clause."""
    return str(table.description)


def _flushed(session: AnySession) -> Connection:
    """Its connection, with all written that the session holds."""
    own = session() if isinstance(session, scoped_session) else session
    own.flush()
    return connection_of(own)


@lru_cache(maxsize=256)
def _inserting(table: FromClause, columns: tuple[str, ...], mark: str) -> str:
    return f"INSERT INTO {name_of(table)} ({_quoted(columns)}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@lru_cache(maxsize=64)
def _update_from_arrays(dialect: Dialect, table: FromClause, columns: tuple[str, ...], add: bool = False) -> str:
    """One UPDATE for all rows, its values sent as one array per column."""
    types = [table.c[name].type.compile(dialect) for name in (*columns, "id")]
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    old = f"{name_of(table)}." if add else ""
    sets = ", ".join(f'"{c}" = ' + (f'{old}"{c}" + v."{c}"' if add else f'v."{c}"') for c in columns)
    names = _quoted((*columns, "id"))
    return f"UPDATE {name_of(table)} SET {sets} FROM unnest({arrays}) AS v ({names}) WHERE {name_of(table)}.id = v.id"  # noqa: S608


# What the driver takes as it is; checking these one by one would cost more than writing them.
_AS_IT_IS = (String, Boolean, Integer, MinorUnits)


@lru_cache(maxsize=256)
def _converter(
    dialect: Dialect, table: FromClause, columns: tuple[str, ...]
) -> Callable[[Sequence[Row]], Iterable[Row]]:
    """What turns our values into the driver's; the rows themselves where no column needs it."""
    work = [
        (index, process) for index, name in enumerate(columns) if (process := _process(dialect, table.c[name].type))
    ]
    if not work:
        return lambda rows: rows

    def convert(rows: Sequence[Row]) -> Iterable[Row]:
        for row in rows:
            values = list(row)
            for index, process in work:
                values[index] = process(values[index])
            yield values

    return convert


def _process(dialect: Dialect, kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """How a value of this type becomes the driver's. The same days, moments and rates come thousands of times."""
    if isinstance(kind, _AS_IT_IS):
        return None
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return None
    return _same_again(process) if isinstance(kind, JSON) else lru_cache(maxsize=1024)(process)


def _same_again(process: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The very same object as the last time needs no second look: a thousand rows often share theirs."""
    last: list[Any] = [None, process(None)]

    def remembered(value: Any) -> Any:
        if value is not last[0]:
            last[:] = value, process(value)
        return last[1]

    return remembered
