"""The migrations make what the models say, and take a business that was there before along, there and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from conftest import Clock, settings
from flask import Flask, current_app
from flask_migrate import downgrade, upgrade
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Table,
    func,
    inspect,
    select,
    text,
)

from app import create_app
from billing import doctor
from billing.doctor import Scope
from jobs import schema
from models import Customer, CustomerGroup, PortalAccess, Tag, db

OLD = Path(__file__).with_name("business_at_0004.json")
"""A business that was billed twice, as it lay in the database at 0004: {table: [columns, row, row, …]}."""


@pytest.fixture
def new_app(empty_database: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(settings(empty_database, tmp_path))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def differences() -> list[Any]:
    """What `flask db check` would say, and what it does not look at: checks, and what a delete does to the children."""
    hidden = {"include_object": lambda thing, name, kind, reflected, other: not (reflected and "_search" in str(name))}
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, **hidden})
        found = list(compare_metadata(context, db.metadata))
        there = inspect(connection)
        for table in db.metadata.sorted_tables:
            wanted = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
            checks = {str(check["name"]) for check in there.get_check_constraints(table.name)}
            found += [(table.name, name) for name in wanted ^ checks]
            found += [(table.name, key) for key in references(table) ^ stored_references(there, table.name)]
    return found


def references(table: Table) -> set[tuple[Any, ...]]:
    keys = [c for c in table.constraints if isinstance(c, ForeignKeyConstraint)]
    return {(*key.column_keys, key.referred_table.name, key.ondelete) for key in keys}


def stored_references(there: Any, table: str) -> set[tuple[Any, ...]]:
    keys = there.get_foreign_keys(table)
    return {(*key["constrained_columns"], key["referred_table"], key["options"].get("ondelete")) for key in keys}


def fill() -> None:
    """Put the old business into the tables of now (0004)."""
    tables = MetaData()
    tables.reflect(db.engine)
    kept = json.loads(OLD.read_text(encoding="utf-8"))
    with db.engine.begin() as connection:
        for table in (t for t in tables.sorted_tables if t.name in kept):
            names, *rows = kept[table.name]
            for column in (c for c in table.c if isinstance(c.type, JSON)):
                column.type.none_as_null = True
            connection.execute(table.insert(), [as_stored(table, dict(zip(names, row, strict=True))) for row in rows])
            if connection.dialect.name == "postgresql" and "id" in table.c:
                newest = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                connection.execute(text(newest))


def as_stored(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(table.c[name].type, value) for name, value in row.items()}


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value)
        return moment.astimezone() if moment.tzinfo else moment.replace(tzinfo=Clock().now.tzinfo)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return bool(value) if isinstance(kind, Boolean) else value


def counts() -> dict[str, int]:
    """The rows of every table that the old business had."""
    with db.engine.connect() as connection:
        names = json.loads(OLD.read_text(encoding="utf-8"))
        return {name: connection.execute(select(func.count()).select_from(text(name))).scalar_one() for name in names}


def ill() -> list[str]:
    """What the doctor says, in words."""
    scope = Scope(current_app.clock(), schema=schema.wanted(), mail_leaves=False, uploads=frozenset())
    found = [str(finding) for finding in doctor.examine(scope)]
    db.session.remove()
    return found


def test_an_empty_database_gets_what_the_models_say(new_app: Flask) -> None:
    upgrade()
    assert differences() == []


def test_an_old_business_comes_along_there_and_back(new_app: Flask) -> None:
    upgrade(revision="0004")
    fill()
    before = counts()
    assert before["invoice"] > 40 and before["ledger_entry"] > 100
    upgrade()
    assert (counts(), ill(), differences()) == (before, [], [])
    meant_the_same()
    downgrade(revision="0004")
    assert counts() == before
    upgrade()
    assert (counts(), ill(), differences()) == (before, [], [])


def meant_the_same() -> None:
    """What migrations since made of old values."""
    first, second = db.session.scalars(select(Customer).order_by(Customer.id).limit(2))
    assert (first.phone, first.phone_e164, first.group_by_hand) == ("085 012 3456", "+353850123456", True)
    assert (second.phone, second.phone_e164) == ("not a number", "")
    assert (first.never_suspend, first.own_never_suspend) == (True, False), "handed down by its group"
    assert (second.never_suspend, second.own_never_suspend) == (True, True), "its own"
    groups = db.session.execute(select(CustomerGroup.colour, CustomerGroup.never_suspend).order_by(CustomerGroup.id))
    assert [tuple(row) for row in groups] == [("red", True), ("", None)]
    assert db.session.scalars(select(Tag.colour)).all() == [""]
    assert db.session.scalars(select(PortalAccess.active)).all() == [True]
    db.session.remove()
