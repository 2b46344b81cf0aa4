"""Reading the CSV files that banks hand out: lines above the header, columns without a name or with one twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from .import_files import DELIMITERS, BadFile, CsvFile

LOOKED_AT = 60
"""Lines above which the header has to come."""


class BankFile(CsvFile):
    """A bank's CSV file. Lines above the header are passed over; columns without a name, or with one that is there
    already, get one. `rows()` gives the numbers of the lines in the file."""

    above = 0

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        for line, cells in super().rows():
            yield line + self.above, cells

    def _lines(self) -> Iterator[str]:
        return islice(super()._lines(), self.above, None)

    def _detect_delimiter(self) -> str:
        """The one that splits the most lines into columns."""
        first = list(islice(self._lines(), LOOKED_AT))
        return max(DELIMITERS, key=lambda sign: (sum(line.count(sign) > 1 for line in first), sign == ";"))

    def _read_header(self) -> list[str]:
        rows = list(islice(self._split(self._lines(), self.delimiter), LOOKED_AT))
        place = next((n for n in range(len(rows)) if _is_header(rows, n)), None)
        if place is None:
            raise BadFile(
                f"{self.name}: no line names the columns. Export the statement as CSV with column titles, or choose "
                "another separator."
            )
        self.above = rows[place][0] - 1
        return _named(rows[place][1])


def _is_header(rows: Sequence[tuple[int, list[str]]], place: int) -> bool:
    """Several titles that are words, with a line of as many cells below."""
    cells = [cell.strip() for cell in rows[place][1]]
    below = rows[place + 1][1] if place + 1 < len(rows) else cells
    words = sum(bool(cell) and not any(letter.isdigit() for letter in cell[:4]) for cell in cells)
    return words >= 3 and words * 2 > len(cells) and len(below) >= len(cells) - 1 and len(below) > 2


def _named(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(header, 1):
        name, again = cell.strip()[:80] or f"Column {number}", 2
        wanted = name
        while wanted in names:
            wanted, again = f"{name} ({again})", again + 1
        names.append(wanted)
    return names


def header_hash(header: Sequence[str]) -> str:
    """The same for files with the same columns in the same order."""
    return hashlib.sha256("\0".join(header).encode()).hexdigest()


def open_file(path: Path, name: str, layout: Mapping[str, str]) -> BankFile:
    """The file as it was read before: encoding and delimiter. Raises BadFile."""
    return BankFile(path, name=name, encoding=layout.get("encoding") or None, delimiter=layout.get("delimiter") or None)
