"""What a check is, and how its findings are told: how many, what is wrong, and the first few by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import DBAPIError

from models import db

SHOWN = 5
"""How many of the rows found are named."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is examined, and what only the caller can know.

    `at` is the moment (aware). `schema` are the migrations the code needs; None leaves the schema alone.
    `mail_leaves` says whether mails can leave at all, so that waiting ones mean something. `uploads` are the names of
    the uploaded files on the disk that are older than an hour; None leaves them alone.
    """

    at: datetime
    schema: frozenset[str] | None = None
    mail_leaves: bool = False
    uploads: frozenset[str] | None = None

    @property
    def sqlite(self) -> bool:
        return db.session.get_bind().dialect.name == "sqlite"


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the rows found: its id (0 for what is no row of ours), and the name people know it by."""

    id: int
    shown: str

    def __str__(self) -> str:
        return f"{self.shown} (id {self.id})" if self.id else self.shown


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that does not hold. `code` is its number, `things` what was found `count` times.

    A check that could not be made is a finding too, with count 0 and `failed` set.
    """

    code: str
    things: str
    wrong: str
    count: int
    samples: tuple[Sample, ...] = ()
    failed: bool = False

    @property
    def sentence(self) -> str:
        if self.failed:
            return f"The {self.things} could not be checked: {self.wrong}"
        named = ", ".join(map(str, self.samples))
        more = f" and {self.count - len(self.samples):,} more" if self.count > len(self.samples) else ""
        return f"{self.count:,} {self.things} {self.wrong}: {named}{more}."

    def __str__(self) -> str:
        return f"{self.code}  {self.sentence}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as `flask doctor --json` prints it."""
        return {
            "code": self.code,
            "sentence": self.sentence,
            "things": self.things,
            "count": self.count,
            "samples": [{"id": sample.id, "shown": sample.shown} for sample in self.samples],
            "failed": self.failed,
        }


Query = Select[*tuple[Any, ...]]
Found = Query | Iterable[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the database. `find` gives the rows that are wrong as (id, name): a query, or the rows.

    `wrong` ends the sentence "3 invoices …"; `things` is (one, many). The query of the last scope is kept: writing it
    takes longer than answering it in all but big databases, and whoever looks after each step asks it many times.
    """

    code: str
    things: tuple[str, str]
    wrong: str
    find: Callable[[Scope], Found]
    _kept: dict[tuple[Scope, bool], Query] = field(default_factory=dict, repr=False, compare=False)

    def ask(self, scope: Scope) -> Finding | None:
        """What is wrong, or None. Runs in a savepoint: a check that breaks leaves the others their transaction."""
        try:
            with db.session.begin_nested():
                return self.answer(scope)
        except Exception as error:
            return Finding(self.code, self.things[1], _reason(error), 0, failed=True)

    def answer(self, scope: Scope) -> Finding | None:
        """What is wrong, or None. Raises what breaks."""
        count, rows = _counted(self._found(scope))
        if not count:
            return None
        samples = tuple(Sample(int(row[0]), str(row[1])) for row in rows)
        return Finding(self.code, self.things[0 if count == 1 else 1], self.wrong, count, samples)

    def _found(self, scope: Scope) -> Found:
        kept = self._kept.get((scope, scope.sqlite))
        if kept is not None:
            return kept
        found = self.find(scope)
        if not isinstance(found, Select):
            return found
        self._kept.clear()
        self._kept[scope, scope.sqlite] = counted = _counting(found)
        return counted


def _counting(found: Query) -> Query:
    """How many, and the first few: the query counts them itself, so that a million rows are not fetched."""
    wrong = found.subquery()
    first, shown = list(wrong.c)[:2]
    return select(first, shown, func.count().over()).order_by(first, shown).limit(SHOWN)


def _counted(found: Found) -> tuple[int, Sequence[Any]]:
    """How many, and the first few."""
    if isinstance(found, Select):
        rows = db.session.execute(found).all()
        return (rows[0][2] if rows else 0), rows
    each = iter(found)
    first_few = list(islice(each, SHOWN))
    return len(first_few) + sum(1 for _ in each), first_few


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    first = (str(cause).strip() or "no reason given").splitlines()[0]
    return f"{type(cause).__name__}: {first[:200]}"
