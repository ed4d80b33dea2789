"""Areas, distances and insides in the tangent plane, against GEOS and PROJ."""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from models.boundaries import area_m2
from models.geometry import Edges, TangentPlane, earth_centred
from tests.squares import GEOD, ORIGIN, disc_part, flatten, plane_at, polygon, spot

# Whole metres: shapes that touch, share corners and pass through the origin come up often, as in real boundaries.
metres = st.integers(-3000, 3000)


@st.composite
def stars(draw, least_m=50, most_m=4000):
    """A ring of corners around a middle: any shape without self-crossings, thin spikes included."""
    count = draw(st.integers(3, 12))
    reaches = draw(st.lists(st.integers(least_m, most_m), min_size=count, max_size=count))
    x, y = draw(metres), draw(metres)
    turn = [2 * math.pi * i / count for i in range(count)]
    corners = [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(reaches, turn, strict=True)]
    return shapely.Polygon(corners)


@st.composite
def shapes(draw):
    """Polygons with holes and in several parts: what is left of stars after others are cut out or added."""
    shape = draw(stars())
    for other in draw(st.lists(stars(20, 1500), max_size=3)):
        shape = shape.difference(other) if draw(st.booleans()) else shape.union(other)
    areas = [p for p in shapely.get_parts(shape) if isinstance(p, shapely.Polygon) and p.area > 1]
    assume(areas)
    shape = shapely.MultiPolygon(areas) if len(areas) > 1 else areas[0]
    # A hole that touches the outside along an edge may cross it by a hair once edges bend: GEOS refuses such.
    assume(polygon(shape).is_valid and flatten(polygon(shape), plane_at(*ORIGIN)).is_valid)
    return shape


def seen_from(degrees, lat, lon):
    return Edges.of(degrees).around(TangentPlane(lat, lon))


RING = shapely.box(-500, -500, 500, 500).difference(shapely.box(-200, -200, 200, 200))
ISLANDS = shapely.MultiPolygon([shapely.box(-900, -50, -10, 50), shapely.box(10, -50, 900, 50)])


@settings(max_examples=250)
@given(shapes(), metres, metres, st.integers(5, 5000))
@example(RING, 0, 0, 100)  # the disc lies in the hole
@example(RING, 0, 0, 400)
@example(RING, 200, 200, 50)  # on a corner of the hole
@example(ISLANDS, 0, 0, 300)
@example(shapely.box(0, 0, 1000, 1000), 0, 0, 700)  # on a corner: a quarter
@example(shapely.box(-1000, 0, 1000, 1000), 0, 0, 700)  # on an edge: half
@example(shapely.box(-10, -10, 10, 10), 0, 0, 5000)  # wholly in the disc
def test_the_area_within_a_disc_agrees_with_geos_to_a_millionth_of_the_disc(shape, x, y, radius_m):
    degrees, (lat, lon) = polygon(shape), spot(x, y)
    flat = flatten(degrees, plane_at(lat, lon))
    assume(flat.is_valid)
    found = seen_from(degrees, lat, lon).disc_area_m2(radius_m) / (math.pi * radius_m**2)
    assert found == pytest.approx(disc_part(flat, radius_m), abs=1e-6)


@pytest.mark.parametrize("shape, part", [(shapely.box(0, 0, 9e3, 9e3), 1 / 4), (shapely.box(-9e3, 0, 9e3, 9e3), 1 / 2)])
def test_a_corner_of_a_square_holds_a_quarter_of_the_disc_and_an_edge_half(shape, part):
    disc_m2 = math.pi * 100**2
    assert seen_from(polygon(shape), *ORIGIN).disc_area_m2(100) / disc_m2 == pytest.approx(part, abs=1e-6)


@given(shapes(), st.integers(5, 5000))
def test_the_direction_in_which_rings_are_drawn_does_not_matter(shape, radius_m):
    degrees = polygon(shape)
    backwards = seen_from(shapely.reverse(degrees), *ORIGIN)
    assert backwards.disc_area_m2(radius_m) == pytest.approx(
        seen_from(degrees, *ORIGIN).disc_area_m2(radius_m), abs=1e-6 * math.pi * radius_m**2
    )


