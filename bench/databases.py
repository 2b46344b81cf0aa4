"""Databases for benches: a migrated one, copies of it, and the driver's own connection to it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from flask_migrate import upgrade

from app import create_app
from models import db
from models.engine import PRAGMAS
from models.fold import fold
from tests.databases import postgresql


def app_on(url: str) -> Flask:
    """An app on this database, with nothing from the environment that could differ between machines."""
    return create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "a key for benches only 0123456789 abcdefgh"})


class Place:
    """Where the databases of one bench live: a folder for SQLite, a private server for PostgreSQL."""

    def __init__(self, kind: str, root: str) -> None:
        self.kind, self.root = kind, root

    def new(self, name: str) -> str:
        """The address of a new, migrated database."""
        if self.kind == "postgresql":
            self._server(f'CREATE DATABASE "{name}"')
        url = self.url(name)
        with app_on(url).app_context():
            upgrade()
            db.engine.dispose()
        return url

    def copy(self, name: str, to: str) -> str:
        """A copy with all rows; nobody may be connected to the original."""
        if self.kind == "postgresql":
            self._server(f'CREATE DATABASE "{to}" TEMPLATE "{name}"')
        else:
            with sqlite3.connect(f"{self.root}/{name}.sqlite3") as source:
                source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(f"{self.root}/{name}.sqlite3", f"{self.root}/{to}.sqlite3")
        return self.url(to)

    def drop(self, *names: str) -> None:
        for name in names:
            if self.kind == "postgresql":
                self._server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            for path in Path(self.root).glob(f"{name}.sqlite3*") if self.kind == "sqlite" else ():
                path.unlink()

    def url(self, name: str) -> str:
        return f"{self.root}/{name}" if self.kind == "postgresql" else f"sqlite:///{self.root}/{name}.sqlite3"

    def connect(self, name: str) -> Any:
        """The driver's own connection, as strict as the app's."""
        if self.kind == "postgresql":
            return psycopg.connect(self.url(name).replace("+psycopg", ""))
        connection = sqlite3.connect(f"{self.root}/{name}.sqlite3", isolation_level=None)
        connection.create_function("fold", 1, fold, deterministic=True)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _server(self, statement: str) -> None:
        with psycopg.connect(f"{self.root.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def place(kind: str) -> Iterator[Place]:
    """Somewhere to make databases of this kind; everything is gone afterwards."""
    if kind == "postgresql":
        with postgresql() as address:
            yield Place(kind, address)
        return
    with tempfile.TemporaryDirectory(prefix="tillbook-bench-") as folder:
        yield Place(kind, folder)
