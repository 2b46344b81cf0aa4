"""What a setting may hold: how what was chosen is read, and which kind of field asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from models import BillingError
from models.currencies import DECIMALS

from . import staff
from .countries import COUNTRIES
from .tax_numbers import tax_number
from .texts import many_lines, one_line

LARGEST_LOGO = 1_000_000
"""Bytes."""
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class WrongSetting(BillingError):
    """A value that a setting cannot have."""


class Kind:
    """Reads a value into the form it is stored in: a plain one, as JSON can hold it. Raises BillingError."""

    def read(self, value: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Line(Kind):
    """One line of text. `what` begins the sentence of a refusal: "The name"."""

    longest: int
    what: str
    empty: bool = True

    def read(self, value: Any) -> str:
        return one_line(value, self.longest, self.what, empty=self.empty)


@dataclass(frozen=True, slots=True)
class Lines(Kind):
    """Text of several lines."""

    what: str

    def read(self, value: Any) -> str:
        return many_lines(value, self.what)


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number with bounds; `unit` is what it counts, such as "days"."""

    least: int
    most: int
    what: str
    unit: str = ""

    def read(self, value: Any) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            raise WrongSetting(f"{self.what} is a whole number from {self.least:,} to {self.most:,}.")
        return value


@dataclass(frozen=True, slots=True)
class YesNo(Kind):
    def read(self, value: Any) -> bool:
        if type(value) is not bool:
            raise WrongSetting("Choose yes or no.")
        return value


@dataclass(frozen=True, slots=True)
class OneOf(Kind):
    """One of `words`: value -> what a person reads."""

    words: Mapping[Any, str]

    def read(self, value: Any) -> Any:
        if value not in self.words:
            raise WrongSetting("Choose one from the list.")
        return value


@dataclass(frozen=True, slots=True)
class Countries(Kind):
    """Some countries, by their two letters."""

    def read(self, value: Any) -> list[str]:
        wrong = [code for code in value if code not in COUNTRIES]
        if wrong:
            raise WrongSetting("Choose countries from the list.")
        return sorted(set(value))


@dataclass(frozen=True, slots=True)
class Template(Kind):
    """A template of documents (`of`: document) or of web pages (web), by its key; settings.change asks whether it may
    be chosen."""

    of: str

    def read(self, value: Any) -> str:
        return one_line(value, 60, "The template", empty=False)


@dataclass(frozen=True, slots=True)
class Days(Kind):
    """Some days, counted from one: "1, 3, 5"; empty for none."""

    what: str
    most: int = 60

    def read(self, value: Any) -> str:
        words = [word.strip() for word in one_line(value, 60, self.what).split(",") if word.strip()]
        if not all(word.isascii() and word.isdigit() and 0 < int(word) <= self.most for word in words):
            raise WrongSetting(f"{self.what} are whole numbers up to {self.most} with commas, such as 1, 3, 5.")
        return ", ".join(str(day) for day in sorted({int(word) for word in words}))


class Country(Kind):
    """A country, or none."""

    def read(self, value: Any) -> str:
        return _chosen(value, {"", *COUNTRIES}, "Choose a country from the list.")


class Currency(Kind):
    def read(self, value: Any) -> str:
        return _chosen(value, DECIMALS, "Choose a currency from the list.")


class Zone(Kind):
    def read(self, value: Any) -> str:
        return _chosen(value, available_timezones(), "Choose a time zone from the list.")


class Language(Kind):
    def read(self, value: Any) -> str:
        language, _, place = str(value).partition("_")
        if not (2 <= len(language) <= 3 and language.isascii() and language.islower() and len(place) <= 4):
            raise WrongSetting("Choose a language from the list.")
        return str(value)


class Email(Kind):
    """An address, or none."""

    def read(self, value: Any) -> str:
        return staff.clean_email(value) if value else ""


class Prefix(Kind):
    """What begins the numbers of documents."""

    longest = 20

    def read(self, value: Any) -> str:
        found = one_line(value, self.longest, "The prefix", empty=False).rstrip("-")
        if not found or not all(letter.isalnum() or letter in "-/._" for letter in found):
            raise WrongSetting("The prefix is made of letters, digits and - / . _, such as INV.")
        return found


