"""Areas on the map: a polygon, or what lies within so many metres of a point or a line; and the cases in them."""

from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from models.base import db
from models.geometry import METRES_PER_DEGREE, TangentPlane, earth_centred
from models.incidents import Incident
from models.users import Person
from models.visibility import Viewer

AT_ONCE = 100  # boxes in one statement


class Area:
    """A shapely geometry in longitude and latitude with a width around it in metres (0 for a polygon).

    Measured in the plane that touches at its middle: 0.5 m short at 50 km.
    """

    def __init__(self, shape: Any, within_m: float = 0.0):
        self.shape, self.within_m = shape, within_m
        west, south, east, north = shape.bounds
        self._plane = TangentPlane((south + north) / 2, (west + east) / 2)
        up = within_m / METRES_PER_DEGREE * 1.01
        across = up / max(0.01, float(np.cos(np.radians(min(89.0, max(abs(south), abs(north)) + up)))))
        self.box = (west - across, south - up, east + across, north + up)

    @cached_property
    def _flat(self) -> Any:
        made = self._plane.flat(self.shape)
        shapely.prepare(made)
        return made

    def holds(self, lats: NDArray[np.float64], lons: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of these places lie in it, its edge included."""
        west, south, east, north = self.box
        held = (lons >= west) & (lons <= east) & (lats >= south) & (lats <= north)
        if held.any():
            east_m, north_m = self._plane.project(earth_centred(lats[held], lons[held]))
            held[held] = shapely.dwithin(self._flat, shapely.points(east_m, north_m), self.within_m)
        return held

    def touches(self, other: "Area") -> bool:
        west, south, east, north = self.box
        its_west, its_south, its_east, its_north = other.box
        if its_west > east or its_east < west or its_south > north or its_north < south:
            return False
        near_m = self.within_m + other.within_m
        return bool(shapely.dwithin(self._flat, self._plane.flat(other.shape), near_m))


def cases_in(areas: list[Area], user: Person, since: datetime | None = None) -> list[list[Any]]:
    """For each area the cases (id, lat, lon) in it that this person may see, the newest first; since when they count.

    What was no case (unfounded, duplicate) is left out. One statement for a hundred areas, however many cases.
    """
    found: list[list[Any]] = []
    for at in range(0, len(areas), AT_ONCE):
        some = areas[at : at + AT_ONCE]
        rows = db.session.execute(_in_boxes([area.box for area in some], user, since)).all()
        lats, lons = (np.array([getattr(row, name) for row in rows], dtype=float) for name in ("lat", "lon"))
        found += [[rows[i] for i in np.flatnonzero(area.holds(lats, lons)).tolist()] for area in some]
    return found


def _in_boxes(boxes: list[tuple[float, float, float, float]], user: Person, since: datetime | None) -> Any:
    inside = [
        db.and_(Incident.lat.between(south, north), Incident.lon.between(west, east))
        for west, south, east, north in boxes
    ]
    query = (
        db.select(Incident.id, Incident.lat, Incident.lon)
        .where(db.or_(*inside), Incident.counts, Viewer.shows(Incident.id, user))
        .order_by(Incident.received_at.desc(), Incident.id)
    )
    return query.where(Incident.counted_at >= since) if since else query
