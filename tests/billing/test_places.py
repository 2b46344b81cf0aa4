"""Places: found by their beginning, coordinates as people write them, outlines for a map."""

from __future__ import annotations

import pytest

from billing import places
from billing.places import LATITUDE, LONGITUDE, WrongCoordinate, read_coordinate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("53.3498", 53.3498), ("53,3498", 53.3498), ("-33.8", -33.8), ("−33,8", -33.8), ("N53", 53),
        ("53.3498N", 53.3498),        ("53° 20' 59.3\" N", 53.3498056), ("53º20′59″N", 53.3497222), ("S 33 51", -33.85),
        ("33°51.5'S", -33.8583333),
        ("53 20 59", 53.3497222), (" 90 ", 90), ("0", 0), ("+1.5", 1.5),
    ],
)  # fmt: skip
def test_a_latitude_as_people_write_it(text: str, value: float) -> None:
    assert read_coordinate(text, LATITUDE) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"), [("6° 15' 37\" W", -6.2602778), ("13,4 E", 13.4), ("-180", -180), ("7 O", 7)]
)
def test_a_longitude_as_people_write_it(text: str, value: float) -> None:
    assert read_coordinate(text, LONGITUDE) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "91",
        "90.1",
        "12E",
        "5 70",
        "1.5 3",
        "5 1.5 3",
        "--5",
        "-5S",
        "NaN",
        "inf",
        "1e3",
        "٣",
        "5N5",
        "N",
        "9" * 400,
    ],
)
def test_what_is_no_latitude_is_told_with_an_example(text: str) -> None:
    with pytest.raises(WrongCoordinate, match=r"cannot be read|too far|up to 59"):
        read_coordinate(text, LATITUDE)


def test_a_pair_is_taken_apart() -> None:
    assert places.read_pair("53.3498, -6.2603") == places.read_pair("53.3498,-6.2603") == ("53.3498", "-6.2603")
    assert places.read_pair("53° 20' N 6° 15' W") == ("53° 20' N", "6° 15' W")
    assert places.read_pair("53,34; 6,2") == ("53,34", "6,2")
    assert places.read_pair("53,3498") is None and places.read_pair("") is None


def test_places_are_found_by_their_beginning_whatever_the_accents() -> None:
    assert places.find("sao pau", "BR")[0].name == "São Paulo"
    assert places.find("SÃO  PAU", "BR")[0].name == "São Paulo"
    assert places.find("Münch", "DE")[0].name == places.find("munic", "DE")[0].name == "Munich"
    assert places.find("Москв", "RU")[0].name == "Moscow"
    assert [one.country for one in places.find("dublin")[:1]] == ["IE"]
    sizes = [one.population for one in places.find("san")]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == places.MOST_FOUND


def test_what_is_not_there_is_not_found() -> None:
    for text in ("", " ", "|", "\t", "x" * 500, "\0"):
        assert places.find(text, "IE") == []
    assert places.find("Dublin", "ZZ") == places.find("Dublin", "../index") == []
    assert places.city("Dubli", "IE") is None and places.city("Dublin", "") is None


def test_the_city_of_an_address_is_the_largest_of_its_name() -> None:
    dublin = places.city("Baile Átha Cliath", "IE")
    assert dublin is not None and dublin.name == "Dublin" and dublin.latitude == pytest.approx(53.33, abs=0.05)


def test_a_map_holds_the_countries_in_its_box_and_no_others() -> None:
    x, y = places.project(53.35, -6.26)
    around = {one.country: one for one in places.outlines((x - 2000, y - 2000, x + 2000, y + 2000))}
    assert {"IE", "GB"} <= set(around) and not {"RU", "FR", "US"} & set(around)
    assert all(path.startswith("M") and path.endswith("z") for one in around.values() for path in one.paths)
    assert around["IE"].label is not None


def test_countries_over_the_edge_of_the_map_are_at_both_ends() -> None:
    for longitude in (179.5, -179.5):
        x, y = places.project(66, longitude)
        assert "RU" in {one.country for one in places.outlines((x - 500, y - 500, x + 500, y + 500))}
    x, y = places.project(60, -30)
    assert "RU" not in {one.country for one in places.outlines((x - 500, y - 500, x + 500, y + 500))}


def test_the_projection_is_that_of_web_maps() -> None:
    middle = places.SIZE // 2
    assert places.project(0, 0) == (middle, middle)
    assert places.project(90, 180) == (places.SIZE, 0)
    assert places.project(-85.0511, -180) == (0, places.SIZE)
