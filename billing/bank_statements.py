"""Bank statements: a file is taken in, its columns are told, and its lines kept; the same line never comes twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import func, select

from models import (
    BankLine,
    BankLineState,
    BankMapping,
    BankStatement,
    BillingError,
    StatementState,
    db,
)
from models.bulk import insert_rows, update_rows

from . import audit, bank_mapping, bank_matching
from .actor import Actor
from .bank_mapping import BankMapping as Mapped
from .bank_mapping import Movement, Unreadable
from .bank_matching import payer_key, suggest
from .bank_tables import BankFile, header_hash, open_file
from .import_drafts import display_name
from .import_store import Store
from .texts import one_line

MOST_LINES, MOST_COLUMNS, BATCH, LOOKED_AT = 50_000, 100, 500, 2000
SHOWN_ROWS, SHOWN_PROBLEMS = 8, 20
OUTGOING = "Money that went out"
COLUMNS = (
    "bank_statement_id", "number", "fingerprint", "running", "on", "currency", "amount_minor", "payer_name",
    "payer_key", "iban", "text", "reference", "state", "reason", "score", "decided_by",
)  # fmt: skip
KEPT = timedelta(days=14)
"""How long a file that was never read in stays."""


class WrongStatement(BillingError):
    """This file is no statement that can be read."""


class NotNow(BillingError):
    """That is not to be done with this statement or line any more."""


@dataclass(slots=True)
class Reading:
    """What the lines of a file come to with some mapping: the first of them, how many in all, and what is wrong."""

    first: list[Movement] = field(default_factory=list)
    lines: int = 0
    unread: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def take_in(name: str, stored_as: str, store: Store, currency: str, by: Actor) -> BankStatement:
    """An uploaded file, with its columns as they were chosen for the last one like it, or guessed. `currency` is the
    account's where no column says it. Raises BadFile, WrongStatement, NotAllowed."""
    by.require("payments.edit")
    path = store.path(stored_as)
    statement = BankStatement(
        file_name=display_name(name), stored_as=stored_as, made_by=by.name, made_at=by.at,
        content_hash=hashlib.sha256(path.read_bytes()).hexdigest(), state=StatementState.OPEN,
    )  # fmt: skip
    with open_file(path, statement.file_name, {}) as file:
        _look(statement, file, currency)
    db.session.add(statement)
    db.session.flush()
    return statement


def same_file(statement: BankStatement) -> BankStatement | None:
    """An earlier statement made of the very same file, read or about to be."""
    same = BankStatement.content_hash == statement.content_hash, BankStatement.id != (statement.id or 0)
    read = BankStatement.state != StatementState.OPEN
    return db.session.scalars(select(BankStatement).where(*same, read).order_by(BankStatement.id).limit(1)).first()


def read_again(statement: BankStatement, store: Store, layout: Mapping[str, str], by: Actor) -> None:
    """Read the file with another encoding or delimiter. Raises BadFile, WrongStatement, NotNow, NotAllowed."""
    by.require("payments.edit")
    check_open(statement)
    with open_file(store.path(statement.stored_as), statement.file_name, layout) as file:
        _look(statement, file, statement.mapping["currency"])
    db.session.flush()


def try_out(statement: BankStatement, store: Store, mapping: Mapped) -> Reading:
    """What the mapping makes of the file; reads all of it, keeps nothing. Raises BadFile, WrongMapping."""
    mapping.check()
    reading = Reading()
    with _file(statement, store) as file:
        for found in _movements(file, mapping, reading):
            if len(reading.first) < SHOWN_ROWS:
                reading.first.append(found)
    return reading


def read_in(statement: BankStatement, store: Store, mapping: Mapped, by: Actor) -> BankStatement:
    """Keep the lines that are not here yet, look for whose money they are, and remember the mapping for the next file
    with these columns. The caller removes the file after the commit.

    Raises BadFile, WrongMapping, WrongStatement (nothing could be read), NotNow, NotAllowed.
    """
    by.require("payments.edit")
    check_open(statement)
    mapping.check()
    statement.mapping = mapping.plain()
    for _done in steps(statement, store, by):
        pass
    return statement


def steps(statement: BankStatement, store: Store, by: Actor) -> Iterator[int]:
    """The same by the columns that are written down on it, some lines at a time: how many were kept, later how many
    were looked at. A caller may commit after each. Raises BadFile, WrongStatement."""
    mapping, reading, seen = Mapped.of(statement.mapping), Reading(), Counter[str]()
    with _file(statement, store) as file:
        movements = _movements(file, mapping, reading)
        while batch := list(islice(movements, BATCH)):
            _keep(statement, batch, seen, by)
            yield len(batch)
    if not reading.lines:
        why = f" Line {reading.problems[0][0]}: {reading.problems[0][1]}" if reading.problems else ""
        raise WrongStatement(f"No line of the file could be read like that.{why}")
    _remember(statement, by)
    yield from _look_at(statement)
    statement.state, statement.error = StatementState.READ, ""
    audit.record(by, "bank_statement.read", statement, after={"lines": statement.lines, "known": statement.known})
    db.session.flush()


