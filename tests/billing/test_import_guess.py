"""What the columns of a table probably are, and how its cells are written."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from flask import Flask

from billing import import_guess as guess
from billing.import_choices import Choices, WrongChoice, columns_hash, mapping_data, to_toml
from billing.import_fields import BadValue, country
from billing.import_mapping import parse_mapping
from billing.import_store import Store, TooLarge

pytestmark = pytest.mark.usefixtures("app")

WHMCS = (
    "Client ID,First Name,Last Name,Company Name,Email,Address 1,Address 2,City,State,Postcode,Country,Phone Number,"
    "Currency,Client Group,Status,Creation Date,Notes"
)
BLESTA = "ID Code,First Name,Last Name,Company,Email,Address 1,Address 2,City,State,Zip,Country,Number"
NINJA = (
    "Client Name,Client ID Number,Client VAT Number,Client Street,Client Apt/Suite,Client City,Client State/Province,"
    "Client Postal Code,Client Country,Contact First Name,Contact Last Name,Contact Email,Contact Phone"
)


@pytest.mark.parametrize(
    ("header", "system", "fields"),
    [
        (WHMCS, "WHMCS", "external_id first_name last_name company_name email street street2 city region postal_code "
         "country phone currency group status registered_on about"),
        (BLESTA, "Blesta", "external_id first_name last_name company_name email street street2 city "
         "region postal_code country"),
        (NINJA, "Invoice Ninja", "name external_id tax_id street street2 city region postal_code country email phone"),
        ("Kundennummer;Vorname;Nachname;Firma;E-Mail-Adresse;Strasse;Postleitzahl;Ort;Land;Telefon", "",
         "external_id first_name last_name company_name email street postal_code city country phone"),
    ],
)  # fmt: skip
def test_exports_of_other_systems_are_recognised(header: str, system: str, fields: str) -> None:
    columns = header.split(";" if ";" in header else ",")
    assert guess.system_of(columns) == system
    assert set(guess.suggest(columns, []).values()) == set(fields.split())


def test_cells_speak_where_titles_do_not() -> None:
    rows = [["x", "ann@mail.example", "EUR", "IE"], ["y", "bob@mail.example", "USD", "DE"]]
    assert guess.suggest(["A", "B", "C", "D"], rows) == {"B": "email", "C": "currency"}
    assert guess.suggest(["A"], [["", "", ""]]) == {}


def test_half_a_service_and_half_a_name_are_left_out() -> None:
    assert guess.suggest(["Name", "Last Name", "Email", "Amount"], []) == {"Name": "name", "Email": "email"}


@pytest.mark.parametrize(
    ("cells", "pattern"),
    [
        (["2026-01-31"], "%Y-%m-%d"), (["31/12/2026", "01/02/2026"], "%d/%m/%Y"),
        (["12/31/2026", "01/02/2026"], "%m/%d/%Y"),
        (["31.12.2026"], "%d.%m.%Y"), (["2026-01-31 10:00:00"], "%Y-%m-%d %H:%M:%S"), (["Dec 31, 2026"], "%b %d, %Y"),
        (["x", "31/12/2026"], "%d/%m/%Y"), ([], "%Y-%m-%d"), (["x"], "%Y-%m-%d"),
    ],
)  # fmt: skip
def test_the_way_dates_are_written(cells: list[str], pattern: str) -> None:
    assert guess.date_format(cells) == pattern


def test_the_way_amounts_are_written() -> None:
    assert [guess.decimal_sign([c]) for c in ("12,50", "1.234,5", "12.50", "1,234", "1,234.50", "")] == [
        ",", ",", ".", ".", ".", ".",
    ]  # fmt: skip


def test_words_of_other_systems_have_a_meaning() -> None:
    told = [guess.meaning("status", word) for word in ("Active", "INACTIVE", "Closed", "disabled", "strange", "")]
    assert told == ["active", "disabled", "archived", "disabled", "", ""]
    assert [guess.meaning("tax_exempt", word) for word in ("Yes", "off", "x", "ja", "maybe")] == [
        "yes", "no", "yes", "yes", "",
    ]  # fmt: skip
    assert guess.meaning("payment_method", "Credit Card") == "card"


def test_countries_may_be_named() -> None:
    assert [country(name) for name in ("IE", "Ireland", "united kingdom", "U.S.A.", "de", "South Korea")] == [
        "IE", "IE", "GB", "US", "DE", "KR",
    ]  # fmt: skip
    with pytest.raises(BadValue, match="not a country"):
        country("Atlantis")


def test_a_mapping_survives_its_way_through_a_file(app: Flask) -> None:
    odd = 'A "b" \\ é\t#'
    made = Choices(
        source="s", identity="No",
        columns={"No": "username", odd: "name", "M": "email", "S": "status", "D": "registered_on"},
        words={"S": {'x"y': "disabled", "": "active"}},
        fixed={"currency": "EUR"}, date_format="%d.%m.%Y", updates=False,
        tag="new ones",
    )  # fmt: skip
    data = mapping_data(made, ["No", odd, "M", "S", "D"], {"encoding": "cp1252", "delimiter": "\t", "quote": "'"})
    assert tomllib.loads(to_toml(data)) == data
    read = parse_mapping(tomllib.loads(to_toml(data)))
    assert (read.delimiter, read.quote, read.updates, read.tag, read.adopt_by_email) == (
        "\t",
        "'",
        False,
        "new ones",
        True,
    )
    with pytest.raises(WrongChoice, match="The columns have changed"):
        mapping_data(made, ["No"])


def test_the_same_columns_in_another_order_are_the_same() -> None:
    assert columns_hash(["A", "B"]) == columns_hash(["B", "What is wrong", "A"]) != columns_hash(["A"])


def test_a_file_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(16 << 20)
    with (tmp_path / "large").open("rb") as file, pytest.raises(TooLarge, match="larger than 15 MB"):
        store.keep(file)
    assert list(store.folder.iterdir()) == []
    for name in ("../large", "", "x" * 32, "a" * 31):
        with pytest.raises(ValueError, match="no name of ours"):
            store.path(name)
