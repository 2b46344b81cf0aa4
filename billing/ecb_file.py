"""The files in which the European Central Bank publishes its euro reference rates, daily and since 1999.

CSV (eurofxref.csv, eurofxref-hist.csv), XML (eurofxref-daily.xml, eurofxref-hist-90d.xml, eurofxref-hist.xml) and the
CSV in a ZIP. All say how many units of a currency one euro is worth on a business day.
"""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from models import BillingError
from models.currencies import DECIMALS

SOURCE = "European Central Bank"
LARGEST = 20_000_000
"""Bytes; the file of all days since 1999 has a tenth of them as CSV."""
MOST_DAYS = 20_000
LARGEST_RATE = Decimal(100_000_000)
SHIPPED = Path(__file__).with_name("ecb_rates.csv")


class NotEcbFile(BillingError):
    """This is none of the bank's files."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one euro was worth on a day: currency -> units of it."""

    on: date
    rates: dict[str, Decimal]


def read(data: bytes) -> list[Day]:
    """The days of a file, newest first. Currencies that do not exist any more in ISO 4217 are left out.
    Raises NotEcbFile, saying what is wrong."""
    if len(data) > LARGEST:
        raise NotEcbFile(f"The file is larger than {LARGEST // 1_000_000} MB. Take the daily one, or that of 90 days.")
    if data.startswith(b"PK\x03\x04"):
        data = _unzipped(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotEcbFile("This is no text in UTF-8, as the bank's files are.") from None
    days = list(_of_xml(text) if text.lstrip().startswith("<") else _of_csv(text))
    if not days:
        raise NotEcbFile("The file has no day with rates in it.")
    return sorted(days, key=lambda day: day.on, reverse=True)


def shipped() -> list[Day]:
    """The extract that comes with the product; see ecb_rates.LICENSE.txt."""
    return read(SHIPPED.read_bytes())


def _unzipped(data: bytes) -> bytes:
    """The one file in a ZIP, if it is no larger than it may be."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = archive.infolist()
            if len(inside) != 1:
                raise NotEcbFile("The ZIP has more than one file in it.")
            with archive.open(inside[0]) as file:
                found = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError):
        raise NotEcbFile("The ZIP is damaged. Download it once more.") from None
    if len(found) > LARGEST:
        raise NotEcbFile("The file in the ZIP is too large.")
    return found


def _of_csv(text: str) -> Iterator[Day]:
    rows = csv.reader(io.StringIO(text))
    try:
        head = [cell.strip() for cell in next(rows, [])]
        if not head or head[0] != "Date":
            raise NotEcbFile("The first line of the bank's file begins with Date, followed by currencies.")
        for place, row in enumerate(rows, 2):
            if place > MOST_DAYS:
                raise NotEcbFile("The file has too many lines.")
            if any(cell.strip() for cell in row):
                yield Day(_day(row[0], place), _rates(zip(head[1:], row[1:], strict=False), place))
    except csv.Error:
        raise NotEcbFile("This is no table of values with commas between them.") from None


def _of_xml(text: str) -> Iterator[Day]:
    # Neither entities nor a document type: without them nothing can be made to grow, and nothing is fetched.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotEcbFile("The file declares a document type, which the bank's files do not. It was not read.")
    try:
        root = ET.fromstring(text)  # noqa: S314  # no document type, no entities, and of limited size
    except (ET.ParseError, ValueError):
        raise NotEcbFile("This is no complete XML file. Download it once more.") from None
    for place, cube in enumerate((one for one in root.iter() if one.get("time")), 1):
        if place > MOST_DAYS:
            raise NotEcbFile("The file has too many days.")
        pairs = ((one.get("currency", ""), one.get("rate", "")) for one in cube)
        yield Day(_day(cube.get("time", ""), place), _rates(pairs, place))


def _day(text: str, place: int) -> date:
    """2026-10-30, or 30 October 2026 as in the daily table."""
    words = text.strip()
    try:
        if words[:4].isdigit():
            return date.fromisoformat(words)
        return datetime.strptime(words, "%d %B %Y").date()  # noqa: DTZ007  # a calendar day
    except ValueError:
        raise NotEcbFile(f"Line {place}: “{words[:24]}” is no day.") from None


def _rates(pairs: Iterator[tuple[str, str]] | zip[tuple[str, str]], place: int) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for currency, text in pairs:
        code, number = currency.strip(), text.strip()
        if code in DECIMALS and number not in ("", "N/A"):
            found[code] = _rate(number, code, place)
    return found


def _rate(text: str, code: str, place: int) -> Decimal:
    try:
        rate = Decimal(text) if text.isascii() and len(text) < 24 else Decimal("NaN")
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 < rate < LARGEST_RATE or rate != round(rate, 10):
        raise NotEcbFile(f"Line {place}: “{text[:24]}” is no exchange rate of {code}.")
    return rate
