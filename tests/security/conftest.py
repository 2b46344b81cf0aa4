"""A small company with a past, to be looked at and attacked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

import pytest
from conftest import empty_all_tables
from flask import Flask
from signing_in import Browser, sign_in
from sqlalchemy import select
from worlds import small_company

from models import db

OF_THE_VISIT = {"web_session", "sign_in_attempt", "form_token"}


@pytest.fixture(scope="module")
def world(migrated_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Two months of the demo company, put back as they were made for the tests of each file."""
    migrated_app.clock.__init__()
    with migrated_app.app_context():
        small_company(tmp_path_factory)
        db.session.remove()
        yield migrated_app
        db.session.remove()
        empty_all_tables()


@pytest.fixture
def owner(world: Flask) -> Browser:
    browser = world.test_client()
    sign_in(browser)
    return browser  # type: ignore[return-value]


def prints(left_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """A fingerprint of all rows of each table, apart from those that a visit itself writes."""
    db.session.rollback()
    tables = [t for t in db.metadata.sorted_tables if t.name not in OF_THE_VISIT | left_out]
    found = {}
    for table in tables:
        rows = sorted(repr(tuple(row)) for row in db.session.execute(select(table)))
        found[table.name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    db.session.rollback()
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in after if before[name] != after[name]]


TODAY = date(2026, 11, 22)
