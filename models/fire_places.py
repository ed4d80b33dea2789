"""Where a fire burns: a point or an outline, checked, and whose land it has reached or come near."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import shapely

from models.agreements import Accord
from models.base import now
from models.boundaries import BoundaryIndex, Territory, area_m2
from models.clock import today
from models.deciding import route_at
from models.errors import Invalid, NoBoundaries, OutsideTerritory
from models.geometry import METRES_PER_DEGREE, TangentPlane
from models.incident_types import FIRE
from models.limits import limit
from models.reference import reference
from models.routing import ON_LINE_M

MOST_POSITIONS = 1000
LEAST_RING = 4  # positions: a triangle, closed
LEAST_M2 = 1.0
WIDEST_DEG = 2.0
AT = re.compile(r"\[(\S+) (\S+)\]")
SHAPES = {"Polygon": 2, "MultiPolygon": 3}  # how deep their positions lie

Position = tuple[float, float]


@dataclass(frozen=True)
class Reach:
    """Units by what the fire is to them. One that burns stands in no other list."""

    burning: tuple[UUID, ...] = ()  # the fire is on their land
    covered: tuple[UUID, ...] = ()  # near, and an agreement covers the border between
    near: tuple[UUID, ...] = ()

    def __or__(self, other: "Reach") -> "Reach":
        burning = _all(self.burning, other.burning)
        covered = _all(self.covered, other.covered, but=burning)
        return Reach(burning, covered, _all(self.near, other.near, but=burning + covered))


def _all(*lists: tuple[UUID, ...], but: tuple[UUID, ...] = ()) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(id for ids in lists for id in ids if id not in but))


class FirePlace:
    """A point, an outline, both or neither, as an update names them. Raises Invalid for an outline that is none."""

    def __init__(self, point: dict[str, Any] | None = None, perimeter: dict[str, Any] | None = None):
        self.point = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in point.items()} if point else None
        self.outline = outline_of(perimeter) if perimeter is not None else None
        self.perimeter = perimeter
        self.area_m2 = area_of(self.outline) if self.outline else None
        self._reach: tuple[str, Reach] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return {"point": self.point, "perimeter": self.perimeter, "area_m2": self.area_m2}

    def check_belongs_to(self, incident: Any) -> None:
        """A fire far from where it was reported is another fire, or a slip of the pen. Raises Invalid."""
        plane, most_m = TangentPlane(incident.lat, incident.lon), limit("fire_away_max_m", today())
        point = shapely.Point(self.point["lon"], self.point["lat"]) if self.point else None
        for name, place in (("point", point), ("perimeter", self.outline)):
            if place and shapely.distance(plane.flat(place), shapely.Point(0, 0)) > most_m:
                km = f"{most_m / 1000:.0f} km"
                raise Invalid(name, f"trong vòng {km} quanh nơi báo cháy / within {km} of where it was reported")

    def reach(self) -> Reach:
        """Whom it concerns, with today's boundaries and agreements. Asked before the transaction it costs it nothing."""
        token = reference().token
        if self._reach is None or self._reach[0] != token:
            self._reach = (token, self._around_point() | self._around_outline())
        return self._reach[1]

    def _around_point(self) -> Reach:
        return point_reach(self.point) if self.point else Reach()

    def _around_outline(self) -> Reach:
        if self.outline is None:
            return Reach()
        try:
            known = reference()
            found = outline_reach(self.outline, known.index, known.accords)
        except NoBoundaries:
            return Reach()
        if found.burning:
            return found
        inside = shapely.point_on_surface(self.outline)  # of a gap between units: the nearest is responsible
        return found | point_reach({"lat": inside.y, "lon": inside.x, "accuracy_m": 0.0})


def point_reach(point: dict[str, Any]) -> Reach:
    """By the routing decision for the place. Beyond every unit, as across the national border, it concerns nobody.

    A phone that is kilometres off asks no more units than those that are told of any fire there.
    """
    widest_m, stated_m = limit("border_buffer_fire_m", today()), point.get("accuracy_m")
    accuracy_m = None if stated_m is None else min(stated_m, widest_m)
    try:
        decision = route_at(point | {"accuracy_m": accuracy_m}, FIRE, now())
    except (OutsideTerritory, NoBoundaries):
        return Reach()
    lead, others = decision.lead, decision.candidates[1:]
    burning = [lead, *(c for c in others if c.inside)]
    covered = [c for c in others if c.offered and not c.inside]
    near = [c for c in others if not (c.offered or c.inside)]
    return Reach(*(tuple(c.id for c in part) for part in (burning, covered, near)))


def outline_reach(outline: Any, index: BoundaryIndex, accords: Sequence[Accord]) -> Reach:
    """Every unit the outline touches, and those within the fire buffer of it: what routing each of its points would say."""
    west, south, east, north = outline.bounds
    lat, lon = (south + north) / 2, (west + east) / 2
    plane, default_m = TangentPlane(lat, lon), limit("border_buffer_fire_m", today())
    widest_m = max([default_m, *(a.buffer(True) or 0 for a in accords)])
    half_m = max(north - south, east - west) / 2 * METRES_PER_DEGREE * 1.01
    found = index.near(lat, lon, half_m + widest_m)
    away_m = _distances_m(plane.flat(outline), plane.flat(np.array([t.polygon for t in found], dtype=object)), widest_m)
    nearest_first = sorted(zip(away_m, found, strict=True), key=lambda pair: (pair[0], pair[1].id))
    burning = [t for m, t in nearest_first if m <= ON_LINE_M]
    covered, near = [], []
    for m, territory in nearest_first[len(burning) :]:
        if any(m <= buffer_m for buffer_m in _buffers(accords, burning, territory, default_m)):
            covered.append(territory)
        elif m <= default_m:
            near.append(territory)
    return Reach(*(tuple(t.id for t in part) for part in (burning, covered, near)))


