"""How migrations run: on one connection of their own; on SQLite with foreign keys off while tables are rebuilt.

A table rebuild with foreign keys on would delete the children of every row (ON DELETE CASCADE fires).
"""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from models import db
from models.types import ExactDecimal, MinorUnits, Moment


def run() -> None:
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        try:
            migrate(connection)
            if sqlite:
                check_references(connection)
            connection.commit()
        finally:
            if sqlite:
                connection.rollback()
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        include_object=belongs_to_models,
        render_item=as_stored,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()


def belongs_to_models(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    """The search tables and indexes are made by hand (models.search), not from the models."""
    return not (reflected and name is not None and "_search" in name)


def as_stored(kind: str, thing: object, autogen_context: object) -> str | bool:
    """A migration says how our column types are stored, so that it stays true when the types change."""
    if kind == "type" and isinstance(thing, (MinorUnits, ExactDecimal)):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(thing, Moment):
        return "sa.DateTime(timezone=True)"
    return False


def check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if broken:
        raise RuntimeError(f"the migration would leave rows without their parent: {broken}")


run()
