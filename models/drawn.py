"""What people draw on a map, as GeoJSON: taken when it can be what it says, refused in plain words when it cannot."""

import math
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from models.errors import Invalid

MOST_POINTS = 5000
LEAST_OF_A_RING = 4  # the first again as the last
# What GEOS calls it, and what people call it.
WRONG = {
    "Self-intersection": ("đường ranh tự cắt", "its line crosses itself"),
    "Ring Self-intersection": ("đường ranh tự chạm vào mình", "its line touches itself"),
    "Hole lies outside shell": ("có lỗ nằm ngoài vùng", "a hole lies outside"),
    "Nested shells": ("có phần nằm trong phần khác", "a part lies in another part"),
    "Nested holes": ("có lỗ nằm trong lỗ khác", "a hole lies in another hole"),
    "Duplicate Rings": ("có hai vòng trùng nhau", "two rings are the same"),
    "Interior is disconnected": ("bị lỗ cắt rời", "a hole cuts it apart"),
    "Too few points in geometry component": ("có vòng quá ít điểm", "a ring has too few points"),
}


def polygon_of(drawn: Any, field: str = "polygon", most: int = MOST_POINTS) -> Any:
    """A shapely Polygon or MultiPolygon in longitude and latitude, of `most` points at most. Raises Invalid."""
    kind, coordinates = _parts(drawn, field, ("Polygon", "MultiPolygon"))
    polygons = coordinates if kind == "MultiPolygon" else [coordinates]
    _check_list(polygons, field)
    rings = [[_line(ring, field) for ring in _check_list(polygon, field)] for polygon in polygons]
    _check_number(sum(len(ring) for polygon in rings for ring in polygon), field, most)
    for ring in (ring for polygon in rings for ring in polygon):
        if ring[0] != ring[-1] or len(ring) < LEAST_OF_A_RING:
            raise Invalid(
                field,
                "vòng khép kín: ít nhất ba điểm, điểm cuối trùng điểm đầu"
                " / a closed ring: three points at least, the last the same as the first",
            )
    parts = [shapely.Polygon(polygon[0], polygon[1:]) for polygon in rings]
    polygon = shapely.MultiPolygon(parts) if kind == "MultiPolygon" else parts[0]
    if not polygon.is_valid:
        raise Invalid(field, _what_is_wrong(polygon))
    return polygon


def line_of(drawn: Any, field: str = "stretch") -> Any:
    """A shapely LineString in longitude and latitude. Raises Invalid."""
    _, coordinates = _parts(drawn, field, ("LineString",))
    points = _line(coordinates, field)
    _check_number(len(points), field, MOST_POINTS)
    if len(set(points)) < 2:
        raise Invalid(field, "đường có ít nhất hai điểm khác nhau / a line of two different points at least")
    return shapely.LineString(points)


def as_geojson(geometry: Any) -> dict[str, Any]:
    return mapping(geometry)


def from_geojson(stored: dict[str, Any]) -> Any:
    """What was checked when it was stored."""
    return shape(stored)


def _parts(drawn: Any, field: str, kinds: tuple[str, ...]) -> tuple[str, Any]:
    kind = drawn.get("type") if isinstance(drawn, dict) else None
    if kind not in kinds:
        vi, en = " hoặc ".join(kinds), " or ".join(kinds)
        raise Invalid(field, f"GeoJSON: {vi} với coordinates / GeoJSON: {en} with coordinates")
    return kind, drawn.get("coordinates")


def _check_list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise Invalid(field, "danh sách điểm [kinh độ, vĩ độ] / lists of points [longitude, latitude]")
    return value


def _check_number(points: int, field: str, most: int) -> None:
    if points > most:
        raise Invalid(field, f"không quá {most} điểm, hãy giản lược / at most {most} points: simplify it")


def _line(points: Any, field: str) -> list[tuple[float, float]]:
    return [_point(point, field) for point in _check_list(points, field)]


def _point(point: Any, field: str) -> tuple[float, float]:
    """Longitude and latitude; a height is left out."""
    if not (isinstance(point, list) and len(point) in (2, 3) and all(_is_number(value) for value in point)):
        raise Invalid(field, "mỗi điểm là [kinh độ, vĩ độ] / every point as [longitude, latitude]")
    lon, lat = point[:2]
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise Invalid(
            field,
            "độ WGS 84, kinh độ trước (đến 180), vĩ độ sau (đến 90)"
            " / degrees WGS 84, first the longitude (up to 180), then the latitude (up to 90)",
        )
    return float(lon), float(lat)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _what_is_wrong(polygon: Any) -> str:
    reason, _, place = shapely.is_valid_reason(polygon).partition("[")
    vi, en = WRONG.get(reason.strip(), ("hình không hợp lệ", "it bounds no surface"))
    where = place.rstrip("]").replace(" ", ", ")
    vi_where, en_where = (f" tại [{where}]", f" at [{where}]") if where else ("", "")
    return f"vùng hợp lệ ({vi}{vi_where}) / a proper polygon ({en}{en_where})"
