"""A filled database made once for a whole run, and put back as it was wherever tests ask for it."""

from __future__ import annotations

import fcntl
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import text

from jobs import demo
from models import db


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run see."""
    own = factory.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


def small_company(factory: pytest.TempPathFactory) -> demo.Login:
    """Two months of the demo company in the empty database of the current app, to be looked at and attacked."""
    return put("small-company", shared_folder(factory), _fill)


def _fill() -> demo.Login:
    number_from_one()
    return demo.fill(months=2, customers=12)


def number_from_one() -> None:
    """Ids begin at 1 again, on PostgreSQL too: the addresses that are asked for name them."""
    if db.engine.dialect.name == "postgresql":
        names = ", ".join(table.name for table in db.metadata.sorted_tables)
        with db.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Nobody else in this block, in no process of the run."""
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def once(name: str, factory: pytest.TempPathFactory, make: Callable[[], Any]) -> Any:
    """What `make` returns, asked once a run and database: for what is read from a company that is always the same."""
    folder = shared_folder(factory)
    kept = folder / f"{name}-{db.engine.dialect.name}.result"
    with _alone(folder, kept.name):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make()))
    return pickle.loads(kept.read_bytes())


def put(name: str, folder: Path, make: Callable[[], Any]) -> Any:
    """Fill the empty database and the folder of files of the current app as `make` does; what it returned.

    The first who asks in a run has it made, the others get a copy with the same ids.
    """
    kept = folder / f"{name}-{db.engine.dialect.name}"
    with _alone(folder, kept.name):
        if not (kept / "result").exists():
            kept.mkdir(exist_ok=True)
            result = make()
            db.session.commit()
            db.session.remove()
            _keep(kept)
            (kept / "result").write_bytes(pickle.dumps(result))
            return result
    _put_back(kept)
    return pickle.loads((kept / "result").read_bytes())


def _files() -> Path:
    return Path(current_app.config["FILES_DIR"])


def _keep(kept: Path) -> None:
    if _files().exists():
        shutil.copytree(_files(), kept / "files")
    (_keep_sqlite if db.engine.dialect.name == "sqlite" else _keep_postgresql)(kept)


def _put_back(kept: Path) -> None:
    shutil.rmtree(_files(), ignore_errors=True)
    if (kept / "files").exists():
        shutil.copytree(kept / "files", _files())
    (_put_sqlite if db.engine.dialect.name == "sqlite" else _put_postgresql)(kept)


@contextmanager
def _driver() -> Iterator[Any]:
    """The driver's own connection, with nothing begun."""
    connection = db.engine.raw_connection()
    try:
        yield connection.driver_connection
    finally:
        connection.close()


def _keep_sqlite(kept: Path) -> None:
    with _driver() as driver:
        copy = sqlite3.connect(kept / "copy.sqlite3")
        driver.backup(copy)
        copy.close()


def _put_sqlite(kept: Path) -> None:
    """Page by page; connections notice, as after any other's commit."""
    with _driver() as driver:
        copy = sqlite3.connect(kept / "copy.sqlite3")
        copy.backup(driver)
        copy.close()


def _keep_postgresql(kept: Path) -> None:
    rows: dict[str, bytes] = {}
    with _driver() as driver, driver.cursor() as cursor:
        for table in db.metadata.sorted_tables:
            with cursor.copy(f'COPY "{table.name}" TO STDOUT (FORMAT binary)') as copy:
                rows[table.name] = b"".join(bytes(part) for part in copy)
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL")
        numbers = cursor.fetchall()
        driver.rollback()
    (kept / "rows").write_bytes(pickle.dumps((rows, numbers)))


def _put_postgresql(kept: Path) -> None:
    """Parents first, as the foreign keys want it."""
    rows, numbers = pickle.loads((kept / "rows").read_bytes())
    with _driver() as driver, driver.cursor() as cursor:
        for name, data in rows.items():
            with cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT binary)') as copy:
                copy.write(data)
        for name, number in numbers:
            cursor.execute("SELECT setval(%s::regclass, %s)", (name, number))
        driver.commit()
