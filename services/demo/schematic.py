"""Schematic boundaries from centre points: Voronoi cells, clipped to 12 km around each. Not a map of anything real."""

import math
from typing import Any

import shapely

REACH_M = 12_000
CORNERS = 64
METRES_PER_DEGREE = 111_195.0


def cells(centres: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """A polygon in longitude and latitude for each code's (latitude, longitude)."""
    middle = sum(lat for lat, _ in centres.values()) / len(centres)
    squeeze = math.cos(math.radians(middle))

    def flat(lat: float, lon: float) -> tuple[float, float]:
        return lon * squeeze * METRES_PER_DEGREE, lat * METRES_PER_DEGREE

    def round_earth(points: Any) -> Any:
        return points / [squeeze * METRES_PER_DEGREE, METRES_PER_DEGREE]

    points = {code: shapely.Point(flat(*centre)) for code, centre in centres.items()}
    everything = shapely.union_all([p.buffer(2 * REACH_M) for p in points.values()])
    voronoi = shapely.get_parts(
        shapely.voronoi_polygons(shapely.MultiPoint(list(points.values())), extend_to=everything)
    )
    tree = shapely.STRtree(voronoi)
    found = {}
    for code, point in points.items():
        cell = voronoi[tree.query(point, predicate="intersects")[0]]
        clipped = cell.intersection(point.buffer(REACH_M, quad_segs=CORNERS // 4))
        found[code] = shapely.set_precision(shapely.transform(clipped, round_earth), 1e-7)
    return found


def merged(parts: list[Any]) -> Any:
    """The union of predecessors' cells, its seams closed."""
    whole = shapely.set_precision(shapely.union_all(parts, grid_size=1e-7), 1e-7)
    return shapely.make_valid(whole)
