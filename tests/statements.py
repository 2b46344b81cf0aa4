"""Counting what is said to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from models import db

KEEPING = "PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"
"""What asks nothing and writes nothing."""


@contextmanager
def spoken() -> Iterator[list[str]]:
    """The statements said to the database inside, whichever way they go there; many rows at once are one."""
    said: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(KEEPING):
            said.append(statement)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield said
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)
