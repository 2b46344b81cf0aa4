"""Schedulers as processes: one leads, the next takes over, and a run survives the death of whoever did it."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Backend
from factories import add
from flask import Flask
from processes import Process, eventually, flask
from shop import DECEMBER, shop
from sqlalchemy import Select, func, select, text, update

from billing.actor import Actor
from billing.runs import SCHEDULER, ask_for
from models import Invoice, Lease, Run, RunState, db
from models.engine import reading


@pytest.fixture
def settings(app: Flask, backend: Backend) -> dict[str, str]:
    return {
        "DATABASE_URL": backend.url,
        "FILES_DIR": app.config["FILES_DIR"],
        "SCHEDULER_LEASE": "2",
        "MAIL_SERVER": "",
    }


def one(query: Select[Any]) -> Any:
    """What the database says now. Nothing stays open: on SQLite that would keep the other processes from writing."""
    with reading():
        found = db.session.scalar(query)
        db.session.rollback()
    return found


def leader() -> str:
    """Host, process and its start; empty when nobody leads."""
    return one(select(Lease.owner).where(Lease.name == SCHEDULER)) or ""


def leads(process: Process) -> bool:
    return leader().split(":")[1:2] == [str(process.process.pid)]


def ask(by: Actor) -> int:
    run_id = ask_for("renewals", DECEMBER, by).id
    db.session.commit()
    return run_id


def state(run_id: int) -> RunState | None:
    return one(select(Run.state).where(Run.id == run_id))


def invoices() -> int:
    return one(select(func.count(Invoice.id)))


def test_one_of_two_leads_and_the_other_takes_over(app: Flask, by: Actor, settings: dict[str, str]) -> None:
    shop(by)
    with flask("jobs", "scheduler", **settings) as first:
        first.wait_for("The scheduler works.")
        with flask("jobs", "scheduler", **settings) as second:
            second.wait_for("this one stands by.")
            assert leads(first)
            first.stop(signal.SIGKILL)
            eventually(lambda: leads(second))
            asked = ask(by)
            eventually(lambda: state(asked) is RunState.FINISHED)
            assert invoices() == 3
            assert second.stop(signal.SIGTERM) == 0
            second.wait_for("The scheduler has stopped.")
    assert leader() == ""


def test_the_lease_of_a_machine_that_is_gone_runs_out(app: Flask, settings: dict[str, str]) -> None:
    now = datetime.now(UTC)
    add(Lease(name=SCHEDULER, owner="elsewhere:1:1", fence=7, expires_at=now + timedelta(hours=1)))
    db.session.commit()
    with flask("jobs", "scheduler", **settings) as process:
        process.wait_for("this one stands by.")
        assert leader() == "elsewhere:1:1"
        db.session.execute(update(Lease).values(expires_at=now))
        db.session.commit()
        eventually(lambda: leads(process))
    assert one(select(Lease.fence)) == 8


def test_a_run_cut_off_by_a_kill_is_finished_by_the_next_scheduler(
    app: Flask, by: Actor, settings: dict[str, str]
) -> None:  # fmt: skip
    shop(by)
    asked = ask(by)
    with flask("jobs", "scheduler", **settings, TILLBOOK_FAULT="renewals.kept@1") as process:
        assert process.process.wait(60) == -signal.SIGKILL
    assert state(asked) is RunState.RUNNING
    with flask("jobs", "scheduler", **settings):
        eventually(lambda: state(asked) is RunState.STOPPED)
        rest = select(Run.state).where(Run.resumes_id == asked)
        eventually(lambda: one(rest) is RunState.FINISHED)
    assert invoices() == 3


def test_connections_that_were_cut_are_made_anew(
    app: Flask, by: Actor, backend: Backend, settings: dict[str, str]
) -> None:  # fmt: skip
    """A server that restarts ends all connections at once. SQLite has none to lose."""
    shop(by)
    with flask("jobs", "scheduler", **settings) as process:
        process.wait_for("The scheduler works.")
        if backend.name == "postgresql":
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            assert db.session.scalars(
                text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            ).all()
            db.session.rollback()
        asked = ask(by)
        eventually(lambda: state(asked) is RunState.FINISHED)
        assert process.stop(signal.SIGTERM) == 0
    assert invoices() == 3
