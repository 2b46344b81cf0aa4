"""Reading a CSV file of any size, row by row: finds encoding and delimiter itself, and refuses what is no table."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from models import BillingError
from models.exact import shown

from .csv_cells import undefuse

LONGEST_LINE = 1_000_000
LONGEST_CELL = 100_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
QUOTES = ('"', "'", "")
"""What stands around a cell that holds the delimiter; nothing: quotation marks are letters like any other."""
BLOCK = 1 << 20


class BadFile(BillingError):
    """The file cannot be read as a table; the sentence says where and why."""


class CsvFile:
    """A CSV file with a header line. `rows()` reads it from the start each time, in constant memory.

    `name` is what sentences call it, where that is not its name on disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        quote: str = '"',
        name: str = "",
    ) -> None:
        self.name = name or path.name
        self.quote = quote
        self.file: BinaryIO = path.open("rb")
        try:
            self.encoding = encoding or detect_encoding(self.file, self.name)
            self.delimiter = delimiter or self._detect_delimiter()
            self.header = self._read_header()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    @property
    def size(self) -> int:
        """Bytes."""
        return Path(self.file.name).stat().st_size

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self.file.tell()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of every row below the header that is not blank; raises BadFile.

        `line` is where the row starts: a quoted cell may go over several lines. The number of cells is not checked.
        """
        rows = self._split(self._lines(), self.delimiter)
        next(rows, None)
        yield from rows

    def _split(self, lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
        how = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        reader = csv.reader(lines, delimiter=delimiter, strict=True, **how)
        csv.field_size_limit(LONGEST_CELL)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise BadFile(f"{self.name}, line {line}: {_reason(error)}") from None
            if cells:
                yield line, [undefuse(cell) if cell[:1] == "'" else cell for cell in cells]

    def _lines(self) -> Iterator[str]:
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.encoding, newline="")
        number = 0
        try:
            while line := text.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise BadFile(f"{self.name}, line {number}: the line is longer than {LONGEST_LINE:,} characters.")
                yield line
        except (UnicodeError, LookupError):
            raise BadFile(
                f"{self.name} is not text in the encoding {shown(self.encoding)}, which the mapping asks for."
            ) from None
        finally:
            if not self.file.closed:
                text.detach()

    def _detect_delimiter(self) -> str:
        """The one that splits the header into the most cells; a comma when none does."""
        first = next(self._lines(), "")
        return max(DELIMITERS, key=first.count)

    def _read_header(self) -> list[str]:
        header = [name.strip() for name in next(self._split(self._lines(), self.delimiter), (0, []))[1]]
        if not any(header):
            raise BadFile(f"{self.name} has no header: its first line has to name the columns.")
        seen: dict[str, int] = {}
        for number, name in enumerate(header, 1):
            if not name:
                raise BadFile(f"{self.name}: column {number} has no name in the header.")
            if seen.setdefault(name, number) != number:
                raise BadFile(
                    f"{self.name}: the header names the column {shown(name)} twice "
                    f"(columns {seen[name]} and {number}). Each column needs a name of its own."
                )
        return header


def detect_encoding(file: BinaryIO, name: str) -> str:
    """UTF-8 (with or without its mark), UTF-16 with its mark, else Windows-1252; raises BadFile for what is no text.

    Reads the whole file once, so that a letter on the last line cannot surprise anybody in the middle of the work.
    """
    file.seek(0)
    start = file.read(4)
    if not start:
        raise BadFile(f"{name} is empty.")
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    western = codecs.getincrementaldecoder("cp1252")()
    fits = {"utf-8": True, "cp1252": True}
    while block := file.read(BLOCK):
        if b"\0" in block:
            raise BadFile(f"{name} is not a text file. Save the table as CSV (UTF-8) and import that.")
        fits["utf-8"] = fits["utf-8"] and _decodes(decoder, block)
        fits["cp1252"] = fits["cp1252"] and _decodes(western, block)
    if fits["utf-8"] and _decodes(decoder, b"", final=True):
        return "utf-8-sig"
    if fits["cp1252"]:
        return "cp1252"
    raise BadFile(f"{name} is not a text file we can read. Save the table as CSV (UTF-8) and import that.")


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _reason(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f'a cell is longer than {LONGEST_CELL:,} characters. Perhaps a quotation mark (") is not closed.'
    if "unexpected end" in text:
        return 'a quotation mark (") is opened and never closed; the file ends in the middle of a cell.'
    return 'a quotation mark (") stands in the middle of a cell. Inside a quoted cell it has to be written twice.'
