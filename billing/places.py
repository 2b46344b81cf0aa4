"""Places: cities found by their beginning, coordinates as people write them, and outlines of countries for a map.

The data lies beside this file (place_data/LICENSE.txt): cities of more than 5,000 people from GeoNames, outlines from
Natural Earth. Each country is a text of its own in an archive, read when it is asked for and soon forgotten.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import ZipFile

from models import BillingError
from models.exact import shown

DATA = Path(__file__).with_name("place_data")
SIZE = 1 << 18
"""Width and height of the world in map units: a unit is 153 m at the equator."""
FURTHEST = 85.0511
"""Degrees north and south where the map ends (Web Mercator)."""
MOST_FOUND = 12
Box = tuple[int, int, int, int]


class WrongCoordinate(BillingError):
    """This is no latitude or longitude."""


@dataclass(frozen=True, slots=True)
class Place:
    """A city. `region` is the code of its state where that is two letters, else empty."""

    name: str
    region: str
    country: str
    latitude: float
    longitude: float
    population: int


def fold(text: str) -> str:
    """Small letters without accents, marks and double spaces: ``São  Paulo`` and ``sao paulo`` are the same."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    kept = "".join(" " if c in "-'’.,/|\t" else c for c in plain if not unicodedata.combining(c))
    return " ".join(kept.split())


def find(beginning: str, country: str = "", limit: int = MOST_FOUND) -> list[Place]:
    """Cities one of whose names begins so, of one country (two letters) or of all, the largest first."""
    wanted = fold(beginning)
    if not wanted:
        return []
    if country:
        return _begin(country, _text("cities.zip", country), f"|{wanted}", limit) if country in _cities() else []
    with ZipFile(DATA / "cities.zip") as archive:
        found = [
            place
            for code in archive.namelist()
            for place in _begin(code, archive.read(code).decode(), f"|{wanted}", limit)
        ]
    return sorted(found, key=lambda place: -place.population)[:limit]


def city(name: str, country: str) -> Place | None:
    """The largest city of this very name in the country; None if none is known."""
    wanted = fold(name)
    exact = _begin(country, _text("cities.zip", country), f"|{wanted}|", 1) if wanted and country in _cities() else []
    return exact[0] if exact else None


def cities_in(box: Box, country: str, limit: int) -> list[Place]:
    """The largest cities of the country inside a box of the map."""
    if country not in _cities():
        return []
    found = []
    for line in _text("cities.zip", country).split("\n"):
        place = _place(country, line)
        x, y = project(place.latitude, place.longitude)
        if box[0] <= x <= box[2] and box[1] <= y <= box[3]:
            found.append(place)
            if len(found) == limit:
                break
    return found


def _begin(country: str, text: str, mark: str, limit: int) -> list[Place]:
    """Lines are in the order of size; names stand behind bars only."""
    at = 0
    found: list[Place] = []
    while len(found) < limit and (hit := text.find(mark, at)) >= 0:
        start, end = text.rfind("\n", 0, hit) + 1, text.find("\n", hit)
        end = len(text) if end < 0 else end
        found.append(_place(country, text[start:end]))
        at = end
    return found


def _place(country: str, line: str) -> Place:
    name, region, latitude, longitude, population, _keys = line.split("\t")
    return Place(name, region, country, float(latitude), float(longitude), int(population))


@lru_cache(maxsize=1)
def _cities() -> frozenset[str]:
    with ZipFile(DATA / "cities.zip") as archive:
        return frozenset(archive.namelist())


@lru_cache(maxsize=4)
def _text(archive: str, member: str) -> str:
    with ZipFile(DATA / archive) as opened:
        return opened.read(member).decode()


# Coordinates


_DEGREES = re.compile(
    r"(?P<sign>[+-]?)(?P<d>\d{1,3}(?:\.\d{1,12})?)\s*(?:°|º|d|deg)?\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d{1,10})?)\s*(?:'|′|’|m|min)?\s*(?:(?P<s>\d{1,2}(?:\.\d{1,8})?)\s*(?:\"|″|”|''|s|sec)?)?)?",
    re.IGNORECASE | re.ASCII,
)
LATITUDE, LONGITUDE = "latitude", "longitude"
_SIDES = {LATITUDE: {"N": 1, "S": -1}, LONGITUDE: {"E": 1, "O": 1, "W": -1}}
_FURTHEST = {LATITUDE: 90, LONGITUDE: 180}


