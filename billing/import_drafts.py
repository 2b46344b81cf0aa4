"""The way of an uploaded table from file to customers: read, columns chosen, checked, imported. The page's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import or_, select

from models import BillingError, ImportFile, ImportMappingSaved, ImportState, Run, Staff, Tag, db

from . import audit, company, import_problems, staff
from .actor import Actor, NotAllowed
from .import_choices import Choices, columns_hash, first_choices, mapping_of
from .import_files import CsvFile
from .import_mapping import ImportMapping
from .import_scratch import Scratch
from .import_store import Store
from .texts import one_line

NEEDS = "customers.export"
MOST_COLUMNS = 250
ANALYSED = 5_000
"""Rows that suggestions are made from."""
SHOWN_ROWS, SHOWN_CELL, MOST_WORDS = 6, 80, 25
TRIES = 3
KEPT = timedelta(days=14)
"""How long a file that nobody touches stays on disk, and a draft in the list."""
WAITING = (ImportState.CHECKING, ImportState.IMPORTING)


class WrongTable(BillingError):
    """The file is a table nobody can import."""


class NotNow(BillingError):
    """Another step comes first, or is going on."""


def begin(name: str, stored_as: str, size: int, store: Store, by: Actor, currency: str) -> ImportFile:
    """Take in an uploaded file, with everything that can be told about it. Raises NotAllowed, BadFile, WrongTable."""
    by.require(NEEDS)
    draft = ImportFile(
        file_name=display_name(name), stored_as=stored_as, size=size, made_by=by.name, made_at=by.at,
        staff_id=by.staff_id, changed_at=by.at, state=ImportState.OPEN, columns_hash="",
    )  # fmt: skip
    with CsvFile(store.path(stored_as), name=draft.file_name) as table:
        _look(draft, table)
    draft.choices = _suggested(draft, currency).plain()
    db.session.add(draft)
    db.session.flush()
    audit.record(by, "import_file.uploaded", draft, after={"rows": draft.rows, "size": size})
    return draft


def display_name(name: str) -> str:
    """What to call a file: the last part of its path, printable, without anything that could lead elsewhere."""
    last = re.split(r"[\\/]", name)[-1]
    shown = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return shown[-200:] or "table.csv"


def read_again(draft: ImportFile, store: Store, by: Actor, *, encoding: str, delimiter: str, quote: str) -> None:
    """Read the file otherwise. Raises NotAllowed, NotNow, BadFile (nothing is changed then)."""
    by.require(NEEDS)
    check_open(draft)
    header = draft.sample["header"]
    how = {"encoding": encoding or None, "delimiter": delimiter or None, "quote": quote}
    with CsvFile(store.path(draft.stored_as), name=draft.file_name, **how) as table:  # type: ignore[arg-type]
        _look(draft, table)
    if draft.sample["header"] != header:
        currency = Choices.read(draft.choices).fixed.get("currency", "")
        draft.choices = _suggested(draft, currency).plain()
    _touch(draft, by, ImportState.OPEN)


def _look(draft: ImportFile, table: CsvFile) -> None:
    """Read it from end to end once: what cannot be read is known before anything is chosen."""
    header = table.header
    if len(header) > MOST_COLUMNS:
        raise WrongTable(f"{table.name} has {len(header):,} columns; at most {MOST_COLUMNS} can be imported.")
    rows = table.rows()
    first = [cells for _line, cells in islice(rows, ANALYSED)]
    count = len(first) + sum(1 for _ in rows)
    if not count:
        raise WrongTable(f"{table.name} has column titles, but no row below them.")
    draft.encoding, draft.delimiter, draft.quote = table.encoding, table.delimiter, table.quote
    draft.rows, draft.columns_hash = count, columns_hash(header)
    draft.sample = {
        "header": header,
        "rows": [[cell[:SHOWN_CELL] for cell in cells[:MOST_COLUMNS]] for cells in first[:SHOWN_ROWS]],
        "values": {name: _values(first, place) for place, name in enumerate(header)},
    }


def _values(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    """The different cells of a column, cut; the first of many."""
    found = dict.fromkeys(row[place].strip() for row in rows if place < len(row) and row[place].strip())
    return [cell[:SHOWN_CELL] for cell in islice(found, MOST_WORDS + 1)]


def _suggested(draft: ImportFile, currency: str) -> Choices:
    """As the last table with these columns was imported, else by the titles."""
    header = draft.sample["header"]
    before = saved_for(draft) or _last_like(draft)
    if before is not None:
        choices = Choices.read(before.choices).for_columns(header)
        choices.saved_as = before.name if isinstance(before, ImportMappingSaved) else ""
    else:
        columns = [draft.sample["values"][name] for name in header]
        most = max((len(cells) for cells in columns), default=0)
        rows = [[cells[n] if n < len(cells) else "" for cells in columns] for n in range(most)]
        choices = first_choices(header, rows, currency)
    choices.tag = free_tag(draft.made_at)
    return choices


def saved_for(draft: ImportFile) -> ImportMappingSaved | None:
    """The newest saved mapping for a table of these columns."""
    same = select(ImportMappingSaved).where(ImportMappingSaved.columns_hash == draft.columns_hash)
    return db.session.scalars(same.order_by(ImportMappingSaved.saved_at.desc()).limit(1)).first()


def _last_like(draft: ImportFile) -> ImportFile | None:
    """The last file of these columns that got as far as a check."""
    far = (ImportState.CHECKED, ImportState.IMPORTING, ImportState.DONE)
    same = (ImportFile.columns_hash == draft.columns_hash, ImportFile.state.in_(far))
    return db.session.scalars(select(ImportFile).where(*same).order_by(ImportFile.id.desc()).limit(1)).first()


def saved_mappings() -> Sequence[ImportMappingSaved]:
    """By name, at most a hundred."""
    return db.session.scalars(select(ImportMappingSaved).order_by(ImportMappingSaved.name).limit(100)).all()


def free_tag(at: datetime) -> str:
    """``import-2026-11-22``, the business's day at that moment, with a number behind if there is such a tag already."""
    name = f"import-{company.day_of(at):%Y-%m-%d}"
    like = or_(Tag.name == name, Tag.name.like(f"{name}-%"))
    taken = set(db.session.scalars(select(Tag.name).where(like)))
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)


