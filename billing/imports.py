"""Importing customers with their services from a table: check every row first, then write those that are good.

The file is read twice, in chunks, so that a file of any size takes the same memory. A customer and the service under
it are known by (external source, external id): a second import of the same file changes nothing, a newer file changes
only what it maps. What starts a billing rhythm (start, first and next renewal, anchor, period) and the account's
currency are set on creation only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import select

from models import BillingError, Run, RunState, db

from .actor import Actor
from .import_conflicts import CHUNK, Comparison, claims
from .import_files import CsvFile
from .import_mapping import ImportMapping
from .import_rows import ImportedRow, Problem, RowReader
from .import_scratch import Scratch
from .import_writes import Writer

T = TypeVar("T")

KIND = "import"


class FileChanged(BillingError):
    """The file is not the one that was checked."""


@dataclass(slots=True)
class Counts:
    """What became, or would become, of the rows."""

    customers: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    services: int = 0
    rejected: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(slots=True)
class Import:
    """One import of `file` by `mapping`. Call `check` first; then `write`, and commit what it did.

    The rules flush only: committing after each step of `write` keeps the good rows so far, committing once at the
    end makes it all or nothing.
    """

    file: CsvFile
    mapping: ImportMapping
    by: Actor
    scratch: Scratch
    counts: Counts = field(default_factory=Counts)
    rows: int = 0

    def check(self, progress: Callable[[int], object] = lambda position: None) -> int:
        """Read every row and compare it with the others and the database; returns how many have a problem.

        Writes nothing; the problems are in the scratch's report. `progress` is told the bytes read so far.
        Raises BadFile, BadMapping.
        """
        reader = RowReader(self.mapping, self.file.header)
        self.rows = 0
        for line, cells in self.file.rows():
            self.rows += 1
            row, problems = reader.read(line, cells)
            if row is not None:
                problems = self._claim(row, reader)
            for problem in problems:
                self.scratch.add(problem)
            if self.rows % CHUNK == 0:
                progress(self.file.position)
        comparison = Comparison(self.scratch, reader)
        comparison.find()
        while comparison.rule_out():
            pass  # a row that falls out keeps its old address in the database, which may trip another row
        self.counts.rejected = self.scratch.bad_lines()
        return self.counts.rejected

    def write(self, *, keep: bool = True) -> Iterator[Counts]:
        """Create and change the customers of all good rows; yields the counts so far after each chunk.

        With `keep` false nothing is written and the counts say what would be. Raises FileChanged.
        """
        writer = Writer(self.mapping, self.by, self.scratch, keep=keep)
        counts = self.counts
        for rows in chunks(self._good_rows(), CHUNK):
            new, changed, services = writer.take(rows)
            counts.customers += len(rows)
            counts.new += new
            counts.changed += changed
            counts.unchanged += len(rows) - new - changed
            counts.services += services
            yield counts
        if counts.customers + counts.rejected != self.rows:
            raise FileChanged(f"{self.file.name} was changed while it was being read. Please import it again.")

    def _good_rows(self) -> Iterator[ImportedRow]:
        reader = RowReader(self.mapping, self.file.header)
        for line, cells in self.file.rows():
            if self.scratch.is_bad(line):
                continue
            row, problems = reader.read(line, cells)
            if row is None:
                raise FileChanged(f"{self.file.name} was changed while it was being read: {problems[0]}")
            yield row

    def _claim(self, row: ImportedRow, reader: RowReader) -> list[Problem]:
        """What the row has that an earlier row of the file has too."""
        problems = []
        for kind, field_name, value, note in claims(row):
            earlier = self.scratch.claim(kind, value, row.line, note)
            if earlier is not None:
                message = f"the same {kind} stands on line {earlier} already."
                problems.append(
                    Problem(row.line, reader.label(field_name), message, "duplicate", value.partition("\0")[2] or value)
                )
        if problems:
            self.scratch.release(row.line)
        return problems


def begin_run(work: Import) -> Run:
    """The import on the page of runs. One that was killed is closed: what it had written is kept."""
    by = work.by
    for killed in db.session.scalars(select(Run).where(Run.kind == KIND, Run.state == RunState.RUNNING)):
        killed.state, killed.finished_at = RunState.STOPPED, by.at
        killed.error = "The import was interrupted. What it had written is kept; import the file again for the rest."
    run = Run(kind=KIND, on=by.today, total=work.rows, started_by=by.name, started_at=by.at)
    db.session.add(run)
    db.session.flush()
    return run


def end_run(run: Run, work: Import, at: datetime) -> None:
    """Close the run with its final counts; `at` is the moment (aware UTC)."""
    run.done, run.counts = work.rows, work.counts.as_dict()
    run.state, run.finished_at = RunState.FINISHED, at


def chunks(rows: Iterator[T], size: int) -> Iterator[list[T]]:
    """The same rows in lists of at most `size`."""
    while chunk := list(islice(rows, size)):
        yield chunk
