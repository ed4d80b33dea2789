"""Where a fire burns: a point or an outline, checked, and whose land it has reached or come near."""

import math
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
from models.drawn import polygon_of
from models.errors import Invalid, NoBoundaries, OutsideTerritory
from models.geometry import METRES_PER_DEGREE, TangentPlane
from models.incident_types import FIRE
from models.limits import limit
from models.reference import reference
from models.routing import ON_LINE_M

MOST_POINTS = 1000  # of an outline, which goes out to every phone again
LEAST_M2 = 1.0
WIDEST_DEG = 2.0


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
        self.outline = polygon_of(perimeter, "perimeter", MOST_POINTS) if perimeter is not None else None
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


def area_of(outline: Any) -> float:
    """In square metres, on the ellipsoid. Raises Invalid for what no forest fire measures."""
    west, south, east, north = outline.bounds
    most_m2 = limit("fire_perimeter_max_m2", today())
    found = area_m2(outline) if max(east - west, north - south) <= WIDEST_DEG else math.inf
    if not LEAST_M2 <= found <= most_m2:
        sizes = f"{LEAST_M2:.0f} m²", f"{most_m2 / 10_000:.0f} ha"
        raise Invalid("perimeter", "một vùng từ {0} đến {1} / an area of {0} to {1}".format(*sizes))
    return round(found, 1)