def choose(draft: ImportFile, choices: Choices, by: Actor, *, save_as: str = "") -> ImportMapping:
    """Keep what was chosen, under a name too if one is given; returns the mapping it makes.

    What is wrong with it is kept as well: nobody has to choose it again. Raises NotAllowed, NotNow, WrongChoice.
    """
    by.require(NEEDS)
    check_open(draft)
    draft.choices = choices.plain()
    _touch(draft, by, ImportState.OPEN)
    mapping = mapping_of(choices, draft.sample["header"])
    if save_as:
        _save(draft, choices, one_line(save_as, 60, "The name"), by)
    return mapping


def _save(draft: ImportFile, choices: Choices, name: str, by: Actor) -> None:
    row = db.session.scalar(select(ImportMappingSaved).where(ImportMappingSaved.name == name).with_for_update())
    if row is None:
        row = ImportMappingSaved(name=name)
        db.session.add(row)
    choices.saved_as = name
    row.choices, row.columns_hash = {**choices.plain(), "tag": ""}, draft.columns_hash
    row.saved_by, row.saved_at = by.name, by.at
    draft.choices = choices.plain()
    db.session.flush()
    audit.record(by, "import_mapping.saved", row)


def use_saved(draft: ImportFile, saved: ImportMappingSaved | None, by: Actor, currency: str) -> None:
    """Choose as in a saved mapping; without one, start from the suggestions. Raises NotAllowed, NotNow."""
    by.require(NEEDS)
    check_open(draft)
    header = draft.sample["header"]
    if saved is None:
        columns = [draft.sample["values"][name] for name in header]
        rows = [[cells[n] if n < len(cells) else "" for cells in columns] for n in range(MOST_WORDS)]
        choices = first_choices(header, rows, currency)
    else:
        choices = Choices.read(saved.choices).for_columns(header)
        choices.saved_as = saved.name
    choices.tag = free_tag(by.at)
    draft.choices = choices.plain()
    _touch(draft, by, ImportState.OPEN)


def forget_saved(saved: ImportMappingSaved, by: Actor) -> None:
    """Remove a saved mapping; imports made with it stay as they are. Raises NotAllowed."""
    by.require(NEEDS)
    audit.record(by, "import_mapping.removed", saved)
    db.session.delete(saved)
    db.session.flush()


def ask_check(draft: ImportFile, by: Actor) -> None:
    """Let it be checked, in the background. Raises NotAllowed, NotNow, WrongChoice."""
    by.require(NEEDS)
    check_open(draft)
    mapping_of(Choices.read(draft.choices), draft.sample["header"])
    draft.counts, draft.tries = {}, 0
    _touch(draft, by, ImportState.CHECKING)


def ask_import(draft: ImportFile, by: Actor, *, whole: bool, tag: str) -> None:
    """Let it be imported as it was checked, in the background. Raises NotAllowed, NotNow."""
    by.require(NEEDS)
    if draft.state is not ImportState.CHECKED:
        raise NotNow("This file has to be checked first.")
    wrong = draft.counts.get("rejected", 0)
    if whole and wrong:
        raise NotNow(f"{wrong:,} lines are wrong. Mend them first, or import the good lines only.")
    if not draft.counts.get("customers"):
        raise NotNow("There is no good line to import.")
    choices = Choices.read(draft.choices)
    choices.whole, choices.tag = whole, one_line(tag, 60, "The tag", empty=True)
    draft.choices, draft.tries = choices.plain(), 0
    draft.staff_id = by.staff_id
    _touch(draft, by, ImportState.IMPORTING)
    after = {"lines": draft.rows, "all_or_nothing": whole}
    audit.record(by, "import_file.import_asked_for", draft, after=after)


