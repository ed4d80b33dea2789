"""Boundaries as GeoJSON, for maps on phones: simplified together, so that neighbours still meet."""

from datetime import date
from typing import Any

import shapely

from models.geometry import METRES_PER_DEGREE
from models.reference import reference_on


def boundaries(level: str, day: date, simplify_m: float) -> dict[str, Any]:
    """A FeatureCollection of the units of a level on a day; districts and provinces are made of their communes.

    `simplify_m` is the tolerance in metres (0: as stored). Raises NoBoundaries before the first edition.
    """
    known = reference_on(day)
    index, units = known.index, {u.id: u for u in known.units.values() if u.level == level}
    parts: dict[Any, list[Any]] = {}
    for territory in index.territories:
        for id in territory.lineage:
            if id in units:
                parts.setdefault(id, []).append(territory.polygon)
    shapes = [shapely.union_all(polygons) if len(polygons) > 1 else polygons[0] for polygons in parts.values()]
    if simplify_m and shapes:
        # Along shared edges once, not polygon by polygon: no slivers appear between neighbours.
        shapes = list(shapely.coverage_simplify(shapes, simplify_m / METRES_PER_DEGREE))
    features = [
        {"type": "Feature", "id": str(id), "properties": units[id].facts, "geometry": shapely.geometry.mapping(polygon)}
        for id, polygon in zip(parts, shapes, strict=True)
    ]
    return {"type": "FeatureCollection", "edition": index.edition, "features": features}
