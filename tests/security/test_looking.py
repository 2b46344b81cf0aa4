"""What people typed stays text on every page (S01, S03), and looking changes nothing (S29)."""

from __future__ import annotations

import json

import pytest
from conftest import Backend
from flask import Flask
from security.conftest import changed, prints
from security.pages import Walk
from signing_in import Browser
from sqlalchemy import Column, String, Text, update

from models import db

HOSTILE = "\"'></script><b id=z><img src=x onerror=1>{{7*7}}"
STARTS = ("/admin/", "/admin/settings/", "/admin/account/", "/portal/", "/help")
MADE_WHEN_FIRST_NEEDED = frozenset({"invoice"})  # the PDF of an invoice and its hash


def reached(app: Flask, walk: Walk) -> set[str]:
    return {signature[0] for signature in walk.seen}


def test_a_walk_through_all_pages_finds_no_breakdown_and_changes_nothing(world: Flask, owner: Browser) -> None:
    before = prints()
    walk = Walk(owner, STARTS)
    pages = [page.address for page in walk]
    assert len(pages) > 100
    assert [(address, status) for address, status, _text in walk.answers if status >= 400] == []
    assert set(changed(before, prints())) <= MADE_WHEN_FIRST_NEEDED


@pytest.mark.usefixtures("world")
class TestHostileTexts:
    def test_stay_texts_on_every_page(self, world: Flask, owner: Browser, backend: Backend) -> None:
        for table in db.metadata.sorted_tables:
            spoil([column for column in table.columns if is_free_text(column)])
        db.session.commit()
        walk = Walk(owner, STARTS)
        for page in walk:
            assert "z" not in page.ids and page.handlers == [], page.address
        assert [
            address for address, _status, text in walk.answers if "<img src=x" in text and "/export/" not in address
        ] == []
        assert [address for address, status, _text in walk.answers if status >= 500] == []
        assert sum("&lt;img src=x" in text for _address, _status, text in walk.answers) > 40


def is_free_text(column: Column) -> bool:
    """What somebody may have typed or sent in a file; not keys, states and what must have a form."""
    fixed = ("_hash", "_key", "currency", "timezone", "locale", "language", "template", "result_url", "token")
    kind = column.type
    plain = isinstance(kind, Text) or (type(kind) is String and (kind.length or 0) >= 60)
    return (
        plain
        and column.name != "key"
        and not column.foreign_keys
        and not column.name.endswith(fixed)
        and column.table.name != "role"
        and not (column.table.name == "dunning_plan" and column.name in ("before", "after", "warn_before"))
    )


def spoil(columns: list[Column]) -> None:
    """Overwrite every filled text of these columns."""
    for column in columns:
        value = json.dumps({"name": HOSTILE}) if column.name in ("seller", "buyer") else HOSTILE
        table = column.table
        together = [*(c for c in table.constraints if len(c.columns) > 1), *(i for i in table.indexes if i.unique)]
        if column.unique or any(column.name in each.columns for each in together):
            value = value[:30]
            db.session.execute(update(table).where(column != "").values({column: db.cast(table.c.id, String) + value}))
        else:
            db.session.execute(update(table).where(column != "").values({column: value}))