def check_open(draft: ImportFile) -> None:
    """Raise NotNow unless something may still be chosen."""
    if draft.state in WAITING:
        raise NotNow("This file is being worked on. Wait until that is done.")
    if draft.state is ImportState.DONE or not draft.stored_as:
        raise NotNow("This import is over. Upload the file again to import it once more.")


def discard(draft: ImportFile, store: Store, by: Actor) -> None:
    """Throw away a file that was not imported. Raises NotAllowed, NotNow."""
    by.require(NEEDS)
    check_open(draft)
    store.remove(draft.stored_as)
    audit.record(by, "import_file.discarded", draft)
    db.session.delete(draft)
    db.session.flush()


def _touch(draft: ImportFile, by: Actor, state: ImportState) -> None:
    draft.state, draft.error, draft.changed_at = state, "", by.at
    db.session.flush()


# For the job that does the work


def next_waiting() -> int | None:
    """The file that has waited longest for its check or import."""
    wanted = select(ImportFile.id).where(ImportFile.state.in_(WAITING))
    return db.session.scalar(wanted.order_by(ImportFile.changed_at, ImportFile.id).limit(1))


def asked_by(draft: ImportFile, at: datetime, today: date) -> Actor:
    """Whoever asked for the import, as the audit trail names them. Raises NotAllowed if they may not import any more.

    What the import then does it does as the system.
    """
    person = db.session.get(Staff, draft.staff_id) if draft.staff_id else None
    if draft.staff_id and not (person and person.active and NEEDS in staff.permissions_of(person.role)):
        raise NotAllowed(f"{draft.made_by} asked for this, and may not import any more. Let somebody else go on.")
    name = str(person) if person else draft.made_by
    return Actor(name=name, at=at, today=today, permissions=None, staff_id=draft.staff_id)


def open_table(draft: ImportFile, store: Store) -> CsvFile:
    """The file as it was chosen to be read; close it. Raises BadFile, OSError."""
    how = {"encoding": draft.encoding, "delimiter": draft.delimiter, "quote": draft.quote}
    return CsvFile(store.path(draft.stored_as), name=draft.file_name, **how)


def keep_report(draft: ImportFile, scratch: Scratch, counts: Mapping[str, Any], at: datetime) -> None:
    """What a check found, in place of what an earlier one did."""
    kept = import_problems.keep(draft, scratch.report(import_problems.MOST))
    duplicates = scratch.bad_lines_of("duplicate")
    draft.counts = {**counts, "problems": scratch.problems, "kept": kept, "duplicates": duplicates}
    draft.state, draft.tries, draft.changed_at, draft.error = ImportState.CHECKED, 0, at, ""
    db.session.flush()


def give_up(draft: ImportFile, reason: str, at: datetime) -> None:
    """It cannot be worked on; a person may change what was chosen and try again."""
    draft.state, draft.error, draft.changed_at = ImportState.FAILED, reason[:500], at
    db.session.flush()


def finish(draft: ImportFile, run: Run, counts: Mapping[str, Any], at: datetime) -> None:
    """The import is over; `counts` is what it did in all its tries."""
    found = ("problems", "kept", "duplicates")
    known: dict[str, Any] = {name: draft.counts[name] for name in found if name in draft.counts}
    draft.counts, draft.run_id = {**known, **counts}, run.id
    draft.state, draft.tries, draft.error, draft.changed_at = ImportState.DONE, 0, "", at
    db.session.flush()


def remove_old(store: Store, at: datetime) -> Iterable[str]:
    """Forget what nobody touched for two weeks, at the moment `at` (aware UTC); names of the files to remove.

    Finished imports stay in the list without their file; drafts go.
    """
    old = ImportFile.changed_at < at - KEPT
    drafts = db.session.scalars(select(ImportFile).where(old, ImportFile.stored_as != "")).all()
    names = [draft.stored_as for draft in drafts if draft.state not in WAITING]
    for draft in drafts:
        if draft.state is ImportState.DONE:
            draft.stored_as = ""
            import_problems.forget(draft)
        elif draft.state not in WAITING:
            db.session.delete(draft)
    db.session.flush()
    lost = set(store.stale(at - KEPT))
    known = set(db.session.scalars(select(ImportFile.stored_as).where(ImportFile.stored_as.in_(lost))))
    return [*names, *sorted(lost - known - set(names))]
