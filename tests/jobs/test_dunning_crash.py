"""kill -9 at every named point, four processes at once, and days off: what is done is that of undisturbed runs."""

from __future__ import annotations

import random
import re
import signal
from datetime import date, timedelta
from typing import Any

import pytest
from debts import FIRST, fresh_debts
from flask import Flask
from forked import Forked
from snapshot import snapshot

from billing.actor import Actor
from jobs import dunning
from models import DunningStep, Invoice, Service, StepKind, StepState, db

BEGIN, UNTIL = FIRST - timedelta(days=8), FIRST + timedelta(days=21)
MIDDLE = FIRST + timedelta(days=10)
POINTS = ["dunning.taken@2", "dunning.written@1", "dunning.written@4", "dunning.committed@1", "dunning.committed@3"]


def state() -> dict[str, list[Any]]:
    """What there is; drafts are called by their ids, of which a crash leaves out some on PostgreSQL."""
    found: dict[str, list[Any]] = dict(snapshot())
    found["audit_event"] = sorted(re.sub(r"Draft \d+", "Draft", repr(row)) for row in found["audit_event"])
    return found


def start(app: Flask, fault: str = "") -> Forked:
    return Forked(app, "jobs.dunning:run", MIDDLE, True, values={"jobs.dunning.CHUNK": 3}, fault=fault)


def begun(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    app.clock.set(FIRST)  # type: ignore[attr-defined]
    fresh_debts(app)
    monkeypatch.setattr(dunning, "CHUNK", 3)
    dunning.run(BEGIN)
    app.clock.set(MIDDLE)  # type: ignore[attr-defined]


def undisturbed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    begun(app, monkeypatch)
    dunning.run(MIDDLE)
    return state()


def test_killed_anywhere_and_started_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(app, monkeypatch)
    assert len(expected["dunning_step"]) > 40
    for point in POINTS:
        begun(app, monkeypatch)
        assert start(app, point).ended() == -signal.SIGKILL
        again = start(app)
        assert again.ended() == 0
        assert state() == expected, f"killed at {point}"
        db.session.remove()


def test_four_started_at_once_do_the_work_once(app: Flask, by: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = undisturbed(app, monkeypatch)
    begun(app, monkeypatch)
    runs = [start(app) for _ in range(4)]
    assert [run.ended() for run in runs] == [0, 0, 0, 0]
    assert sorted(run.result["invoices"] for run in runs)[:3] == [0, 0, 0]
    assert state() == expected


def done(days: list[date], app: Flask) -> dict[str, list[Any]]:
    """What lasts of runs on these days: fees, suspensions, cancellations and the services, without the messages."""
    app.clock.set(FIRST)  # type: ignore[attr-defined]
    fresh_debts(app)
    for day in days:
        app.clock.set(day)  # type: ignore[attr-defined]
        dunning.run()
    numbers = dict(db.session.execute(db.select(Invoice.id, Invoice.number)).all())
    hard = DunningStep.kind.in_((StepKind.FEE, StepKind.SUSPEND, StepKind.CANCEL))
    columns = DunningStep.invoice_id, DunningStep.kind, DunningStep.days, DunningStep.on, DunningStep.state
    steps = db.session.execute(db.select(*columns, DunningStep.reason, DunningStep.services).where(hard))
    services = db.session.execute(
        db.select(Service.id, Service.status, Service.suspended_for, Service.cancelled_on).order_by(Service.id)
    )
    fees = db.session.execute(
        db.select(DunningStep.invoice_id, Invoice.total_minor).join(
            Invoice, Invoice.id == DunningStep.fee_invoice_id
        )  # fmt: skip
    )
    said = db.select(DunningStep.invoice_id, DunningStep.kind, DunningStep.days).where(
        ~hard, DunningStep.state != StepState.UNDONE
    )  # fmt: skip
    first = set(range(1, 19))
    return {
        "steps": sorted((numbers[row[0]], *map(str, row[1:])) for row in steps),
        "services": [tuple(row) for row in services],
        "fees": sorted((numbers[one], total) for one, total in fees),
        "said": sorted({(row[0], str(row[1]), row[2]) for row in db.session.execute(said) if row[0] in first}),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_catching_up_comes_to_the_same_as_day_by_day(app: Flask, seed: int) -> None:
    every = [BEGIN + timedelta(days=n) for n in range((UNTIL - BEGIN).days + 1)]
    dice = random.Random(seed)
    some = [day for day in every[:-1] if dice.random() < 0.35]
    expected = done(every, app)
    assert expected["fees"]
    assert {row[1] for row in expected["services"]} >= {"cancelled", "active"}
    assert done([every[0], *some[1:], every[-1]], app) == expected
