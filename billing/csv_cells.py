"""Cells of the CSV files we write and read: no spreadsheet takes a text for a formula, and nothing is lost by that."""

from __future__ import annotations

# The full-width twins too: spreadsheets read them like the plain signs.
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_SKIPPED = frozenset("\ufeff\u200b\u200c\u200d\u2060")


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