def look_again(statement: BankStatement, *, by: Actor) -> None:
    """Look anew for whose money the open lines are; only how sure that is, is kept. Raises NotAllowed."""
    by.require("payments.edit")
    check_read(statement)
    for _done in _look_at(statement):
        pass


def _look_at(statement: BankStatement) -> Iterator[int]:
    """Some lines after the other; how many each time."""
    past = 0
    mine = BankLine.bank_statement_id == statement.id, BankLine.state == BankLineState.OPEN
    wanted = select(*bank_matching.COLUMNS).where(*mine).order_by(BankLine.id).limit(LOOKED_AT)
    while lines := db.session.execute(wanted.where(BankLine.id > past)).all():
        found = suggest(lines)
        scores = [(found[line.id].score if line.id in found else 0, line.id) for line in lines]
        changed = [(score, i) for (score, i), line in zip(scores, lines, strict=True) if score != line.score]
        update_rows(db.session, BankLine.__table__, ("score",), changed)
        past = lines[-1].id
        yield len(lines)
    for line in db.session.identity_map.values():
        if isinstance(line, BankLine) and line.bank_statement_id == statement.id:
            db.session.expire(line, ["score"])


def open_lines(statement: BankStatement, *, past: int = 0, limit: int = BATCH, sure: bool = False) -> list[BankLine]:
    """Lines still to be decided, by id past `past`; with `sure`, those whose guess was sure when looked for."""
    mine = select(BankLine).where(BankLine.bank_statement_id == statement.id, BankLine.id > past)
    mine = mine.where(BankLine.state == BankLineState.OPEN)
    mine = mine.where(BankLine.score >= 90) if sure else mine
    return list(db.session.scalars(mine.order_by(BankLine.id).limit(limit)))


def ignore(lines: Iterable[BankLine], reason: str, *, by: Actor) -> int:
    """Leave these lines aside, with the reason. How many. Raises NotNow, InvalidText, NotAllowed."""
    by.require("payments.edit")
    reason = one_line(reason, 200, "The reason")
    count = 0
    for line in lines:
        _require(line, BankLineState.OPEN)
        _decide(line, BankLineState.IGNORED, reason, by)
        count += 1
    db.session.flush()
    return count


def restore(line: BankLine, *, by: Actor) -> None:
    """Decide about an ignored line after all. Raises NotNow, NotAllowed."""
    by.require("payments.edit")
    _require(line, BankLineState.IGNORED)
    _decide(line, BankLineState.OPEN, "", by)
    db.session.flush()


def discard(statement: BankStatement, *, by: Actor) -> None:
    """Throw away a file that was not read yet. The caller removes the file. Raises NotNow, NotAllowed."""
    by.require("payments.edit")
    check_open(statement)
    db.session.delete(statement)
    db.session.flush()


def remove_old(store: Store, at: datetime) -> int:
    """Throw away files that were not read in for two weeks before the moment (aware UTC), and what is left of others;
    how many. Flushes."""
    before, removed = at - KEPT, 0
    old = BankStatement.state == StatementState.OPEN, BankStatement.made_at < before
    for statement in db.session.scalars(select(BankStatement).where(*old)):
        db.session.delete(statement)
        removed += 1
    db.session.flush()
    for name in store.stale(before):
        store.remove(name)
    return removed


def counts(statement: BankStatement) -> dict[str, int]:
    """How many lines are open, sure, booked, ignored, in one statement."""
    mine = BankLine.bank_statement_id == statement.id
    sure = (BankLine.score >= 90) & (BankLine.state == BankLineState.OPEN)
    rows = db.session.execute(select(BankLine.state, sure, func.count()).where(mine).group_by(BankLine.state, sure))
    found = Counter[str]()
    for state, is_sure, count in rows:
        found[state] += count
        found["sure"] += count if is_sure else 0
    return dict(found)


def locked_lines(ids: Sequence[int]) -> list[BankLine]:
    """These lines as they are now, locked until the transaction ends, by id."""
    wanted = select(BankLine).where(BankLine.id.in_(ids)).order_by(BankLine.id)
    return list(db.session.scalars(wanted.with_for_update().execution_options(populate_existing=True)))


