"""What an import has to remember about a file of any size: kept in a private file on disk, gone when it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Self

from .import_rows import Problem

BY_KEY, BY_EMAIL, BY_USERNAME = "external id", "e-mail address", "user name"


class Scratch:
    """Which values each row lays claim to, and what is wrong with which row. One pass adds, later ones ask."""

    def __init__(self) -> None:
        # An empty name is a temporary database on disk: it spills what does not fit its cache.
        self.db = sqlite3.connect("", isolation_level=None)
        self.db.execute("PRAGMA cache_size = -49152")
        self.db.execute("CREATE TABLE claim (kind TEXT, value TEXT, line INT, note TEXT, PRIMARY KEY (kind, value))")
        self.db.execute("CREATE INDEX claim_line ON claim (line)")
        self.db.execute("CREATE TABLE problem (line INT, number INT, place TEXT, message TEXT, UNIQUE (line, number))")
        self.db.execute("CREATE TABLE adopted (line INTEGER PRIMARY KEY, customer_id INT)")
        self.db.execute("BEGIN")
        self.problems = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.db.close()

    def claim(self, kind: str, value: str, line: int, note: str) -> int | None:
        """Note that `line` has `value`; returns the earlier line that has it already, if any."""
        done = self.db.execute("INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?)", (kind, value, line, note))
        if done.rowcount:
            return None
        return int(self.db.execute("SELECT line FROM claim WHERE kind = ? AND value = ?", (kind, value)).fetchone()[0])

    def claims(self, kind: str, values: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Of `values`, those that a row has: value -> (line, note)."""
        marks = ", ".join("?" * len(values))
        query = f"SELECT value, line, note FROM claim WHERE kind = ? AND value IN ({marks})"  # noqa: S608
        return {value: (line, note) for value, line, note in self.db.execute(query, (kind, *values))}

    def release(self, line: int) -> None:
        """The row of `line` will not be imported: others may have what it claimed."""
        self.db.execute("DELETE FROM claim WHERE line = ?", (line,))
        self.db.execute("DELETE FROM adopted WHERE line = ?", (line,))

    def adopt(self, line: int, customer_id: int) -> bool:
        """The row of `line` takes over a customer that is here; False if it has taken another one."""
        self.db.execute("INSERT OR IGNORE INTO adopted VALUES (?, ?)", (line, customer_id))
        found = self.db.execute("SELECT customer_id FROM adopted WHERE line = ?", (line,)).fetchone()
        return bool(found[0] == customer_id)

    def adopted(self, lines: Sequence[int]) -> dict[int, int]:
        """Line -> the customer it takes over, of those lines that do."""
        marks = ", ".join("?" * len(lines))
        return dict(self.db.execute(f"SELECT line, customer_id FROM adopted WHERE line IN ({marks})", lines))  # noqa: S608

    def add(self, problem: Problem) -> None:
        self.problems += 1
        self.db.execute("INSERT INTO problem VALUES (?, ?, ?, ?)", (problem.line, self.problems, *problem[1:]))

    def is_bad(self, line: int) -> bool:
        if not self.problems:
            return False
        return self.db.execute("SELECT 1 FROM problem WHERE line = ? LIMIT 1", (line,)).fetchone() is not None

    def bad_lines(self) -> int:
        """How many rows have a problem."""
        return int(self.db.execute("SELECT count(DISTINCT line) FROM problem").fetchone()[0])

    def report(self, limit: int = -1) -> Iterator[Problem]:
        """The problems by line."""
        query = "SELECT line, place, message FROM problem ORDER BY line, number LIMIT ?"
        for row in self.db.execute(query, (limit,)):
            yield Problem(*row)
