"""kill -9 at every named point, and four processes at once: the rows are those of an undisturbed run."""

from __future__ import annotations

import signal
from datetime import date

import pytest
from flask import Flask
from forked import Forked
from shop import fresh_shop
from snapshot import snapshot

from billing.actor import Actor
from jobs import renewals
from models import db

UNTIL = date(2027, 1, 4)


def start(app: Flask, fault: str = "") -> Forked:
    return Forked(app, "jobs.renewals:run", UNTIL, values={"jobs.renewals.CHUNK": 5}, fault=fault)


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
        assert start(app, point).ended() == -signal.SIGKILL
        again = start(app)
        assert again.ended() == 0
        assert snapshot() == expected, f"killed at {point}"
        assert again.result["failed"] == 0
        db.session.remove()


def test_four_started_at_once_do_the_work_once(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(app, monkeypatch)
    fresh_shop(app)
    runs = [start(app) for _ in range(4)]
    assert [run.ended() for run in runs] == [0, 0, 0, 0]
    results = [run.result["invoices"] for run in runs]
    assert snapshot() == expected
    assert sorted(results)[:3] == [0, 0, 0]
    assert max(results) == len(expected["invoice"])
