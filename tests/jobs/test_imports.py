"""The job behind the import pages: killed, stopped, crowded out, and still every customer once (F32)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from conftest import Backend
from factories import make_company
from flask import Flask
from signing_in import make_role, make_staff
from sqlalchemy import func, select

from billing import import_drafts
from billing.actor import Actor
from billing.import_choices import Choices
from jobs import imports, lease, stopping
from models import AuditEvent, Customer, ImportFile, ImportProblem, ImportState, Run, RunState, Tag, customer_tag, db

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS, BAD_EVERY = 8_000, 160
GOOD = ROWS - ROWS // BAD_EVERY
Make = Callable[..., int]


@pytest.fixture
def make(app: Flask, by: Actor) -> Make:
    """An uploaded table that was checked and is to be imported; its id."""

    def make(table: str, *, whole: bool, tag: str = "") -> int:
        make_company()
        store = imports.store()
        name, size = store.keep(BytesIO(table.encode()))
        draft = import_drafts.begin("table.csv", name, size, store, by, "EUR")
        import_drafts.choose(draft, Choices.read({**draft.choices, "source": "shop"}), by)
        import_drafts.ask_check(draft, by)
        number = draft.id
        db.session.commit()
        imports.run()
        import_drafts.ask_import(db.session.get_one(ImportFile, number), by, whole=whole, tag=tag)
        db.session.commit()
        return number

    return make


def table(bad: bool) -> str:
    lines = [f"{n},C{n},{'none' if bad and n % BAD_EVERY == 0 else f'c{n}@mail.example'}\n" for n in range(1, ROWS + 1)]
    return "Id,Name,Email\n" + "".join(lines)


def draft(number: int) -> ImportFile:
    db.session.rollback()
    return db.session.get_one(ImportFile, number, populate_existing=True)


def count(model: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def kill_half_way(app: Flask, backend: Backend, number: int) -> None:
    """Let another process do the job and kill -9 it in the middle of the writing."""
    environment = os.environ | {"DATABASE_URL": backend.url, "FILES_DIR": app.config["FILES_DIR"]}
    name = draft(number).stored_as
    db.session.rollback()
    command = [sys.executable, "-m", "flask", "jobs", "run", "imports"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            done, total = imports.store().progress(name)
            if total == ROWS and 2_000 <= done < ROWS:
                return
        pytest.fail("the import ended before it could be killed")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_killed_half_way_all_or_nothing_is_nothing_and_then_all(app: Flask, backend: Backend, make: Make) -> None:
    number = make(table(bad=False), whole=True)
    kill_half_way(app, backend, number)
    assert count(Customer) == 0 and draft(number).state is ImportState.IMPORTING
    imports.run()
    assert count(Customer) == ROWS and draft(number).state is ImportState.DONE
    assert draft(number).counts["new"] == ROWS


def test_killed_half_way_good_lines_go_on_and_the_sums_are_of_all_tries(
    app: Flask, backend: Backend, make: Make
) -> None:
    number = make(table(bad=True), whole=False, tag="moved")
    kill_half_way(app, backend, number)
    kept = count(Customer)
    assert 0 < kept < GOOD and kept % 1000 == 0
    imports.run()
    assert count(Customer) == GOOD == db.session.scalar(select(func.count(func.distinct(Customer.external_id))))
    counts = draft(number).counts
    assert (counts["new"], counts["unchanged"], counts["rejected"]) == (GOOD, 0, ROWS // BAD_EVERY)
    assert db.session.scalar(select(func.count()).select_from(customer_tag)) == GOOD
    assert db.session.scalars(select(Tag.name)).all() == ["moved"]
    first, second = db.session.scalars(select(Run).where(Run.kind == "import").order_by(Run.id))
    assert (first.state, second.state, second.resumes_id) == (RunState.STOPPED, RunState.FINISHED, first.id)
    imported = select(func.count()).where(AuditEvent.verb == "customer.imported")
    assert db.session.scalar(imported) == GOOD


SMALL = "Id,Name,Email\n1,Ann,ann@mail.example\n2,Bob,bob@mail.example\n"


def test_what_was_told_to_stop_is_begun_again_later(app: Flask, make: Make) -> None:
    number = make(SMALL, whole=True)
    stopping.ask()
    try:
        with pytest.raises(stopping.Stopping):
            imports.run()
    finally:
        stopping.withdraw()
    assert draft(number).state is ImportState.IMPORTING and draft(number).tries == 0 and count(Customer) == 0
    imports.run()
    assert count(Customer) == 2


@pytest.mark.parametrize("how", ["disabled", "another role"])
def test_rights_that_were_taken_away_meanwhile_end_it(app: Flask, make: Make, how: str) -> None:
    person = make_staff("billing")
    number = make(table(bad=False), whole=False)
    draft(number).staff_id = person.id
    if how == "disabled":
        person.active = False
    else:
        person.role = make_role("looker", "customers.view")
    db.session.commit()
    imports.run()
    assert count(Customer) == 0
    assert draft(number).state is ImportState.FAILED and "may not import any more" in draft(number).error


def test_another_import_is_waited_for(app: Flask, make: Make) -> None:
    number = make(SMALL, whole=True)
    held = lease.acquire("imports", timedelta(days=1))
    assert held is not None
    imports.run()
    assert draft(number).state is ImportState.IMPORTING and count(Customer) == 0
    db.session.rollback()
    with pytest.raises(imports.OneAtATime, match="Another import is going on"):
        imports.write(None, in_steps=False, advance=id)  # type: ignore[arg-type]
    lease.release(held)
    imports.run()
    assert count(Customer) == 2


def test_what_brings_the_process_down_three_times_is_left_to_a_person(app: Flask, make: Make) -> None:
    number = make(SMALL, whole=True)
    draft(number).tries = 3
    db.session.commit()
    imports.run()
    assert draft(number).state is ImportState.FAILED and "three times" in draft(number).error and count(Customer) == 0


def test_a_file_that_is_gone_or_changed_is_told_and_nothing_kept(app: Flask, make: Make) -> None:
    number = make(SMALL, whole=True)
    path = imports.store().path(draft(number).stored_as)
    db.session.rollback()
    path.write_text("Other,Columns\na,b\n")
    imports.run()
    assert draft(number).state is ImportState.FAILED and "Load the page again" in draft(number).error
    draft(number).state = ImportState.IMPORTING
    db.session.commit()
    path.unlink()
    imports.run()
    assert "cannot be read any more: No such file" in draft(number).error and count(Customer) == 0


def test_a_flood_of_faults_is_counted_and_the_first_are_kept(app: Flask, make: Make, by: Actor) -> None:
    lines = "".join(f"{n},,x\n" for n in range(30_000))
    number = make("Id,Name,Email\n" + lines + "x,Ann,ann@mail.example\n", whole=False)
    counts = draft(number).counts
    assert (counts["rejected"], counts["problems"], counts["kept"]) == (30_000, 60_000, 50_000)
    assert count(ImportProblem) == 50_000