def _distances_m(flat: Any, lands: Any, widest_m: float) -> Any:
    """From an outline to each of the lands, all in one plane; infinite beyond the widest that matters.

    What lies beyond is cut off first, and what overlaps is not measured: a hundred times quicker with real boundaries.
    """
    west, south, east, north = shapely.bounds(flat)
    near = shapely.clip_by_rect(lands, west - widest_m, south - widest_m, east + widest_m, north + widest_m)
    shapely.prepare(flat)
    apart = ~shapely.intersects(flat, near)
    away_m = np.zeros(len(near))
    away_m[apart] = np.nan_to_num(shapely.distance(near[apart], flat), nan=np.inf)
    return away_m


def _buffers(accords: Sequence[Accord], burning: list[Territory], near: Territory, default_m: float) -> list[float]:
    """How far from the border each agreement with a unit that burns reaches."""
    covering = [a for a in accords if any(a.covers(t.lineage, near.lineage) for t in burning)]
    return [default_m if (m := a.buffer(True)) is None else m for a in covering]


# Outlines


def outline_of(perimeter: dict[str, Any]) -> Any:
    """The polygon of a GeoJSON Polygon or MultiPolygon. Raises Invalid, in words for whoever drew it."""
    depth = SHAPES.get(str(perimeter.get("type")))
    if depth is None:
        raise _bad("Polygon hoặc MultiPolygon theo GeoJSON", "a GeoJSON Polygon or MultiPolygon")
    rings = _rings(perimeter.get("coordinates"), depth)
    if sum(len(ring) for polygon in rings for ring in polygon) > MOST_POSITIONS:
        raise _bad(f"tối đa {MOST_POSITIONS} điểm", f"at most {MOST_POSITIONS} positions")
    polygons = [shapely.Polygon(outer, holes) for outer, *holes in rings]
    outline = polygons[0] if depth == SHAPES["Polygon"] else shapely.MultiPolygon(polygons)
    if not shapely.is_valid(outline):
        lon, lat = AT.findall(shapely.is_valid_reason(outline))[-1]  # "Self-intersection[102.61 22.24]"
        raise _bad(
            f"đường bao không tự cắt, không chồng lên nhau (xem lại gần vĩ độ {lat}, kinh độ {lon})",
            f"an outline that does not cross or overlap itself (look near latitude {lat}, longitude {lon})",
        )
    return outline


def area_of(outline: Any) -> float:
    """In square metres, on the ellipsoid. Raises Invalid for what no forest fire measures."""
    west, south, east, north = outline.bounds
    most_m2 = limit("fire_perimeter_max_m2", today())
    found = area_m2(outline) if max(east - west, north - south) <= WIDEST_DEG else math.inf
    if not LEAST_M2 <= found <= most_m2:
        sizes = f"{LEAST_M2:.0f} m²", f"{most_m2 / 10_000:.0f} ha"
        raise _bad("một vùng từ {} đến {}".format(*sizes), "an area of {} to {}".format(*sizes))
    return round(found, 1)


def _rings(value: Any, depth: int) -> list[list[list[Position]]]:
    """Polygons as lists of rings."""
    polygons = [value] if depth == SHAPES["Polygon"] else value
    if not isinstance(polygons, list) or not polygons:
        raise _no_coordinates()
    found = []
    for polygon in polygons:
        if not isinstance(polygon, list) or not polygon:
            raise _no_coordinates()
        found.append([_ring(ring) for ring in polygon])
    return found


def _ring(value: Any) -> list[Position]:
    if not isinstance(value, list):
        raise _no_coordinates()
    ring = [_position(position) for position in value]
    if len(ring) < LEAST_RING or ring[0] != ring[-1]:
        raise _bad(
            f"đường bao khép kín: ít nhất {LEAST_RING} điểm, điểm cuối trùng điểm đầu",
            f"a closed outline: at least {LEAST_RING} positions, the last equal to the first",
        )
    return ring


def _position(value: Any) -> Position:
    """Longitude and latitude; a height is left out."""
    if not isinstance(value, list) or not 2 <= len(value) <= 3 or not all(_is_number(part) for part in value):
        raise _no_coordinates()
    lon, lat = float(value[0]), float(value[1])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise _bad(
            "kinh độ trước, vĩ độ sau, tính bằng độ", "degrees, longitude first and then latitude, as in GeoJSON"
        )
    return lon, lat


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _no_coordinates() -> Invalid:
    return _bad("các vòng gồm những cặp [kinh độ, vĩ độ]", "rings of [longitude, latitude] pairs")


def _bad(wanted: str, wanted_en: str) -> Invalid:
    return Invalid("perimeter", f"{wanted} / {wanted_en}")
