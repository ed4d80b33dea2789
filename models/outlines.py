"""Outlines drawn on a map: GeoJSON polygons (RFC 7946), longitude before latitude, WGS 84."""

from typing import Any

import shapely

from models.boundaries import area_m2
from models.errors import Invalid

MOST_POINTS = 5_000
LEAST_M2 = 1.0
WANTED = (
    "vùng GeoJSON (Polygon, MultiPolygon) khép kín, không tự cắt / a closed GeoJSON polygon that does not cross itself"
)


def check_outline(outline: dict[str, Any], field: str = "outline") -> None:
    """Raises Invalid unless it is an area on the earth that a map can draw."""
    try:
        shape = polygons_of(outline)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise Invalid(field, WANTED) from None
    if not shape.is_valid or area_m2(shape) < LEAST_M2:
        raise Invalid(field, WANTED)


def outline_area_m2(outline: dict[str, Any]) -> float:
    return area_m2(polygons_of(outline))


def polygons_of(outline: dict[str, Any]) -> Any:
    """The area as a geometry. Raises ValueError, TypeError, KeyError or IndexError for anything else."""
    coordinates = outline["coordinates"]
    parts = {"Polygon": [coordinates], "MultiPolygon": coordinates}[outline["type"]]
    if sum(len(ring) for rings in parts for ring in rings) > MOST_POINTS:
        raise ValueError("too many points")
    polygons = [[_ring(ring) for ring in rings] for rings in parts]
    return shapely.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])


def _ring(spots: Any) -> list[tuple[float, float]]:
    if spots[0] != spots[-1]:
        raise ValueError("not closed")
    return [_point(spot) for spot in spots]


def _point(spot: Any) -> tuple[float, float]:
    lon, lat = spot[:2]
    if not (isinstance(lon, (int, float)) and isinstance(lat, (int, float)) and abs(lon) <= 180 and abs(lat) <= 90):
        raise ValueError("not on the earth")
    return float(lon), float(lat)
