"""Finding a record by any three letters of it, fast at a million rows: FTS5 trigrams on SQLite, pg_trgm on PostgreSQL.

What is searched, and how the index is made. `create_search` and `drop_search` are for migrations. A migration that
rebuilds the table (batch mode on SQLite drops its triggers) calls `drop_search` before and `create_search` after.
The statements that search are in `models.find`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

from .fold import LONGER, fold, letters

SHORTEST = 3  # a trigram has three letters; shorter words are looked up as beginnings
LONGEST = 200
MOST_WORDS = 8
_NUMBER = re.compile(r"[+\d][\d\s()./-]*")


@dataclass(frozen=True)
class SearchIndex:
    """What is searched of a table: every column of `columns`; words of one or two letters as beginnings of `prefixes`.

    `digits` names a column that holds a telephone number's digits alone, if there is one. A number is also an id.
    """

    table: str
    columns: tuple[str, ...]
    prefixes: tuple[str, ...]
    digits: str | None = None

    def only(self, column: str) -> SearchIndex:
        """The same for one column alone."""
        return replace(self, columns=(column,), prefixes=(column,), digits=None)

    @property
    def name(self) -> str:
        return f"{self.table}_search"

    def words(self, typed: str) -> list[str]:
        """The words looked for, NUL and superfluous ones left out; a telephone number counts as one word."""
        typed = " ".join(normalize("NFC", typed.replace("\0", " "))[:LONGEST].split())
        if len(self.spellings(typed)) > 1:
            return [typed]
        return typed.split(" ")[:MOST_WORDS] if typed else []

    def spellings(self, word: str) -> list[str]:
        """How a word is looked for in the folded texts; a telephone number also as bare digits."""
        digits = "".join(letter for letter in word if letter.isdigit())
        also = self.digits and _NUMBER.fullmatch(word) and len(digits) >= SHORTEST and digits != word
        return [fold(word), digits] if also else [fold(word)]

    def is_short(self, words: list[str]) -> bool:
        """Whether no word is long enough for the index of trigrams."""
        return all(len(word) < SHORTEST for word in words)


def create_search(op: Any, table: str, columns: list[str], prefixes: list[str] | None = None) -> None:
    """Make the index of `columns` and fill it from the rows there are; `prefixes` are columns for short words.

    `op` is alembic.op. Both databases get a computed column `text_search`: all columns, folded (models.fold). SQLite:
    an FTS5 table `<table>_search` over it, kept by three triggers. PostgreSQL: the extension pg_trgm and a GIN index.
    """
    for name in [table, *columns, *(prefixes or [])]:
        _plain(name)
    make = _create_sqlite if op.get_bind().dialect.name == "sqlite" else _create_postgresql
    for statement in make(table, columns, prefixes or []):
        op.execute(statement)


def drop_search(op: Any, table: str, prefixes: list[str] | None = None) -> None:
    """Take away what `create_search` made, now or in an earlier version; the rows stay."""
    _plain(table)
    for name in prefixes or []:
        op.execute(f"DROP INDEX IF EXISTS ix_{table}_search_{_plain(name)}")
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS text_search")
        return
    for event in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER IF EXISTS {table}_search_{event}")
    op.execute(f"DROP TABLE IF EXISTS {table}_search")
    if any(row[1] == "text_search" for row in op.get_bind().exec_driver_sql(f"PRAGMA table_xinfo({table})")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN text_search")


def _plain(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is not a plain name of a table or column")
    return name


def _joined(columns: list[str]) -> str:
    return " || ' ' || ".join(f"coalesce({c}, '')" for c in columns)


def _create_sqlite(table: str, columns: list[str], prefixes: list[str]) -> list[str]:
    names, search = ", ".join(columns), f"{table}_search"
    # Names were checked by _plain: nothing typed by a person gets here.
    add = f"INSERT INTO {search}(rowid, text_search) VALUES (new.id, new.text_search);"  # noqa: S608
    take = f"INSERT INTO {search}({search}, rowid, text_search) VALUES ('delete', old.id, old.text_search);"  # noqa: S608
    return [
        f"ALTER TABLE {table} ADD COLUMN text_search text GENERATED ALWAYS AS (fold({_joined(columns)})) VIRTUAL",
        f"CREATE VIRTUAL TABLE {search} USING fts5"
        f"(text_search, content='{table}', content_rowid='id', tokenize='trigram', detail='full')",
        f"INSERT INTO {search}({search}) VALUES ('rebuild')",  # noqa: S608
        f"CREATE TRIGGER {search}_insert AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {search}_delete AFTER DELETE ON {table} BEGIN {take} END",
        f"CREATE TRIGGER {search}_update AFTER UPDATE OF {names} ON {table} BEGIN {take} {add} END",
        *(f"CREATE INDEX ix_{table}_search_{c} ON {table} ({c} COLLATE NOCASE)" for c in prefixes),
    ]


def _create_postgresql(table: str, columns: list[str], prefixes: list[str]) -> list[str]:
    return [
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        f"ALTER TABLE {table} ADD COLUMN text_search text GENERATED ALWAYS AS ({_folded(_joined(columns))}) STORED",
        f"CREATE INDEX ix_{table}_search ON {table} USING gin (text_search gin_trgm_ops)",
        *(f"CREATE INDEX ix_{table}_search_{c} ON {table} (lower({c}) text_pattern_ops)" for c in prefixes),
    ]


def _folded(text: str) -> str:
    """`models.fold.fold` in PostgreSQL's words; texts without any accent do not go through the table."""
    known = letters()
    longer = text
    for letter, plain in LONGER.items():
        longer = f"replace({longer}, '{letter}', '{plain}')"
    translated = f"translate({longer}, '{''.join(known)}', '{''.join(known.values())}')"
    return f"lower(CASE WHEN octet_length({text}) = char_length({text}) THEN {text} ELSE {translated} END)"
