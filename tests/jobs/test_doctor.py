"""`flask doctor`, as somebody at a terminal, a monitor or the scheduler meets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from conftest import Backend
from factories import make_company, make_customer, make_service
from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from billing import doctor
from jobs import renewals, schedule
from jobs.audit_seal import seal_audit
from jobs.doctor import snapshot
from models import AuditEvent, Customer, Run, RunState, Tag, db

ROOT = Path(__file__).resolve().parent.parent.parent


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["doctor", *words])


def bill_somebody() -> Customer:
    make_company()
    customer = make_customer(name="Lindqvist")
    make_service(customer)
    db.session.commit()
    renewals.run(customer.registered_on.replace(month=12))
    return customer


def corrupt(name: str = "Lindqvist") -> None:
    db.session.execute(text("UPDATE customer SET balance_minor = 1, name = :name"), {"name": name})
    db.session.commit()


def test_nothing_found(app: Flask) -> None:
    bill_somebody()
    seal_audit()
    result = run(app)
    assert re.fullmatch(rf"0 findings \({len(doctor.CHECKS)} checks, \d+\.\d\d s\)\n", result.stdout)
    assert result.exit_code == 0


def test_an_empty_database_is_well(app: Flask) -> None:
    assert run(app).stdout.startswith("0 findings ")


def test_a_finding_is_one_line_and_exit_code_1(app: Flask) -> None:
    bill_somebody()
    corrupt("Lindqvist\nI99  fake\x1b[2J")
    result = run(app)
    first, last = result.stdout.splitlines()
    assert first.startswith("I02  1 customer with a balance or credit that is not the sum of the ledger: Lindqvist")
    assert "\x1b" not in first and "fake" in first
    assert last.startswith("1 finding (")
    assert result.exit_code == 1


def test_the_same_as_json(app: Flask) -> None:
    customer = bill_somebody()
    number = customer.id
    corrupt()
    result = run(app, "--json")
    told = json.loads(result.stdout)
    assert set(told) == {"findings", "checks", "seconds"}
    assert (told["checks"], result.exit_code) == (len(doctor.CHECKS), 1)
    (finding,) = told["findings"]
    assert (finding["code"], finding["count"], finding["failed"]) == ("I02", 1, False)
    assert finding["samples"] == [{"id": number, "shown": "Lindqvist"}]


def test_it_cannot_write(app: Flask) -> None:
    with pytest.raises(DBAPIError), snapshot():
        db.session.execute(text("UPDATE customer SET balance_minor = 1"))
    db.session.rollback()
    db.session.add(Tag(name="afterwards"))
    db.session.commit()


def test_it_sees_one_state_however_long_it_looks(app: Flask, backend: Backend) -> None:
    count = select(func.count()).select_from(Tag)
    engine = create_engine(backend.url)
    with snapshot():
        before = db.session.scalar(count)
        with engine.begin() as other:
            other.execute(text("INSERT INTO tag (name) VALUES ('meanwhile')"))
        assert (before, db.session.scalar(count)) == (0, 0)
    engine.dispose()
    assert db.session.scalar(count) == 1


def test_mails_that_wait_are_a_finding_once_mail_is_set_up(app: Flask) -> None:
    bill_somebody()
    app.clock.advance(hours=2)
    assert run(app).exit_code == 0
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_DEFAULT_SENDER="office@harbour.example")
    try:
        result = run(app)
    finally:
        app.config.update(MAIL_SERVER="", MAIL_DEFAULT_SENDER=None)
    assert result.stdout.startswith("I24  1 delivery waiting for over an hour: ")


def test_without_tables_it_says_what_to_do(app: Flask, empty_database: str) -> None:
    settings = os.environ | {"DATABASE_URL": empty_database, "SECRET_KEY": app.config["SECRET_KEY"], "FLASK_APP": "app"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "doctor"], cwd=ROOT, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Run flask db upgrade first" in done.stderr, done.stdout + done.stderr


def test_the_scheduler_notes_what_changed(app: Flask) -> None:
    bill_somebody()
    job = schedule.named("doctor")
    assert schedule.carry_out(job) == {"findings": 0}
    corrupt()
    assert schedule.carry_out(job) == schedule.carry_out(job) == {"findings": 1}
    rows = db.session.scalars(select(Run).where(Run.kind == "doctor")).all()
    assert [(row.state, row.counts) for row in rows] == [(RunState.FAILED, {"findings": 1})]
    assert rows[0].error.startswith("I02  1 customer")


def test_the_scheduler_seals(app: Flask) -> None:
    bill_somebody()
    assert schedule.carry_out(schedule.named("seal"))["sealed"] > 0
    assert db.session.scalar(select(func.count()).where(AuditEvent.seal.is_(None))) == 0