def _look(statement: BankStatement, file: BankFile, currency: str) -> None:
    if len(file.header) > MOST_COLUMNS:
        raise WrongStatement(f"{file.name} has {len(file.header)} columns; no bank's statement has that many.")
    rows = [cells for _line, cells in islice(file.rows(), 200)]
    if not rows:
        raise WrongStatement(f"{file.name} has column titles, but no line below them.")
    statement.header_hash = header_hash(file.header)
    statement.layout = {
        "encoding": file.encoding, "delimiter": file.delimiter, "header": file.header,
        "sample": [[cell.strip()[:80] for cell in row] for row in rows[:3]],
    }  # fmt: skip
    known = db.session.scalars(select(BankMapping).where(BankMapping.header_hash == statement.header_hash)).first()
    statement.mapping = known.mapping if known else bank_mapping.guess(file.header, rows, currency).plain()


def _file(statement: BankStatement, store: Store) -> BankFile:
    return open_file(store.path(statement.stored_as), statement.file_name, statement.layout)


def _movements(file: BankFile, mapping: Mapped, reading: Reading) -> Iterator[Movement]:
    """The lines that can be read; the others are noted."""
    for line, cells in file.rows():
        if reading.lines >= MOST_LINES:
            raise WrongStatement(f"{file.name} has more than {MOST_LINES:,} lines. Export a shorter time.")
        if not any(cell.strip() for cell in cells):
            continue
        try:
            found = mapping.read(line, cells)
        except Unreadable as problem:
            reading.unread += 1
            if len(reading.problems) < SHOWN_PROBLEMS:
                reading.problems.append((line, str(problem)))
            continue
        reading.lines += 1
        yield found


def _keep(statement: BankStatement, movements: Sequence[Movement], seen: Counter[str], by: Actor) -> None:
    numbered: list[tuple[Movement, str, int]] = []
    for one in movements:
        fingerprint = one.fingerprint
        seen[fingerprint] += 1
        numbered.append((one, fingerprint, seen[fingerprint]))
    prints = {fingerprint for _one, fingerprint, _running in numbered}
    known = select(BankLine.fingerprint, BankLine.running).where(BankLine.fingerprint.in_(prints))
    there = {tuple(row) for row in db.session.execute(known)}
    new = [row for row in numbered if (row[1], row[2]) not in there]
    rows = [_row(statement, *one, by) for one in new]
    insert_rows(db.session, BankLine.__table__, COLUMNS, rows)
    days = [one.on for one in movements]
    statement.lines = (statement.lines or 0) + len(new)
    statement.known = (statement.known or 0) + len(numbered) - len(new)
    statement.first_on = min([*days, *([statement.first_on] if statement.first_on else [])])
    statement.last_on = max([*days, *([statement.last_on] if statement.last_on else [])])


def _row(statement: BankStatement, one: Movement, fingerprint: str, running: int, by: Actor) -> tuple[Any, ...]:
    went = one.amount.minor < 0
    state = BankLineState.IGNORED if went else BankLineState.OPEN
    reason, who = (OUTGOING, by.name) if went else ("", "")
    key = payer_key(one.name)
    return (
        statement.id, one.line, fingerprint, running, one.on, one.amount.currency, one.amount.minor, one.name, key,
        one.iban, one.text, one.reference, state.value, reason, 0, who,
    )  # fmt: skip


def _remember(statement: BankStatement, by: Actor) -> None:
    known = db.session.scalars(select(BankMapping).where(BankMapping.header_hash == statement.header_hash)).first()
    row = known or BankMapping(header_hash=statement.header_hash)
    row.mapping, row.saved_at = statement.mapping, by.at
    db.session.add(row)


def check_open(statement: BankStatement) -> None:
    """Raises NotNow once it is read, or about to be."""
    if statement.state == StatementState.READING:
        raise NotNow(f"{statement.file_name} is being read just now. Wait until it is done.")
    if statement.state != StatementState.OPEN:
        raise NotNow(f"{statement.file_name} was read already.")


def check_read(statement: BankStatement) -> None:
    """Raises NotNow before its lines are here."""
    if statement.state != StatementState.READ:
        raise NotNow(f"{statement.file_name} is not read yet. Wait until it is done.")


def _require(line: BankLine, state: BankLineState) -> None:
    if line.state != state:
        raise NotNow("Somebody has decided about this line meanwhile. Look again.")


def _decide(line: BankLine, state: BankLineState, reason: str, by: Actor) -> None:
    before = {"state": str(line.state), "reason": line.reason}
    line.state, line.reason, line.decided_by, line.decided_at = state, reason, by.name, by.at
    audit.record(by, f"bank_line.{state}", line, before=before, after={"state": str(state), "reason": reason})
