"""Where a customer is: a map without any help from outside, places to choose from, coordinates by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from factories import make_company, make_customer
from flask import Flask
from signing_in import Browser, sign_in
from sqlalchemy import select

from models import AuditEvent, Company, Customer, db

PAGE, PLACE = "/admin/customer/details/?id={}", "/admin/customer/location/?id={}"


@pytest.fixture
def panel(staff_client: Browser) -> Browser:
    make_company()
    return staff_client


def customer(**values: Any) -> int:
    made = make_customer(**values).id
    db.session.commit()
    return made


def stored(number: int) -> Customer:
    db.session.rollback()
    return db.session.get_one(Customer, number, populate_existing=True)


def test_without_an_address_there_is_no_card(panel: Browser) -> None:
    assert 'id="location"' not in panel.get(PAGE.format(customer(country=""))).text
    assert 'id="location"' not in panel.get(PAGE.format(customer(country="IE"))).text


def test_a_known_city_is_marked_as_approximate(panel: Browser) -> None:
    page = panel.get(PAGE.format(customer(city="Cork", country="IE"))).text
    assert "Approximate: the middle of Cork, by the address." in page
    assert '<svg class="place-map"' in page and 'class="land home"' in page and ">Limerick<" in page
    assert "openstreetmap" not in page and "<image" not in page


def test_an_unknown_city_says_so(panel: Browser) -> None:
    page = panel.get(PAGE.format(customer(city="Ballynowhere", country="IE"))).text
    assert "The place of this address is not known." in page and "place-map" not in page


def test_a_place_of_the_list_sets_the_coordinates(panel: Browser) -> None:
    number = customer(city="Ballynowhere", country="IE")
    page = panel.get(f"{PLACE.format(number)}&q=galw&country=IE").text
    assert "Galway" in page
    value = re.search(r'name="place" value="([^"]+)"', page)[1]  # type: ignore[index]
    assert panel.post(PLACE.format(number), data={"place": value}).status_code == 302
    assert (round(stored(number).latitude or 0), round(stored(number).longitude or 0)) == (53, -9)
    page = panel.get(PAGE.format(number)).text
    assert "Approximate" not in page and "° N" in page
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.verb == "customer.changed")).one()
    assert set(event.after) == {"latitude", "longitude"}
    panel.post(PLACE.format(number), data={"remove": "1"})
    assert stored(number).latitude is None and stored(number).longitude is None


def test_coordinates_by_hand(panel: Browser) -> None:
    number = customer(country="IE")
    url = PLACE.format(number)
    typed = {"typed": "1", "latitude": "53° 20' 59\" N", "longitude": "6,2603 W"}
    assert panel.post(url, data=typed).status_code == 302
    assert (stored(number).latitude, stored(number).longitude) == (pytest.approx(53.3497222), -6.2603)
    assert panel.post(url, data={"typed": "1", "latitude": "-33.86, 151.2", "longitude": ""}).status_code == 302
    assert (stored(number).latitude, stored(number).longitude) == (-33.86, 151.2)
    assert 'value="151.2"' in panel.get(url).text
    wrong = panel.post(url, data={"typed": "1", "latitude": "91", "longitude": "6 70"})
    assert wrong.status_code == 400 and 'value="91"' in wrong.text
    assert "is too far" in wrong.text and "minutes and seconds go up to 59" in wrong.text
    assert stored(number).latitude == -33.86


@pytest.mark.parametrize("place", ["", "1", "1,2,3", "x,y", "91,0", "NaN,0", "1e309,0", "0,181"])
def test_a_place_that_is_none_is_refused(panel: Browser, place: str) -> None:
    number = customer(city="Cork")
    assert panel.post(PLACE.format(number), data={"place": place}).status_code == 400
    assert stored(number).latitude is None


@pytest.mark.parametrize("at", [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (0.0, -180.0), (66.0, 179.99), (0.0, 0.0)])
@pytest.mark.parametrize("zoom", ["near", "country", "moon"])
def test_the_ends_of_the_world_have_a_map(panel: Browser, at: tuple[float, float], zoom: str) -> None:
    number = customer(latitude=at[0], longitude=at[1], country="FJ")
    page = panel.get(f"{PAGE.format(number)}&map={zoom}")
    assert page.status_code == 200 and "place-map" in page.text and "nan" not in page.text.split("place-map")[1][:200]


def test_online_maps_come_only_when_they_are_switched_on_and_to_this_page_alone(panel: Browser) -> None:
    number = customer(city="Cork", country="IE", latitude=51.9, longitude=-8.47)
    before = panel.get(PAGE.format(number))
    assert "img-src 'self' data:;" in before.headers["Content-Security-Policy"]
    ours = db.session.get_one(Company, 1)
    ours.map_tiles, ours.map_tile_address = True, "https://tiles.example/{z}/{x}/{y}.png"
    page = panel.get(PAGE.format(number))
    assert "img-src 'self' data: https://tiles.example;" in page.headers["Content-Security-Policy"]
    assert re.search(r'<image href="https://tiles\.example/14/\d+/\d+\.png"', page.text)
    assert "© OpenStreetMap contributors" in page.text and "openstreetmap.org/?mlat=51.9" in page.text
    for other in (f"{PAGE.format(number)}&tab=notes", "/admin/customer/", f"{PAGE.format(number)}&map=country"):
        assert "tiles.example" not in panel.get(other).headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "address",
    [
        "http://t.example/{z}/{x}/{y}.png", "https://t.example/{z}/{x}.png", "javascript:{z}{x}{y}", "https://t/{z}/{x}/{y}",
        "https://{x}.t.example/{z}/{y}.png", "https://t.example; script-src */{z}/{x}/{y}", "https://t.example/{z}/{x}/{y}/{a}",
        "https://u:p@t.example/{z}/{x}/{y}", "https://t.example/{z.__class__}/{x}/{y}",
        "https://{x}.t.example/{z}/{x}/{y}.png", "https://https://t.example/{z}/{x}/{y}",
    ],
)  # fmt: skip
def test_only_a_tile_server_is_taken_for_one(panel: Browser, by: Any, address: str) -> None:
    from billing import settings

    with pytest.raises(settings.RefusedSettings, match="looks like https"):
        settings.change({"map_tile_address": address}, by=by)


def test_only_who_may_edit_sets_a_place(panel: Browser, app: Flask) -> None:
    number, reader = customer(city="Cork"), app.test_client()
    sign_in(reader, "viewer")
    assert "Set place" not in reader.get(PAGE.format(number)).text
    assert reader.get(PLACE.format(number)).status_code == 403
    assert reader.post(PLACE.format(number), data={"remove": "1"}).status_code == 403
    for bad in ("0", "99999", "x", ""):
        assert panel.get(PLACE.format(bad)).status_code == panel.post(PLACE.format(bad)).status_code == 404
    more = {"typed": "1", "latitude": "1", "longitude": "2", "name": "Other", "balance_minor": "5"}
    panel.post(PLACE.format(number), data=more)
    assert stored(number).name != "Other" and stored(number).balance_minor == 0
