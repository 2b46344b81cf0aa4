"""Letters without their accents, in small: how texts are compared when people search ("Jorg" finds "Jörg").

The table is part of what the search index holds: whoever changes it makes the index anew (a migration that calls
`drop_search` and `create_search`).
"""

from __future__ import annotations

import unicodedata
from functools import cache

# Latin with accents (Western, Central European, Baltic, Turkish, Romanian, Vietnamese), Greek with accents, Russian ё.
_RANGES = (
    (0xC0, 0x17F), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x1CD, 0x1DC), (0x218, 0x21B), (0x1EA0, 0x1EF9),
    (0x386, 0x3CE), (0x401, 0x401), (0x451, 0x451),
)  # fmt: skip
_SPECIAL = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "ĸ": "k", "ς": "σ"}
LONGER = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "Æ": "ae", "Œ": "oe", "Þ": "th"}
"""Letters that become two."""


@cache
def letters() -> dict[str, str]:
    """Every accented letter, small and capital, and the plain small letter it is found by."""
    found = {**_SPECIAL, **{letter.upper(): plain for letter, plain in _SPECIAL.items() if len(letter.upper()) == 1}}
    for first, last in _RANGES:
        for letter in map(chr, range(first, last + 1)):
            base = unicodedata.normalize("NFD", letter)
            if len(base) > 1 and len(base[0].lower()) == 1:
                found[letter] = base[0].lower()
    return {letter: plain for letter, plain in found.items() if not letter.isascii() and letter != plain}


@cache
def _table() -> dict[int, str]:
    return str.maketrans({**letters(), **LONGER})


def fold(text: str | None) -> str:
    """`text` as it is compared. PostgreSQL does the same by itself, see `models.search`."""
    if not text:
        return ""
    return text.lower() if text.isascii() else text.translate(_table()).lower()
