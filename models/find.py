"""The statements that search a table by its SearchIndex: all matches at once, or one row after the other."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
)

from .search import SHORTEST, SearchIndex


def _as_id(words: list[str]) -> int | None:
    """The id that was typed, if a number was typed."""
    word = words[0] if len(words) == 1 else ""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None


def hits(index: SearchIndex, model: Any, words: list[str], dialect: str) -> Select[Any] | CompoundSelect[Any]:
    """`SELECT id` of the rows that hold every word, in no order."""
    found, number = _hits(index, model, words, dialect), _as_id(words)
    return found if number is None else found.union(select(model.id).where(model.id == number))


def hits_of_text(index: SearchIndex, model: Any, typed: str, also: ColumnElement[bool], dialect: str) -> Select[Any]:
    """`SELECT id` of the rows that hold these three letters or more just so, spaces and all, and pass `also`."""
    found = _hits(index, model, [_telling(typed)], dialect)
    if dialect == "sqlite":
        found = found.join(model, model.id == found.selected_columns[0])
    return found.where(also)


def _telling(typed: str) -> str:
    """Of a mail address what stands before the @: many share the rest, whose letters the index would go through."""
    before = typed.partition("@")[0].strip()
    return before if len(before) >= SHORTEST else typed


def _hits(index: SearchIndex, model: Any, words: list[str], dialect: str) -> Select[Any]:
    if index.is_short(words):
        return select(model.id).where(*(begins(index, model, word, dialect) for word in words))
    if dialect == "sqlite":
        return _hits_sqlite(index, model, words)
    return select(model.id).where(_contains(index, model, words, dialect))


def contains(index: SearchIndex, model: Any, words: list[str], dialect: str) -> ColumnElement[bool]:
    """The same test for one row at a time, to be used while walking another index."""
    found, number = _contains(index, model, words, dialect), _as_id(words)
    return found if number is None else or_(found, model.id == number)


def _contains(index: SearchIndex, model: Any, words: list[str], dialect: str) -> ColumnElement[bool]:
    if index.is_short(words):
        return and_(*(begins(index, model, word, dialect) for word in words))
    return and_(*(_holds(index, model, word) for word in words))


def in_order_of_id(index: SearchIndex, model: Any, words: list[str], dialect: str) -> tuple[Any, Any] | None:
    """The table of trigrams and its test, to be joined and walked by `rowid`; None where there is no such table."""
    if dialect != "sqlite" or index.is_short(words) or _as_id(words) is not None:
        return None
    found = _fts(index)
    return found, and_(_match(index, found, words), *_short_ones(index, model, words, dialect))


def _holds(index: SearchIndex, model: Any, word: str) -> ColumnElement[bool]:
    """The row's own text, cheaper than asking the index row by row. Both sides are folded: cases do not differ."""
    text = _text(index)
    return or_(*(text.like(f"%{_escaped(spelt)}%", escape="\\") for spelt in index.spellings(word)))


def _text(index: SearchIndex) -> ColumnElement[str]:
    return literal_column(f"{index.table}.text_search", String())


def _hits_sqlite(index: SearchIndex, model: Any, words: list[str]) -> Select[Any]:
    found = _fts(index)
    matching = select(found.c.rowid.label("id")).where(_match(index, found, words))
    short = _short_ones(index, model, words, "sqlite")
    return matching.join(model, model.id == found.c.rowid).where(*short) if short else matching


def _fts(index: SearchIndex) -> Any:
    return table(index.name, column("rowid"), column(index.name))


def _match(index: SearchIndex, found: Any, words: list[str]) -> ColumnElement[bool]:
    """Quoted phrases only: whatever is typed is text, never FTS syntax."""
    phrases = []
    for word in words:
        spelt = [f'"{s.replace(chr(34), chr(34) * 2)}"' for s in index.spellings(word) if len(s) >= SHORTEST]
        if spelt:
            phrases.append("(" + " OR ".join(spelt) + ")")
    return found.c[index.name].op("MATCH", is_comparison=True)(" AND ".join(phrases))


def _short_ones(index: SearchIndex, model: Any, words: list[str], dialect: str) -> list[ColumnElement[bool]]:
    """Words too short for trigrams, beside longer ones: a plain test of the few rows that are left."""
    return [_holds(index, model, word) for word in words if len(word) < SHORTEST]


def begins(index: SearchIndex, model: Any, word: str, dialect: str) -> ColumnElement[bool]:
    """Beginnings, by an index: a range, because LIKE would need its own collation to use one."""
    columns = [getattr(model, name) for name in index.prefixes]
    if not columns or not word:
        return false()
    if dialect == "postgresql":
        return or_(*(func.lower(c).like(_escaped(word.lower()) + "%", escape="\\") for c in columns))
    return or_(*(_between(c.collate("NOCASE"), start) for c in columns for start in sorted(_cases(word))))


def _between(value: Any, start: str) -> ColumnElement[bool]:
    return and_(value >= start, value < start + "\U0010ffff")


def _cases(word: str) -> set[str]:
    """SQLite's NOCASE knows A to Z only; other letters are tried as typed, small and capital."""
    return {word.lower()} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)