def read_coordinate(text: str, kind: str) -> float:
    """Degrees, north and east positive, of ``53.3498``, ``53,3498``, ``53° 20' 59.3" N`` or ``S 33 51``; `kind` is
    LATITUDE or LONGITUDE. Raises WrongCoordinate."""
    plain = text.strip().replace("−", "-").replace(",", ".")
    side = [c for c in plain.upper() if c in "NSEWO"] if plain[:1].isalpha() or plain[-1:].isalpha() else []
    bare = plain[1:] if side and plain[:1].isalpha() else plain[:-1] if side else plain
    found = _DEGREES.fullmatch(bare.strip())
    if not found or len(side) > 1 or (side and (found["sign"] or side[0] not in _SIDES[kind])):
        raise WrongCoordinate(f"{shown(text)} cannot be read. {_example(kind)}")
    degrees, minutes, seconds = (float(found[part] or 0) for part in "dms")
    if (
        minutes >= 60
        or seconds >= 60
        or ("." in found["d"] and found["m"])
        or ("." in (found["m"] or "") and found["s"])
    ):
        raise WrongCoordinate(f"{shown(text)}: minutes and seconds go up to 59. {_example(kind)}")
    value = round(degrees + minutes / 60 + seconds / 3600, 7)
    if value > _FURTHEST[kind]:
        raise WrongCoordinate(f"{shown(text)} is too far: a {kind} goes from 0 to {_FURTHEST[kind]} degrees.")
    return -value if found["sign"] == "-" or (side and _SIDES[kind][side[0]] < 0) else value


def _example(kind: str) -> str:
    return "Write 53.3498 or 53° 20' 59\" N." if kind == LATITUDE else "Write -6.2603 or 6° 15' 37\" W."


def read_pair(text: str) -> tuple[str, str] | None:
    """The halves of ``53.3498, -6.2603`` as it is copied from a map; None if the text is no such pair."""
    parts = re.split(r"\s*[;,]\s+|\s*;\s*|(?<=[NSns])\s*,?\s+", text.strip())
    if len(parts) != 2 and text.count(",") == 1 and "." in text:
        parts = text.split(",")
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


# The map


def project(latitude: float, longitude: float) -> tuple[int, int]:
    """Map units of a place, from the north-west corner (Web Mercator, EPSG:3857)."""
    x, y = project_exactly(latitude, longitude)
    return round(x), round(y)


def project_exactly(latitude: float, longitude: float) -> tuple[float, float]:
    """The same, without rounding."""
    bounded = math.radians(max(-FURTHEST, min(FURTHEST, latitude)))
    return (longitude + 180) / 360 * SIZE, (
        1 - math.log(math.tan(bounded) + 1 / math.cos(bounded)) / math.pi
    ) / 2 * SIZE


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a country lies in a box: SVG paths, and where its name may stand (None outside the box)."""

    country: str
    paths: tuple[str, ...]
    label: tuple[int, int] | None


def outlines(box: Box) -> Iterator[Outline]:
    """The countries in a box of the map."""
    for code, one in _index().items():
        if _meet(tuple(one["box"]), box):  # type: ignore[arg-type]
            paths = tuple(path for shape, path in _shapes(code) if _meet(shape, box))
            x, y = one["at"]
            inside = box[0] <= x <= box[2] and box[1] <= y <= box[3]
            if paths:
                yield Outline(code, paths, (x, y) if inside and code != "--" else None)


def box_of(country: str) -> Box | None:
    """The box around the largest part of a country; None if there is no outline of it."""
    found = _index().get(country)
    return tuple(found["main"]) if found else None  # type: ignore[return-value]


def _shapes(code: str) -> Iterator[tuple[Box, str]]:
    for line in _text("countries.zip", code).split("\n"):
        numbers, path = line.split("\t")
        yield tuple(map(int, numbers.split(","))), path  # type: ignore[misc]


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


@lru_cache(maxsize=1)
def _index() -> dict[str, dict[str, list[int]]]:
    return json.loads(_text("countries.zip", "index"))