class Website(Kind):
    """As people write it on paper: company.example."""

    longest = 200

    def read(self, value: Any) -> str:
        return website(value)


class HelpAddress(Kind):
    """A page, or a mailbox."""

    longest = 400

    def read(self, value: Any) -> str:
        if str(value).startswith("mailto:"):
            return f"mailto:{staff.clean_email(str(value).removeprefix('mailto:'))}"
        return web_address(value)


class TileAddress(Kind):
    """An https address with {z}, {x} and {y} in its path. Nothing else in braces, no port tricks: it goes into a
    header and a link."""

    longest = 200

    def read(self, value: Any) -> str:
        found = one_line(value, self.longest, "The address", empty=False)
        scheme, slashes, rest = found.partition("://")
        host, slash, path = rest.partition("/")
        plain = f"{scheme}{slashes}{host}{slash}" + re.sub(r"\{[zxy]\}", "0", path)
        form = r"https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}(:[0-9]{2,5})?/[A-Za-z0-9._~/?=&%@+-]*"
        if not re.fullmatch(form, plain) or any(part not in path for part in ("{z}", "{x}", "{y}")):
            raise WrongSetting("The address looks like https://tile.company.example/{z}/{x}/{y}.png.")
        return found


class Registrations(Kind):
    """Countries where the company is registered for tax: a line each, its two letters and the number there."""

    def read(self, value: Any) -> str:
        found: dict[str, str] = {}
        for place, line in enumerate(many_lines(value, "The list").splitlines(), 1):
            if line.strip():
                country, _space, number = line.strip().partition(" ")
                country = country.upper()
                if country not in COUNTRIES or country in found:
                    raise WrongSetting(f"Line {place}: begin with the letters of a country, each once: DE DE136695976.")
                found[country] = tax_number(number, country)
        return "\n".join(f"{country} {number}".strip() for country, number in sorted(found.items()))


class Hosts(Kind):
    """Names of hosts, a line each, such as www.company.example."""

    def read(self, value: Any) -> str:
        found = dict.fromkeys(line.strip().lower() for line in many_lines(value, "The list").splitlines())
        for host in found:
            if host and not (len(host) <= 253 and re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", host)):
                raise WrongSetting(f"{host[:80]} is not the name of a host, such as www.company.example.")
        return "\n".join(filter(None, found))


class Logo(Kind):
    """A picture, kept in a column of its own and chosen by a file."""

    def read(self, value: Any) -> bytes | None:
        return logo_file(value)


def web_address(value: Any) -> str:
    """An address that a link may lead to: http or https, empty for none. Raises WrongSetting, InvalidText."""
    found = one_line(value, 400, "The address", empty=True)
    if found and not _leads_to(found, ("http", "https")):
        raise WrongSetting("This is not a web address. It looks like https://company.example/help.")
    return found


def website(value: Any) -> str:
    """A website as it is written on paper, company.example. Raises WrongSetting, InvalidText."""
    found = one_line(value, 200, "The website", empty=True)
    if found and not _leads_to(found if "://" in found else f"https://{found}", ("http", "https")):
        raise WrongSetting("This is not a web address. It looks like company.example.")
    return found


def logo_file(value: Any) -> bytes | None:
    """A PNG or JPEG of at most 1 MB, judged by what is in it; None takes the logo away. Raises WrongSetting."""
    if value is None:
        return None
    if not isinstance(value, bytes) or not value.startswith((PNG, JPEG)):
        raise WrongSetting("The logo is not a PNG or JPEG picture. Save it as one of these and upload it again.")
    if len(value) > LARGEST_LOGO:
        raise WrongSetting("The logo is larger than 1 MB. Save it smaller and upload it again.")
    return value


def _chosen(value: Any, known: Any, sentence: str) -> str:
    if value not in known:
        raise WrongSetting(sentence)
    return str(value)


def _leads_to(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in schemes and "." in host.strip(".") and not any(letter.isspace() for letter in url)
