"""What an import has to remember about a file of any size: kept in a private file on disk, gone when it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from .import_rows import Problem

BY_KEY, BY_EMAIL, BY_USERNAME = "external id", "e-mail address", "user name"
CUSTOMER, SERVICE, MERGED = "customer", "service", "merged customer"


class Scratch:
    """Which values each row lays claim to, what is here of it already, and what is wrong with which row."""

    def __init__(self) -> None:
        # An empty name is a temporary database on disk: it spills what does not fit its cache.
        self.db = sqlite3.connect("", isolation_level=None)
        self.db.execute("PRAGMA cache_size = -16384")
        self.db.execute("CREATE TABLE claim (kind TEXT, value TEXT, line INT, note TEXT, PRIMARY KEY (kind, value))")
        self.db.execute("CREATE INDEX claim_line ON claim (line)")
        self.db.execute(
            "CREATE TABLE problem (line INT, number INT, place TEXT, message TEXT, kind TEXT, value TEXT, "
            "UNIQUE (line, number))"
        )
        self.db.execute("CREATE TABLE here (kind TEXT, key TEXT, id INT, PRIMARY KEY (kind, key))")
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

    def release_addresses(self, line: int) -> None:
        """The row of `line` changes nothing: others may have its addresses."""
        self.db.execute("DELETE FROM claim WHERE line = ? AND kind <> ?", (line, BY_KEY))

    def found(self, kind: str, ids: Iterable[tuple[str, int]]) -> None:
        """Note (external key, id) of customers or services that are here; the first one for a key stays."""
        self.db.executemany("INSERT OR IGNORE INTO here VALUES (?, ?, ?)", ((kind, *pair) for pair in ids))

    def lead(self, ids: Sequence[tuple[str, int]]) -> None:
        """Note that customers with these keys were merged into those with these ids."""
        self.db.executemany("UPDATE here SET id = ? WHERE kind = ? AND key = ?", ((i, CUSTOMER, key) for key, i in ids))
        self.found(MERGED, ids)

    def here(self, kind: str, keys: Sequence[str]) -> dict[str, int]:
        """Of these external keys, those that are here: key -> id."""
        marks = ", ".join("?" * len(keys))
        return dict(self.db.execute(f"SELECT key, id FROM here WHERE kind = ? AND key IN ({marks})", (kind, *keys)))  # noqa: S608

    def add(self, problem: Problem) -> None:
        self.problems += 1
        self.db.execute("INSERT INTO problem VALUES (?, ?, ?, ?, ?, ?)", (problem.line, self.problems, *problem[1:]))

    def is_bad(self, line: int) -> bool:
        if not self.problems:
            return False
        return self.db.execute("SELECT 1 FROM problem WHERE line = ? LIMIT 1", (line,)).fetchone() is not None

    def bad_lines(self) -> int:
        """How many rows have a problem."""
        return int(self.db.execute("SELECT count(DISTINCT line) FROM problem").fetchone()[0])

    def bad_lines_of(self, kind: str) -> int:
        """How many rows have a problem of this kind."""
        return int(self.db.execute("SELECT count(DISTINCT line) FROM problem WHERE kind = ?", (kind,)).fetchone()[0])

    def report(self, limit: int = -1) -> Iterator[Problem]:
        """The problems by line."""
        query = "SELECT line, place, message, kind, value FROM problem ORDER BY line, number LIMIT ?"
        for row in self.db.execute(query, (limit,)):
            yield Problem(*row)
