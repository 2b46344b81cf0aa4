"""The tables at the start: made or brought up to date by their migrations; those of a newer Tillbook are refused."""

from __future__ import annotations

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import upgrade

from models import BillingError, db


class NewerDatabase(BillingError):
    """The database was written by a newer Tillbook than this one."""


def bring_up_to_date() -> bool:
    """Run the migrations that are missing; whether there were any. Raises NewerDatabase."""
    folder = str(Path(current_app.root_path) / "migrations")
    versions = ScriptDirectory(folder)
    present = _present()
    unknown = present - {script.revision for script in versions.walk_revisions()}
    if unknown:
        raise NewerDatabase(
            f"This database belongs to a newer Tillbook (version {', '.join(sorted(unknown))} is unknown here). "
            "Update Tillbook, or restore the backup that fits it. Nothing was changed."
        )
    if present == set(versions.get_heads()):
        return False
    upgrade(directory=folder)
    return True


def _present() -> set[str]:
    with db.engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads())
