"""Small worlds for routing: squares and cells in metres around one point, with gaps and overlaps made on purpose.

Nothing here uses the geometry under test: planes come from PROJ, areas from GEOS.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import pyproj
import shapely
from hypothesis import assume
from hypothesis import strategies as st

from models.agreements import Accord
from models.boundaries import BoundaryIndex, Territory
from models.disputed_grounds import Claim, Ground
from models.routing import Decision, Place, route
from models.units import KnownUnit

ORIGIN = (22.2, 102.6)  # near the border of Mường Toong and Tà Tổng
DAY = date(2026, 11, 23)
EDITION = {"id": str(UUID(int=0xED)), "name": "Ô vuông thử nghiệm", "valid_from": "2025-07-01"}
GEOD = pyproj.Geod(ellps="WGS84")
_FROM_ORIGIN = pyproj.Proj(proj="aeqd", lat_0=ORIGIN[0], lon_0=ORIGIN[1], ellps="WGS84")

# Two districts that have an agreement in most tests, and one that has none.
MUONG_NHE, MUONG_TE, SA_PA = UUID(int=0x096), UUID(int=0x107), UUID(int=0x088)
BETWEEN_DISTRICTS = ([MUONG_NHE], [MUONG_TE])
NAMES = ("Xã Mường Toong", "Xã Tà Tổng", "Xã Quảng Lâm", "Xã Nậm Kè", "Phường Sa Pa", "Xã Bình Lư", "Xã Mù Cả")


def spot(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a spot that many metres from the origin."""
    lon, lat = _FROM_ORIGIN(east_m, north_m, inverse=True)
    return lat, lon


def polygon(flat: Any) -> Any:
    """A polygon drawn in metres, turned into longitude and latitude."""

    def to_degrees(points: Any) -> Any:
        return np.column_stack(_FROM_ORIGIN(points[:, 0], points[:, 1], inverse=True))

    return shapely.transform(flat, to_degrees)


def territory(number: int, flat: Any, district: UUID = SA_PA, interior: tuple[float, float] | None = None) -> Territory:
    """A commune whose id is its number; its interior point lies where asked, else in its middle."""
    id = UUID(int=number)
    middle = flat.representative_point()
    facts = {"id": str(id), "code": f"{number:05d}", "name": f"{NAMES[number % len(NAMES)]} {number}"}
    return Territory(id, (district, id), facts, polygon(flat), spot(*(interior or (middle.x, middle.y))))


def square(number: int, west: float, south: float, east: float, north: float, **more: Any) -> Territory:
    return territory(number, shapely.box(west, south, east, north), **more)


def world(*territories: Territory, error_m: float = 0.0) -> BoundaryIndex:
    return BoundaryIndex(EDITION, error_m, list(territories))


def two_communes(gap_m: float = 0.0, **more: float) -> BoundaryIndex:
    """Mường Toong in the west and Tà Tổng in the east, 10 km squares; a negative gap makes them overlap."""
    west = square(1, -10_000, -5000, -gap_m / 2, 5000, district=MUONG_NHE)
    east = square(2, gap_m / 2, -5000, 10_000, 5000, district=MUONG_TE)
    return world(west, east, **more)


def place(east_m: float, north_m: float, accuracy_m: float | None = 20.0, fire: bool = False) -> Place:
    return Place(*spot(east_m, north_m), accuracy_m, fire, DAY)


def accord(*parties: Iterable[UUID], number: int = 1, **buffers: float) -> Accord:
    """An agreement between groups of units; buffers in metres."""
    return Accord(UUID(int=0xA000 + number), date(2023, 4, 14), tuple(frozenset(p) for p in parties), **buffers)


def ground(number: int, flat: Any, *claimants: Sequence[KnownUnit]) -> Ground:
    """A disputed ground drawn in metres; each claimant is what stands in its place today."""
    return Ground(UUID(int=0xD000 + number), polygon(flat), tuple(Claim(tuple(units)) for units in claimants))


