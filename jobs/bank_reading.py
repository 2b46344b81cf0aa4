"""Bank statements with many lines: read one at a time, kept step by step."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from billing import bank_reading
from billing.import_store import Store
from messaging import files
from models import BankStatement, BillingError, db
from models.faults import faultpoint

from . import clock, lease, stopping
from .stopping import Stopping
from .waiting import alone

LEASE = "bank-statements"
FOLDER = "bank"
BREATH = 0.1
"""Of the time a step takes, how long the database is left to others: SQLite has one writer at a time."""


def run(on: date | None = None) -> dict[str, Any]:
    """Read the statement that has waited longest, if there is one; `on` is not asked."""
    alone(LEASE, bank_reading.next_waiting, _read)
    return {}


def _read(number: int, mine: lease.Held) -> None:
    mine.hold()
    statement = bank_reading.begin(number)
    db.session.commit()
    if statement is None:
        return
    store, stored_as = Store(files.folder_of(FOLDER)), statement.stored_as
    try:
        _steps(statement, store, mine)
    except Stopping:
        db.session.rollback()
        db.session.get_one(BankStatement, number).tries -= 1
        db.session.commit()
        raise
    except (BillingError, OSError) as refusal:
        db.session.rollback()
        gone = f"The uploaded file cannot be read any more: {refusal}. Upload it again."
        bank_reading.give_up(statement, gone if isinstance(refusal, OSError) else str(refusal))
        db.session.commit()
        return
    store.remove(stored_as)


def _steps(statement: BankStatement, store: Store, mine: lease.Held) -> None:
    by = bank_reading.asked_by(statement, clock.now(), clock.today())
    began = time.perf_counter()
    for _done in bank_reading.go_on(statement, store, by):
        mine.hold()
        db.session.commit()
        faultpoint("bank.step")
        stopping.check()
        if db.engine.dialect.name == "sqlite":
            time.sleep((time.perf_counter() - began) * BREATH)
        began = time.perf_counter()
    statement.stored_as = ""
    mine.hold()
    db.session.commit()
