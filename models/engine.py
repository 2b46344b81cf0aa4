"""How a connection behaves: SQLite as strict as PostgreSQL, and one answer to "may this transaction write?"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, Engine, event

from .fold import fold

_reading: ContextVar[bool] = ContextVar("reading", default=False)

PRAGMAS = (
    "journal_mode=WAL",
    "busy_timeout=10000",
    "foreign_keys=ON",
    "synchronous=FULL",
    "cache_size=-8192",
    "temp_store=MEMORY",
)


PREPARED = 400
"""Statements that PostgreSQL keeps prepared for a connection: the driver's 100 are fewer than the panel has, and those
asked in turn push each other out."""


@contextmanager
def reading() -> Iterator[None]:
    """Transactions begun in this block only read: on SQLite they do not take the write lock."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def writing() -> Iterator[None]:
    """Transactions begun in this block may write, also inside a block that only reads."""
    token = _reading.set(False)
    try:
        yield
    finally:
        _reading.reset(token)


def set_reading(value: bool) -> None:
    """Say for the rest of this context (one request) whether transactions only read."""
    _reading.set(value)


@event.listens_for(Engine, "connect")
def _configure(dbapi_connection: Any, record: Any) -> None:
    if type(dbapi_connection).__module__.startswith("sqlite3"):
        dbapi_connection.isolation_level = None  # we begin ourselves, see _begin
        cursor = dbapi_connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        # Searched texts are a computed column (models.search): writing a customer needs this function.
        dbapi_connection.create_function("fold", 1, fold, deterministic=True)
    else:
        dbapi_connection.prepared_max = PREPARED


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """The driver would begin only at the first write, after the reads it depends on: updates get lost silently.

    BEGIN IMMEDIATE takes the write lock first, so a read-then-write transaction sees what it changes.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _reading.get() else "BEGIN IMMEDIATE")


@contextmanager
def hurrying(engine: Engine) -> Iterator[None]:
    """Commits in this block do not wait for the disk; whatever was committed is safe once the block has ended.

    Only for work that is begun again from nothing when the machine dies meanwhile. Nothing may be open in the
    session at either end.
    """
    hurry = "PRAGMA synchronous=OFF" if engine.dialect.name == "sqlite" else "SET synchronous_commit = off"

    def not_waiting(dbapi_connection: Any, record: Any) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(hurry)
        cursor.close()
        dbapi_connection.commit()

    engine.dispose()  # connections made before and after this block wait as ever
    event.listen(engine, "connect", not_waiting)
    try:
        yield
    finally:
        event.remove(engine, "connect", not_waiting)
        engine.dispose()