def known_unit(id: UUID, *above: UUID) -> KnownUnit:
    name = f"{NAMES[id.int % len(NAMES)]} {id.int}"
    facts = {"id": str(id), "code": f"{id.int:05d}", "name": name}
    return KnownUnit(id, "commune", facts["code"], name, "", (*above, id), facts)


def decide(
    where: Place, index: BoundaryIndex, accords: Sequence[Accord] = (), grounds: Sequence[Ground] = ()
) -> Decision:
    """Routes, and checks what holds for every decision whatever the world looks like."""
    decision = route(where, index, accords, grounds)
    ids = [c.id for c in decision.candidates]
    assert len(ids) == len(set(ids)), "a unit is listed twice"
    assert decision.facts["lead"] == decision.facts["candidates"][0]["unit"]
    assert all(0 <= c.share <= 1 and c.distance_m >= 0 for c in decision.candidates)
    name = decision.lead.territory.facts["name"]
    assert all(name in decision.facts["explanation"][language] for language in ("vi", "en"))
    return decision


def numbers(decision: Decision) -> list[int]:
    """The candidates, the lead first."""
    return [c.id.int for c in decision.candidates]


def offered(decision: Decision) -> list[int]:
    """Those whose support is asked at once."""
    return [c.id.int for c in decision.supports]


# What the decision should have been, computed in another way.

SEGMENTS = 4096
# A polygon of that many corners is smaller than its circle; this radius gives it the circle's area.
FULL = math.sqrt((2 * math.pi / SEGMENTS) / math.sin(2 * math.pi / SEGMENTS))
_TURN = np.linspace(0, 2 * math.pi, SEGMENTS, endpoint=False)
_CIRCLE = np.column_stack([np.cos(_TURN), np.sin(_TURN)]) * FULL


def plane_at(lat: float, lon: float) -> pyproj.Proj:
    """PROJ's orthographic plane that touches the ellipsoid at a point."""
    return pyproj.Proj(proj="ortho", lat_0=lat, lon_0=lon, ellps="WGS84")


def flatten(polygon: Any, plane: pyproj.Proj) -> Any:
    """A polygon in longitude and latitude as metres in a plane."""
    return shapely.transform(polygon, lambda points: np.column_stack(plane(points[:, 0], points[:, 1])))


def flat_world(where: Place, index: BoundaryIndex) -> list[Any]:
    """Every territory as seen from a place."""
    plane = plane_at(where.lat, where.lon)
    return [flatten(t.polygon, plane) for t in index.territories]


def radius_of(where: Place, index: BoundaryIndex) -> float:
    """The error disc that the rules ask for."""
    return max(5, 50 if where.accuracy_m is None else where.accuracy_m) + index.error_m


def disc_part(flat: Any, radius_m: float) -> float:
    """The part (0 to 1) of a disc around the plane's origin that a polygon covers, by GEOS."""
    disc = shapely.Polygon(_CIRCLE * radius_m)
    return disc.intersection(flat).area / (math.pi * radius_m**2)


def expected_shares(where: Place, index: BoundaryIndex, radius_m: float) -> dict[UUID, float]:
    """Every territory's share of the error disc, summing to 1 unless the disc touches none."""
    plane = plane_at(where.lat, where.lon)
    around = shapely.Point(where.lon, where.lat).buffer(2 * radius_m / 100_000)
    parts = {
        t.id: disc_part(flatten(t.polygon, plane), radius_m) for t in index.territories if t.polygon.intersects(around)
    }
    total = sum(parts.values())
    return {t.id: parts.get(t.id, 0.0) / total if total else 0.0 for t in index.territories}


def distance_between(where: Place, spot: tuple[float, float]) -> float:
    """Geodesic metres from a place to a latitude and longitude."""
    return GEOD.inv(where.lon, where.lat, spot[1], spot[0])[2]


