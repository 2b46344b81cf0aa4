"""Text as people type it: trimmed, bounded, and without characters nobody can see."""

from __future__ import annotations

import unicodedata

from models import BillingError

# Control characters, halves of characters, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# These turn the direction of what follows: 'gpj.exe' would read 'exe.jpg'.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LONGEST = 10_000


class InvalidText(BillingError):
    """Missing, too long, or not text that can be shown."""


def one_line(text: str, longest: int, what: str, *, empty: bool = False) -> str:
    """The text without spaces around it, at most `longest` letters; raises InvalidText.

    `what` begins the sentence people read: "The name".
    """
    found = _stripped(text, what)
    if not found and not empty:
        raise InvalidText(f"{what} is missing.")
    if len(found) > longest:
        raise InvalidText(f"{what} is too long: at most {longest} letters.")
    if _unseen(found):
        raise InvalidText(f"{what} is one line of text, without control characters.")
    return found


def many_lines(text: str, what: str) -> str:
    """Text of several lines, at most 10,000 letters; raises InvalidText."""
    found = _stripped(text, what).replace("\r\n", "\n").replace("\r", "\n")
    if len(found) > LONGEST:
        raise InvalidText(f"{what} is too long: at most {LONGEST:,} letters.")
    if _unseen(found.replace("\n", "").replace("\t", "")):
        raise InvalidText(f"{what} holds control characters. Type it in as plain text.")
    return found


def _stripped(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise InvalidText(f"{what} is text.")
    return text.strip()


def _unseen(text: str) -> bool:
    if text.isascii():
        return not text.isprintable()
    return any(letter in _TURNS or unicodedata.category(letter) in _UNSEEN for letter in text)
