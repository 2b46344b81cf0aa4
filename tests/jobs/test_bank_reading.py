"""Long bank statements are read by a job: kept step by step, begun again where it was cut off, told why not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from factories import make_company, make_customer, make_invoice
from flask import Flask
from sqlalchemy import select

from billing import bank_mapping, bank_reading, bank_statements
from billing.actor import Actor
from billing.bank_statements import NotNow
from billing.import_store import Store
from jobs import bank_reading as job
from messaging import files
from models import BankLine, BankStatement, StatementState, db

LINES = 1100


@pytest.fixture
def store(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    make_company()
    make_invoice(make_customer(name="Doyle"), 4900)
    db.session.commit()
    return Store(files.folder_of(job.FOLDER))


def taken(store: Store, by: Actor, lines: int = LINES, day: str = "2026-11-20") -> BankStatement:
    rows = "".join(f"{day},Doyle {n},INV 1 for {n},49.00\n" for n in range(lines))
    name, _size = store.keep(io.BytesIO(f"Date,Name,Text,Amount\n{rows}".encode()))
    statement = bank_statements.take_in("bank.csv", name, store, "EUR", by)
    db.session.commit()
    return statement


def ask(statement: BankStatement, store: Store, by: Actor) -> None:
    assert bank_reading.is_long(statement, store)
    bank_reading.ask(statement, store, bank_mapping.BankMapping.of(statement.mapping), by)
    db.session.commit()


def test_it_is_read_to_its_end_and_the_same_file_makes_nothing_twice(store: Store, by: Actor) -> None:
    statement = taken(store, by)
    name = statement.stored_as
    ask(statement, store, by)
    with pytest.raises(NotNow, match="being read"):
        bank_statements.discard(statement, by=by)
    job.run()
    assert (statement.state, statement.lines, statement.known) == (StatementState.READ, LINES, 0)
    assert bank_statements.counts(statement)["sure"] == LINES
    assert not statement.stored_as and not store.path(name).exists()
    again = taken(store, by, LINES + 1)
    ask(again, store, by)
    job.run()
    assert (again.lines, again.known, db.session.query(BankLine).count()) == (1, LINES, LINES + 1)
    assert job.run() == {}


def test_what_was_cut_off_begins_again(store: Store, by: Actor) -> None:
    statement = taken(store, by)
    ask(statement, store, by)
    begun = bank_reading.begin(statement.id)
    assert begun is not None
    next(bank_reading.go_on(begun, store, by))
    db.session.commit()  # and here its process dies
    assert 0 < db.session.query(BankLine).count() < LINES
    job.run()
    db.session.refresh(statement)
    assert (statement.state, statement.lines, statement.known) == (StatementState.READ, LINES, 0)


def test_what_cannot_be_read_says_why_and_keeps_nothing(store: Store, by: Actor) -> None:
    statement = taken(store, by, day="soon")
    ask(statement, store, by)
    job.run()
    assert statement.state == StatementState.OPEN and "No line of the file could be read" in statement.error
    assert db.session.scalars(select(BankLine)).all() == []