def geodesic_to_line_m(degrees, lat, lon):
    """Shortest geodesic to the edges: each edge sampled, then again more finely around its nearest sample."""
    best = math.inf
    for ring in [r for part in shapely.get_parts(degrees) for r in (part.exterior, *part.interiors)]:
        corners = shapely.get_coordinates(ring)
        for a, b in pairwise(corners):
            low, high = 0.0, 1.0
            for _ in range(5):
                along = np.linspace(low, high, 21)[:, None]
                on_edge = a + along * (b - a)
                count = len(on_edge)
                lengths = GEOD.inv(np.full(count, lon), np.full(count, lat), on_edge[:, 0], on_edge[:, 1])[2]
                nearest, step = int(np.argmin(lengths)), (high - low) / 20
                best = min(best, float(lengths[nearest]))
                middle = low + nearest * step
                low, high = max(0.0, middle - step), min(1.0, middle + step)
    return best


@settings(max_examples=60)
@given(stars(50, 800), st.integers(-12_000, 12_000), st.integers(-12_000, 12_000))
def test_the_distance_to_a_boundary_agrees_with_the_geodesic_to_a_few_centimetres(shape, x, y):
    """Bound: 0.03 m of the plane at 20 km, and 0.04 m since an edge of 1.6 km is no straight line in degrees."""
    degrees, (lat, lon) = polygon(shape), spot(x, y)
    assert seen_from(degrees, lat, lon).distance_m() == pytest.approx(geodesic_to_line_m(degrees, lat, lon), abs=0.07)


@pytest.mark.parametrize("lat", [8.5, 16.0, 22.4, 23.3])  # Cà Mau to Hà Giang
@pytest.mark.parametrize("kilometres, bound_m", [(1, 1e-4), (5, 1e-3), (20, 0.04)])
def test_the_tangent_plane_shortens_no_more_than_it_says(lat, kilometres, bound_m):
    """d³/6R²: 4 µm at 1 km, 0.5 mm at 5 km, 0.033 m at 20 km."""
    bearings = np.arange(0, 360, 15.0)
    count = len(bearings)
    start = np.full(count, 103.0), np.full(count, lat)
    lon, there, _ = GEOD.fwd(*start, bearings, np.full(count, kilometres * 1000.0))
    flat = np.hypot(*TangentPlane(lat, 103.0).project(earth_centred(there, lon)))
    short = kilometres * 1000 - flat
    assert (short > -1e-6).all() and (short < bound_m).all()


def test_the_plane_points_east_and_north():
    east, north = TangentPlane(*ORIGIN).project(earth_centred(*np.array([spot(1000, 0), spot(0, 1000)]).T))
    assert east == pytest.approx([1000, 0], abs=0.01)
    assert north == pytest.approx([0, 1000], abs=0.1)


@settings(max_examples=250)
@given(shapes(), metres, metres)
@example(RING, 0, 0)
@example(RING, 300, 0)
@example(ISLANDS, 0, 0)
@example(ISLANDS, 500, 0)
def test_the_inside_agrees_with_geos_away_from_the_border(shape, x, y):
    """1 m: edges up to 8 km, straight in the plane, leave the straight line in degrees by up to 0.6 m."""
    assume(shape.boundary.distance(shapely.Point(x, y)) > 1)
    degrees, (lat, lon) = polygon(shape), spot(x, y)
    assert seen_from(degrees, lat, lon).hold_origin() == degrees.contains(shapely.Point(lon, lat))


@given(shapes())
def test_the_area_of_a_unit_agrees_with_the_geodesic_area(shape):
    """Within 0.01 %: the plane at a unit's middle, the edges as they were drawn."""
    degrees = polygon(shape)
    geodesic = sum(
        abs(GEOD.geometry_area_perimeter(part)[0]) for part in shapely.get_parts(shapely.orient_polygons(degrees))
    )
    assert area_m2(degrees) == pytest.approx(geodesic, rel=1e-4, abs=1)
