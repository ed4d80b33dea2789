"""What stands in the place of a unit under an edition of boundaries: the unit itself while it is drawn, else the
successors that are; after an edition was taken back, the predecessors. Of several the one that holds the point."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import shapely

from models.base import db
from models.boundaries import Boundary, BoundaryIndex, Edition
from models.clock import today
from models.reference import reference
from models.units import KnownUnit, Lineages, Unit


class Standing:
    """Of one edition. Plain data once built, but for the ground of units that were divided.

    `before`: what the edition drew that it takes the place of, as far as that is known.
    """

    def __init__(
        self,
        index: BoundaryIndex | None,
        units: Mapping[UUID, KnownUnit],
        lineages: Lineages,
        day: date,
        before: Collection[UUID] = (),
        gives_back: bool = False,
    ):
        self.units, self.lineages, self.day = units, lineages, day
        self.before, self.gives_back = before, gives_back
        self.communes = {t.id: t for t in index.territories} if index else {}
        self.drawn = frozenset(id for t in self.communes.values() for id in t.lineage)
        self._found: dict[UUID, tuple[UUID, ...]] = {}
        self._largest: dict[UUID, UUID] = {}

    @classmethod
    def today(cls) -> "Standing":
        """Of the edition in force, kept with the reference data."""
        known = reference()
        if "standing" not in known.more:
            known.more["standing"] = cls(known.boundaries, known.units, known.lineages, today())
        found: Standing = known.more["standing"]
        return found

    def stands(self, id: UUID) -> bool:
        """Whether it is drawn, holds what is, or lies in it."""
        return id in self.drawn or any(above in self.communes for above in self.units[id].lineage_ids)

    def in_place_of(self, id: UUID) -> tuple[UUID, ...]:
        """All that stands there; the unit itself where nobody says what came after it."""
        if id not in self._found:
            self._found[id] = self._look(id)
        return self._found[id]

    def _look(self, id: UUID) -> tuple[UUID, ...]:
        if id not in self.units or self.stands(id):
            return (id,)
        found = self._along(self.lineages.successors, id) or self._along(self.lineages.predecessors, id)
        unit = self.units[id]
        if not found and unit.level == "village":  # nobody lists what became of it; its commune's place is its own
            above = unit.lineage_ids[-2]
            found = [other for other in self.in_place_of(above) if other != above]
        return tuple(found) or (id,)

    def _along(self, steps: Mapping[UUID, list[UUID]], id: UUID) -> list[UUID]:
        """What stands at the ends of all ways that lead from a unit."""
        found: dict[UUID, None] = {}
        waiting, seen = list(steps.get(id, ())), {id}
        while waiting:
            if (other := waiting.pop(0)) in seen:
                continue
            seen.add(other)
            if other in self.units and self.stands(other):
                found[other] = None
            else:
                waiting += steps.get(other, ())
        return sorted(found)

    def has_gone(self, id: UUID) -> bool:
        """Whether something else stands in its place."""
        return self.in_place_of(id) != (id,)

    def is_divided(self, id: UUID) -> bool:
        return len(self.in_place_of(id)) > 1

    def ends(self, id: UUID) -> bool:
        """Whether it gives way to successors: not what an edition that was taken back had drawn."""
        return self.has_gone(id) and bool(self._along(self.lineages.successors, id))

    def at(self, id: UUID, lat: float, lon: float) -> UUID:
        """The one that stands in its place where the point lies, or nearest to it."""
        standing = self.in_place_of(id)
        return standing[0] if len(standing) == 1 else self._nearest(standing, lat, lon)

    def is_heirless(self, id: UUID) -> bool:
        """Whether it has ended, and nobody says what came after it."""
        if id not in self.units or self.stands(id) or self.has_gone(id):
            return False
        ended = self.units[id].facts["valid_to"]
        return id in self.before or (ended is not None and ended < self.day.isoformat())

    def lets_go(self, id: UUID) -> bool:
        """Whether what is open there must pass to somebody."""
        return self.has_gone(id) or self.is_heirless(id)

    def taker(self, id: UUID, lat: float, lon: float) -> UUID:
        """Who takes over at a point what is open there; the unit itself while it stands."""
        if self.is_heirless(id):
            if self.gives_back and self.communes and self.units[id].level == "commune":
                return self._nearest(self.communes, lat, lon)
            return self._above(id, lat, lon)
        return self.at(id, lat, lon)

    def taker_of_people(self, id: UUID) -> UUID:
        """Who takes over what has no point: the one with the largest share of its ground. Nobody is raised to a unit
        above because their own left none: somebody must say where they serve."""
        return self.largest(id)

    def _above(self, id: UUID, lat: float, lon: float) -> UUID:
        """The nearest above that stands, or what stands in its place."""
        for above in reversed(self.units[id].lineage_ids[:-1]):
            if self.stands(found := self.at(above, lat, lon)):
                return found
        return id

    def _nearest(self, ids: Iterable[UUID], lat: float, lon: float) -> UUID:
        """Of several that hold it or lie as near, the one whose interior point is nearest; then the smaller id."""
        point = shapely.Point(lon, lat)
        east = float(np.cos(np.radians(lat)))

        def away(id: UUID) -> tuple[float, float, UUID]:
            places = [t for t in self.communes.values() if id in t.lineage]
            if not places:
                return np.inf, np.inf, id
            far = [float(np.hypot(t.interior[0] - lat, (t.interior[1] - lon) * east)) for t in places]
            return float(min(shapely.distance([t.polygon for t in places], point))), min(far), id

        return min(ids, key=away)

    def largest(self, id: UUID) -> UUID:
        """The one with the largest share of its ground: for people and what else has no point."""
        standing = self.in_place_of(id)
        if len(standing) == 1:
            return standing[0]
        if id not in self._largest:
            ground = _ground_of(self.units[id])
            self._largest[id] = min(standing, key=lambda other: (-self._share(other, ground), other))
        return self._largest[id]

    def _share(self, id: UUID, ground: Any) -> float:
        inside = [t.polygon for t in self.communes.values() if id in t.lineage]
        return float(shapely.area(shapely.intersection(inside, ground)).sum()) if inside and ground else 0.0


def _ground_of(unit: KnownUnit) -> Any:
    """Its polygon, or those of the communes in it, in the newest edition that draws it; None when none does."""
    rows = db.session.execute(
        db.select(Boundary.edition_id, Boundary.wkb)
        .join(Unit, Unit.id == Boundary.unit_id)
        .join(Edition, Edition.id == Boundary.edition_id)
        .where(Unit.lineage.startswith(unit.lineage))
        .order_by(Edition.valid_from.desc(), Edition.created_at.desc())
    ).all()
    return (
        shapely.union_all(shapely.from_wkb([r.wkb for r in rows if r.edition_id == rows[0].edition_id]))
        if rows
        else None
    )


def unit_for(incident: Any, id: UUID) -> UUID:
    """Which unit answers today, in this case, for one that is named in what was written down before."""
    return Standing.today().at(id, incident.lat, incident.lon)
