"""Cells of the CSV files we write and read: no spreadsheet takes a text for a formula, and nothing is lost by that."""

from __future__ import annotations

from collections.abc import Iterable

# The full-width twins too: spreadsheets read them like the plain signs.
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_SKIPPED = frozenset("\ufeff\u200b\u200c\u200d\u2060")


_HARMLESS = frozenset(
    sign for sign in map(chr, range(0x21, 0x3000)) if sign not in _FORMULA | _SKIPPED | {"'"} and not sign.isspace()
)
"""Whatever begins with one of these stays as it is; told at a glance, a million times."""


def defuse_all(texts: Iterable[str | None]) -> list[str | None]:
    """`defuse` of each; nothing stays nothing."""
    return [t if not t or t[0] in _HARMLESS else f"'{t}" if t[0] in _FORMULA else defuse(t) for t in texts]


def defuse(text: str) -> str:
    """`text` as it may be written into a CSV cell: with a ' in front where a spreadsheet would see a formula.

    A text that looks as if it had been defused gets one more ', so that `undefuse` is exact for every text.
    """
    return f"'{text}" if _starts_formula(text.lstrip("'")) else text


def undefuse(cell: str) -> str:
    """The text that `defuse` was given: strips exactly the prefix that it writes, nothing else."""
    return cell[1:] if cell[:1] == "'" and _starts_formula(cell.lstrip("'")) else cell


def _starts_formula(text: str) -> bool:
    """Whether the first sign that a spreadsheet looks at, after blanks and invisible marks, starts a formula."""
    for sign in text:
        if sign in _FORMULA:
            return True
        if not (sign.isspace() or sign in _SKIPPED or sign < " "):
            return False
    return False
