"""Where a customer is: a map of the panel's own, a search for places, and coordinates by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import abort, redirect, request
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField

from admin.doors import told
from billing import company, customers, places
from models import BillingError, Company, Customer
from web import formatters, headers
from web.forms import put_error, stripped
from web.permissions import actor

NEAR, WHOLE = "near", "country"
NEAR_KM, UNIT_KM = 420, 40_075 / places.SIZE
HEIGHT = 0.72
"""Of the map's width."""
TILE_ZOOM, APPROXIMATE_ZOOM = 14, 11
OUTSIDE = "https://www.openstreetmap.org/"


@dataclass(frozen=True, slots=True)
class Spot:
    """A point with its name, in map units."""

    x: float
    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Map:
    """What the map shows. `unit` is a 300th of its width: letters and marks are as many of them large as pixels.

    `tiles` are pictures of the tile server (address, x, y, width), none unless these are switched on.
    """

    box: tuple[float, float, float, float]
    unit: float
    marker: Spot
    outlines: list[places.Outline]
    labels: list[Spot]
    cities: list[Spot]
    tiles: list[tuple[str, float, float, float]]


def shown(customer: Customer) -> dict[str, Any]:
    """The card: empty without a place and without an address."""
    at, approximate = _place(customer)
    if at is None:
        return {"map": None, "address": bool(customer.city or customer.street)}
    ours = company.settings()
    zoom = WHOLE if request.args.get("map") == WHOLE else NEAR
    tiles = ours.map_tiles and zoom == NEAR
    if tiles:
        headers.allow_images(_origin(ours.map_tile_address))
    return {
        "map": _map(customer, at, zoom, ours if tiles else None, approximate),
        "zoom": zoom,
        "approximate": approximate,
        "coordinates": words(at.latitude, at.longitude),
        "credit": ours.map_tile_credit if tiles else "",
        "outside": _outside(at) if ours.map_tiles else "",
    }


def words(latitude: float, longitude: float) -> str:
    """``53.34980° N, 6.26030° W``."""
    ways = (latitude, _("N"), _("S")), (longitude, _("E"), _("W"))
    return ", ".join(f"{abs(value):.5f}° {plus if value >= 0 else minus}" for value, plus, minus in ways)


def _place(customer: Customer) -> tuple[places.Place | None, bool]:
    """(where, whether it is only known from the address)."""
    if customer.latitude is not None and customer.longitude is not None:
        here = customer.latitude, customer.longitude
        return places.Place(customer.name, "", customer.country, *here, 0), False
    found = places.city(customer.city, customer.country) if customer.city and customer.country else None
    return found, found is not None


def _map(customer: Customer, at: places.Place, zoom: str, online: Company | None, approximate: bool) -> Map:
    x, y = places.project_exactly(at.latitude, at.longitude)
    level = APPROXIMATE_ZOOM if approximate else TILE_ZOOM
    width = _width(at, zoom, x, y) if online is None else 2.4 * places.SIZE / 2**level
    middle = _middle(at, zoom, x, y)
    left, top = middle[0] - width / 2, middle[1] - width * HEIGHT / 2
    box = (left, top, width, width * HEIGHT)
    marker = Spot(x, y, at.name)
    if online is not None:
        return Map(box, width / 300, marker, [], [], [], _tiles(online.map_tile_address, box, level))
    around = math.floor(left), math.floor(top), math.ceil(left + width), math.ceil(top + width * HEIGHT)
    drawn = list(places.outlines(around))
    names = formatters.locale().territories
    others = [Spot(*one.label, names.get(one.country, one.country)) for one in drawn if one.label]
    inside = [one for one in others if box[0] + width * 0.1 < one.x < box[0] + width * 0.9]
    labels = _apart(inside, [marker], width)[:6]
    found = places.cities_in(around, at.country, 20)
    cities = [Spot(*places.project(c.latitude, c.longitude), c.name) for c in found]
    fitting = [one for one in cities if box[0] + width * 0.03 < one.x < box[0] + width * 0.72]
    return Map(box, width / 300, marker, drawn, labels, _apart(fitting, [marker, *labels], width)[:6], [])


def _width(at: places.Place, zoom: str, x: float, y: float) -> float:
    near = NEAR_KM / (UNIT_KM * max(math.cos(math.radians(at.latitude)), 0.05))
    box = places.box_of(at.country) if zoom == WHOLE else None
    if box is None:
        return near
    middle = _middle(at, zoom, x, y)
    wide = 2 * max(abs(x - middle[0]), (box[2] - box[0]) / 2)
    high = 2 * max(abs(y - middle[1]), (box[3] - box[1]) / 2)
    return min(max(wide, high / HEIGHT, near / 4) * 1.15, float(places.SIZE))


