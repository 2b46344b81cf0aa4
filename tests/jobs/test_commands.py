"""Commands end in one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from flask import Flask
from sqlalchemy import text

from jobs.commands import command_errors
from models import BillingError, db

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_refusal_is_one_line_and_undoes_what_was_begun(app: Flask) -> None:
    @command_errors
    def command() -> None:
        db.session.execute(text("INSERT INTO tag (name) VALUES ('half')"))
        raise BillingError("This customer is archived.")

    with pytest.raises(click.ClickException, match="This customer is archived."):
        command()
    assert db.session.scalar(text("SELECT count(*) FROM tag")) == 0


@pytest.mark.parametrize("sql", ["SELECT 1 FROM no_such_thing", "SELECT no_such_column FROM tag"])
def test_a_missing_table_names_the_way_out(app: Flask, sql: str) -> None:
    with pytest.raises(click.ClickException, match="Run flask db upgrade first"):
        command_errors(lambda: db.session.execute(text(sql)))()


def test_a_missing_file_is_named(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=r"nothing-here cannot be used: No such file"):
        command_errors(lambda: (tmp_path / "nothing-here").read_bytes())()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"DATABASE_URL": "nonsense"}, "DATABASE_URL cannot be read"), ({"SECRET_KEY": "dev"}, "SECRET_KEY is too easy")],
)
def test_a_wrong_setting_is_one_line(settings: dict[str, str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "customers", "export"],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ") and words in done.stderr
    assert done.stderr.count("\n") == 1
