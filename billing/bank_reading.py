"""Reading long bank statements in the background: asked for, kept step by step, begun again where it was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import delete, select

from models import BankLine, BankStatement, Staff, StatementState, db

from . import bank_statements, staff
from .actor import Actor, NotAllowed
from .bank_mapping import BankMapping
from .import_store import Store

AT_ONCE = 500
"""Lines that are read while one waits."""
TRIES = 3
"""A file that takes the process down with it, again and again, is left to a person."""
NEEDS = "payments.edit"


def is_long(statement: BankStatement, store: Store) -> bool:
    """Whether it is read in the background."""
    return _lines_in(statement, store) > AT_ONCE


def ask(statement: BankStatement, store: Store, mapping: BankMapping, by: Actor) -> None:
    """Let the job read the file with these columns. Raises WrongMapping, NotNow, NotAllowed."""
    by.require(NEEDS)
    bank_statements.check_open(statement)
    mapping.check()
    statement.state, statement.mapping, statement.staff_id = StatementState.READING, mapping.plain(), by.staff_id
    # Each line is kept first, and looked at then.
    statement.tries, statement.error, statement.done, statement.total = 0, "", 0, 2 * _lines_in(statement, store)
    db.session.flush()


def next_waiting() -> int | None:
    """The statement that has waited longest, or was cut off."""
    waits = BankStatement.state == StatementState.READING
    return db.session.scalar(select(BankStatement.id).where(waits).order_by(BankStatement.id).limit(1))


def begin(number: int) -> BankStatement | None:
    """Count the try, and forget what an earlier one kept; None where nothing is to be done any more."""
    wanted = select(BankStatement).where(BankStatement.id == number).with_for_update()
    statement = db.session.scalar(wanted.execution_options(populate_existing=True))
    if statement is None or statement.state != StatementState.READING:
        return None
    statement.tries += 1
    if statement.tries > TRIES:
        give_up(statement, "This was begun three times and never came to its end.")
        return None
    _forget_lines(statement)
    return statement


def go_on(statement: BankStatement, store: Store, by: Actor) -> Iterator[int]:
    """Read it: after each number, how far it is of `total`, the caller commits. Raises as `read_in` does, OSError."""
    for count in bank_statements.steps(statement, store, by):
        statement.done = min(statement.done + count, statement.total)
        yield statement.done


def give_up(statement: BankStatement, why: str) -> None:
    """Nothing of it is kept; its columns can be chosen again, with the reason."""
    _forget_lines(statement)
    statement.state, statement.error = StatementState.OPEN, why[:400]
    db.session.flush()


def asked_by(statement: BankStatement, at: datetime, today: date) -> Actor:
    """Whoever asked for it, with the rights that person has by now. Raises NotAllowed without them."""
    person = db.session.get(Staff, statement.staff_id) if statement.staff_id else None
    if statement.staff_id and not (person and person.active and NEEDS in staff.permissions_of(person.role)):
        raise NotAllowed(f"{statement.made_by} asked for this, and may not enter payments any more.")
    return Actor(str(person) if person else statement.made_by, at, today, None, statement.staff_id)


def _lines_in(statement: BankStatement, store: Store) -> int:
    with store.path(statement.stored_as).open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


def _forget_lines(statement: BankStatement) -> None:
    mine = delete(BankLine).where(BankLine.bank_statement_id == statement.id)
    db.session.execute(mine, execution_options={"synchronize_session": False})
    statement.lines = statement.known = statement.done = 0
    statement.first_on = statement.last_on = None
    db.session.flush()
