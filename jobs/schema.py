"""The tables at the start: made or brought up to date by their migrations; those of a newer Tillbook are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade
from sqlalchemy import text

from models import BillingError, db

LOCK = 7_130_211
"""Any number, the same for every Tillbook: PostgreSQL's name of the lock below."""


class NewerDatabase(BillingError):
    """The database was written by a newer Tillbook than this one."""


def bring_up_to_date() -> bool:
    """Run the migrations that are missing; whether there were any. Raises NewerDatabase."""
    with _one_at_a_time():
        return _bring_up_to_date()


def _bring_up_to_date() -> bool:
    versions = _versions()
    present = _present()
    unknown = present - {script.revision for script in versions.walk_revisions()}
    if unknown:
        raise NewerDatabase(
            f"This database belongs to a newer Tillbook (version {', '.join(sorted(unknown))} is unknown here). "
            "Update Tillbook, or restore the backup that fits it. Nothing was changed."
        )
    if present == set(versions.get_heads()):
        return False
    upgrade(directory=versions.dir)
    return True


def wanted() -> frozenset[str]:
    """The newest migrations this Tillbook ships with: what a database that is up to date has."""
    return frozenset(_versions().get_heads())


def _versions() -> ScriptDirectory:
    return ScriptDirectory(str(Path(current_app.root_path) / "migrations"))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two machines that start together do not both make the tables. SQLite writes one transaction at a time anyway."""
    if db.engine.dialect.name != "postgresql":
        yield
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


def _present() -> set[str]:
    with db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())
