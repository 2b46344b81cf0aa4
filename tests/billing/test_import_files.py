"""Whatever a spreadsheet writes is read; whatever is no table is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.import_files import BadFile, CsvFile


@pytest.fixture
def made(tmp_path: Path):
    def make(content: bytes | str) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def rows(path: Path) -> list[tuple[int, list[str]]]:
    with CsvFile(path) as file:
        first, second = list(file.rows()), list(file.rows())
    assert first == second
    return first


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encoding_delimiter_and_line_ends_are_found(made, encoding: str, delimiter: str, end: str) -> None:
    text = end.join(delimiter.join(cells) for cells in (["No", "Name"], ["1", "Zoë Müller"], ["2", "“x”"])) + end
    path = made(text.encode(encoding))
    with CsvFile(path) as file:
        assert file.header == ["No", "Name"]
    assert rows(path) == [(2, ["1", "Zoë Müller"]), (3, ["2", "“x”"])]


def test_quotes_hold_delimiters_line_ends_and_quotes(made) -> None:
    path = made('No,Name\n1,"a, ""b""\nc"\n\n2,d\n')
    assert rows(path) == [(2, ["1", 'a, "b"\nc']), (5, ["2", "d"])]


def test_a_letter_on_the_last_line_decides_the_encoding(made) -> None:
    path = made(b"Name\n" + b"plain\n" * 300_000 + "Zoë".encode("cp1252"))
    with CsvFile(path) as file:
        assert file.encoding == "cp1252"
        assert [cells for _, cells in file.rows()][-1] == ["Zoë"]


def test_only_the_prefix_of_our_own_export_is_stripped(made) -> None:
    path = made("A,B,C,D\n'=1+1,'t Hof,'',''=x\n")
    assert rows(path)[0][1] == ["=1+1", "'t Hof", "''", "'=x"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "table.csv is empty"),
        (b"\n\n", "has no header"),
        (b"PK\x03\x04\x00\x00binary", "is not a text file"),
        (bytes(range(128, 256)) * 4, "is not a text file"),
        (b"a,b,a\n1,2,3\n", "names the column “a” twice (columns 1 and 3)"),
        (b"a,,c\n1,2,3\n", "column 2 has no name"),
        (b'a,b\n1,2\n3,"cut in mid quo', 'line 3: a quotation mark (") is opened and never closed'),
        (b'a,b\n1,"x"y\n', 'line 2: a quotation mark (") stands in the middle'),
        (b"a,b\n1,2\n3," + b"x" * 1_000_000 + b"\n", "line 3: "),
        (b"a,b\n1,2\n3," + b"x" * 200_000 + b"\n", "line 3: a cell is longer than 100,000 characters"),
        (b'a,b\n1,"2\n' + b"3,4\n" * 100_000, "line 2: a cell is longer"),
    ],
)
def test_what_is_no_table_is_refused(made, content: bytes, words: str) -> None:
    with pytest.raises(BadFile) as refusal:
        rows(made(content))
    assert words in str(refusal.value)


def test_a_given_encoding_that_does_not_fit_is_named(made) -> None:
    with pytest.raises(BadFile, match=r"table.csv is not text in the encoding “ascii”"):
        CsvFile(made("Name\nZoë\n"), encoding="ascii")