def border_corners(index: BoundaryIndex) -> list[tuple[float, float]]:
    """Latitudes and longitudes where corners of territories fall together inside a clean coverage, most units first."""
    corners = Counter(p for t in index.territories for p in {tuple(p) for p in shapely.get_coordinates(t.polygon)})
    whole = shapely.coverage_union_all([t.polygon for t in index.territories])
    outermost = {tuple(p) for p in shapely.get_coordinates(whole)}
    return [(p[1], p[0]) for p, units in corners.most_common() if units > 1 and p not in outermost]


# Random worlds. A number grows or shrinks a cell by so many metres, None takes it away.
CHANGES = st.sampled_from([0, 0, 0, 0, -40, 60, 400, None])
METRES = st.integers(-9000, 9000)
ACCURACIES = st.one_of(st.none(), st.sampled_from([1, 5, 12, 30]), st.floats(0.5, 3000))


@st.composite
def worlds(draw, changes=CHANGES):
    """Voronoi cells of a few centres within 16 km, some of them with gaps and overlaps around them."""
    grid = st.tuples(st.integers(-14, 14), st.integers(-14, 14))
    centres = draw(st.lists(grid, min_size=3, max_size=9, unique=True))
    points = shapely.MultiPoint([(x * 500, y * 500) for x, y in centres])
    frame = shapely.box(-8000, -8000, 8000, 8000)
    cells = [c.intersection(frame) for c in shapely.get_parts(shapely.voronoi_polygons(points, extend_to=frame))]
    made = []
    for number, cell in enumerate(cells, 1):
        change = draw(changes)
        cell = cell.buffer(change, join_style="mitre") if change else cell
        if change is not None and cell.area > 10_000:
            made.append(territory(number, cell, draw(st.sampled_from([MUONG_NHE, MUONG_TE, SA_PA]))))
    assume(made)
    return world(*made, error_m=draw(st.sampled_from([0.0, 25.0])))


def places(metres=METRES):
    return st.builds(place, metres, metres, ACCURACIES, st.booleans())


@st.composite
def corners(draw, changes=CHANGES):
    """A world and a place exactly on a corner of its cells, where two to four of them may meet."""
    index = draw(worlds(changes))
    lon, lat = draw(st.sampled_from([tuple(p) for t in index.territories for p in shapely.get_coordinates(t.polygon)]))
    return index, Place(lat, lon, draw(ACCURACIES), draw(st.booleans()), DAY)


SITUATIONS = st.one_of(st.tuples(worlds(), places()), corners())
ACCORDS = st.lists(
    st.builds(
        lambda buffers: accord(*BETWEEN_DISTRICTS, **buffers),
        st.dictionaries(st.sampled_from(["buffer_m", "fire_buffer_m"]), st.integers(100, 6000)),
    ),
    max_size=2,
)
UNDRAWN = UUID(int=0x999)  # a unit that no edition here draws


@st.composite
def claimed(draw, situations=SITUATIONS):
    """A world, a place, and grounds that units of the world, or one beyond it, claim; most of them hold the place."""
    index, where = draw(situations)
    east_m, north_m = _FROM_ORIGIN(where.lon, where.lat)
    drawn = [known_unit(t.id, *t.lineage[:-1]) for t in index.territories]
    districts = [known_unit(id) for id in (MUONG_NHE, MUONG_TE)]
    units = st.lists(st.sampled_from([*drawn, *districts, known_unit(UNDRAWN)]), min_size=2, max_size=4, unique_by=_id)
    grounds = []
    for number in range(draw(st.integers(1, 3))):
        away_m = draw(st.sampled_from([0, 0, 0, 700]))
        flat = shapely.Point(east_m + away_m, north_m).buffer(draw(st.sampled_from([30, 500])), quad_segs=2)
        grounds.append(ground(number, flat, *([unit] for unit in draw(units))))
    return index, where, grounds


def _id(unit: KnownUnit) -> UUID:
    return unit.id
