"""Where a fire burns: outlines as phones draw them, what is wrong with one in plain words, and whom it reaches."""

import math
from uuid import UUID

import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Invalid
from models.fire_places import MOST_POINTS, FirePlace, Reach, outline_reach
from models.routing import route
from tests import squares

GEOD = pyproj.Geod(ellps="WGS84")
SQUARE = [[102.60, 22.24], [102.61, 22.24], [102.61, 22.25], [102.60, 22.25], [102.60, 22.24]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def circle(positions, lon=102.6, lat=22.2, radius=0.01):
    turn = [2 * math.pi * i / positions for i in range(positions)]
    ring = [[lon + radius * math.cos(a), lat + radius * math.sin(a)] for a in turn]
    return [*ring, ring[0]]


@pytest.mark.parametrize(
    "perimeter, words",
    [
        ({}, "Polygon hoặc MultiPolygon"),
        ({"type": "LineString", "coordinates": SQUARE}, "Polygon hoặc MultiPolygon"),
        ({"type": ["Polygon"], "coordinates": [SQUARE]}, "Polygon hoặc MultiPolygon"),
        ({"type": "Polygon"}, "kinh độ, vĩ độ"),
        (polygon(), "kinh độ, vĩ độ"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE]}, "kinh độ, vĩ độ"),
        (polygon([["102.6", "22.2"]] * 5), "kinh độ, vĩ độ"),
        (polygon([[102.6, True]] * 5), "kinh độ, vĩ độ"),
        (polygon([[102.6, math.inf]] * 5), "kinh độ, vĩ độ"),
        (polygon([]), "kinh độ, vĩ độ"),
        (polygon(SQUARE[:4]), "khép kín"),
        (polygon(SQUARE[:2] + SQUARE[:1]), "khép kín"),
        (polygon([[lat, lon] for lon, lat in SQUARE]), "kinh độ trước"),
        (polygon([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]), "đường ranh tự cắt"),
        (polygon([SQUARE[0]] * 4), "vòng quá ít điểm"),
        (polygon(SQUARE, circle(12, lon=103.0)), "có lỗ nằm ngoài vùng"),
        (polygon(circle(MOST_POINTS)), "không quá 1000 điểm"),
        (polygon(circle(12, radius=1e-7)), "từ 1 m²"),
        (polygon(circle(12, radius=0.4)), "100000 ha"),
        (polygon([[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]), "100000 ha"),
    ],
)
def test_what_is_wrong_with_an_outline_is_said_in_plain_words(perimeter, words):
    with pytest.raises(Invalid) as refusal:
        FirePlace(perimeter=perimeter)
    assert words in refusal.value.errors["perimeter"][0].split(" / ")[0]
    assert refusal.value.errors["perimeter"][0].count(" / ") == 1


@pytest.mark.parametrize(
    "perimeter",
    [
        polygon(SQUARE),
        polygon([[*position, 812.5] for position in SQUARE]),
        polygon(SQUARE, circle(30, lon=102.605, lat=22.245, radius=0.003)),
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [circle(40, lon=102.7)]]},
        polygon(circle(MOST_POINTS - 1)),
    ],
)
def test_its_area_is_that_on_the_ellipsoid_within_a_ten_thousandth(perimeter):
    exact, _ = GEOD.geometry_area_perimeter(shapely.orient_polygons(shapely.geometry.shape(perimeter)))
    place = FirePlace(perimeter=perimeter)
    assert place.area_m2 == pytest.approx(abs(exact), rel=1e-4) and place.perimeter == perimeter


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=60)
@given(st.sampled_from(["Polygon", "MultiPolygon", None]), ANYTHING)
def test_nothing_that_a_phone_may_send_for_an_outline_breaks_it(shape, coordinates):
    with pytest.raises(Invalid):
        FirePlace(perimeter={"type": shape, "coordinates": coordinates})


# Whom it reaches


def reach(index, accords, west, south, east, north):
    """By numbers: on whose land it is, who is near under an agreement, who is near."""
    found = outline_reach(squares.polygon(shapely.box(west, south, east, north)), index, accords)
    return [[id.int for id in ids] for ids in (found.burning, found.covered, found.near)]


THREE = squares.world(
    squares.square(1, -10_000, -5000, 0, 5000, district=squares.MUONG_NHE),
    squares.square(2, 0, -5000, 10_000, 5000, district=squares.MUONG_TE),
    squares.square(3, -10_000, 5000, 0, 15_000, district=squares.MUONG_NHE),
)
AGREED = [squares.accord(*squares.BETWEEN_DISTRICTS)]


@pytest.mark.parametrize(
    "box, accords, expected",
    [
        ((-5000, -500, -4000, 500), AGREED, [[1], [], []]),
        ((-2900, -500, -2000, 500), AGREED, [[1], [2], []]),
        ((-3100, -500, -3050, 500), AGREED, [[1], [], []]),
        ((-2900, -500, -2000, 500), [], [[1], [], [2]]),
        ((-500, -500, 500, 500), [], [[1, 2], [], []]),
        ((-500, 2500, -400, 3000), AGREED, [[1], [2], [3]]),
        ((500, 2500, 600, 3000), AGREED, [[2], [1, 3], []]),
        ((-3900, -500, -3500, 500), [squares.accord(*squares.BETWEEN_DISTRICTS, fire_buffer_m=5000)], [[1], [2], []]),
        ((-2900, -500, -2500, 500), [squares.accord(*squares.BETWEEN_DISTRICTS, fire_buffer_m=500)], [[1], [], [2]]),
    ],
)
def test_an_outline_reaches_whom_it_touches_and_who_stands_within_the_buffer(box, accords, expected):
    assert reach(THREE, accords, *box) == expected


METRES = st.integers(-9000, 9000)


@settings(max_examples=30)
@given(METRES, METRES, st.integers(50, 4000), st.integers(50, 4000))
def test_whomever_routing_names_at_some_point_of_an_outline_the_outline_reaches(west, south, width, height):
    burning, covered, near = reach(THREE, AGREED, west, south, west + width, south + height)
    for east_m in (west, west + width / 3, west + width):
        for north_m in (south, south + height / 2, south + height):
            decision = route(squares.place(east_m, north_m, accuracy_m=0.0, fire=True), THREE, AGREED)
            if decision.rule == "gap":
                continue
            assert {c.id.int for c in decision.candidates if c.inside} <= {*burning}
            assert {*squares.offered(decision)} <= {*burning, *covered}
            assert {*squares.numbers(decision)} <= {*burning, *covered, *near}


def test_of_two_reaches_who_burns_in_one_is_not_merely_near_in_the_other():
    ids = [UUID(int=n) for n in range(4)]
    one, other = Reach((ids[0],), (ids[1],), (ids[2], ids[3])), Reach((ids[2],), (ids[3],), (ids[1],))
    assert one | other == Reach((ids[0], ids[2]), (ids[1], ids[3]), ())