def _middle(at: places.Place, zoom: str, x: float, y: float) -> tuple[float, float]:
    box = places.box_of(at.country) if zoom == WHOLE else None
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) if box else (x, y)


def _apart(spots: list[Spot], taken: list[Spot], width: float) -> list[Spot]:
    """Those whose names do not run into each other's or those that stand there already."""
    kept: list[Spot] = []
    for one in spots:
        if all(abs(one.y - o.y) > width * 0.07 or abs(one.x - o.x) > width * 0.36 for o in (*taken, *kept)):
            kept.append(one)
    return kept


def _tiles(address: str, box: tuple[float, float, float, float], level: int) -> list[tuple[str, float, float, float]]:
    """The pictures that cover a box at a zoom level (numbers of tiles as OpenStreetMap counts them)."""
    size, most = places.SIZE / 2**level, 2**level
    left, top, width, height = box
    return [
        (address.format(z=level, x=column % most, y=row), column * size, row * size, size)
        for row in range(max(0, math.floor(top / size)), min(most - 1, math.floor((top + height) / size)) + 1)
        for column in range(math.floor(left / size), math.floor((left + width) / size) + 1)
    ]


def _origin(address: str) -> str:
    scheme, _slashes, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _outside(at: places.Place) -> str:
    here = {"mlat": f"{at.latitude:.6f}", "mlon": f"{at.longitude:.6f}"}
    return f"{OUTSIDE}?{urlencode(here)}#map=14/{at.latitude:.5f}/{at.longitude:.5f}"


class PlaceForm(FlaskForm):
    """Coordinates by hand; a pair copied from a map may stand in the first field."""

    latitude = StringField(
        _l("Latitude"), filters=[stripped], description=_l("53.3498 or 53° 20' 59\" N, or both at once")
    )
    longitude = StringField(_l("Longitude"), filters=[stripped], description=_l("-6.2603 or 6° 15' 37\" W"))

    def read(self) -> dict[str, float] | None:
        """Both in degrees; None with the reason at the field."""
        pair = places.read_pair(self.latitude.data or "") if not self.longitude.data else None
        given = dict(zip((places.LATITUDE, places.LONGITUDE), pair, strict=True)) if pair else {}
        read = {}
        for field, kind in ((self.latitude, places.LATITUDE), (self.longitude, places.LONGITUDE)):
            try:
                read[kind] = places.read_coordinate(given.get(kind, field.data or ""), kind)
            except places.WrongCoordinate as error:
                field.errors = ()
                put_error(field, str(error))
        return read if len(read) == 2 else None


class LocationDoors:
    """Mixed into CustomerPage."""

    @expose("/location/", methods=("GET", "POST"))
    def location_view(self) -> Any:
        """Search for a place, or type coordinates."""
        customer = self._open()  # type: ignore[attr-defined]
        form = PlaceForm(formdata=request.form if "typed" in request.form else None, data=_typed(customer))
        back = self._to(customer)  # type: ignore[attr-defined]
        if request.method == "POST":
            values = self._wanted(form)
            if values is not None and self._set(customer, values):
                return redirect(f"{back}#location")
        query, where = request.args.get("q", "")[:100], request.args.get("country", customer.country)
        query = query if "q" in request.args else customer.city
        found = places.find(query, where if len(where) == 2 else "")
        page = {"customer": customer, "form": form, "back": back, "q": query, "where": where, "found": found}
        names = formatters.locale().territories
        answer = self.render("admin/customers/location.html", **page, names=names, words=words)  # type: ignore[attr-defined]
        return answer, 400 if form.errors else 200

    def _wanted(self, form: PlaceForm) -> dict[str, float | None] | None:
        """What was asked for: nothing at all, a place of the list, or what was typed."""
        if "remove" in request.form:
            return {"latitude": None, "longitude": None}
        if "place" in request.form:
            try:
                latitude, longitude = request.form["place"].split(",")
                kinds = ((places.LATITUDE, latitude), (places.LONGITUDE, longitude))
                return {kind: places.read_coordinate(text, kind) for kind, text in kinds}
            except (ValueError, BillingError):
                abort(400)
        return form.read()  # type: ignore[return-value]

    def _set(self, customer: Customer, values: dict[str, float | None]) -> bool:
        gone = values["latitude"] is None
        return told(
            lambda: customers.edit(customer, values, by=actor()), _("Place removed") if gone else _("Place set")
        )


def _typed(customer: Customer) -> dict[str, str]:
    """What the fields hold at first."""
    known = (("latitude", customer.latitude), ("longitude", customer.longitude))
    return {name: "" if value is None else f"{value:.7f}".rstrip("0").rstrip(".") for name, value in known}
