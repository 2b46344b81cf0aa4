"""kill -9 at every named point, and four processes at once: the rows are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from shop import fresh_shop
from snapshot import snapshot

from billing.actor import Actor
from jobs import renewals
from models import db

ROOT = Path(__file__).resolve().parents[2]
UNTIL = date(2027, 1, 4)
SCRIPT = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from app import create_app
from conftest import settings
from jobs import renewals
from datetime import date
import json
app = create_app(settings({url!r}, {files!r}))
renewals.CHUNK = 5
with app.app_context():
    print(json.dumps(renewals.run(date.fromisoformat({until!r}))))
"""


def start(app: Flask, fault: str = "") -> subprocess.Popen[str]:
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    files = app.config["FILES_DIR"]
    script = SCRIPT.format(root=str(ROOT), tests=str(ROOT / "tests"), url=url, files=files, until=UNTIL.isoformat())
    environment = {**os.environ, "TILLBOOK_FAULT": fault}
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def undisturbed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[object, ...]]]:
    fresh_shop(app)
    monkeypatch.setattr(renewals, "CHUNK", 5)
    renewals.run(UNTIL)
    return snapshot()


POINTS = ["renewals.built@1", "renewals.built@4", "renewals.kept@2", "renewals.committed@1", "renewals.committed@6"]


def test_killed_anywhere_and_started_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(app, monkeypatch)
    for point in POINTS:
        fresh_shop(app)
        killed = start(app, point)
        _, errors = killed.communicate(timeout=60)
        assert killed.returncode == -signal.SIGKILL, errors
        again = start(app)
        output, errors = again.communicate(timeout=60)
        assert again.returncode == 0, errors
        assert snapshot() == expected, f"killed at {point}"
        assert json.loads(output)["failed"] == 0
        db.session.remove()


def test_four_started_at_once_do_the_work_once(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(app, monkeypatch)
    fresh_shop(app)
    runs = [start(app) for _ in range(4)]
    results = []
    for run in runs:
        output, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
        results.append(json.loads(output)["invoices"])
    assert snapshot() == expected
    assert sorted(results)[:3] == [0, 0, 0]
    assert max(results) == len(expected["invoice"])
