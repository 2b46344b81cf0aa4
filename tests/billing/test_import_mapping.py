"""A mapping either does what it says or names its mistake."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from billing.import_mapping import BadMapping, parse_mapping, read_mapping
from billing.import_rows import ImportedRow, RowReader
from models import PaymentMethod

CUSTOMER = 'source = "shop"\n[customer]\nexternal_id = "{No}"\nname = "{Name}"\nemail = "{Mail}"\ncurrency = "EUR"\n'
SERVICE = '[service]\npackage = "DSL"\nprice = "10.00"\nstarted_on = 2026-01-01\nnext_renewal_on = 2026-12-01\n'


def read(toml: str, **cells: str) -> ImportedRow:
    """One row, through the mapping; its problems as a failure."""
    cells = {"No": "7", "Name": "Ann", "Mail": "ann@mail.example"} | cells
    mapping = parse_mapping(tomllib.loads(toml, parse_float=str))
    row, problems = RowReader(mapping, list(cells)).read(2, list(cells.values()))
    assert row is not None, [str(problem) for problem in problems]
    return row


def problem(toml: str, **cells: str) -> str:
    with pytest.raises(AssertionError) as failure:
        read(toml, **cells)
    return str(failure.value)


@pytest.mark.parametrize(
    ("line", "cells", "expected"),
    [
        ('name = "{First} {Last}"', {"First": " Ann ", "Last": "Lee"}, {"name": "Ann Lee"}),
        ('about = "set {{ {Name} }}"', {}, {"about": "set {{ Ann }}"}),
        ("payment_days = 30", {}, {"payment_days": 30}),
        ("tax_exempt = true", {}, {"tax_exempt": True}),
        ("starts_on = 2026-03-01", {}, {"starts_on": date(2026, 3, 1)}),
        ("tax_rate = 8.1", {}, {"tax_rate": 81 / 10}),
        ('phone = { column = "Tel" }', {"Tel": " 555 "}, {"phone": "555"}),
        ('phone = { column = "Tel", default = "none" }', {"Tel": " "}, {"phone": "none"}),
        ('username = { column = "Login", default = "user-{No}" }', {"Login": ""}, {"username": "user-7"}),
        ('payment_method = { column = "P", map = { Visa = "card" } }', {"P": "Visa"}, {"payment_method": "card"}),
        ('payment_method = { column = "P", map = {}, default = "invoice" }', {"P": "?"}, {"payment_method": "invoice"}),
        ('starts_on = { column = "D", format = "%d.%m.%Y" }', {"D": "31.12.2026"}, {"starts_on": date(2026, 12, 31)}),
        ('starts_on = { column = "D", format = "%d.%m.%Y" }', {"D": ""}, {"starts_on": None}),
        ('starts_on = { months_before = 2026-03-31, column = "T" }', {"T": "1"}, {"starts_on": date(2026, 2, 28)}),
        ('starts_on = { months_before = 2026-12-01, column = "T" }', {"T": "72"}, {"starts_on": date(2020, 12, 1)}),
        ('starts_on = { months_before = 2026-12-01, column = "T" }', {"T": "0"}, {"starts_on": date(2026, 12, 1)}),
    ],
)
def test_each_kind_of_expression(line: str, cells: dict[str, str], expected: dict[str, Any]) -> None:
    toml = CUSTOMER.replace('name = "{Name}"\n', "") if line.startswith("name") else CUSTOMER
    values = read(toml + line, **cells).customer
    assert {name: float(values[name]) if name == "tax_rate" else values[name] for name in expected} == expected


def test_a_service_with_its_rhythm_and_options() -> None:
    toml = CUSTOMER + SERVICE + '[service.options]\nBackup = { column = "B" }\nTV = { column = "T" }\n'
    service = read(toml, B="Yes", T="no").service
    assert service is not None
    assert (service.months, service.days, service.anchor_day) == (1, 0, 1)
    assert (str(service.price), service.options) == ("10.00 EUR", frozenset({"Backup"}))


def test_the_row_s_own_source_wins() -> None:
    row = read(CUSTOMER + 'external_source = { column = "From", default = "shop" }', From="crm")
    assert row.key == ("crm", "7")
    assert read(CUSTOMER).key == ("shop", "7")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("", "needs a source"),
        ("source = 7", "needs a source"),
        ('source = "x"\n[costumer]', "no part called “costumer”. Known are: source"),
        (CUSTOMER + 'nmae = "x"', "[customer] has no field called “nmae”. Known are: external_id"),
        (CUSTOMER + SERVICE + 'prize = "x"', "[service] has no field called “prize”. Known are: package"),
        (CUSTOMER.replace('email = "{Mail}"\n', ""), "[customer] lacks email"),
        (CUSTOMER + "[service]\nmonths = 1", "[service] lacks package, price, started_on, next_renewal_on"),
        (CUSTOMER + 'phone = { colum = "x" }', "[customer] phone has no key called “colum”"),
        (CUSTOMER + 'phone = { default = "x" }', "[customer] phone lacks the column"),
        (CUSTOMER + "phone = [1]", "[customer] phone has to be a text"),
        (CUSTOMER + 'phone = { column = "x", map = 3 }', "map has to be a table"),
        (CUSTOMER + 'starts_on = { column = "x", format = "day" }', "a format looks like %d.%m.%Y"),
        (CUSTOMER + 'starts_on = { months_before = "soon", column = "x" }', "“soon” is not a date"),
        (CUSTOMER + 'starts_on = "2026-02-30"', "[customer] starts_on: “2026-02-30” is not a date"),
        (CUSTOMER.replace("EUR", "XYZ"), "[customer] currency: “XYZ” is not a currency"),
        (CUSTOMER + 'status = "dormant"', "“dormant” is none of: active, disabled, archived"),
        (CUSTOMER + 'payment_method = { column = "P", map = { a = "cheque" } }', "payment_method: “cheque” is none of"),
        (CUSTOMER + '[file]\ndelimiter = "||"', "has to be one character"),
        (CUSTOMER + '[file]\nencoding = "klingon"', "“klingon” is not known"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(toml: str, words: str) -> None:
    with pytest.raises(BadMapping) as refusal:
        parse_mapping(tomllib.loads(toml, parse_float=str))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [b"source = ", b"\xff\xfe\x00", b"\x89PNG\r\n", b"a = " + b"[" * 5000, b"a = " + b"1" * 5000, b"#" * 1_100_000],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(BadMapping, match=r"odd\.toml"):
        read_mapping(path)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(BadMapping, match=r"“Email”, which the file does not have. Its columns are: No, Name, Mail"):
        read(CUSTOMER.replace("{Mail}", "{Email}"))


@pytest.mark.parametrize(
    ("line", "cells", "words"),
    [
        ("", {"Mail": "not a mail"}, "line 2, Mail: “not a mail” is not an e-mail address"),
        ("", {"Mail": "a@b@c.example"}, "is not an e-mail address"),
        ("", {"Mail": "a@mail.example\r\nBcc: x@y.example"}, "is not an e-mail address"),
        ("", {"Mail": ""}, "line 2, Mail: the cell is empty"),
        ("", {"Name": "x" * 201}, "is too long: 201 characters, at most 200 fit"),
        ("", {"Name": "a\x1b[2Jb"}, "holds characters that are not text"),
        ("", {"Name": "a\x00b"}, "holds characters that are not text"),
        ('starts_on = { column = "D" }', {"D": "2026-02-30"}, "line 2, D: “2026-02-30” is not a date"),
        ('starts_on = { column = "D" }', {"D": "01/02/2026"}, "Write it as 2026-12-31, or give its format"),
        ('starts_on = { column = "D" }', {"D": "٢٠٢٦-٠١-٠١"}, "is not a date"),
        ('starts_on = { column = "D" }', {"D": "0001-01-01"}, "is not a date"),
        ('starts_on = { column = "D", format = "%d.%m.%Y" }', {"D": "2026-01-01"}, "in the format %d.%m.%Y"),
        ('starts_on = { months_before = 2026-12-01, column = "T" }', {"T": "-3"}, "“-3” is not a whole number"),
        ('starts_on = { months_before = 2026-12-01, column = "T" }', {"T": "9" * 400}, "is not a whole number"),
        ('payment_days = { column = "N" }', {"N": "٣"}, "is not a whole number from 0 to 365"),
        ('tax_rate = { column = "N" }', {"N": "1e5"}, "is not a percentage"),
        ('tax_exempt = { column = "N" }', {"N": "maybe"}, "is neither yes nor no"),
        ('country = { column = "N" }', {"N": "Atlantis"}, "is not a country"),
        ('payment_method = { column = "P", map = { V = "card" } }', {"P": "X"}, "“X” has no meaning in the mapping"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(line: str, cells: dict[str, str], words: str) -> None:
    assert words in problem(CUSTOMER + line, **cells)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ("-1.00", "“-1.00” is below zero. A price cannot be negative"),
        ("NaN", "“NaN” is not an amount"),
        ("1e3", "“1e3” is not an amount"),
        ("1,234.50", "is not an amount"),
        ("٣.٠٠", "is not an amount"),
        ("9" * 400, "too large"),
        ("1.005", "too many decimals"),
        ("", "the cell is empty"),
    ],
)
def test_a_wrong_price_is_named(price: str, words: str) -> None:
    found = problem(CUSTOMER + SERVICE.replace('"10.00"', '{ column = "Price" }'), Price=price)
    assert "line 2, Price: " in found and words in found


def test_an_unknown_currency_in_a_cell_is_named() -> None:
    assert "line 2, Cur: “usb” is not a currency" in problem(CUSTOMER.replace('"EUR"', '{ column = "Cur" }'), Cur="usb")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("started_on = 2026-01-01", "started_on = 2027-01-01"), "after its renewal"),
        (("next_renewal_on = 2026-12-01", "next_renewal_on = 2026-12-01\nanchor_day = 5"), "anchor day 5"),
        (("package", "cancelled_on = 2025-01-01\npackage"), "before it starts"),
        (("package", "months = 1\ndays = 30\npackage"), "not both"),
    ],
)
def test_a_service_that_contradicts_itself_is_named(change: tuple[str, str], words: str) -> None:
    assert words in problem(CUSTOMER + SERVICE.replace(*change))


def test_the_last_day_of_a_short_month_fits_a_late_anchor() -> None:
    toml = CUSTOMER + SERVICE.replace("next_renewal_on = 2026-12-01", "next_renewal_on = 2027-02-28\nanchor_day = 31")
    assert read(toml).service.anchor_day == 31  # type: ignore[union-attr]


def test_a_row_with_too_few_cells_is_named() -> None:
    mapping = parse_mapping(tomllib.loads(CUSTOMER))
    row, problems = RowReader(mapping, ["No", "Name", "Mail"]).read(9, ["1", "Ann"])
    assert row is None and str(problems[0]) == "line 9: the row has 2 cells, the header has 3."


def test_all_problems_of_a_row_are_told_at_once() -> None:
    toml = CUSTOMER + 'starts_on = { column = "D" }'
    mapping = parse_mapping(tomllib.loads(toml))
    _, problems = RowReader(mapping, ["No", "Name", "Mail", "D"]).read(3, ["", "Ann", "x", "y"])
    assert [problem.column for problem in problems] == ["No", "Mail", "D"]


def test_enum_words_become_members() -> None:
    assert read(CUSTOMER + 'payment_method = "Card"').customer["payment_method"] is PaymentMethod.CARD
